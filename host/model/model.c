#include "model/model.h"

#include <string.h>

const clm_model *clm_model_find(const char *name) {
    for (size_t i = 0; clm_models[i] != NULL; i++)
        if (strcmp(clm_models[i]->name, name) == 0)
            return clm_models[i];
    return NULL;
}
