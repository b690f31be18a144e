/*
 * A report as one HTML file, for light and dark screens and for paper: facts, then for each case a
 * plot, the table with ratios, the goals, and every number of every round; at the end the whole as
 * JSON, for programs.
 */
#include <string.h>

#include "report.h"

static const char style[] =
    ":root{color-scheme:light dark;--back:#fff;--text:#1a1c1f;--quiet:#5b626b;--line:#d5d9de;"
    "--soft:#f3f5f7;--slotfile:#0a5fc2;--raw:#6b7178;--peer:#b8500f;--met:#17702f;--missed:#b3201f}"
    "\n@media(prefers-color-scheme:dark){:root{--back:#14171a;--text:#e6e8eb;--quiet:#a0a8b1;"
    "--line:#353b42;--soft:#1d2226;--slotfile:#69b1ff;--raw:#a9b0b8;--peer:#ffa366;--met:#6fd08c;"
    "--missed:#ff8b85}}\n"
    "body{margin:0 auto;max-width:76rem;padding:1.5rem 1rem 4rem;background:var(--back);"
    "color:var(--text);font:16px/1.5 system-ui,sans-serif}\n"
    "h1{margin:0 0 1rem;font-size:1.7rem}h2{margin:3rem 0 .2rem;font-size:1.25rem}\n"
    "p{margin:.3rem 0 .8rem}a{color:var(--slotfile)}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1.2rem;margin:0 0 1rem}\n"
    "dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere}\n"
    "nav ul,.goals,.out{margin:.4rem 0 1rem;padding:0 0 0 1.2rem}nav ul{columns:2}\n"
    ".met{color:var(--met)}.missed{color:var(--missed);font-weight:600}.quiet{color:var(--quiet)}\n"
    ".scroll{overflow-x:auto}\n"
    "table{border-collapse:collapse;font-size:.85rem;margin:.6rem 0}\n"
    "th,td{padding:.2rem .6rem;text-align:right;border-bottom:1px solid var(--line);"
    "font-variant-numeric:tabular-nums;white-space:nowrap}\n"
    "thead th{background:var(--soft);font-weight:600}th[scope=row],.left{text-align:left}\n"
    "tbody th{font-weight:400}details{margin:.4rem 0}summary{cursor:pointer;color:var(--quiet)}\n"
    "svg{display:block;width:100%;height:auto;margin:.6rem 0;font:13px system-ui,sans-serif}\n"
    ".slotfile{--kind:var(--slotfile)}.raw{--kind:var(--raw)}.peer{--kind:var(--peer)}\n"
    "svg text{fill:var(--text)}svg .name,.mark{fill:var(--kind)}svg .name{text-anchor:end}\n"
    "svg .slotfile .name{font-weight:600}svg .tick,svg .unit{fill:var(--quiet);"
    "text-anchor:middle}svg .range{fill:var(--quiet)}\n"
    ".bar{fill:var(--kind);fill-opacity:.28}.median{stroke:var(--kind);stroke-width:2.5}\n"
    ".whisker{stroke:var(--kind);stroke-width:1.2;fill:none}circle{fill:var(--kind);"
    "fill-opacity:.75}\n"
    ".grid{stroke:var(--line)}.axis{stroke:var(--quiet);fill:none}\n"
    ".legend{display:flex;flex-wrap:wrap;gap:.3rem 1.4rem;font-size:.9rem;align-items:center}\n"
    ".legend b{display:inline-block;width:1.1rem;height:.8rem;margin-right:.4rem;"
    "background:var(--kind);opacity:.75}\n"
    "@media print{body{max-width:none}section{break-inside:avoid}}\n";

static const char *const kinds[KINDS] = {"slotfile", "raw", "peer"};

void html_text(FILE *file, const char *text)
{
    for (; *text != 0; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '<')
            fputs("&lt;", file);
        else if (c == '>')
            fputs("&gt;", file);
        else if (c == '&')
            fputs("&amp;", file);
        else if (c == '"')
            fputs("&quot;", file);
        else if (c >= ' ' || c == '\n' || c == '\t') /* others must not be in HTML */
            fputc(c, file);
    }
}

/* ---- above the cases ---- */

static void put_facts(const struct report *report, FILE *file)
{
    fputs("<dl>\n", file);
    for (unsigned i = 0; i < report->facts_count; i++) {
        const struct fact *fact = &report->facts[i];

        if (fact->text[0] == 0)
            continue;
        fputs("<dt>", file);
        html_text(file, fact->label);
        fputs("</dt><dd>", file);
        html_text(file, fact->text);
        fputs("</dd>\n", file);
    }
    fputs("</dl>\n", file);
}

