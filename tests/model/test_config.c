/* Parameters from text: every mistake is named with what would have been right. */
#include "unit.h"

#include "base/scope.h"
#include "model/config.h"
#include "model/model.h"

#include <string.h>

static const char *const fusions[] = {"add", "concat", "gated", NULL};
static const clm_parameter_spec width = {.name = "width",
                                         .about = "hidden width D",
                                         .type = CLM_INTEGER,
                                         .value = "64",
                                         .least = 1,
                                         .most = 4096};
static const clm_parameter_spec experts = {.name = "experts",
                                           .about = "experts E",
                                           .type = CLM_INTEGER,
                                           .value = "16",
                                           .least = 1,
                                           .most = 1024};
static const clm_parameter_spec top_k = {.name = "top_k",
                                         .about = "experts per node K",
                                         .type = CLM_INTEGER,
                                         .value = "4",
                                         .least = 1,
                                         .most = 8};
static const clm_parameter_spec expert_width = {.name = "expert_width",
                                                .about = "inner width W",
                                                .type = CLM_INTEGER,
                                                .value = "=2*width",
                                                .least = 1,
                                                .most = 8192};
static const clm_parameter_spec hop1 = {.name = "hop1",
                                        .about = "experts of one hop",
                                        .type = CLM_INTEGER,
                                        .value = "=experts",
                                        .least = 1,
                                        .most = 64};
static const clm_parameter_spec p = {
    .name = "p", .about = "masking rate", .type = CLM_NUMBER, .value = "0", .least = 0, .most = 1};
static const clm_parameter_spec fusion = {
    .name = "fusion", .about = "fusion", .type = CLM_CHOICE, .value = "add", .choice = fusions};
static const clm_parameter_spec *const parameters[] = {&width, &experts, &top_k,  &expert_width,
                                                       &hop1,  &p,       &fusion, NULL};

static clm_status check(const clm_config *config)
{
    if (clm_config_int(config, "top_k") > clm_config_int(config, "experts"))
        return clm_fail(CLM_ERROR_USAGE, "top_k exceeds experts");
    return CLM_OK;
}

static const clm_data_default on_data[] = {
    {"small", "width", "16"}, {"small", "p", "0.5"}, {"large", "width", "128"}, {NULL}};
static const clm_model model = {.name = "toy",
                                .about = "a model",
                                .parameters = parameters,
                                .on_data = on_data,
                                .check = check};

static void defaults_follow_what_they_depend_on(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_config *config = clm_config_new(&scope, &model);
    assert_ok(clm_config_set(config, "width", "24"));
    assert_ok(clm_config_set(config, "p", "0.3"));
    assert_ok(clm_config_set(config, "fusion", "gated"));
    assert_ok(clm_config_resolve(config));
    assert_int_equal(clm_config_int(config, "width"), 24);
    assert_int_equal(clm_config_int(config, "expert_width"), 48);
    assert_int_equal(clm_config_int(config, "hop1"), 16);
    assert_true(clm_config_real(config, "p") == 0.3);
    assert_true(clm_config_is(config, "fusion", "gated"));
    assert_false(clm_config_has(config, "heads"));
    clm_scope_end(&scope);
}

static void a_data_set_has_defaults_of_its_own(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        int width;
        double p;
    } expected[] = {{"small", 16, 0.5}, {"large", 128, 0}, {"other", 64, 0}};
    clm_scope scope = {0};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        clm_config *config = clm_config_new(&scope, &model);
        clm_config_on_data(config, expected[i].data);
        clm_config *set = clm_config_copy(&scope, config);
        assert_ok(clm_config_set(set, "width", "24"));
        assert_ok(clm_config_resolve(config));
        assert_ok(clm_config_resolve(set));
        assert_int_equal(clm_config_int(config, "width"), expected[i].width);
        assert_int_equal(clm_config_int(config, "expert_width"), 2 * expected[i].width);
        assert_true(clm_config_real(config, "p") == expected[i].p);
        assert_int_equal(clm_config_int(set, "width"), 24); /* what is set counts more */
        json_t *given = clm_config_json(config, true);
        assert_int_equal(json_object_size(given), 0); /* a default is not given */
        json_decref(given);
    }
    clm_scope_end(&scope);
}

