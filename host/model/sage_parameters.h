/* Parameters of GraphSAGE-MoE. */
#ifndef CLM_MODEL_SAGE_PARAMETERS_H
#define CLM_MODEL_SAGE_PARAMETERS_H

#include "model/config.h"

extern const clm_parameter_spec *const clm_sage_parameters[];
extern const clm_data_default clm_sage_on_data[];

/* K <= E of the noisy top-k. */
clm_status clm_check_sage(const clm_config *config);
/* Roles of each node that the variant reads, one for each expert; 0: none. */
int clm_sage_roles(const clm_config *config);

#endif
