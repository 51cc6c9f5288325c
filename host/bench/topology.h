/* Topology: what the host is made of, and the driver thread near the device it drives (hwloc). */
#ifndef CLM_BENCH_TOPOLOGY_H
#define CLM_BENCH_TOPOLOGY_H

#include "ocl/ocl.h"

#include <jansson.h>

/* A new JSON object: {"packages", "cores", "pus", "numa_nodes", "memory_bytes", "cpu_model",
 * "caches": [{"level", "type", "bytes", "count"}], "allowed_pus"}; what hwloc does not know is
 * null. "pus" are hardware threads, "allowed_pus" those that this process may use. Null when hwloc
 * fails. */
json_t *clm_topology(void);

/* Binds the calling thread to the processors nearest to a device on a bus, before its context is
 * opened, so that the driver's threads inherit it. Devices that are the host's processors are left
 * unbound: their threads would inherit the binding. Returns what was done, in words, for records.
 */
const char *clm_bind_near(clm_scope *scope, const clm_device *device);

#endif
