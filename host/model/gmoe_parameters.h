/* Parameters of gmoe. */
#ifndef CLM_MODEL_GMOE_PARAMETERS_H
#define CLM_MODEL_GMOE_PARAMETERS_H

#include "model/config.h"

extern const clm_parameter_spec *const clm_gmoe_parameters[]; /* ends with null */

/* K <= E, hop1 <= E; what sparse dispatch can do. */
clm_status clm_check_gmoe(const clm_config *config);

#endif
