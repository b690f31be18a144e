/*
 * bench: how fast a database is on this machine, beside the plain ways. What measures lives in
 * bench/, and this command is the one place of the command line that looks at it.
 */
#include <inttypes.h>
#include <string.h>

#include "bench/user.h"
#include "cli.h"
#include "commands.h"

#define RECORDS_DEFAULT 1000000u
#define NOT_GIVEN       UINT64_MAX
#define ROUNDS_DEFAULT  5u
#define BUDGET_DEFAULT  (UINT64_C(4) << 20)

const char cmd_bench_help[] =
    "Usage: slotfile bench [DB] [--cases A,B] [--rounds N] [--json] [--html FILE]\n"
    "\n"
    "Measures how fast the database is read on this machine, beside a mapping and read\n"
    "calls of its plain file `records`. All take turns; shown are medians of all rounds\n"
    "and ratios within a round. DB is opened for reading only: it never changes, nothing\n"
    "is written beside it, and nobody can change it meanwhile. Without DB, temporary\n"
    "databases are made, measured with writing cases as well, and removed. Let nothing\n"
    "else use the machine meanwhile, and let DIR be on a disk: in memory a flush costs\n"
    "nothing.\n"
    "\n"
    "  --cases A,B             all; or of these:\n"
    "                            scan      all records in order\n"
    "                            get       random records\n"
    "                            skewed    the same, 95 % of them in a fiftieth\n"
    "                            threads   random records, by 2 threads\n"
    "                          and without DB:\n"
    "                            append    records into a new database\n"
    "                            commit    durable transactions of one record\n"
    "                            update    many records in one transaction\n"
    "  --rounds N              counted rounds (5)\n"
    "  --records N             without DB: so many records of 125 bytes (1000000)\n"
    "  --dir DIR               without DB: where the temporary files go (.)\n"
    "  --json                  one JSON object instead of tables\n"
    "  --html FILE             a report with plots and all numbers as well\n"
    "  --map-budget N[K|M|G]   the small budget that is measured beside the default (4M)\n"
    "  --wait-ms N             wait at most so long for another process (5000)\n";

struct arguments {
    struct bench_wish wish;
    const char *one; /* of another run, see bench/group.h: not for users */
    const char *html;
    uint64_t wait_ms;
    bool json;
};

/* ---- options ---- */

static int in_range(const char *option, uint64_t value, uint64_t least, uint64_t most)
{
    if (value >= least && value <= most)
        return CLI_DONE;
    return cli_usage("bench", "%s: from %" PRIu64 " to %" PRIu64, option, least, most);
}

static int check_cases(const struct bench_wish *wish)
{
    const char *name = "";

    switch (bench_check_cases(wish, &name)) {
    case BENCH_UNKNOWN:
        return cli_usage("bench", "--cases: there is no case \"%.*s\"", (int)strcspn(name, ","),
                         name);
    case BENCH_WRITES:
        return cli_usage("bench", "--cases: %s writes, so it is measured without DB", name);
    default:
        return CLI_DONE;
    }
}

/* What only makes sense without DB is refused with it, and has its default else. */
static int settle_temporary(struct bench_wish *wish)
{
    if (wish->database != NULL && wish->records != NOT_GIVEN)
        return cli_usage("bench", "--records is for a temporary database: without DB");
    if (wish->database != NULL && wish->dir != NULL)
        return cli_usage("bench", "--dir is for a temporary database: without DB");
    if (wish->records == NOT_GIVEN)
        wish->records = RECORDS_DEFAULT;
    if (wish->dir == NULL)
        wish->dir = ".";
    return CLI_DONE;
}

static int check(struct arguments *arguments)
{
    struct bench_wish *wish = &arguments->wish;
    int code = settle_temporary(wish);

    if (code == CLI_DONE)
        code = in_range("--rounds", wish->rounds, 1, BENCH_ROUNDS_MAX);

    if (code == CLI_DONE)
        code = in_range("--records", wish->records, BENCH_RECORDS_MIN, BENCH_RECORDS_MAX);
    if (code == CLI_DONE)
        code = in_range("--wait-ms", arguments->wait_ms, 0, UINT32_MAX);
    wish->wait_ms = (uint32_t)arguments->wait_ms;
    if (code == CLI_DONE && wish->cases != NULL && wish->cases[0] == '\0')
        code = cli_usage("bench", "--cases: no case is named");
    return code == CLI_DONE ? check_cases(wish) : code;
}