static void a_value_that_was_set_stays(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_config *config = clm_config_new(&scope, &model);
    assert_ok(clm_config_set(config, "expert_width", "512"));
    clm_config *copy = clm_config_copy(&scope, config);
    assert_ok(clm_config_set(copy, "width", "8"));
    assert_ok(clm_config_resolve(copy));
    assert_int_equal(clm_config_int(copy, "expert_width"), 512);
    assert_int_equal(clm_config_int(config, "width"), 64); /* a copy is a copy */
    clm_scope_end(&scope);
}

static void json_holds_all_or_the_given(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_config *config = clm_config_new(&scope, &model);
    assert_ok(clm_config_set(config, "experts", "8"));
    assert_ok(clm_config_resolve(config));
    json_t *all = clm_config_json(config, false), *given = clm_config_json(config, true);
    assert_int_equal(json_object_size(all), 7);
    assert_int_equal(json_object_size(given), 1);
    assert_int_equal(json_integer_value(json_object_get(all, "hop1")), 8);
    assert_string_equal(json_string_value(json_object_get(all, "fusion")), "add");
    assert_true(json_is_real(json_object_get(all, "p")));
    json_decref(all);
    json_decref(given);
    clm_scope_end(&scope);
}

/* Property: a rejected value leaves the old one, is a usage error, and names what was wrong and
 * what would be right. */
static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *what, *advice;
    } mistakes[] = {
        {"experst", "8", "no parameter 'experst'; did you mean 'experts'?",
         "toy has: width, experts"},
        {"heads", "4", "no parameter 'heads'", "toy has: "},
        {"experts", "many", "'many' is not a whole number", ""},
        {"experts", "", "'' is not a whole number", ""},
        {"experts", "4 ", "'4 ' is not a whole number", ""},
        {"experts", "2.5", "2.5 is not a whole number", ""},
        {"experts", "0", "experts = 0 is out of range", "[1, 1024]"},
        {"experts", "1e9", "out of range", "[1, 1024]"},
        {"p", "nan", "'nan' is not a number", ""},
        {"p", "inf", "'inf' is not a number", ""},
        {"p", "1.5", "p = 1.5 is out of range", "masking rate"},
        {"p", "-0.1", "out of range", "[0, 1]"},
        {"fusion", "gate", "not one of its values; did you mean 'gated'?", "add, concat, gated"},
        {"fusion", "xyz", "'xyz' is not one of its values", "add, concat, gated"},
    };
    clm_scope scope = {0};
    clm_config *config = clm_config_new(&scope, &model);
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        assert_int_equal(clm_config_set(config, mistakes[i].name, mistakes[i].value), CLM_FAIL);
        const clm_error *error = clm_error_last();
        assert_int_equal(error->kind, CLM_ERROR_USAGE);
        if (strstr(error->what, mistakes[i].what) == NULL) fail_msg("%s", error->what);
        if (strstr(error->advice, mistakes[i].advice) == NULL) fail_msg("%s", error->advice);
    }
    assert_int_equal(clm_config_int(config, "experts"), 16);
    assert_true(clm_config_real(config, "p") == 0);
    clm_scope_end(&scope);
}

static void cross_checks_run_last(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_config *config = clm_config_new(&scope, &model);
    assert_ok(clm_config_set(config, "experts", "2"));
    assert_int_equal(clm_config_resolve(config), CLM_FAIL);
    assert_ok(clm_config_set(config, "top_k", "2"));
    assert_ok(clm_config_resolve(config));
    config = clm_config_new(&scope, &model);
    assert_ok(clm_config_set(config, "experts", "128")); /* hop1 follows, past its own range */
    assert_int_equal(clm_config_resolve(config), CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, "hop1 = 128, which follows from experts"));
    clm_scope_end(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_follow_what_they_depend_on),
        cmocka_unit_test(a_data_set_has_defaults_of_its_own),
        cmocka_unit_test(a_value_that_was_set_stays),
        cmocka_unit_test(json_holds_all_or_the_given),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(cross_checks_run_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