static bool has_kind(const struct report *report, uint32_t kind)
{
    for (unsigned c = 0; c < report->cases_count; c++) {
        for (uint32_t i = 0; i < report->cases[c]->ways_count; i++) {
            if (report->cases[c]->ways[i].kind == kind)
                return true;
        }
    }
    return false;
}

static void put_legend(const struct report *report, FILE *file)
{
    static const char *const names[KINDS] = {"Slotfile", "raw: no library", "other products"};

    fputs("<div class=\"legend\">", file);
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        if (has_kind(report, kind))
            fprintf(file, "<span class=\"%s\"><b></b>%s</span>", kinds[kind], names[kind]);
    }
    fputs("<span class=\"quiet\">bar: median of all rounds; line: fastest to slowest round; "
          "dot: one round; shorter is faster</span></div>\n",
          file);
}

static void put_contents(const struct report *report, FILE *file)
{
    unsigned goals = 0, met = 0, missed = 0;

    fputs("<nav><ul>\n", file);
    for (unsigned c = 0; c < report->cases_count; c++) {
        const struct results *results = report->cases[c];

        fprintf(file, "<li><a href=\"#case%u\">", c);
        html_text(file, results->name);
        fputs("</a></li>\n", file);
        for (uint32_t i = 0; i < results->goals_count; i++) {
            enum goal_state state = results_verdict(results, i).state;

            goals++;
            met += state == GOAL_MET;
            missed += state == GOAL_MISSED;
        }
    }
    fputs("</ul></nav>\n", file);
    if (goals > 0)
        fprintf(file, "<p>Of %u goals %u are met and %u missed.</p>\n", goals, met, missed);
}

/* ---- one case ---- */

static void put_bytes(double bytes, bool mib, FILE *file)
{
    if (bytes < 0)
        fputs("<td>unknown</td>", file);
    else
        fprintf(file, "<td>%.*f</td>", mib ? 1 : 0, mib ? bytes / 1048576 : bytes);
}

static void put_row(const struct results *results, uint32_t i, FILE *file)
{
    const struct result_way *way = &results->ways[i];
    struct summary time = results_time(results, i);

    fputs("<tr><th scope=\"row\">", file);
    html_text(file, way->name);
    fprintf(file, "</th><td>%s</td><td>%s–%s</td>", show_number(time.median).text,
            show_number(time.least).text, show_number(time.most).text);
    if (time.median > 0)
        fprintf(file, "<td>%.0f</td>", results->unit_bytes / time.median * 1000);
    else
        fputs("<td>–</td>", file);
    if (results->writes)
        put_bytes(results_written(results, i).median, !results->writes_each, file);
    put_bytes(results_peak(results, i).median, true, file);
    if (results->ratios && way->against != NO_WAY) {
        struct summary to = results_ratio(results, i, way->against);

        fprintf(file, "<td>%.2f</td><td>%.2f–%.2f</td><td class=\"left\">", to.median, to.least,
                to.most);
        html_text(file, results->ways[way->against].name);
        fputs("</td>", file);
    } else if (results->ratios) {
        fputs("<td></td><td></td><td></td>", file);
    }
    fputs("</tr>\n", file);
}

static void put_table(const struct results *results, FILE *file)
{
    fputs("<div class=\"scroll\"><table><thead><tr><th scope=\"col\" class=\"left\">way</th>"
          "<th scope=\"col\">ns per ",
          file);
    html_text(file, results->unit);
    fputs("</th><th scope=\"col\">min–max</th><th scope=\"col\">MB/s</th>", file);
    if (results->writes)
        fprintf(file, "<th scope=\"col\">device, %s</th>",
                results->writes_each ? "bytes each" : "MiB");
    fputs("<th scope=\"col\">peak RSS, MiB</th>", file);
    if (results->ratios)
        fputs("<th scope=\"col\">ratio</th><th scope=\"col\">min–max</th>"
              "<th scope=\"col\" class=\"left\">against</th>",
              file);
    fputs("</tr></thead><tbody>\n", file);
    for (uint32_t i = 0; i < results->ways_count; i++)
        put_row(results, i, file);
    fputs("</tbody></table></div>\n", file);
}