/* ---- the user's database ---- */

static void tell(const char *what)
{
    cli_say("%s", what);
}

static int explain(const char *path, const slot_error *err)
{
    int code = cli_error(path, err);

    if (err->status == SLOT_E_NEEDS_RECOVERY)
        cli_say("%s: bench changes nothing; first bring its log home: slotfile checkpoint %s", path,
                path);
    return code;
}

/* Keep it open for reading only through the whole run, so that nobody changes it. */
static int open_database(const struct bench_wish *wish, slot_db **db)
{
    slot_stat_info info = {.size = sizeof info};
    slot_options options;
    slot_error err;
    int code = cli_check_streams("bench", wish->database);

    if (code != CLI_DONE)
        return code;
    slot_options_init(&options);
    options.access = SLOT_READ_ONLY;
    options.wait_ms = wish->wait_ms;
    if (slot_open(wish->database, &options, db, &err) != SLOT_OK)
        return explain(wish->database, &err);
    if (slot_stat(*db, &info, &err) != SLOT_OK)
        return cli_error(wish->database, &err);
    if (info.records > 0)
        return CLI_DONE;
    cli_say("%s: there are no records to measure with", wish->database);
    return CLI_REFUSED;
}

/* ---- the run ---- */

static int measure(struct bench_run *run, const struct arguments *arguments)
{
    host_output output;
    const char *html = arguments->html;
    int code = CLI_DONE;

    if (html != NULL)
        code = cli_output_open("bench", &output, html, arguments->wish.database);
    if (code != CLI_DONE)
        return code;
    code = bench_measure(run, arguments->json ? NULL : stdout);
    if (code == CLI_DONE && arguments->json)
        bench_write_json(run, stdout);
    if (html == NULL)
        return code;
    if (code == CLI_DONE)
        bench_write_html(run, output.file);
    return cli_output_end(&output, html, code);
}

static int run_all(const struct arguments *arguments)
{
    const struct bench_wish *wish = &arguments->wish;
    struct bench_run *run;
    slot_db *db = NULL;
    int code = wish->database != NULL ? open_database(wish, &db) : CLI_DONE;

    if (code == CLI_DONE) {
        run = bench_begin_run(wish);
        code = measure(run, arguments);
        bench_end_run(run);
    }
    return db != NULL ? cli_close(wish->database, db, code) : code;
}

int cmd_bench(int argc, char **argv)
{
    struct arguments arguments = {.wish = {.records = NOT_GIVEN,
                                           .rounds = ROUNDS_DEFAULT,
                                           .small_budget = BUDGET_DEFAULT,
                                           .tell = tell,
                                           .say = cli_error,
                                           .exit_code = CLI_IO},
                                  .wait_ms = 5000};
    struct bench_wish *wish = &arguments.wish;
    const cli_option options[] = {{"--cases", CLI_TEXT, &wish->cases},
                                  {"--rounds", CLI_COUNT, &wish->rounds},
                                  {"--records", CLI_COUNT, &wish->records},
                                  {"--dir", CLI_TEXT, &wish->dir},
                                  {"--json", CLI_FLAG, &arguments.json},
                                  {"--html", CLI_TEXT, &arguments.html},
                                  {"--map-budget", CLI_SIZE, &wish->small_budget},
                                  {"--wait-ms", CLI_COUNT, &arguments.wait_ms},
                                  {"--one", CLI_TEXT, &arguments.one},
                                  {NULL, CLI_FLAG, NULL}};
    int code = cli_parse(&argc, argv, options, 0, 1);

    wish->database = argc > 1 ? argv[1] : NULL;
    if (code == CLI_DONE)
        code = check(&arguments);
    if (code != CLI_DONE)
        return code;
    if (arguments.one == NULL)
        return run_all(&arguments);
    bench_be_case(wish, arguments.one);
    return CLI_DONE;
}
