/* Environment: the context of a measurement, kept in every record. */
#ifndef CLM_BENCH_ENVIRONMENT_H
#define CLM_BENCH_ENVIRONMENT_H

#include "ocl/ocl.h"

#include <jansson.h>

/* A new JSON object: versions of driver, platform, loader, kernel and compiler; commit and hash of
 * the program; governor, topology, container limits; load; variables that steer OpenCL. What is not
 * known is null, and the object "unknown" says why, by the same name. `device` null: the host's
 * part alone. The caller adds what only it knows (command line, seed, hash of the suite). */
json_t *clm_environment(const clm_device *device);

/* A new JSON object: the load of the host now ("load_1min", "steal_ticks", "pressure_cpu",
 * "pressure_memory", "pressure_io" in percent over 10 s), to be taken before and after a launch. */
json_t *clm_host_load(void);

#endif
