/* link.dat and label.dat of HGB-S. */
#include "base/text.h"
#include "data/hgb.h"

#include <string.h>

enum { MOST_LINKS = 1 << 12 }; /* without a schema: a larger id was read from the wrong column */

/* Links in file order, before they are sorted by type. */
typedef struct link_list {
    int32_t *src, *dst, *type;
    size_t count, src_capacity, dst_capacity, type_capacity;
} link_list;

int32_t clm_hgb_type_of(const clm_hgb *hgb, int32_t node)
{
    int32_t type = 0;
    while (node >= hgb->type[type].first + hgb->type[type].count)
        type++;
    return type;
}

static const char *type_name(const clm_hgb *hgb, int32_t type)
{
    if (hgb->type[type].name != NULL) return hgb->type[type].name;
    return clm_text(hgb->work, "type %d", type);
}

/* One end of a link must be of the node type that its link type says. */
static clm_status check_end(clm_hgb *hgb, const clm_lines *lines, const char *at, int32_t node,
                            int32_t type, const char *verb)
{
    const clm_hgb_type *expected = &hgb->type[type];
    if (node >= expected->first && node < expected->first + expected->count) return CLM_OK;
    return clm_lines_fail(lines, at, "node %d is a %s, but this link type %s at a %s (%d to %d)",
                          node, type_name(hgb, clm_hgb_type_of(hgb, node)), verb,
                          type_name(hgb, type), expected->first,
                          expected->first + expected->count - 1);
}

static clm_status read_link(clm_hgb *hgb, clm_lines *lines, link_list *links)
{
    const bool known = hgb->schema_path != NULL;
    int32_t src = 0, dst = 0, id = 0;
    float weight = 0;
    CLM_TRY(clm_lines_integer(lines, "the node a link starts at", 0, hgb->nodes - 1, &src));
    CLM_TRY(clm_lines_character(lines, '\t', "the node the link ends at"));
    const char *second = lines->at;
    CLM_TRY(clm_lines_integer(lines, "the node the link ends at", 0, hgb->nodes - 1, &dst));
    CLM_TRY(clm_lines_character(lines, '\t', "the link type"));
    CLM_TRY(clm_lines_integer(lines, "the link type", 0, known ? hgb->links - 1 : MOST_LINKS, &id));
    CLM_TRY(clm_lines_character(lines, '\t', "the weight"));
    CLM_TRY(clm_lines_real(lines, "the weight", &weight));
    CLM_TRY(clm_lines_end(lines, "the weight"));
    while (id >= hgb->links)
        clm_hgb_add_link(hgb);
    clm_hgb_link *link = &hgb->link[id];
    if (link->from < 0) {
        link->from = clm_hgb_type_of(hgb, src);
        link->to = clm_hgb_type_of(hgb, dst);
    }
    CLM_TRY(check_end(hgb, lines, lines->line, src, link->from, "starts"));
    CLM_TRY(check_end(hgb, lines, second, dst, link->to, "ends"));
    if (links->count == INT32_MAX)
        return clm_lines_fail(lines, lines->line, "more than 2^31 links");
    links->src = clm_grow(hgb->work, links->src, links->count, &links->src_capacity, sizeof src);
    links->dst = clm_grow(hgb->work, links->dst, links->count, &links->dst_capacity, sizeof dst);
    links->type = clm_grow(hgb->work, links->type, links->count, &links->type_capacity, sizeof id);
    links->src[links->count] = src;
    links->dst[links->count] = dst;
    links->type[links->count++] = id;
    link->count++;
    return CLM_OK;
}

/* "from-to", and where that is taken "from-to-2", "from-to-3", ... */
static const char *derived_name(clm_hgb *hgb, const clm_graph *graph, int32_t id)
{
    const char *from = graph->type[hgb->link[id].from].name,
               *to = graph->type[hgb->link[id].to].name;
    int same = 1;
    for (int32_t r = 0; r < id; r++)
        if (hgb->link[r].from == hgb->link[id].from && hgb->link[r].to == hgb->link[id].to) same++;
    return same == 1 ? clm_text(hgb->scope, "%s-%s", from, to)
                     : clm_text(hgb->scope, "%s-%s-%d", from, to, same);
}

