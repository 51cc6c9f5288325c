/* HGB-S folders that are wrong: each is refused with its place and what was expected. */
#include "malformed.h"

#include <zlib.h>

/* A valid folder: two types, sparse and dense rows, an absent and an empty features field, a
 * multi-label line. */
static const file valid[] = {
    {"schema.tsv", "# comment\n"
                   "node\t0\tpaper\t3\t4\t4\n"
                   "node\t1\tauthor\t2\t2\t3\n"
                   "node\t2\tvenue\t1\t0\t0\n"
                   "link\t0\t0\t1\tpaper-author\t2\n"
                   "link\t1\t1\t0\tauthor-paper\t2\n"
                   "class\t0\tred\t2\n"
                   "class\t1\tblue\t1\n"
                   "labels\t0\tmulti\n"},
    {"node.dat", "0\t\t0\t0:1 3:0.5\n"
                 "1\tname of it\t0\t\n"
                 "2\t\t0\t1:2 2:-1e-3\n"
                 "3\t\t1\t0.25,-7\n"
                 "4\t\t1\t0,1\n"
                 "5\t\t2\n"},
    {"link.dat", "0\t3\t0\t1\n2\t4\t0\t1.0\n3\t0\t1\t1\n4\t2\t1\t1\n"},
    {"label.dat", "0\t\t0\t0\n"},
    {"label.dat.test", "2\t\t0\t1,0\n"},
};

enum { FILES = sizeof valid / sizeof *valid };

static const char *folder_with(clm_scope *scope, const char *name, const char *text)
{
    return folder_of(scope, valid, FILES, name, text);
}

static void a_valid_folder_is_read(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_dataset *dataset = dataset_of(&scope, valid, FILES, NULL, NULL);
    const clm_graph *graph = &dataset->graph;
    const int64_t row_ptr[] = {0, 2, 2, 4, 6, 7, 7};
    const int32_t col[] = {0, 3, 1, 2, 0, 1, 1};
    const float val[] = {1, 0.5f, 2, -1e-3f, 0.25f, -7, 1};
    const int32_t label[] = {0, -1, 1, -1, -1, -1};
    assert_int_equal(graph->nodes, 6);
    assert_int_equal(graph->types, 3);
    assert_memory_equal(graph->row_ptr, row_ptr, sizeof row_ptr);
    assert_memory_equal(graph->col, col, sizeof col);
    assert_memory_equal(graph->val, val, sizeof val);
    assert_memory_equal(graph->label, label, sizeof label);
    assert_int_equal(graph->classes, 2);
    assert_int_equal(graph->relation[0].src[1], 2);
    assert_int_equal(graph->relation[0].dst[1], 4);
    assert_int_equal(dataset->target, 0);
    assert_int_equal(dataset->reverse, 1);
    clm_scope_end(&scope);
}

/* Without schema.tsv, as the official folders come, types, dimensions, relations and classes are
 * taken from the other files. */
static void a_folder_without_schema_is_read(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_graph *graph = &dataset_of(&scope, valid, FILES, "schema.tsv", NULL)->graph;
    assert_int_equal(graph->types, 3);
    assert_string_equal(graph->type[1].name, "type1");
    assert_int_equal(graph->type[0].dim, 4);
    assert_int_equal(graph->type[1].dim, 2);
    assert_int_equal(graph->type[2].dim, 0);
    assert_int_equal(graph->relations, 2);
    assert_string_equal(graph->relation[1].name, "type1-type0");
    assert_int_equal(graph->classes, 2);
    clm_scope_end(&scope);
}

static void lines_may_end_as_on_windows_or_not_at_all(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_dataset *dataset = dataset_of(&scope, valid, FILES, "link.dat",
                                            "0\t3\t0\t1\r\n2\t4\t0\t1\r\n3\t0\t1\t1\r\n4\t2\t1\t1");
    assert_int_equal(dataset->graph.relation[1].count, 2);
    clm_scope_end(&scope);
}

#define PAPERS "0\t\t0\t0:1 3:0.5\n1\t\t0\t\n2\t\t0\t1:2 2:3\n"
#define AUTHORS "3\t\t1\t0.25,-7\n4\t\t1\t0,1\n"
#define LINKS "0\t3\t0\t1\n2\t4\t0\t1\n3\t0\t1\t1\n"

