/* Devices: what there is, under names that stay the same from run to run. The index of a platform
 * or device is never used: loaders order platforms as they like. */
#include "base/sha256.h"
#include "base/text.h"
#include "ocl/runtime.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* From vendors' extensions that not every header defines. */
enum { PCI_BUS_ID_NV = 0x4008, PCI_SLOT_ID_NV = 0x4009, PCI_DOMAIN_ID_NV = 0x400A };

/* Text without blanks at either end: drivers pad. */
static void trim(char *text) {
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
    const size_t blanks = strspn(text, " \t\n");
    memmove(text, text + blanks, length - blanks + 1);
}

static void device_text(cl_device_id id, cl_device_info what, char *text, size_t size) {
    char full[4096] = "";
    if (clGetDeviceInfo(id, what, sizeof full - 1, full, NULL) != CL_SUCCESS)
        full[0] = '\0';
    trim(full);
    (void)snprintf(text, size, "%s", full);
}

/* A number of `bytes` bytes; 0 when the device does not know the question. */
static uint64_t device_number(cl_device_id id, cl_device_info what, size_t bytes) {
    uint64_t value = 0; /* little-endian hosts only, as all OpenCL hosts are */
    if (clGetDeviceInfo(id, what, bytes, &value, NULL) != CL_SUCCESS)
        return 0;
    return value;
}

