/* Suites and plans: what is read, what it becomes, and what is refused with its place. */
#include "toy.h"

#include "suite/suite.h"

static char folder[64];
static char path[128];

static void write_suite(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static const clm_run_plan *plan_of(clm_scope *scope, const char *text, clm_request request)
{
    const clm_run_plan *plan = NULL;
    write_suite(text);
    request.suite = path;
    assert_ok(clm_run_plan_make(scope, &request, &plan));
    return plan;
}

static void cells_are_every_combination(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_run_plan *plan = plan_of(&scope,
                                       "about: a\n"
                                       "data: [one, two]\n"
                                       "seeds: 2\n"
                                       "timeout: 60\n"
                                       "set: {epochs: 5, p: 0.9}\n"
                                       "cells:\n"
                                       "  - model: plain\n"
                                       "  - model: toy\n"
                                       "    data: [three]\n"
                                       "    set: {top_k: 2}\n"
                                       "    sweep: {experts: [4, 8], p: [0, 0.5, 1]}\n"
                                       "  - label: named\n"
                                       "    model: toy\n"
                                       "    set: {experts: 1}\n",
                                       (clm_request){0});
    assert_int_equal(plan->cells, 2 * (2 + 6 + 2));
    assert_int_equal(plan->timeout_s, 60);
    assert_string_equal(plan->suite, "suite");
    assert_string_equal(plan->cell[0].label, "plain");
    assert_string_equal(plan->cell[2].data, "two");
    assert_int_equal(plan->cell[3].seed, 1);
    assert_int_equal(clm_config_int(plan->cell[3].config, "seed"), 1);
    assert_int_equal(clm_config_int(plan->cell[0].config, "epochs"),
                     5); /* has no p: not set there */
    assert_string_equal(plan->cell[4].label, "toy top_k=2 experts=4 p=0");
    assert_string_equal(plan->cell[6].label, "toy top_k=2 experts=4 p=0.5");
    assert_string_equal(plan->cell[14].label, "toy top_k=2 experts=8 p=1");
    assert_string_equal(plan->cell[16].label, "named");
    assert_true(clm_config_real(plan->cell[16].config, "p") == 0.9);
    assert_string_equal(plan->cell[0].setting, plan->cell[1].setting);
    clm_scope_end(&scope);
}

/* What is set for a data set goes before the suite's, a cell's own before both. */
static void data_sets_and_cells_have_their_own(void **state)
{
    (void)state;
    static const char text[] = "about: a\n"
                               "data: [one, two]\n"
                               "seeds: 2\n"
                               "set: {epochs: 5, experts: 8}\n"
                               "per_data:\n"
                               "  - data: [two]\n"
                               "    seeds: 3\n"
                               "    set: {epochs: 7, p: 0.5}\n"
                               "cells:\n"
                               "  - model: plain\n"
                               "  - model: toy\n"
                               "    groups: [p, all]\n"
                               "    against: plain\n"
                               "    set: {p: 0.9}\n";
    clm_scope scope = {0};
    const clm_run_plan *plan = plan_of(&scope, text, (clm_request){0});
    assert_int_equal(plan->cells, 2 * (2 + 3));
    assert_int_equal(clm_config_int(plan->cell[0].config, "epochs"), 5);
    assert_int_equal(clm_config_int(plan->cell[2].config, "epochs"), 7);
    const clm_run_cell *toy_two = &plan->cell[9];
    assert_string_equal(toy_two->data, "two");
    assert_int_equal(clm_config_int(toy_two->config, "epochs"), 7);
    assert_int_equal(clm_config_int(toy_two->config, "experts"), 8);
    assert_true(clm_config_real(toy_two->config, "p") == 0.9);
    assert_int_equal(toy_two->groups.count, 2);
    assert_string_equal(toy_two->groups.name[1], "all");
    assert_string_equal(toy_two->against, "plain");
    assert_null(plan->cell[0].against);
    const char *const seeds[] = {"4", NULL};
    assert_int_equal(plan_of(&scope, text, (clm_request){.seeds = seeds})->cells, 4 * 4);
    clm_scope_end(&scope);
}

static const char three[] = "about: a\n"
                            "data: [one, two]\n"
                            "seeds: 4\n"
                            "cells:\n"
                            "  - model: plain\n"
                            "  - model: toy\n"
                            "    groups: [rate]\n"
                            "    against: plain\n"
                            "    sweep: {p: [0, 0.5, 1]}\n";

static void the_command_line_narrows_and_overrides(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const char *const toys[] = {"toy", NULL}, *const two[] = {"two", NULL},
                      *const set[] = {"p=0.3", NULL};
    const char *const seeds[] = {"1", "two=3", NULL}, *const label[] = {"toy p=0.5", NULL};
    const clm_run_plan *plan = plan_of(&scope, three, (clm_request){.seeds = seeds});
    assert_int_equal(plan->cells, 4 * (1 + 3));
    plan = plan_of(&scope, three, (clm_request){.model = toys, .data = two, .seeds = seeds});
    assert_int_equal(plan->cells, 3 * 3);
    plan = plan_of(&scope, three, (clm_request){.model = label, .data = two, .seeds = seeds});
    assert_int_equal(plan->cells, 3);
    /* A swept parameter that is set makes the sweep one cell, and its label does not lie. */
    plan = plan_of(&scope, three, (clm_request){.set = set, .model = toys, .data = two});
    assert_int_equal(plan->cells, 4);
    assert_string_equal(plan->cell[0].label, "toy");
    assert_true(clm_config_real(plan->cell[0].config, "p") == 0.3);
    clm_scope_end(&scope);
}

/* Property: the shards of a plan are disjoint and make up the plan. */
static void shards_make_up_the_plan(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_run_plan *whole = plan_of(&scope, three, (clm_request){0});
    size_t cells = 0;
    for (int i = 1; i <= 5; i++) {
        const clm_run_plan *shard = plan_of(&scope, three, (clm_request){.shard = i, .shards = 5});
        for (size_t c = 0; c < shard->cells; c++) {
            const clm_run_cell *cell = &shard->cell[c], *same = &whole->cell[c * 5 + (size_t)i - 1];
            assert_string_equal(cell->setting, same->setting);
            assert_int_equal(cell->seed, same->seed);
        }
        cells += shard->cells;
    }
    assert_int_equal(cells, whole->cells);
    clm_scope_end(&scope);
}

static void a_plan_survives_the_disk(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_run_plan *plan = plan_of(&scope, three, (clm_request){.data_dir = "/data"}),
                       *back = NULL;
    json_t *json = clm_run_plan_json(plan);
    char *text = json_dumps(json, JSON_REAL_PRECISION(15));
    json_t *again = json_loads(text, 0, NULL);
    assert_ok(clm_run_plan_from_json(&scope, again, &back));
    assert_int_equal(back->cells, plan->cells);
    assert_string_equal(back->data_dir, "/data");
    for (size_t i = 0; i < plan->cells; i++) {
        assert_string_equal(back->cell[i].setting, plan->cell[i].setting);
        assert_string_equal(back->cell[i].label, plan->cell[i].label);
        assert_int_equal(back->cell[i].seed, plan->cell[i].seed);
        assert_int_equal(back->cell[i].groups.count, plan->cell[i].groups.count);
    }
    const clm_run_cell *last = &back->cell[back->cells - 1];
    assert_string_equal(last->against, "plain");
    assert_string_equal(last->groups.name[0], "rate");
    assert_null(back->cell[0].against);
    free(text);
    json_decref(json);
    json_decref(again);
    clm_scope_end(&scope);
}

#define HEAD "about: a\ndata: [one]\ncells:\n"

/* Property: the message starts with file:line:column of the mistake and ends with a caret there. */
/* A suite with one mistake, where it is (line, column) and what is said of it. */
typedef struct mistake {
    const char *text, *place, *words;
} mistake;

static const mistake mistakes[] = {
    {"about: a\nmodles: [x]\ncells:\n  - model: toy\n", ":2:1: ", "unknown key 'modles'"},
    {HEAD "  - modle: toy\n", ":4:5: ", "did you mean 'model'?"},
    {HEAD "  - model: toyy\n", ":4:12: ", "there is no model 'toyy'; did you mean 'toy'?"},
    {HEAD "  - model: toy\n    set: {expert: 4}\n", ":5:11: ", "did you mean 'experts'?"},
    {HEAD "  - model: plain\n    set: {experts: 4}\n",
     ":5:20: ", "model plain has no parameter 'experts'"},
    {HEAD "  - model: toy\n    set: {experts: 65}\n", ":5:20: ", "experts = 65 is out of range"},
    {HEAD "  - model: toy\n    set: {experts: many}\n", ":5:20: ", "not a whole number"},
    {HEAD "  - model: toy\n    set: {ending: crsh}\n", ":5:19: ", "not one of its values"},
    {HEAD "  - model: toy\n    sweep: {p: [0, 0.5, 2]}\n", ":5:25: ", "p = 2 is out of range"},
    {HEAD "  - model: toy\n    sweep: {p: 0.5}\n", ":5:16: ", "expected a list"},
    {HEAD "  - model: toy\n    set: {p: [0, 1]}\n", ":5:14: ", "expected one value"},
    {HEAD "  - model: toy\n    set: {p: 1}\n    sweep: {p: [0, 1]}\n",
     ":6:13: ", "both set and swept"},
    {HEAD "  - model: toy\n    set: {experts: 2, top_k: 4}\n",
     ":4:12: ", "top_k = 4 exceeds experts = 2"},
    {HEAD "  - model: toy\n    model: toy\n", ":5:5: ", "duplicate key"},
    {HEAD "  - model: toy\n   label: x\n", ":5:4: ", ""},
    {"about: a\ncells:\n  - model: toy\n", ":3:5: ", "names `data`"},
    {"about: a\nseeds: 0\ndata: [one]\ncells:\n  - model: toy\n",
     ":2:8: ", "seeds must be between 1 and"},
    {"about: a\nseeds: -3\ndata: [one]\ncells:\n  - model: toy\n",
     ":2:8: ", "seeds must be between 1 and"},
    {"about: a\nseeds: few\ndata: [one]\ncells:\n  - model: toy\n", ":2:8: ", "whole number"},
    {"about: a\ntimeout: 0\ndata: [one]\ncells:\n  - model: toy\n", ":2:10: ", "timeout must be"},
    {"about: a\nfigures: [accuracy_over_q]\ndata: [one]\ncells:\n  - model: toy\n",
     ":2:11: ", "did you mean 'accuracy_over_p'?"},
    {"about: a\npublished: hre\ndata: [one]\ncells:\n  - model: toy\n",
     ":2:12: ", "no published table 'hre'"},
    {HEAD "  - model: toy\n    against: ty\n", ":5:14: ", "did you mean 'toy'?"},
    {"about: a\ndata: [one]\nper_data:\n  - data: [on]\ncells:\n  - model: toy\n",
     ":4:12: ", "there is no data set of this suite 'on'; did you mean 'one'?"},
    {"about: a\ndata: [one]\nper_data:\n  - data: [one]\n    seeds: 0\ncells:\n  - model: "
     "toy\n",
     ":5:12: ", "seeds must be between 1 and"},
    {"about: a\ndata: [one]\nper_data:\n  - data: [one]\n    set: {p: 2}\ncells:\n  - model: "
     "toy\n",
     ":5:14: ", "p = 2 is out of range"},
    {"data: [one]\ncells:\n  - model: toy\n", ":1:1: ", "'about' is missing here"},
    {HEAD "  []\n", ":4:3: ", "at least one entry"},
};

static void expect_mistake(const mistake *m)
{
    clm_scope scope = {0};
    const clm_run_plan *plan = NULL;
    const clm_request request = {.suite = path};
    write_suite(m->text);
    if (clm_run_plan_make(&scope, &request, &plan) == CLM_OK) fail_msg("accepted:\n%s", m->text);
    const clm_error *error = clm_error_last();
    const char *place = clm_text(&scope, "%s%s", path, m->place), *what = error->what;
    if (strncmp(what, place, strlen(place)) != 0 || strstr(what, m->words) == NULL ||
        what[strlen(what) - 1] != '^')
        fail_msg("expected %s%s\ngot %s", place, m->words, what);
    assert_int_equal(error->kind, CLM_ERROR_USAGE);
    clm_scope_end(&scope);
}

static void mistakes_in_suites_have_a_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
        expect_mistake(&mistakes[i]);
}