static const wrong_case wrongs[] = {
    {"node.dat", NULL, "node.dat: there is neither this file nor node.dat.gz"},
    {"link.dat", NULL, "link.dat: there is neither this file nor link.dat.gz"},
    {"label.dat", NULL, "label.dat: there is neither"},
    {"node.dat", "", "node.dat: has no line"},
    {"link.dat", "", "schema.tsv:5:25: the schema promises 2 links of this type"},
    {"node.dat", "zero\t\t0\t\n", "node.dat:1:1: expected the node id, a whole number"},
    {"node.dat", "1\t\t0\t\n", "node.dat:1:1: expected node id 0, the next"},
    {"node.dat", PAPERS "2\t\t0\t\n", "node.dat:4:1: expected node id 3, the next"},
    {"node.dat", "0 \t0\t\n", "node.dat:1:2: expected a TAB and the node's name"},
    {"node.dat", "0\t\n", "node.dat:1:3: expected a TAB and the node type"},
    {"node.dat", "0\t\t9\t\n", "node.dat:1:4: the node type is out of range: expected 0 to 2"},
    {"node.dat", "0\t\t-1\t\n", "node.dat:1:4: the node type is out of range"},
    {"node.dat", "0\t\t99999999999999999999\t\n", "node.dat:1:4: the node type is out of range"},
    {"node.dat", PAPERS "3\t\t1\t1,2\n4\t\t0\t\n",
     "node.dat:5:4: nodes of type 0 must stand before"},
    {"node.dat", "0\t\t0\t4:1\n",
     "node.dat:1:6: the feature index is out of range: expected 0 to 3"},
    {"node.dat", "0\t\t0\t1:1 1:2\n", "node.dat:1:10: feature indices must increase"},
    {"node.dat", "0\t\t0\t1:\n", "node.dat:1:8: expected the feature's value, a number"},
    {"node.dat", "0\t\t0\t1:nan\n", "node.dat:1:8: expected the feature's value, a number"},
    {"node.dat", "0\t\t0\t1:1e39\n", "node.dat:1:8: the feature's value does not fit 32-bit"},
    {"node.dat", "0\t\t0\t1:1e\n", "node.dat:1:8: expected the feature's value, a number"},
    {"node.dat", "0\t\t0\t1:0x10\n", "node.dat:1:9: expected ' ' and the next index:value"},
    {"node.dat", "0\t\t0\t1:1  2:1\n", "node.dat:1:10: expected the feature index, a whole number"},
    {"node.dat", "0\t\t0\t1:1 2\n", "node.dat:1:11: expected ':' and the feature's value"},
    {"node.dat", "0\t\t0\n", "node.dat:1:5: expected a TAB and the features (or nothing): paper"},
    {"node.dat", "0\t\t0\t1,2,3\n", "node.dat:1:11: expected 4 values, the line has 3"},
    {"node.dat", "0\t\t0\t1,2,3,4,5\n", "node.dat:1:14: expected 4 values, here is one more"},
    {"node.dat", PAPERS AUTHORS "5\t\t2\t0:1\n",
     "node.dat:6:6: expected the end of the line: the schema says that venue has no features"},
    {"node.dat", PAPERS AUTHORS, "schema.tsv:4:14: the schema promises 1 nodes"},
    {"node.dat", "0\t\t0\t\n1\t\t0\t\n2\t\t0\t\n" AUTHORS "5\t\t2\n",
     "schema.tsv:2:18: the schema promises 4 nonzeros"},
    {"link.dat", "6\t3\t0\t1\n",
     "link.dat:1:1: the node a link starts at is out of range: expected 0 to 5"},
    {"link.dat", "0\t0\t0\t1\n",
     "link.dat:1:3: node 0 is a paper, but this link type ends at a author (3 to 4)"},
    {"link.dat", "3\t3\t0\t1\n", "link.dat:1:1: node 3 is a author, but this link type starts at"},
    {"link.dat", "0\t3\t2\t1\n", "link.dat:1:5: the link type is out of range: expected 0 to 1"},
    {"link.dat", "0\t3\t0\n", "link.dat:1:6: expected a TAB and the weight"},
    {"link.dat", "0\t3\t0\tx\n", "link.dat:1:7: expected the weight, a number"},
    {"link.dat", "0\t3\t0\t1\t1\n", "link.dat:1:8: expected the end of the line after the weight"},
    {"link.dat", "0 3 0 1\n", "link.dat:1:2: expected a TAB and the node the link ends at"},
    {"link.dat", "\n", "link.dat:1:1: expected the node a link starts at"},
    {"link.dat", LINKS, "schema.tsv:6:25: the schema promises 2 links of this type"},
    {"label.dat", "0\t\t1\t0\n", "label.dat:1:4: node 0 is a paper in node.dat"},
    {"label.dat", "0\t\t0\t2\n", "label.dat:1:6: the class is out of range: expected 0 to 1"},
    {"label.dat", "0\t\t0\t0,\n", "label.dat:1:8: expected the class, a whole number"},
    {"label.dat", "0\t\t0\t0\n0\t\t0\t0\n", "label.dat:2:1: node 0 has a label already"},
    {"label.dat", "", "schema.tsv:7:13: the schema promises 2 labelled nodes"},
    {"label.dat.test", NULL, "the schema promises 2 labelled nodes"},
    {"schema.tsv", "", "schema.tsv: names no node type"},
    {"schema.tsv", "edge\t0\n", "schema.tsv:1:1: expected node, link, class, labels or #"},
    {"schema.tsv", "node\t1\ta\t1\t0\t0\n", "schema.tsv:1:6: expected node type 0, the next"},
    {"schema.tsv", "node\t0\t\t1\t0\t0\n", "schema.tsv:1:8: expected the name of the node type"},
    {"schema.tsv", "node\t0\ta\t1\t0\n",
     "schema.tsv:1:13: expected a TAB and the number of feature"},
    {"schema.tsv", "node\t0\ta\t1\t0\t0\nnode\t1\ta\t1\t0\t0\n", "two node types are named a"},
    {"schema.tsv", "node\t0\ta\t1\t0\t0\nlink\t0\t0\t1\tx\t1\n",
     "schema.tsv:2:10: the node type a link ends at is out of range: expected 0 to 0"},
};

