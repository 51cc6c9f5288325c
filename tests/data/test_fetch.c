/* Described data sets: what suites/data says is held to, and fetching one is all or nothing. */
#include "data.h"

#include "base/sha256.h"
#include "data/fetch.h"
#include "data/hgb.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

static const char nodes[] = "0\t\t0\t0:1\n1\t\t0\t1:1\n2\t\t1\n";
static const char links[] = "0\t2\t0\t1\n2\t0\t1\t1\n";
static const char schema[] = "node\t0\tpaper\t2\t2\t2\nnode\t1\tauthor\t1\t0\t0\n"
                             "link\t0\t0\t1\tpaper-author\t1\nlink\t1\t1\t0\tauthor-paper\t1\n";

static const char *hash_of(clm_scope *scope, const char *text)
{
    clm_sha256 hash;
    char hex[65];
    clm_sha256_start(&hash);
    clm_sha256_add(&hash, text, strlen(text));
    clm_sha256_end(&hash, hex);
    return clm_text(scope, "%s", hex);
}

/* A share folder that describes the set "tiny", with `extra` lines; a folder that holds it. */
struct place {
    clm_scope scope;
    const char *source, *home;
};

static struct place place_new(const char *extra)
{
    struct place place = {0};
    clm_scope *scope = &place.scope;
    const char *share = new_folder(scope);
    const char *suites = clm_text(scope, "%s/suites", share);
    const char *data = clm_text(scope, "%s/data", suites);
    assert_int_equal(mkdir(suites, 0777) | mkdir(data, 0777), 0);
    write_text(data, "tiny.yaml",
               clm_text(scope,
                        "name: tiny\nabout: a\nfolder: tiny\nformat: hgb\nsource: b\nlicence: c\n"
                        "files:\n"
                        "  - {name: node.dat, sha256: %s}\n"
                        "  - {name: link.dat, sha256: %s}\n"
                        "  - {name: schema.tsv, sha256: %s}\n"
                        "made_unsupported: d\n%s",
                        hash_of(scope, nodes), hash_of(scope, links), hash_of(scope, schema),
                        extra));
    assert_int_equal(setenv("CLMOE_SHARE", share, 1), 0);
    place.home = new_folder(scope);
    const char *above = new_folder(scope);
    place.source = clm_text(scope, "%s/tiny", above);
    assert_int_equal(mkdir(place.source, 0777), 0);
    write_text(place.source, "node.dat", nodes);
    write_text(place.source, "link.dat", links);
    write_text(place.source, "schema.tsv", schema);
    return place;
}

static clm_status fetch(struct place *place, const char *from, bool *copied)
{
    const clm_description *description = NULL;
    const char *folder = NULL;
    assert_ok(clm_description_read(&place->scope, "tiny", &description));
    return clm_data_fetch(&place->scope, description, from, place->home, &folder, copied);
}

static clm_status load(struct place *place)
{
    const clm_dataset *dataset = NULL;
    return clm_dataset_load(&place->scope, "tiny", place->home, &dataset);
}

static int entries(const char *folder)
{
    int count = 0;
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    while (readdir(listing) != NULL)
        count++;
    assert_int_equal(closedir(listing), 0);
    return count - 2; /* . and .. */
}

static void assert_refused(clm_status status, const char *fragment)
{
    assert_int_equal(status, CLM_FAIL);
    if (strstr(clm_error_last()->what, fragment) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", clm_error_last()->what, fragment);
}

static void a_set_is_fetched_from_a_folder_or_the_one_above_or_an_address(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        struct place place = place_new("");
        bool copied = false;
        const char *above = clm_text(&place.scope, "%s/..", place.source);
        const char *address = clm_text(&place.scope, "file://%s/%%74iny", above);
        assert_refused(load(&place), "tiny is not here: looked for");
        assert_refused(fetch(&place, NULL, &copied), "there is no --from");
        assert_ok(fetch(&place, way == 0 ? place.source : way == 1 ? above : address, &copied));
        assert_true(copied);
        assert_ok(fetch(&place, NULL, &copied));
        assert_false(copied);
        assert_ok(load(&place));
        assert_int_equal(entries(place.home), 1);
        clm_scope_end(&place.scope);
    }
}

/* Without --from the copy is checked that loading would take: below CLMOE_DATA, where that is set. */
static void what_is_below_clmoe_data_need_not_be_fetched(void **state)
{
    (void)state;
    struct place place = place_new("");
    const clm_description *description = NULL;
    const char *folder = NULL, *before = getenv("CLMOE_DATA");
    if (before != NULL) before = clm_text(&place.scope, "%s", before);
    bool copied = true;
    assert_ok(clm_description_read(&place.scope, "tiny", &description));
    assert_int_equal(setenv("CLMOE_DATA", clm_text(&place.scope, "%s/..", place.source), 1), 0);
    const clm_status whole =
        clm_data_fetch(&place.scope, description, NULL, NULL, &folder, &copied);
    const char *found = folder;
    write_text(place.source, "node.dat", "0\t\t0\t0:1\n");
    const clm_status damaged =
        clm_data_fetch(&place.scope, description, NULL, NULL, &folder, &copied);
    if (before != NULL)
        assert_int_equal(setenv("CLMOE_DATA", before, 1), 0);
    else
        assert_int_equal(unsetenv("CLMOE_DATA"), 0);
    assert_ok(whole);
    assert_false(copied);
    assert_non_null(strstr(found, "/../tiny"));
    assert_refused(damaged, "/../tiny: is not a whole copy of tiny");
    clm_scope_end(&place.scope);
}

