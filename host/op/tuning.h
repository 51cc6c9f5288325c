/* Tuning: what `clmoe tune` found for one device, (operator, shape class) -> choice, as a file that
 * people read and edit: tuning/<device key>.yaml in the user's cache folder, else
 * suites/tuned/<device key>.yaml of those that come with the program.
 *
 *   device: "0123456789abcdef"            its key (ocl/ocl.h)
 *   name: "..."
 *   driver: "..."
 *   seconds: 300                          that searches took so far: the budget
 *   entries:
 *     - operator: grouped_gemm
 *       class: Y=16384 X=4096 K=64 G=16 N=128 bias gather
 *       variant: cpu                      absent: the default is the best that is known
 *       tunables: VEC=16 MR=12            those not named have their defaults
 *       default_ns: 812345                a call by default, back to back with others of its kind
 *       ratio: 1.16                       default / choice: median over rounds ...
 *       low: 1.12                         ... and its 95 % interval
 *       high: 1.2
 *       trials: 12                        choices that were looked at
 *       complete: true                    no neighbour of the choice is better
 *       from: shared_moe imdb_magnn       where the shape comes from
 *   ended:                                choices at which the process ended: not tried again
 *     - {operator: ..., class: ..., variant: ..., tunables: ..., reason: ...}
 *
 * Shape class: every dimension letter of the present operands with its size rounded to the nearest
 * power of two, then the optional operands that are present, and the storage type when it is not
 * f32. A call whose class has no entry is computed by default. */
#ifndef CLM_OP_TUNING_H
#define CLM_OP_TUNING_H

#include "op/choice.h"

typedef struct clm_tuning clm_tuning;

/* An entry; `reason` is of those under `ended` alone, numbers of the others. */
typedef struct clm_tuned {
    char *op, *shape, *variant, *tunables, *from, *reason; /* from `variant` on: may be null */
    double default_ns, ratio, low, high;
    int trials;
    bool complete;
    bool ignored; /* it makes no sense, which the reader was told */
} clm_tuned;

/* The class of a call's shape. */
const char *clm_shape_class(clm_scope *scope, const clm_call *call);

/* A table without entries for a device. */
clm_tuning *clm_tuning_new(clm_scope *scope, const clm_device *device);

/* What the lane vendor says of every call: the library's variant where one fits, as it comes, and
 * the default elsewhere. */
clm_tuning *clm_tuning_vendor(clm_scope *scope, const clm_device *device);

/* The table of a device, the user's before the program's. CLM_SKIP when there is none, with the
 * advice to make one; errors (USAGE) name file, line and column. */
clm_status clm_tuning_load(clm_scope *scope, const clm_device *device, clm_tuning **tuning);

/* The table in a file. */
clm_status clm_tuning_read(clm_scope *scope, const char *path, clm_tuning **tuning);

/* Writes the table, whole or not at all, into a folder as <device key>.yaml. `folder` null: the
 * user's. *path, which may be null, is told the file. */
clm_status clm_tuning_save(clm_scope *scope, const clm_tuning *tuning, const char *folder,
                           const char **path);

/* How the table says that a call is to be computed. False when it has no entry for the class, the
 * variant does not fit this call, or the entry names what the operator does not have, which a
 * warning on standard error says once, with file and line. */
bool clm_tuning_find(clm_tuning *tuning, const clm_call *call, const clm_device *device,
                     clm_choice *choice);

/* The entry of a class, or null. */
const clm_tuned *clm_tuning_entry(const clm_tuning *tuning, const char *op, const char *shape);

/* Puts an entry in, in the place of the one with the same operator and class; texts are copied. */
void clm_tuning_put(clm_tuning *tuning, const clm_tuned *entry);

/* The same for a choice at which the process ended, and whether there is one. */
void clm_tuning_put_ended(clm_tuning *tuning, const clm_tuned *entry);
bool clm_tuning_ended(const clm_tuning *tuning, const char *op, const char *shape,
                      const char *variant, const char *tunables);

/* Seconds of searching, added to those so far. */
void clm_tuning_add_seconds(clm_tuning *tuning, double seconds);

/* What a record says of the table: file, its SHA-256 (both null when made in memory), and how many
 * entries there are and were ignored,
 * with the words of the first of those (null: none). */
typedef struct clm_tuning_facts {
    const char *path, *sha256, *warning;
    bool vendor;
    double seconds;
    size_t entries, ignored;
} clm_tuning_facts;
clm_tuning_facts clm_tuning_about(const clm_tuning *tuning);

#endif