static void put_goal(const struct results *results, uint32_t i, FILE *file)
{
    static const char *const words[] = {"unknown", "met", "MISSED"};
    static const char *const classes[] = {"quiet", "met", "missed"};
    const struct result_goal *goal = &results->goals[i];
    struct verdict verdict = results_verdict(results, i);

    fputs("<li>", file);
    html_text(file, verdict.way);
    fputs(verdict.bytes ? ", " : " / ", file);
    html_text(file, verdict.reference);
    fprintf(file, " %s %.*g: ", goal->at_least ? "≥" : "≤", verdict.bytes ? 9 : 4, goal->limit);
    if (verdict.state != GOAL_UNKNOWN)
        fprintf(file, "%.*f ", verdict.bytes ? 0 : 2, verdict.value.median);
    fprintf(file, "<span class=\"%s\">%s</span></li>\n", classes[verdict.state],
            words[verdict.state]);
}

static void put_goals(const struct results *results, FILE *file)
{
    if (results->goals_count == 0)
        return;
    fputs("<p>Goals:</p><ul class=\"goals\">\n", file);
    for (uint32_t i = 0; i < results->goals_count; i++)
        put_goal(results, i, file);
    fputs("</ul>\n", file);
}

static void put_left_out(const struct results *results, FILE *file)
{
    if (results->left_out_count == 0)
        return;
    fputs("<p>Left out:</p><ul class=\"out\">\n", file);
    for (uint32_t i = 0; i < results->left_out_count; i++) {
        fputs("<li>", file);
        html_text(file, results->left_out[i].name);
        fputs(": ", file);
        html_text(file, results->left_out[i].reason);
        fputs("</li>\n", file);
    }
    fputs("</ul>\n", file);
}

/* ---- every round ---- */

static void put_rounds(const char *name, const char *quantity, const double *values, uint32_t n,
                       FILE *file)
{
    fputs("<tr><th scope=\"row\">", file);
    html_text(file, name);
    fprintf(file, "</th><td class=\"left\">%s</td>", quantity);
    for (uint32_t i = 0; i < n; i++) {
        if (values[i] < 0)
            fputs("<td>unknown</td>", file);
        else
            fprintf(file, "<td>%.10g</td>", values[i]);
    }
    fputs("</tr>\n", file);
}

static void put_raw(const struct results *results, FILE *file)
{
    fprintf(file,
            "<details><summary>All numbers of all rounds</summary><div class=\"scroll\"><table>"
            "<caption class=\"left\">Each round of a way is one pass of %llu units, or its share."
            "</caption><thead><tr><th scope=\"col\" class=\"left\">way</th>"
            "<th scope=\"col\" class=\"left\">what</th>",
            (unsigned long long)results->units);
    for (uint32_t r = 0; r < results->rounds; r++)
        fprintf(file, "<th scope=\"col\">round %lu</th>", (unsigned long)r + 1);
    fputs("</tr></thead><tbody>\n", file);
    for (uint32_t i = 0; i < results->ways_count; i++) {
        const struct result_way *way = &results->ways[i];

        put_rounds(way->name, "time of a unit, ns", way->time, results->rounds, file);
        if (results->writes)
            put_rounds(way->name,
                       results->writes_each ? "device, bytes of a unit" : "device, bytes",
                       way->written, results->rounds, file);
        put_rounds(way->name, "peak RSS, bytes", way->peak, results->rounds, file);
    }
    fputs("</tbody></table></div></details>\n", file);
}

static void put_case(const struct results *results, unsigned number, FILE *file)
{
    fprintf(file, "<section id=\"case%u\"><h2>", number);
    html_text(file, results->name);
    fputs("</h2><p>", file);
    html_text(file, results->what);
    fputs("</p>\n<p class=\"quiet\">", file);
    if (results->cache[0] != 0) {
        fputs("cache state: ", file);
        html_text(file, results->cache);
        fputs("; ", file);
    }
    fprintf(file, "rounds: %lu</p>\n", (unsigned long)results->rounds);
    plot_case(results, file);
    put_table(results, file);
    put_left_out(results, file);
    put_goals(results, file);
    put_raw(results, file);
    fputs("</section>\n", file);
}

void html_report(const struct report *report, FILE *file)
{
    fprintf(file,
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
            "<title>Slotfile benchmark</title><style>\n%s</style></head>\n"
            "<body><h1>Slotfile benchmark</h1>\n",
            style);
    put_facts(report, file);
    put_contents(report, file);
    put_legend(report, file);
    for (unsigned i = 0; i < report->cases_count; i++)
        put_case(report->cases[i], i, file);
    fputs("<script type=\"application/json\" id=\"results\">\n", file);
    json_report(report, file);
    fputs("</script></body></html>\n", file);
}