static void a_damaged_copy_is_noticed_and_repaired(void **state)
{
    (void)state;
    struct place place = place_new("");
    bool copied = false;
    assert_ok(fetch(&place, place.source, &copied));
    const char *folder = clm_text(&place.scope, "%s/tiny", place.home);
    write_text(folder, "node.dat", "0\t\t0\t0:1\n1\t\t0\t1:2\n2\t\t1\n");
    assert_refused(load(&place), "node.dat: is not the file that");
    assert_ok(fetch(&place, place.source, &copied));
    assert_true(copied);
    assert_ok(load(&place));
    assert_int_equal(entries(place.home), 1);
    clm_scope_end(&place.scope);
}

/* Property: a fetch that fails leaves what was there, and nothing beside it. */
static void a_failed_fetch_changes_nothing(void **state)
{
    (void)state;
    struct place place = place_new("");
    bool copied = false;
    write_text(place.source, "node.dat", "0\t\t0\t0:1\n");
    assert_refused(fetch(&place, place.source, &copied), "node.dat: is not the file that");
    assert_int_equal(entries(place.home), 0);
    assert_int_equal(remove(clm_text(&place.scope, "%s/node.dat", place.source)), 0);
    assert_refused(fetch(&place, place.source, &copied),
                   "node.dat: does not exist, but belongs to");
    assert_refused(fetch(&place, "https://example.org/tiny", &copied), "only a path or a file://");
    assert_refused(fetch(&place, "file://example.org/tiny", &copied), "expected file:///path");
    assert_int_equal(entries(place.home), 0);
    clm_scope_end(&place.scope);
}

/* A limit on the size of files stands for a full disk: writing fails in the same place. */
static void a_full_disk_is_survived(void **state)
{
    (void)state;
    struct place place = place_new("");
    bool copied = false;
    struct rlimit limit, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 16;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const clm_status fetched = fetch(&place, place.source, &copied);
    clm_synthetic synthetic = clm_synthetic_default();
    clm_graph graph;
    assert_ok(clm_synthetic_graph(&place.scope, &synthetic, &graph));
    const clm_status written = clm_hgb_write(&graph, clm_text(&place.scope, "%s/g", place.home));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    (void)signal(SIGXFSZ, handler);
    assert_int_equal(fetched, CLM_FAIL);
    assert_refused(written, "node.dat: cannot be written: File too large");
    assert_non_null(strstr(clm_error_last()->advice, "nothing was changed"));
    assert_int_equal(entries(place.home), 0);
    clm_scope_end(&place.scope);
}

typedef struct described {
    const char *extra, *fragment;
} described;

/* What a description says is checked, and refused at its own line when it does not hold. */
static void descriptions_are_held_to(void **state)
{
    (void)state;
    static const described cases[] = {
        {"expected:\n  types: [{name: paper, nodes: 3, nonzeros: 2}]\n",
         "tiny.yaml:13:32: expected 3, but"},
        {"expected:\n  types: [{name: paper, nodes: 2, nonzeros: 5}]\n", "expected 5, but"},
        {"expected:\n  types: [{name: venue, nodes: 2, nonzeros: 2}]\n", "has no venue"},
        {"expected:\n  links: [{name: paper-author, edges: 7}]\n", "expected 7, but"},
        {"target: paper-venue\n", "tiny.yaml:12:9: tiny has no link paper-venue"},
        {"without: [term]\n", "tiny.yaml:12:11: tiny has no node type term"},
        {"without: [author]\ntarget: paper-author\n", "tiny has no link paper-author"},
        {"targat: paper-author\n", "tiny.yaml:12:1: unknown key 'targat'; did you mean 'target'?"},
        {"inner: perhaps\n", "tiny.yaml:12:8: Invalid ENUM value: perhaps"},
        {"generate: {nodes: 9, edges: 9, types: 2, roles: 2, features: 9, noise: 0, seed: 0}\n",
         "either a folder or generate"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct place place = place_new(cases[i].extra);
        const clm_dataset *dataset = NULL;
        const char *above = clm_text(&place.scope, "%s/..", place.source);
        assert_refused(clm_dataset_load(&place.scope, "tiny", above, &dataset), cases[i].fragment);
        clm_scope_end(&place.scope);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_is_fetched_from_a_folder_or_the_one_above_or_an_address),
        cmocka_unit_test(what_is_below_clmoe_data_need_not_be_fetched),
        cmocka_unit_test(a_damaged_copy_is_noticed_and_repaired),
        cmocka_unit_test(a_failed_fetch_changes_nothing),
        cmocka_unit_test(a_full_disk_is_survived),
        cmocka_unit_test(descriptions_are_held_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
