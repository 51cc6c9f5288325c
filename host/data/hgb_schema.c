/* schema.tsv of HGB-S: names, dimensions, and the counts that the other files are held to. */
#include "base/input.h"
#include "base/text.h"
#include "data/hgb.h"

#include <string.h>

enum { MOST_TYPES = 1 << 16 }; /* more would be ids read from the wrong column */

clm_hgb_type *clm_hgb_add_type(clm_hgb *hgb)
{
    hgb->type =
        clm_grow(hgb->work, hgb->type, (size_t)hgb->types, &hgb->types_capacity, sizeof *hgb->type);
    clm_hgb_type *type = &hgb->type[hgb->types++];
    *type = (clm_hgb_type){.promised_count.count = -1, .promised_nonzeros.count = -1};
    return type;
}

clm_hgb_link *clm_hgb_add_link(clm_hgb *hgb)
{
    hgb->link =
        clm_grow(hgb->work, hgb->link, (size_t)hgb->links, &hgb->links_capacity, sizeof *hgb->link);
    clm_hgb_link *link = &hgb->link[hgb->links++];
    *link = (clm_hgb_link){.from = -1, .to = -1, .promised_count.count = -1};
    return link;
}

clm_hgb_class *clm_hgb_add_class(clm_hgb *hgb)
{
    hgb->class = clm_grow(hgb->work, hgb->class, (size_t)hgb->classes, &hgb->classes_capacity,
                          sizeof *hgb->class);
    clm_hgb_class *class = &hgb->class[hgb->classes++];
    *class = (clm_hgb_class){.promised_count.count = -1};
    return class;
}

clm_status clm_hgb_check(const clm_hgb *hgb, const clm_hgb_promise *promise, int64_t counted,
                         const char *where, const char *what)
{
    if (promise->count < 0 || promise->count == counted) return CLM_OK;
    clm_fail_input(hgb->schema_path, promise->line, promise->column, promise->text,
                   strlen(promise->text), "the schema promises %lld %s, %s has %lld",
                   (long long)promise->count, what, where, (long long)counted);
    clm_error_advice("the files do not belong together, or one is cut short: fetch them again");
    return CLM_FAIL;
}

static clm_status integer_field(clm_lines *lines, const char *what, int32_t most, int32_t *value)
{
    CLM_TRY(clm_lines_character(lines, '\t', what));
    return clm_lines_integer(lines, what, 0, most, value);
}

static clm_status name_field(clm_hgb *hgb, clm_lines *lines, const char *what, const char **name)
{
    CLM_TRY(clm_lines_character(lines, '\t', what));
    const char *text = NULL;
    size_t length = 0;
    clm_lines_text(lines, &text, &length);
    if (length == 0) return clm_lines_fail(lines, text, "expected %s", what);
    *name = clm_text(hgb->scope, "%.*s", (int)length, text);
    return CLM_OK;
}

static clm_status promise_field(clm_hgb *hgb, clm_lines *lines, const char *what,
                                clm_hgb_promise *promise)
{
    CLM_TRY(clm_lines_character(lines, '\t', what));
    int32_t count = 0;
    const size_t column = (size_t)(lines->at - lines->line) + 1;
    CLM_TRY(clm_lines_integer(lines, what, 0, INT32_MAX, &count));
    *promise = (clm_hgb_promise){count, lines->number, column,
                                 clm_text(hgb->work, "%.*s", (int)lines->length, lines->line)};
    return CLM_OK;
}

/* Ids must come as 0, 1, 2, ...: they index arrays, and so do the ids of the other files. */
static clm_status next_id(clm_lines *lines, const char *what, int32_t expected)
{
    int32_t id = 0;
    CLM_TRY(clm_lines_character(lines, '\t', what));
    const char *start = lines->at;
    CLM_TRY(clm_lines_integer(lines, what, 0, MOST_TYPES, &id));
    if (id != expected)
        return clm_lines_fail(lines, start, "expected %s %d, the next", what, expected);
    return CLM_OK;
}

