/*
 * The times of one case as a picture: a bar up to the median of each way, whiskers from the fastest
 * to the slowest round, a dot for every round.
 *
 *     |<- LEFT ->|<---- WIDTH ---->|<- numbers ->|
 *      name       ====|--o-o-o--|    median (min..max)
 */
#include "report.h"

#define LEFT       300.0
#define WIDTH      430.0
#define TOTAL      960.0
#define TOP        8.0
#define ROW        30.0
#define BAR        14.0
#define AXIS       44.0
#define LOG_RANGE  30.0 /* with more than this between the ends, the scale is logarithmic */
#define TICKS      8.0
#define BINARY_LOG 24 /* binary digits behind the point */

struct scale {
    double from, to; /* ns */
    bool log;
    double unit; /* ns */
    const char *unit_name;
};

/* Good enough for a picture, and no library of mathematics to load. */
static double log2_of(double x)
{
    double whole = 0, part = 1, fraction = 0;

    for (; x >= 2; x /= 2)
        whole++;
    for (; x < 1; x *= 2)
        whole--;
    for (int i = 0; i < BINARY_LOG; i++) {
        x *= x;
        part /= 2;
        if (x >= 2) {
            x /= 2;
            fraction += part;
        }
    }
    return whole + fraction;
}

/* The largest power of ten that is not above x. */
static double decade_of(double x)
{
    double decade = 1;

    while (decade > x)
        decade /= 10;
    while (decade * 10 <= x)
        decade *= 10;
    return decade;
}

static double place(const struct scale *scale, double ns)
{
    double share;

    if (ns <= scale->from)
        return LEFT;
    if (scale->log)
        share = (log2_of(ns) - log2_of(scale->from)) / (log2_of(scale->to) - log2_of(scale->from));
    else
        share = (ns - scale->from) / (scale->to - scale->from);
    return LEFT + share * WIDTH;
}

/* ---- the scale ---- */

static void choose_unit(struct scale *scale, double ns)
{
    static const struct {
        double ns;
        const char *name;
    } units[] = {{1, "ns"}, {1e3, "µs"}, {1e6, "ms"}, {1e9, "s"}};

    for (unsigned i = 0; i < sizeof units / sizeof *units; i++) {
        if (i > 0 && ns < units[i].ns)
            break;
        scale->unit = units[i].ns;
        scale->unit_name = units[i].name;
    }
}

static struct scale choose_scale(const struct results *results)
{
    struct scale scale = {0};
    double least = 0, most = 0, median = 0;

    for (uint32_t i = 0; i < results->ways_count; i++) {
        struct summary time = results_time(results, i);

        if (time.least > 0 && (least <= 0 || time.least < least))
            least = time.least;
        if (time.median > 0 && (median <= 0 || time.median < median))
            median = time.median;
        most = time.most > most ? time.most : most;
    }
    if (most <= 0) /* a clock that stood still */
        least = median = most = 1;
    scale.log = most > least * LOG_RANGE;
    scale.from = scale.log ? least / 2 : 0;
    scale.to = most * (scale.log ? 1.2 : 1.04);
    choose_unit(&scale, median);
    return scale;
}

static void draw_tick(const struct scale *scale, double ns, double bottom, FILE *file)
{
    double x = place(scale, ns);

    fprintf(file,
            "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
            "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\">%.6g</text>\n",
            x, TOP, x, bottom, x, bottom + 16, ns / scale->unit);
}

static void draw_ticks(const struct scale *scale, double bottom, FILE *file)
{
    static const double steps[] = {1, 2, 5, 10};
    double range = scale->to - scale->from, step = decade_of(range / TICKS);
    bool crowded = scale->log && scale->to / scale->from > 1000;

    if (scale->log) {
        for (double decade = decade_of(scale->from); decade <= scale->to; decade *= 10) {
            for (unsigned i = 0; i < (crowded ? 1 : 3); i++) {
                double ns = decade * steps[i];

                if (ns >= scale->from && ns <= scale->to)
                    draw_tick(scale, ns, bottom, file);
            }
        }
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        if (range / (step * steps[i]) <= TICKS || i == 3) {
            step *= steps[i];
            break;
        }
    }
    for (unsigned i = 0; i * step <= scale->to; i++)
        draw_tick(scale, i * step, bottom, file);
}

/* ---- the ways ---- */

static void draw_way(const struct results *results, uint32_t i, const struct scale *scale,
                     FILE *file)
{
    static const char *const kinds[KINDS] = {"slotfile", "raw", "peer"};
    const struct result_way *way = &results->ways[i];
    struct summary time = results_time(results, i);
    double middle = TOP + ROW * i + ROW / 2, u = scale->unit;
    double left = place(scale, time.least), right = place(scale, time.most);

    fprintf(file, "<g class=\"%s\"><text class=\"name\" x=\"%.1f\" y=\"%.1f\">", kinds[way->kind],
            LEFT - 10, middle + 4.5);
    html_text(file, way->name);
    fprintf(file,
            "</text><rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
            LEFT, middle - BAR / 2, place(scale, time.median) - LEFT, BAR);
    fprintf(file, "<path class=\"whisker\" d=\"M%.1f %.1fH%.1fM%.1f %.1fv10M%.1f %.1fv10\"/>", left,
            middle, right, left, middle - 5, right, middle - 5);
    fprintf(file, "<path class=\"median\" d=\"M%.1f %.1fv%.1f\"/>", place(scale, time.median),
            middle - BAR / 2 - 2, BAR + 4);
    for (uint32_t r = 0; r < results->rounds; r++)
        fprintf(file, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\"/>", place(scale, way->time[r]),
                middle);
    fprintf(file,
            "\n<text class=\"number\" x=\"%.1f\" y=\"%.1f\">%s <tspan class=\"range\">"
            "(%s–%s)</tspan></text></g>\n",
            LEFT + WIDTH + 14, middle + 4.5, show_number(time.median / u).text,
            show_number(time.least / u).text, show_number(time.most / u).text);
}

void plot_case(const struct results *results, FILE *file)
{
    struct scale scale = choose_scale(results);
    double bottom = TOP + ROW * results->ways_count;

    fprintf(file, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", TOTAL,
            bottom + AXIS);
    html_text(file, results->name);
    fprintf(file, ": time of each way in %s per ", scale.unit_name);
    html_text(file, results->unit);
    fputs("\">\n", file);
    draw_ticks(&scale, bottom, file);
    for (uint32_t i = 0; i < results->ways_count; i++)
        draw_way(results, i, &scale, file);
    fprintf(file,
            "<path class=\"axis\" d=\"M%.1f %.1fV%.1fH%.1f\"/>"
            "<text class=\"unit\" x=\"%.1f\" y=\"%.1f\">%s per ",
            LEFT, TOP, bottom, LEFT + WIDTH, LEFT + WIDTH / 2, bottom + 36, scale.unit_name);
    html_text(file, results->unit);
    fprintf(file, "%s</text>\n</svg>\n",
            scale.log ? ", logarithmic scale: lengths of bars do not compare" : "");
}
