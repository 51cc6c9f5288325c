#include "op/choice.h"

#include "base/text.h"

#include <string.h>

/* A feature that the variant needs and the device lacks; 0: none. */
static uint32_t missing_feature(const clm_variant *variant, const clm_device *device)
{
    const uint32_t missing = variant->features & ~device->features;
    return missing & ~(missing - 1);
}

const char *clm_variant_misfit(const clm_variant *variant, const clm_call *call,
                               const clm_device *device)
{
    const uint32_t missing = missing_feature(variant, device);
    if (missing && !variant->emulates) return clm_feature_name(missing);
    return variant->misfit ? variant->misfit(call, device) : NULL;
}

bool clm_is_library(const clm_variant *variant) { return (variant->classes & CLM_LIBRARY) != 0; }

bool clm_variant_suits(const clm_variant *variant, const clm_call *call, const clm_device *device)
{
    /* Long loops go wrong on some CPUs' implementations: GPU variants have short ones. */
    const bool short_loops = (device->quirks & CLM_QUIRK_SHORT_LOOPS) != 0;
    const int device_class = short_loops ? CLM_GPU : device->device_class;
    return !clm_is_library(variant) && (variant->classes & device_class) != 0 &&
           !missing_feature(variant, device) && variant->wrong <= 0 &&
           !clm_variant_misfit(variant, call, device);
}

int clm_tunables(const clm_variant *variant)
{
    int n = 0;
    while (n < CLM_TUNABLES && variant->tunable[n].name)
        n++;
    return n;
}

static int default_value(const clm_tunable *tunable, const clm_call *call, const clm_device *device)
{
    return tunable->pick ? tunable->pick(device, call) : tunable->value;
}

clm_choice clm_choice_of(const clm_variant *variant, const clm_call *call, const clm_device *device)
{
    clm_choice choice = {.variant = variant, .fixed = true};
    for (int t = 0; t < clm_tunables(variant); t++)
        choice.tune[t] = default_value(&variant->tunable[t], call, device);
    return choice;
}

clm_choice clm_choice_default(const clm_call *call, const clm_device *device)
{
    for (const clm_variant *v = call->op->variant; v->name; v++)
        if (clm_variant_suits(v, call, device)) return clm_choice_of(v, call, device);
    return (clm_choice){0};
}

clm_choice clm_choice_vendor(const clm_call *call, const clm_device *device)
{
    for (const clm_variant *v = call->op->variant; v->name; v++)
        if (clm_is_library(v) && !clm_variant_misfit(v, call, device))
            return clm_choice_of(v, call, device);
    return clm_choice_default(call, device);
}

const char *clm_choice_library(clm_scope *scope, const clm_choice *choice)
{
    if (!clm_is_library(choice->variant)) return NULL;
    const char *version = clm_clblast_version();
    return clm_text(scope, "CLBlast %s", version ? version : "is not installed");
}

bool clm_tunable_allows(const clm_tunable *tunable, int value, const clm_call *call,
                        const clm_device *device)
{
    const int room = (int)(sizeof tunable->choice / sizeof *tunable->choice);
    for (int i = 0; i < room && tunable->choice[i] != 0; i++)
        if (tunable->choice[i] == value) return true;
    return value == default_value(tunable, call, device);
}

bool clm_choice_equal(const clm_choice *a, const clm_choice *b)
{
    return a->variant == b->variant &&
           memcmp(a->tune, b->tune, (size_t)clm_tunables(a->variant) * sizeof *a->tune) == 0;
}

const char *clm_choice_text(clm_scope *scope, const clm_choice *choice)
{
    const char *text = "";
    for (int t = 0; t < clm_tunables(choice->variant); t++)
        text = clm_text(scope, "%s%s%s=%d", text, t > 0 ? " " : "",
                        choice->variant->tunable[t].name, choice->tune[t]);
    return text;
}
