#include "model/gmoe_parameters.h"

#include "model/shared_parameters.h"

static const char *const kinds[] = {"gcn", "gin", NULL}, *const combine[] = {"mean", "sum", NULL},
                         *const dispatch[] = {"dense", "sparse", NULL},
                         *const two_hop[] = {"intended", "released", NULL},
                         *const norm_rows[] = {"all", "routed", NULL};

static const clm_parameter_spec
    width = {"width", "hidden width D", CLM_INTEGER, "150", 1, 4096, NULL},
    layers = {"layers", "graph layers L", CLM_INTEGER, "5", 1, 64, NULL},
    lr = {"lr", "learning rate of Adam", CLM_NUMBER, "1e-3", 0, 10, NULL},
    dropout = {"dropout", "rate after each layer", CLM_NUMBER, "0.5", 0, 0.99, NULL},
    epochs = {"epochs", "passes over the training graphs", CLM_INTEGER, "100", 1, 1000000, NULL},
    kind = {"kind", "graph convolution of an expert", CLM_CHOICE, "gcn", 0, 0, kinds},
    experts = {"experts",   "experts E of a layer; 1: the plain GCN or GIN, without a gate",
               CLM_INTEGER, "8",
               1,           256,
               NULL},
    hop1 = {"hop1",      "experts that see neighbours; the others see neighbours of neighbours",
            CLM_INTEGER, "=experts",
            0,           256,
            NULL},
    top_k = {"top_k", "experts per node K (of no use with one expert)", CLM_INTEGER, "4", 1, 8,
             NULL},
    combines = {"combine",  "of the chosen experts: their sum, or that over E as released",
                CLM_CHOICE, "mean",
                0,          0,
                combine},
    coef = {"coef", "weight of the balance loss", CLM_NUMBER, "1", 0, 100, NULL},
    drop_node = {"drop_node", "share of the nodes that a training graph of 5 or more loses",
                 CLM_NUMBER,  "0.2",
                 0,           0.99,
                 NULL},
    dispatches = {"dispatch", "every expert on every node, or only on the nodes routed to it",
                  CLM_CHOICE, "dense",
                  0,          0,
                  dispatch},
    two_hops = {"two_hop",
                "no edge to a node that is a neighbour already, or the rule as released",
                CLM_CHOICE,
                "intended",
                0,
                0,
                two_hop},
    rows = {"norm_rows",
            "nodes that batch norm counts: all, or (sparse: always) those routed to the expert",
            CLM_CHOICE,
            "all",
            0,
            0,
            norm_rows};

const clm_parameter_spec *const clm_gmoe_parameters[] = {&width,
                                                         &layers,
                                                         &lr,
                                                         &clm_parameter_weight_decay,
                                                         &dropout,
                                                         &epochs,
                                                         &clm_parameter_patience,
                                                         &clm_parameter_seed,
                                                         &clm_parameter_precision,
                                                         &kind,
                                                         &experts,
                                                         &hop1,
                                                         &top_k,
                                                         &combines,
                                                         &coef,
                                                         &drop_node,
                                                         &dispatches,
                                                         &two_hops,
                                                         &rows,
                                                         &clm_parameter_batch,
                                                         &clm_parameter_score_every,
                                                         NULL};

clm_status clm_check_gmoe(const clm_config *c)
{
    const int e = clm_config_int(c, "experts"), first = clm_config_int(c, "hop1");
    const bool sparse = clm_config_is(c, "dispatch", "sparse"),
               routed = clm_config_is(c, "norm_rows", "routed");
    if (e > 1) CLM_TRY(clm_check_top_k(c));
    if (first > e) {
        clm_fail(CLM_ERROR_USAGE, "hop1=%d exceeds experts=%d", first, e);
        clm_error_advice("hop1 of at most %d: it is how many of the experts see neighbours", e);
        return CLM_FAIL;
    }
    if (!sparse || routed) return CLM_OK;
    clm_fail(CLM_ERROR_USAGE, "dispatch=sparse with norm_rows=all");
    clm_error_advice("norm_rows=routed: an expert has no output on other nodes");
    return CLM_FAIL;
}
