/* Choice: how a call is computed, by which variant and with which values of its tunables. */
#ifndef CLM_OP_CHOICE_H
#define CLM_OP_CHOICE_H

#include "op/op.h"

typedef struct clm_choice {
    const clm_variant *variant;
    bool fixed;             /* `tune` holds the values; else each tunable has its default */
    int tune[CLM_TUNABLES]; /* in the order of variant->tunable */
} clm_choice;

/* Why a variant cannot compute a call on a device; null when it can. The class of the device does
 * not count: a gpu variant must be right on a CPU too. */
const char *clm_variant_misfit(const clm_variant *variant, const clm_call *call,
                               const clm_device *device);

/* Whether a vendor's library computes the variant. */
bool clm_is_library(const clm_variant *variant);

/* Whether a variant is meant for the device (its class, unless a quirk says otherwise), fits, is no
 * library's, needs no emulation and has the operator's tolerance. */
bool clm_variant_suits(const clm_variant *variant, const clm_call *call, const clm_device *device);

/* The variant with the default values of its tunables for this call, fixed. */
clm_choice clm_choice_of(const clm_variant *variant, const clm_call *call,
                         const clm_device *device);

/* The same of the first variant that suits the device; its variant is null when there is none. */
clm_choice clm_choice_default(const clm_call *call, const clm_device *device);

/* What a vendor offers: the first variant of a library that fits, as it comes; else the default. */
clm_choice clm_choice_vendor(const clm_call *call, const clm_device *device);

/* Library and version behind a choice, "CLBlast 1.5.3"; null: a kernel of our own. */
const char *clm_choice_library(clm_scope *scope, const clm_choice *choice);

/* Whether a tunable may have a value: one of its range, or its default for this call. */
bool clm_tunable_allows(const clm_tunable *tunable, int value, const clm_call *call,
                        const clm_device *device);

/* Whether two fixed choices are the same. */
bool clm_choice_equal(const clm_choice *a, const clm_choice *b);

/* Values of the tunables of a fixed choice as text, "VEC=16 MR=12"; empty when it has none. */
const char *clm_choice_text(clm_scope *scope, const clm_choice *choice);

/* Number of tunables of a variant. */
int clm_tunables(const clm_variant *variant);

#endif
