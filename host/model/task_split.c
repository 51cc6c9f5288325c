#include "model/task_split.h"

#include "base/philox.h"
#include "base/statistics.h"

#include <math.h>

static const char *const names[CLM_SPLITS] = {"training", "validation", "test"};

static void draw(int32_t count, uint32_t seed, clm_task_split *split)
{
    int32_t *all = split->id[CLM_SPLIT_TRAIN];
    clm_permutation(all, count, seed, CLM_STREAM_SPLIT, 0);
    split->count[CLM_SPLIT_TRAIN] = count - count / 5;
    for (int s = CLM_SPLIT_VAL; s < CLM_SPLITS; s++) {
        split->id[s] = all + split->count[CLM_SPLIT_TRAIN];
        split->count[s] = count / 5;
    }
}

clm_status clm_task_split_new(clm_scope *scope, const clm_graph *graph, uint32_t seed,
                              clm_task_split *split)
{
    static const clm_part part[CLM_SPLITS] = {CLM_PART_TRAIN, CLM_PART_VAL, CLM_PART_TEST};
    const int32_t count = graph->graphs ? graph->graphs : graph->nodes;
    *split = (clm_task_split){0};
    if (graph->task == CLM_TASK_LINK)
        return clm_fail(CLM_ERROR_USAGE, "%s is for predicting links, not labels", graph->name);
    for (int s = 0; s < CLM_SPLITS; s++)
        split->id[s] = clm_alloc_array(scope, (size_t)count + 1, sizeof *split->id[s]);
    if (!graph->part) draw(count, seed, split);
    for (int32_t i = 0; i < count && graph->part; i++)
        for (int s = 0; s < CLM_SPLITS; s++)
            if (graph->part[i] == part[s]) split->id[s][split->count[s]++] = i;
    for (int s = 0; s < CLM_SPLITS; s++)
        if (split->count[s] == 0)
            return clm_fail(CLM_ERROR_USAGE, "%s has no %s part", graph->name, names[s]);
    return CLM_OK;
}

int64_t clm_task_outputs(const clm_graph *graph)
{
    return graph->task == CLM_TASK_ACCURACY ? graph->classes : graph->tasks;
}

double clm_task_score(const clm_graph *graph, const clm_task_split *split, int part,
                      const float *prediction)
{
    clm_scope scope = {0};
    const size_t n = (size_t)split->count[part], outputs = (size_t)clm_task_outputs(graph);
    const int32_t *id = split->id[part], *label = graph->graphs ? graph->graph_label : graph->label;
    double score = NAN;
    if (graph->task == CLM_TASK_ACCURACY) {
        int32_t *expected = clm_alloc_array(&scope, n, sizeof *expected);
        for (size_t i = 0; i < n; i++)
            expected[i] = label[id[i]];
        score = clm_accuracy(prediction, expected, n, outputs);
    } else {
        float *expected = clm_alloc_array(&scope, n * outputs, sizeof *expected);
        for (size_t i = 0; i < n; i++)
            for (size_t t = 0; t < outputs; t++)
                expected[i * outputs + t] = graph->target[(size_t)id[i] * outputs + t];
        score = graph->task == CLM_TASK_RMSE ? clm_mean_rmse(prediction, expected, n, outputs)
                                             : clm_mean_roc_auc(prediction, expected, n, outputs);
    }
    clm_scope_end(&scope);
    return score;
}