static void every_malformed_line_is_refused_with_its_place(void **state)
{
    (void)state;
    check_all_refused(valid, FILES, wrongs, sizeof wrongs / sizeof *wrongs);
}

/* Without a schema nothing promises a range, but what is absurd is still refused. */
static void malformed_lines_without_schema_are_refused(void **state)
{
    (void)state;
    static const wrong_case cases[] = {
        {"node.dat", "0\t\t1\t\n", "node.dat:1:4: expected a node of type 0 before one of type 1"},
        {"node.dat", "0\t\t0\t1,2\n1\t\t0\t1\n", "node.dat:2:7: expected 2 values, the line has 1"},
        {"node.dat", "0\t\t0\t2147483647:1\n", "node.dat:1:6: the feature index is out of range"},
        {"link.dat", "0\t3\t99999\t1\n", "link.dat:1:5: the link type is out of range"},
        {"link.dat", "0\t3\t1\t1\n", "link.dat: no link has type 0"},
        {"link.dat", "0\t3\t0\t1\n3\t0\t0\t1\n", "link.dat:2:1: node 3 is a type 1, but this link"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        clm_scope scope = {0};
        const char *folder = folder_with(&scope, cases[i].name, cases[i].text);
        assert_int_equal(remove(clm_text(&scope, "%s/schema.tsv", folder)), 0);
        check_refused(folder, &cases[i]);
        clm_scope_end(&scope);
    }
}

static void the_line_is_shown_with_a_caret(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const wrong_case wrong = {"link.dat", NULL, "\n  0 0 0 1\n    ^"};
    check_refused(folder_with(&scope, "link.dat", "0\t0\t0\t1\n"), &wrong);
    char line[400] = "0\t";
    memset(line + 2, '\x1b', 300); /* a long name of what a terminal would obey */
    memcpy(line + 302, "\t0\t7:1\n", 8);
    check_refused(folder_with(&scope, "node.dat", line),
                  &(wrong_case){"node.dat", NULL, "?? 0 7:1\n"});
    clm_scope_end(&scope);
}

/* Packs text as gzip; returns the number of bytes. */
static size_t pack(const char *text, char *packed, size_t size)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)text;
    stream.avail_in = (uInt)strlen(text);
    stream.next_out = (Bytef *)packed;
    stream.avail_out = (uInt)size;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&stream), Z_OK);
    return stream.total_out;
}