static clm_status read_type(clm_hgb *hgb, clm_lines *lines)
{
    CLM_TRY(next_id(lines, "node type", hgb->types));
    clm_hgb_type *type = clm_hgb_add_type(hgb);
    CLM_TRY(name_field(hgb, lines, "the name of the node type", &type->name));
    for (const clm_hgb_type *other = hgb->type; other < type; other++)
        if (strcmp(other->name, type->name) == 0)
            return clm_lines_fail(lines, lines->at, "two node types are named %s", type->name);
    CLM_TRY(promise_field(hgb, lines, "the number of nodes", &type->promised_count));
    CLM_TRY(integer_field(lines, "the feature dimension", CLM_HGB_MOST_FEATURES, &type->dim));
    CLM_TRY(promise_field(hgb, lines, "the number of feature nonzeros", &type->promised_nonzeros));
    return clm_lines_end(lines, "the number of feature nonzeros");
}

static clm_status read_link(clm_hgb *hgb, clm_lines *lines)
{
    CLM_TRY(next_id(lines, "link type", hgb->links));
    clm_hgb_link *link = clm_hgb_add_link(hgb);
    CLM_TRY(integer_field(lines, "the node type a link starts at", hgb->types - 1, &link->from));
    CLM_TRY(integer_field(lines, "the node type a link ends at", hgb->types - 1, &link->to));
    CLM_TRY(name_field(hgb, lines, "the name of the link type", &link->name));
    for (const clm_hgb_link *other = hgb->link; other < link; other++)
        if (strcmp(other->name, link->name) == 0)
            return clm_lines_fail(lines, lines->at, "two link types are named %s", link->name);
    CLM_TRY(promise_field(hgb, lines, "the number of links", &link->promised_count));
    return clm_lines_end(lines, "the number of links");
}

static clm_status read_class(clm_hgb *hgb, clm_lines *lines)
{
    CLM_TRY(next_id(lines, "class", hgb->classes));
    clm_hgb_class *class = clm_hgb_add_class(hgb);
    const char *name = NULL;
    CLM_TRY(name_field(hgb, lines, "the name of the class", &name));
    CLM_TRY(promise_field(hgb, lines, "the number of labelled nodes", &class->promised_count));
    return clm_lines_end(lines, "the number of labelled nodes");
}

static clm_status read_row(clm_hgb *hgb, clm_lines *lines)
{
    const char *word = NULL;
    size_t length = 0;
    clm_lines_text(lines, &word, &length);
    if (length == 0 || *word == '#') return CLM_OK;
    if (length == 4 && memcmp(word, "node", 4) == 0) return read_type(hgb, lines);
    if (length == 4 && memcmp(word, "link", 4) == 0) return read_link(hgb, lines);
    if (length == 5 && memcmp(word, "class", 5) == 0) return read_class(hgb, lines);
    if (length == 6 && memcmp(word, "labels", 6) == 0) return CLM_OK; /* label.dat says it again */
    return clm_lines_fail(lines, word, "expected node, link, class, labels or #");
}

clm_status clm_hgb_read_schema(clm_hgb *hgb)
{
    clm_lines lines;
    CLM_TRY(clm_lines_open(hgb->work, hgb->folder, "schema.tsv", false, &lines));
    if (lines.file == NULL) return CLM_OK;
    hgb->schema_path = lines.path;
    for (bool more = true;;) {
        CLM_TRY(clm_lines_next(&lines, &more));
        if (!more) break;
        CLM_TRY(read_row(hgb, &lines));
    }
    if (hgb->types > 0) return CLM_OK;
    clm_fail(CLM_ERROR_USAGE, "%s: names no node type", lines.path);
    clm_error_advice("each node type needs a line: node TAB 0 TAB name TAB count TAB dimension TAB "
                     "nonzeros; or remove the file: types are then taken from node.dat");
    return CLM_FAIL;
}