static bool has_extension(cl_device_id id, const char *extension) {
    char all[8192] = "";
    if (clGetDeviceInfo(id, CL_DEVICE_EXTENSIONS, sizeof all - 1, all, NULL) != CL_SUCCESS)
        return false;
    const size_t length = strlen(extension);
    for (const char *at = strstr(all, extension); at != NULL; at = strstr(at + length, extension))
        if ((at == all || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

static bool pci_address(cl_device_id id, char *text, size_t size) {
    cl_device_pci_bus_info_khr khr;
    if (has_extension(id, "cl_khr_pci_bus_info") &&
        clGetDeviceInfo(id, CL_DEVICE_PCI_BUS_INFO_KHR, sizeof khr, &khr, NULL) == CL_SUCCESS) {
        (void)snprintf(text, size, "pci:%04x:%02x:%02x.%x", khr.pci_domain, khr.pci_bus,
                       khr.pci_device, khr.pci_function);
        return true;
    }
    cl_device_topology_amd amd;
    if (has_extension(id, "cl_amd_device_attribute_query") &&
        clGetDeviceInfo(id, CL_DEVICE_TOPOLOGY_AMD, sizeof amd, &amd, NULL) == CL_SUCCESS &&
        amd.raw.type == CL_DEVICE_TOPOLOGY_TYPE_PCIE_AMD) {
        (void)snprintf(text, size, "pci:0000:%02x:%02x.%x", (unsigned char)amd.pcie.bus,
                       (unsigned char)amd.pcie.device, (unsigned char)amd.pcie.function);
        return true;
    }
    if (has_extension(id, "cl_nv_device_attribute_query")) {
        const uint64_t bus = device_number(id, PCI_BUS_ID_NV, sizeof(cl_uint));
        const uint64_t slot = device_number(id, PCI_SLOT_ID_NV, sizeof(cl_uint));
        const uint64_t domain = device_number(id, PCI_DOMAIN_ID_NV, sizeof(cl_uint));
        (void)snprintf(text, size, "pci:%04" PRIx64 ":%02" PRIx64 ":%02" PRIx64 ".%" PRIx64, domain,
                       bus, slot >> 3, slot & 7);
        return true;
    }
    return false;
}

static bool device_uuid(cl_device_id id, char *text, size_t size) {
    uint8_t uuid[CL_UUID_SIZE_KHR];
    if (!has_extension(id, "cl_khr_device_uuid") ||
        clGetDeviceInfo(id, CL_DEVICE_UUID_KHR, sizeof uuid, uuid, NULL) != CL_SUCCESS)
        return false;
    int used = snprintf(text, size, "uuid:");
    for (size_t i = 0; i < sizeof uuid; i++)
        used += snprintf(text + used, size - (size_t)used, "%02x", uuid[i]);
    return true;
}

/* CPUs are named by what they are: a uuid of theirs is that of a driver's build. */
static void name_device(cl_device_id id, clm_device *device) {
    if (pci_address(id, device->id, sizeof device->id))
        return;
    if (device->device_class != CLM_CPU && device_uuid(id, device->id, sizeof device->id))
        return;
    (void)snprintf(device->id, sizeof device->id, "name:\"%.*s\"", (int)sizeof device->id - 16,
                   device->name);
}

/* What must match for times to be comparable (measurement.md, device key). */
static void hash_key(cl_device_id id, clm_device *device) {
    clm_scope scope = {0};
    const size_t before = strcspn(device->driver, "0123456789");
    const size_t major = strspn(device->driver + before, "0123456789");
    const char *text = clm_text(&scope, "%" PRIx64 "\n%s\n%u\n%" PRIu64 "\n%.*s",
                                device_number(id, CL_DEVICE_VENDOR_ID, sizeof(cl_uint)),
                                device->name, device->compute_units, device->memory_bytes,
                                (int)(before + major), device->driver);
    char hex[65];
    clm_sha256 hash;
    clm_sha256_start(&hash);
    clm_sha256_add(&hash, text, strlen(text));
    clm_sha256_end(&hash, hex);
    (void)snprintf(device->key, sizeof device->key, "%.16s", hex);
    clm_scope_end(&scope);
}

static uint32_t advertised_features(cl_device_id id) {
    uint32_t features = 0;
    if (device_number(id, CL_DEVICE_DOUBLE_FP_CONFIG, sizeof(cl_device_fp_config)) != 0)
        features |= CLM_FEATURE_FP64;
    if (has_extension(id, "cl_khr_fp16"))
        features |= CLM_FEATURE_FP16;
    if (has_extension(id, "cl_khr_subgroups") || has_extension(id, "cl_intel_subgroups"))
        features |= CLM_FEATURE_SUBGROUPS;
    return features;
}

static void describe(cl_platform_id platform, cl_device_id id, clm_device *device) {
    *device = (clm_device){.platform_handle = platform, .device_handle = id};
    if (clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof device->platform - 1, device->platform,
                          NULL) != CL_SUCCESS)
        device->platform[0] = '\0';
    trim(device->platform);
    device_text(id, CL_DEVICE_NAME, device->name, sizeof device->name);
    device_text(id, CL_DEVICE_VENDOR, device->vendor, sizeof device->vendor);
    device_text(id, CL_DRIVER_VERSION, device->driver, sizeof device->driver);
    device_text(id, CL_DEVICE_VERSION, device->version, sizeof device->version);

    /* An emulator may claim every class at once: the first of these then. */
    const uint64_t type = device_number(id, CL_DEVICE_TYPE, sizeof(cl_device_type));
    device->device_class = (type & CL_DEVICE_TYPE_CPU) != 0   ? CLM_CPU
                           : (type & CL_DEVICE_TYPE_GPU) != 0 ? CLM_GPU
                                                              : CLM_ACCELERATOR;
    device->compute_units =
        (uint32_t)device_number(id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof(cl_uint));
    const uint32_t lanes =
        (uint32_t)device_number(id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof(cl_uint));
    device->vector_width = lanes < 1 ? 1 : lanes;
    device->memory_bytes = device_number(id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof(cl_ulong));
    device->max_allocation_bytes =
        device_number(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof(cl_ulong));
    device->local_bytes = device_number(id, CL_DEVICE_LOCAL_MEM_SIZE, sizeof(cl_ulong));
    device->max_work_group = device_number(id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof(size_t));
    const size_t align = device_number(id, CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof(cl_uint)) / 8;
    device->base_align_bytes = align < 1 ? 1 : align;
    device->timer_resolution_ns =
        (double)device_number(id, CL_DEVICE_PROFILING_TIMER_RESOLUTION, sizeof(size_t));
    device->unified_memory = device_number(id, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof(cl_bool)) != 0;
    device->features = advertised_features(id);
    name_device(id, device);
    hash_key(id, device);
    clm_quirks_apply(device);
}

/* Available, with a compiler or binaries, of OpenCL 1.2 or later ("OpenCL 1.2 ..."). */
static bool usable(const clm_device *device) {
    int major = 0, minor = 0;
    if (sscanf(device->version, "OpenCL %d.%d", &major, &minor) != 2)
        return false;
    if (major == 1 && minor < 2)
        return false;
    return device_number(device->device_handle, CL_DEVICE_AVAILABLE, sizeof(cl_bool)) != 0;
}

static int compare_devices(const void *a, const void *b) {
    const clm_device *x = a, *y = b;
    int order = strcmp(x->platform, y->platform);
    if (order == 0)
        order = strcmp(x->name, y->name);
    return order != 0 ? order : strcmp(x->id, y->id);
}

/* Devices of equal id: the second becomes id#2 and so on. */
static void number_equal_ids(clm_device *devices, size_t count) {
    for (size_t i = count; i-- > 0;) {
        size_t before = 0;
        for (size_t j = 0; j < i; j++)
            before += strcmp(devices[j].id, devices[i].id) == 0;
        if (before == 0)
            continue;
        const size_t length = strlen(devices[i].id);
        (void)snprintf(devices[i].id + length, sizeof devices[i].id - length, "#%zu", before + 1);
    }
}

/* Appends the platform's devices; a platform without one, or one that fails, adds none. */
static void add_platform(clm_scope *scope, cl_platform_id platform, clm_device *devices,
                         size_t room, size_t *count) {
    cl_uint n = 0;
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &n) != CL_SUCCESS || n == 0)
        return;
    cl_device_id *ids = clm_alloc_array(scope, n, sizeof *ids);
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, n, ids, NULL) != CL_SUCCESS)
        return;
    for (cl_uint i = 0; i < n && *count < room; i++) {
        describe(platform, ids[i], &devices[*count]);
        if (usable(&devices[*count]))
            (*count)++;
    }
}

