#include "data/edge_kinds.h"

enum { MOST_TUPLES = 1 << 28 }; /* 1 GiB to look them up in */

int32_t clm_category_rows(const clm_categories *category)
{
    int32_t rows = 0;
    for (int32_t f = 0; f < category->fields; f++)
        rows += category->size[f];
    return rows;
}

/* A tuple as one number, the first field the highest digit. */
static int32_t tuple_number(const clm_categories *category, int64_t e)
{
    int32_t number = 0;
    for (int32_t f = 0; f < category->fields; f++)
        number = number * category->size[f] + category->value[e * category->fields + f];
    return number;
}

/* Rows of the stacked table from a tuple's number. */
static void tuple_rows(const clm_categories *category, int32_t number, int32_t *row)
{
    int32_t below = clm_category_rows(category);
    for (int32_t f = category->fields - 1; f >= 0; f--) {
        below -= category->size[f];
        row[f] = below + number % category->size[f];
        number /= category->size[f];
    }
}

static void number_kinds(clm_scope *scope, clm_scope *work, const clm_relation *relation,
                         int32_t tuples, clm_edge_kinds *kinds)
{
    const clm_categories *category = &relation->category;
    int32_t *kind_of = clm_alloc_array(work, (size_t)tuples, sizeof *kind_of);
    kinds->kind = clm_alloc_array(scope, (size_t)relation->count, sizeof *kinds->kind);
    for (int32_t e = 0; e < relation->count; e++) {
        kinds->kind[e] = tuple_number(category, e);
        kind_of[kinds->kind[e]] = 1;
    }
    for (int32_t t = 0; t < tuples; t++)
        if (kind_of[t] != 0) kind_of[t] = kinds->count++;
    kinds->row =
        clm_alloc_array(scope, (size_t)kinds->count * (size_t)kinds->fields, sizeof *kinds->row);
    for (int32_t e = 0; e < relation->count; e++) {
        const int32_t number = kinds->kind[e];
        kinds->kind[e] = kind_of[number];
        tuple_rows(category, number, kinds->row + (int64_t)kind_of[number] * kinds->fields);
    }
}

clm_status clm_edge_kinds_new(clm_scope *scope, const clm_relation *relation, clm_edge_kinds *kinds)
{
    clm_scope work = {0};
    const clm_categories *category = &relation->category;
    int64_t tuples = 1;
    for (int32_t f = 0; f < category->fields && tuples <= MOST_TUPLES; f++)
        tuples *= category->size[f];
    *kinds = (clm_edge_kinds){.fields = category->fields, .rows = clm_category_rows(category)};
    const bool fits = tuples <= MOST_TUPLES;
    if (fits) number_kinds(scope, &work, relation, (int32_t)tuples, kinds);
    clm_scope_end(&work);
    return fits ? CLM_OK
                : clm_fail(CLM_ERROR_TOO_LARGE,
                           "%s: the tables of its edges' categories multiply to more than %d",
                           relation->name, MOST_TUPLES);
}