/* Property: a gzip file cut anywhere is refused; nothing short of the whole is taken for the whole.
 */
static void a_truncated_gzip_is_refused_wherever_it_is_cut(void **state)
{
    (void)state;
    clm_scope scope = {0};
    char packed[1024];
    const size_t size = pack(valid[1].text, packed, sizeof packed);
    const char *folder = folder_with(&scope, "node.dat", NULL);
    write_file(folder, "node.dat.gz", packed, size);
    const clm_dataset *dataset = NULL;
    assert_ok(clm_dataset_load(&scope, folder, NULL, &dataset));
    assert_int_equal(dataset->graph.nodes, 6);
    for (size_t cut = 0; cut < size; cut++) {
        write_file(folder, "node.dat.gz", packed, cut);
        const bool empty = cut < 2; /* not even the two bytes that tell gzip */
        check_refused(folder, &(wrong_case){"node.dat.gz", NULL,
                                            empty ? "is not a gzip file" : "is truncated"});
    }
    clm_scope_end(&scope);
}

static void a_damaged_gzip_is_refused(void **state)
{
    (void)state;
    clm_scope scope = {0};
    char packed[1024];
    const size_t size = pack(valid[1].text, packed, sizeof packed);
    const char *folder = folder_with(&scope, "node.dat", NULL);
    packed[size - 6] ^= 1; /* the checksum */
    write_file(folder, "node.dat.gz", packed, size);
    check_refused(folder, &(wrong_case){"node.dat.gz", NULL, "cannot be read beyond line"});
    clm_scope_end(&scope);
}

static void what_is_no_data_set_is_refused(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const char *folder = new_folder(&scope);
    check_refused(
        folder,
        &(wrong_case){"folder", NULL, "is not a data set of a known format (hgb, linqs, ogb, tu)"});
    check_refused(clm_text(&scope, "%s/nowhere", folder),
                  &(wrong_case){"path", NULL, "is not a folder"});
    check_refused("imdb_magn", &(wrong_case){"name", NULL, "did you mean 'imdb_magnn'?"});
    assert_int_equal(mkdir(clm_text(&scope, "%s/node.dat", folder), 0777), 0);
    check_refused(folder, &(wrong_case){"node.dat", NULL, "node.dat: cannot be"});
    const clm_dataset *dataset = NULL;
    assert_int_equal(clm_dataset_load(&scope, "hgb_dblp", folder, &dataset), CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, "hgb_dblp is not here: looked for"));
    assert_non_null(strstr(clm_error_last()->advice, "clmoe data fetch hgb_dblp --from PATH"));
    clm_scope_end(&scope);
}

static void check_whole(clm_scope *scope, const clm_dataset *dataset)
{
    clm_features features;
    clm_adjacency adjacency;
    assert_ok(clm_features_new(scope, dataset, false, NULL, &features));
    assert_ok(clm_adjacency_new(scope, dataset, NULL, (clm_adjacency_choice){0}, &adjacency));
    for (int64_t k = 0; k < features.nonzeros; k++)
        assert_in_range(features.col[k], 0, features.columns - 1);
}

static void random_damage_never_crashes(void **state)
{
    (void)state;
    const int accepted = damage(valid, FILES, "schema.tsv", 1000, check_whole);
    assert_true(accepted > 25 && accepted < 750);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_valid_folder_is_read),
        cmocka_unit_test(a_folder_without_schema_is_read),
        cmocka_unit_test(lines_may_end_as_on_windows_or_not_at_all),
        cmocka_unit_test(every_malformed_line_is_refused_with_its_place),
        cmocka_unit_test(malformed_lines_without_schema_are_refused),
        cmocka_unit_test(the_line_is_shown_with_a_caret),
        cmocka_unit_test(a_truncated_gzip_is_refused_wherever_it_is_cut),
        cmocka_unit_test(a_damaged_gzip_is_refused),
        cmocka_unit_test(what_is_no_data_set_is_refused),
        cmocka_unit_test(random_damage_never_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