static void expect_refusal(const clm_request *request, const char *words)
{
    clm_scope scope = {0};
    const clm_run_plan *plan = NULL;
    assert_int_equal(clm_run_plan_make(&scope, request, &plan), CLM_FAIL);
    if (strstr(clm_error_last()->what, words) == NULL)
        fail_msg("expected %s, got %s", words, clm_error_last()->what);
    assert_int_equal(clm_error_last()->kind, CLM_ERROR_USAGE);
    clm_scope_end(&scope);
}

static void mistakes_on_the_command_line_are_named(void **state)
{
    (void)state;
    write_suite(three);
    const char *const toys[] = {"toy", NULL}, *const one[] = {"one", NULL},
                      *const none[] = {"nine", NULL};
    const char *const heads[] = {"heads=4", NULL}, *const word[] = {"p", NULL},
                      *const many[] = {"p=2", NULL};
    const char *const k[] = {"top_k=8", NULL}, *const seeds[] = {"0", NULL},
                      *const nowhere[] = {"nine=2", NULL}, *const plains[] = {"plain", NULL};
    const char *const p[] = {"p=0.3", NULL};
    expect_refusal(&(clm_request){.suite = path, .data = none}, "--data nine: suite");
    expect_refusal(&(clm_request){.suite = path, .set = heads},
                   "--set heads=4: no model of this run");
    expect_refusal(&(clm_request){.suite = path, .seeds = seeds}, "--seeds 0");
    expect_refusal(&(clm_request){.suite = path, .seeds = nowhere}, "--seeds nine=2: this run");
    expect_refusal(&(clm_request){.suite = path, .shard = 99, .shards = 99}, "shard");
    expect_refusal(&(clm_request){.suite = "hre"}, "there is no suite 'hre'");
    expect_refusal(&(clm_request){.suite = "./nowhere.yaml"}, "./nowhere.yaml: No such file");
    expect_refusal(&(clm_request){.model = one, .data = one}, "there is no model 'one'");
    expect_refusal(&(clm_request){.model = plains, .data = one, .set = p},
                   "model plain has no parameter 'p'");
    expect_refusal(&(clm_request){.model = toys, .data = one, .set = word}, "expected key=value");
    expect_refusal(&(clm_request){.model = toys, .data = one, .set = many},
                   "p = 2 is out of range");
    expect_refusal(&(clm_request){.model = toys, .data = one, .set = k},
                   "top_k = 8 exceeds experts = 4");
}

int main(int argc, char **argv)
{
    toy_main(argc, argv);
    (void)strcpy(folder, "/tmp/clmoe-test-XXXXXX");
    if (mkdtemp(folder) == NULL) return 1;
    (void)snprintf(path, sizeof path, "%s/suite.yaml", folder);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_every_combination),
        cmocka_unit_test(data_sets_and_cells_have_their_own),
        cmocka_unit_test(the_command_line_narrows_and_overrides),
        cmocka_unit_test(shards_make_up_the_plan),
        cmocka_unit_test(a_plan_survives_the_disk),
        cmocka_unit_test(mistakes_in_suites_have_a_place),
        cmocka_unit_test(mistakes_on_the_command_line_are_named),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    (void)rmdir(folder);
    return failed;
}