clm_status clm_devices(clm_scope *scope, const clm_device **devices, size_t *count) {
    enum { MOST_DEVICES = 256 };
    *devices = NULL;
    *count = 0;
    cl_uint platform_count = 0;
    const cl_int code = clGetPlatformIDs(0, NULL, &platform_count);
    if (code != CL_SUCCESS && code != CL_PLATFORM_NOT_FOUND_KHR)
        CLM_CL_CODE(NULL, "clGetPlatformIDs", code, "looking for OpenCL platforms");
    cl_platform_id *platforms = clm_alloc_array(scope, platform_count, sizeof *platforms);
    if (platform_count > 0)
        CLM_CL(NULL, clGetPlatformIDs(platform_count, platforms, NULL),
               "looking for %u OpenCL platforms", platform_count);
    clm_device *found = clm_alloc_array(scope, MOST_DEVICES, sizeof *found);
    for (cl_uint i = 0; i < platform_count; i++)
        add_platform(scope, platforms[i], found, MOST_DEVICES - 1, count);
    if (*count == 0) {
        (void)clm_fail(CLM_ERROR_NO_DEVICE,
                       "there is no OpenCL device on this machine (%u platforms)", platform_count);
        clm_error_code(code);
        clm_error_advice(
            "install an OpenCL implementation: the package pocl-opencl-icd for CPUs, or "
            "the driver of your GPU; `clinfo -l` shows what the loader finds");
        return CLM_FAIL;
    }
    qsort(found, *count, sizeof *found, compare_devices);
    number_equal_ids(found, *count);
    *devices = found;
    return CLM_OK;
}