static clm_status make_relations(clm_hgb *hgb, const char *path, const link_list *links,
                                 clm_graph *graph)
{
    graph->relations = hgb->links;
    graph->relation = clm_alloc_array(hgb->scope, (size_t)hgb->links, sizeof *graph->relation);
    for (int32_t r = 0; r < hgb->links; r++) {
        const clm_hgb_link *link = &hgb->link[r];
        if (link->from < 0) {
            clm_fail(CLM_ERROR_USAGE, "%s: no link has type %d, though there are types up to %d",
                     path, r, hgb->links - 1);
            clm_error_advice("number the link types 0, 1, 2, ..., or name them in schema.tsv");
            return CLM_FAIL;
        }
        CLM_TRY(clm_hgb_check(hgb, &link->promised_count, link->count, path, "links of this type"));
        clm_relation *relation = &graph->relation[r];
        *relation = (clm_relation){.name = link->name, .from = link->from, .to = link->to};
        if (relation->name == NULL) relation->name = derived_name(hgb, graph, r);
        relation->src = clm_alloc_array(hgb->scope, (size_t)link->count, sizeof(int32_t));
        relation->dst = clm_alloc_array(hgb->scope, (size_t)link->count, sizeof(int32_t));
    }
    for (size_t i = 0; i < links->count; i++) {
        clm_relation *relation = &graph->relation[links->type[i]];
        relation->src[relation->count] = links->src[i];
        relation->dst[relation->count++] = links->dst[i];
    }
    return CLM_OK;
}

clm_status clm_hgb_read_links(clm_hgb *hgb, clm_graph *graph)
{
    clm_lines lines;
    CLM_TRY(clm_lines_open(hgb->work, hgb->folder, "link.dat", true, &lines));
    link_list links = {0};
    for (bool more = true;;) {
        CLM_TRY(clm_lines_next(&lines, &more));
        if (!more) break;
        CLM_TRY(read_link(hgb, &lines, &links));
    }
    return make_relations(hgb, lines.path, &links, graph);
}

static clm_status read_label(clm_hgb *hgb, clm_lines *lines, clm_graph *graph)
{
    int32_t node = 0, type = 0;
    CLM_TRY(clm_lines_integer(lines, "the node id", 0, hgb->nodes - 1, &node));
    CLM_TRY(clm_lines_character(lines, '\t', "the node's name, which may be empty"));
    const char *name = NULL;
    size_t length = 0;
    clm_lines_text(lines, &name, &length);
    CLM_TRY(clm_lines_character(lines, '\t', "the node type"));
    const char *start = lines->at;
    CLM_TRY(clm_lines_integer(lines, "the node type", 0, hgb->types - 1, &type));
    if (type != clm_hgb_type_of(hgb, node))
        return clm_lines_fail(lines, start, "node %d is a %s in node.dat", node,
                              type_name(hgb, clm_hgb_type_of(hgb, node)));
    if (graph->label[node] >= 0)
        return clm_lines_fail(lines, lines->line, "node %d has a label already", node);
    CLM_TRY(clm_lines_character(lines, '\t', "the class"));
    const bool known = hgb->schema_path != NULL && hgb->classes > 0;
    const int32_t most = known ? hgb->classes - 1 : MOST_LINKS;
    for (bool first = true;; first = false) {
        int32_t class = 0;
        CLM_TRY(clm_lines_integer(lines, "the class", 0, most, &class));
        while (!known && class >= hgb->classes)
            clm_hgb_add_class(hgb);
        if (first) graph->label[node] = class;
        hgb->class[class].count++;
        if (clm_lines_ended(lines)) return CLM_OK;
        CLM_TRY(clm_lines_character(lines, ',', "the next class, or the end of the line"));
    }
}

clm_status clm_hgb_read_labels(clm_hgb *hgb, clm_graph *graph)
{
    static const char *const names[] = {"label.dat", "label.dat.val", "label.dat.test"};
    const bool known = hgb->schema_path != NULL && hgb->classes > 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        clm_lines lines;
        CLM_TRY(clm_lines_open(hgb->work, hgb->folder, names[i], i == 0 && known, &lines));
        if (lines.file == NULL) continue;
        if (graph->label == NULL) {
            graph->label = clm_alloc_array(hgb->scope, (size_t)hgb->nodes, sizeof(int32_t));
            for (int32_t node = 0; node < hgb->nodes; node++)
                graph->label[node] = -1;
        }
        for (bool more = true;;) {
            CLM_TRY(clm_lines_next(&lines, &more));
            if (!more) break;
            CLM_TRY(read_label(hgb, &lines, graph));
        }
    }
    graph->classes = hgb->classes;
    for (int32_t c = 0; c < hgb->classes; c++)
        CLM_TRY(clm_hgb_check(hgb, &hgb->class[c].promised_count, hgb->class[c].count,
                              "label.dat (with .val and .test)", "labelled nodes"));
    return CLM_OK;
}
