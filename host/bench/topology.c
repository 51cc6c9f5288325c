#include "bench/topology.h"

#include "base/text.h"

#include <hwloc.h>
#include <stdlib.h>
#include <string.h>

/* False when hwloc cannot tell. Its OpenCL component would open every driver: it stays out. */
static bool load(hwloc_topology_t *topology, bool with_devices)
{
    (void)setenv("HWLOC_COMPONENTS", "-opencl", 0);
    if (hwloc_topology_init(topology) != 0) return false;
    if (with_devices)
        (void)hwloc_topology_set_io_types_filter(*topology, HWLOC_TYPE_FILTER_KEEP_ALL);
    if (hwloc_topology_load(*topology) == 0) return true;
    hwloc_topology_destroy(*topology);
    return false;
}

static json_t *count_of(hwloc_topology_t topology, hwloc_obj_type_t type)
{
    const int count = hwloc_get_nbobjs_by_type(topology, type);
    return count > 0 ? json_integer(count) : json_null();
}

/* Caches of one level and type are taken to be equal: the size of the first. */
static json_t *caches(hwloc_topology_t topology)
{
    static const struct {
        hwloc_obj_type_t type;
        int level;
        const char *what;
    } kinds[] = {{HWLOC_OBJ_L1CACHE, 1, "data"},
                 {HWLOC_OBJ_L1ICACHE, 1, "instruction"},
                 {HWLOC_OBJ_L2CACHE, 2, "unified"},
                 {HWLOC_OBJ_L3CACHE, 3, "unified"},
                 {HWLOC_OBJ_L4CACHE, 4, "unified"}};
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const int count = hwloc_get_nbobjs_by_type(topology, kinds[i].type);
        const hwloc_obj_t first = hwloc_get_obj_by_type(topology, kinds[i].type, 0);
        if (count <= 0 || first == NULL) continue;
        (void)json_array_append_new(
            list, json_pack("{s:i, s:s, s:I, s:i}", "level", kinds[i].level, "type", kinds[i].what,
                            "bytes", (json_int_t)first->attr->cache.size, "count", count));
    }
    return list;
}

json_t *clm_topology(void)
{
    hwloc_topology_t topology;
    if (!load(&topology, false)) return NULL;
    const hwloc_obj_t root = hwloc_get_root_obj(topology);
    const hwloc_obj_t package = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PACKAGE, 0);
    const char *model = package == NULL ? NULL : hwloc_obj_get_info_by_name(package, "CPUModel");
    const hwloc_const_cpuset_t allowed = hwloc_topology_get_allowed_cpuset(topology);
    json_t *object = json_pack(
        "{s:o, s:o, s:o, s:o, s:I, s:s?, s:o, s:i}", "packages",
        count_of(topology, HWLOC_OBJ_PACKAGE), "cores", count_of(topology, HWLOC_OBJ_CORE), "pus",
        count_of(topology, HWLOC_OBJ_PU), "numa_nodes", count_of(topology, HWLOC_OBJ_NUMANODE),
        "memory_bytes", (json_int_t)root->total_memory, "cpu_model", model, "caches",
        caches(topology), "allowed_pus", hwloc_bitmap_weight(allowed));
    hwloc_topology_destroy(topology);
    return object;
}

static const char *bind(clm_scope *scope, hwloc_topology_t topology, const char *address)
{
    const hwloc_obj_t device = hwloc_get_pcidev_by_busidstring(topology, address);
    if (device == NULL) return clm_text(scope, "not bound: hwloc does not see %s", address);
    const hwloc_obj_t near = hwloc_get_non_io_ancestor_obj(topology, device);
    if (near == NULL || near->cpuset == NULL || hwloc_bitmap_iszero(near->cpuset))
        return clm_text(scope, "not bound: no processor is near %s", address);
    if (hwloc_set_cpubind(topology, near->cpuset, HWLOC_CPUBIND_THREAD) != 0)
        return "not bound: the system does not allow it";
    char list[256];
    (void)hwloc_bitmap_list_snprintf(list, sizeof list, near->cpuset);
    return clm_text(scope, "bound to processors %s, near %s", list, address);
}

const char *clm_bind_near(clm_scope *scope, const clm_device *device)
{
    if (strncmp(device->id, "pci:", 4) != 0)
        return device->device_class == CLM_CPU ? "not bound: the device is the host's processors"
                                               : "not bound: the device tells no bus address";
    /* "pci:0000:01:00.0", with #2 where two drivers offer one device. */
    const char *address =
        clm_text(scope, "%.*s", (int)strcspn(device->id + 4, "#"), device->id + 4);
    hwloc_topology_t topology;
    if (!load(&topology, true)) return "not bound: hwloc cannot read the topology";
    const char *done = bind(scope, topology, address);
    hwloc_topology_destroy(topology);
    return done;
}
