/* The tapes of a link prediction cell. */
#ifndef CLM_MODEL_LINK_TAPES_H
#define CLM_MODEL_LINK_TAPES_H

#include "model/link.h"

typedef struct clm_link_tapes {
    clm_parameters *parameters;
    clm_tape *train, *val, *test, *infer; /* infer: embeddings on the test graph, nothing else */
    clm_tensor *loss;                     /* [1] of train */
    clm_tensor *embedding;                /* [N, D] of infer */
    clm_tensor *val_score, *test_score;   /* positives, then as many negatives */
    int32_t val_pairs, test_pairs;        /* twice the edges */
    clm_her_seen seen;                    /* on the test tape */
    int64_t train_edges, test_edges;      /* of the message graphs, all relations */
    clm_link_split split;
} clm_link_tapes;

/* Splits the data, records and plans the tapes. `every_row`: embeddings of all nodes are wanted,
 * not only of the types that the decoder reads. */
clm_status clm_link_tapes_new(clm_scope *scope, const clm_cell *cell, bool every_row,
                              clm_link_tapes *tapes);

#endif
