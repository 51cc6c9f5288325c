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

/* Copies text without the blanks around it: drivers pad. */
static void copy_trimmed(char *to, size_t size, const char *from)
{
    from += strspn(from, " \t\n");
    size_t length = strlen(from);
    while (length > 0 && isspace((unsigned char)from[length - 1]))
        length--;
    (void)snprintf(to, size, "%.*s", (int)length, from);
}

/* A number of `bytes` bytes that a device need not have; 0 when the device does not know the
 * question. */
static uint64_t device_number(cl_device_id id, cl_device_info what, size_t bytes)
{
    uint64_t value = 0; /* little-endian hosts only, as all OpenCL hosts are */
    if (clGetDeviceInfo(id, what, bytes, &value, NULL) != CL_SUCCESS) return 0;
    return value;
}

bool clm_device_has_extension(cl_device_id id, const char *extension)
{
    char all[8192] = "";
    if (clGetDeviceInfo(id, CL_DEVICE_EXTENSIONS, sizeof all - 1, all, NULL) != CL_SUCCESS)
        return false;
    const size_t length = strlen(extension);
    for (const char *at = strstr(all, extension); at != NULL; at = strstr(at + length, extension))
        if ((at == all || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0')) return true;
    return false;
}

static bool pci_address(cl_device_id id, char *text, size_t size)
{
    cl_device_pci_bus_info_khr khr;
    if (clm_device_has_extension(id, "cl_khr_pci_bus_info") &&
        clGetDeviceInfo(id, CL_DEVICE_PCI_BUS_INFO_KHR, sizeof khr, &khr, NULL) == CL_SUCCESS) {
        (void)snprintf(text, size, "pci:%04x:%02x:%02x.%x", khr.pci_domain, khr.pci_bus,
                       khr.pci_device, khr.pci_function);
        return true;
    }
    cl_device_topology_amd amd;
    if (clm_device_has_extension(id, "cl_amd_device_attribute_query") &&
        clGetDeviceInfo(id, CL_DEVICE_TOPOLOGY_AMD, sizeof amd, &amd, NULL) == CL_SUCCESS &&
        amd.raw.type == CL_DEVICE_TOPOLOGY_TYPE_PCIE_AMD) {
        (void)snprintf(text, size, "pci:0000:%02x:%02x.%x", (unsigned char)amd.pcie.bus,
                       (unsigned char)amd.pcie.device, (unsigned char)amd.pcie.function);
        return true;
    }
    if (clm_device_has_extension(id, "cl_nv_device_attribute_query")) {
        const uint64_t bus = device_number(id, PCI_BUS_ID_NV, sizeof(cl_uint));
        const uint64_t slot = device_number(id, PCI_SLOT_ID_NV, sizeof(cl_uint));
        const uint64_t domain = device_number(id, PCI_DOMAIN_ID_NV, sizeof(cl_uint));
        (void)snprintf(text, size, "pci:%04" PRIx64 ":%02" PRIx64 ":%02" PRIx64 ".%" PRIx64, domain,
                       bus, slot >> 3, slot & 7);
        return true;
    }
    return false;
}

static bool device_uuid(cl_device_id id, char *text, size_t size)
{
    uint8_t uuid[CL_UUID_SIZE_KHR];
    if (!clm_device_has_extension(id, "cl_khr_device_uuid") ||
        clGetDeviceInfo(id, CL_DEVICE_UUID_KHR, sizeof uuid, uuid, NULL) != CL_SUCCESS)
        return false;
    int used = snprintf(text, size, "uuid:");
    for (size_t i = 0; i < sizeof uuid; i++)
        used += snprintf(text + used, size - (size_t)used, "%02x", uuid[i]);
    return true;
}

/* CPUs are named by what they are: a uuid of theirs is that of a driver's build. */
static void name_device(cl_device_id id, clm_device *device)
{
    if (pci_address(id, device->id, sizeof device->id)) return;
    if (device->device_class != CLM_CPU && device_uuid(id, device->id, sizeof device->id)) return;
    (void)snprintf(device->id, sizeof device->id, "name:\"%.*s\"", (int)sizeof device->id - 16,
                   device->name);
}

/* What must match for times to be comparable: the device's model and the driver's major version,
 * nothing that changes from start to start. Memory that is the host's is left out: virtual machines
 * grow and shrink it. */
static void hash_key(cl_device_id id, clm_device *device)
{
    clm_scope scope = {0};
    const size_t before = strcspn(device->driver, "0123456789");
    const size_t major = strspn(device->driver + before, "0123456789");
    const char *text =
        clm_text(&scope, "%" PRIx64 "\n%s\n%u\n%" PRIu64 "\n%.*s",
                 device_number(id, CL_DEVICE_VENDOR_ID, sizeof(cl_uint)), device->name,
                 device->compute_units, device->unified_memory ? 0 : device->memory_bytes,
                 (int)(before + major), device->driver);
    char hex[65];
    clm_sha256 hash;
    clm_sha256_start(&hash);
    clm_sha256_add(&hash, text, strlen(text));
    clm_sha256_end(&hash, hex);
    (void)snprintf(device->key, sizeof device->key, "%.16s", hex);
    clm_scope_end(&scope);
}

static clm_status describe_texts(cl_platform_id platform, cl_device_id id, clm_device *device)
{
    const struct {
        cl_device_info what;
        char *to;
        size_t size;
    } texts[] = {{CL_DEVICE_NAME, device->name, sizeof device->name},
                 {CL_DEVICE_VENDOR, device->vendor, sizeof device->vendor},
                 {CL_DRIVER_VERSION, device->driver, sizeof device->driver},
                 {CL_DEVICE_VERSION, device->version, sizeof device->version}};
    char full[4096] = "";
    CLM_CL(NULL, clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof full - 1, full, NULL),
           "asking a platform for its name");
    copy_trimmed(device->platform, sizeof device->platform, full);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        memset(full, 0, sizeof full);
        CLM_CL(device, clGetDeviceInfo(id, texts[i].what, sizeof full - 1, full, NULL),
               "asking a device for property 0x%x", texts[i].what);
        copy_trimmed(texts[i].to, texts[i].size, full);
    }
    return CLM_OK;
}

/* An emulator may claim every class at once: the first of these then. */
static int class_of(cl_device_type type)
{
    if ((type & CL_DEVICE_TYPE_CPU) != 0) return CLM_CPU;
    return (type & CL_DEVICE_TYPE_GPU) != 0 ? CLM_GPU : CLM_ACCELERATOR;
}

static clm_status describe_numbers(cl_device_id id, clm_device *device)
{
    cl_device_type type = 0;
    cl_uint units = 0, lanes = 0, align_bits = 0;
    cl_ulong memory = 0, allocation = 0, local = 0, cache = 0;
    const struct {
        cl_device_info what;
        size_t size;
        void *to;
    } numbers[] = {{CL_DEVICE_TYPE, sizeof type, &type},
                   {CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units},
                   {CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof lanes, &lanes},
                   {CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof align_bits, &align_bits},
                   {CL_DEVICE_GLOBAL_MEM_SIZE, sizeof memory, &memory},
                   {CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof allocation, &allocation},
                   {CL_DEVICE_LOCAL_MEM_SIZE, sizeof local, &local},
                   {CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, sizeof cache, &cache},
                   {CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof(size_t), &device->max_work_group}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        CLM_CL(device, clGetDeviceInfo(id, numbers[i].what, numbers[i].size, numbers[i].to, NULL),
               "asking a device for property 0x%x", numbers[i].what);
    device->device_class = class_of(type);
    device->compute_units = units;
    device->vector_width = lanes < 1 ? 1 : lanes;
    device->base_align_bytes = align_bits < 8 ? 1 : align_bits / 8;
    device->memory_bytes = memory;
    device->max_allocation_bytes = allocation;
    device->local_bytes = local;
    device->cache_bytes = cache;
    device->timer_resolution_ns =
        (double)device_number(id, CL_DEVICE_PROFILING_TIMER_RESOLUTION, sizeof(size_t));
    device->unified_memory = device_number(id, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof(cl_bool)) != 0;
    return CLM_OK;
}

static clm_status describe(cl_platform_id platform, cl_device_id id, clm_device *device)
{
    *device = (clm_device){.platform_handle = platform, .device_handle = id};
    CLM_TRY(describe_texts(platform, id, device));
    CLM_TRY(describe_numbers(id, device));
    name_device(id, device);
    hash_key(id, device);
    clm_quirks_apply(device);
    return CLM_OK;
}

/* CLM_SKIP unless available and of OpenCL 1.2 or later (the version reads "OpenCL 1.2 ..."). */
static clm_status check_usable(const clm_device *device)
{
    int major = 0, minor = 0;
    if (sscanf(device->version, "OpenCL %d.%d", &major, &minor) != 2 || (major == 1 && minor < 2))
        return clm_skip("%s is of version \"%s\"", device->name, device->version);
    cl_bool available = CL_FALSE;
    CLM_CL(device,
           clGetDeviceInfo(device->device_handle, CL_DEVICE_AVAILABLE, sizeof available, &available,
                           NULL),
           "asking whether a device is available");
    return available ? CLM_OK : clm_skip("%s is not available", device->name);
}

static int compare_devices(const void *a, const void *b)
{
    const clm_device *x = a, *y = b;
    int order = strcmp(x->platform, y->platform);
    if (order == 0) order = strcmp(x->name, y->name);
    return order != 0 ? order : strcmp(x->id, y->id);
}

/* Devices of equal id: the second becomes id#2 and so on. */
static void number_equal_ids(clm_device *devices, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        size_t before = 0;
        for (size_t j = 0; j < i; j++)
            before += strcmp(devices[j].id, devices[i].id) == 0;
        if (before == 0) continue;
        const size_t length = strlen(devices[i].id);
        (void)snprintf(devices[i].id + length, sizeof devices[i].id - length, "#%zu", before + 1);
    }
}

enum { MOST_DEVICES = 256 };

/* Appends the platform's usable devices. */
static clm_status add_platform(clm_scope *scope, cl_platform_id platform, clm_device *devices,
                               size_t *count)
{
    cl_uint n = 0;
    const cl_int code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &n);
    if (code == CL_DEVICE_NOT_FOUND || (code == CL_SUCCESS && n == 0)) return CLM_OK;
    CLM_CL_CODE(NULL, "clGetDeviceIDs", code, "counting the devices of a platform");
    cl_device_id *ids = clm_alloc_array(scope, n, sizeof *ids);
    CLM_CL(NULL, clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, n, ids, NULL),
           "listing the %u devices of a platform", n);
    for (cl_uint i = 0; i < n && *count < MOST_DEVICES; i++) {
        clm_device *device = &devices[*count];
        CLM_TRY(describe(platform, ids[i], device));
        const clm_status status = check_usable(device);
        if (status == CLM_FAIL) return CLM_FAIL;
        if (status == CLM_OK) (*count)++;
    }
    return CLM_OK;
}

static clm_status no_device(cl_uint platforms)
{
    (void)clm_fail(
        CLM_ERROR_NO_DEVICE,
        "there is no OpenCL device of version 1.2 or later on this machine (%u platforms)",
        platforms);
    clm_error_advice(
        "install an OpenCL implementation: the package pocl-opencl-icd for CPUs, or the "
        "driver of your GPU; `clinfo -l` shows what the loader finds");
    return CLM_FAIL;
}

clm_status clm_devices(clm_scope *scope, const clm_device **devices, size_t *count)
{
    *devices = NULL;
    *count = 0;
    clm_loader_prepare(scope);
    cl_uint platform_count = 0;
    const cl_int code = clGetPlatformIDs(0, NULL, &platform_count);
    if (code == CL_PLATFORM_NOT_FOUND_KHR || (code == CL_SUCCESS && platform_count == 0))
        return no_device(0);
    CLM_CL_CODE(NULL, "clGetPlatformIDs", code, "counting OpenCL platforms");
    cl_platform_id *platforms = clm_alloc_array(scope, platform_count, sizeof *platforms);
    CLM_CL(NULL, clGetPlatformIDs(platform_count, platforms, NULL), "listing %u OpenCL platforms",
           platform_count);
    clm_device *found = clm_alloc_array(scope, MOST_DEVICES, sizeof *found);
    clm_status worst = CLM_OK;
    for (cl_uint i = 0; i < platform_count; i++)
        if (add_platform(scope, platforms[i], found, count) != CLM_OK) worst = CLM_FAIL;
    /* A platform that fails hides its own devices, not those of the others. */
    if (*count == 0) return worst == CLM_OK ? no_device(platform_count) : CLM_FAIL;
    qsort(found, *count, sizeof *found, compare_devices);
    number_equal_ids(found, *count);
    for (size_t i = 0; i < *count; i++)
        clm_probe_features(&found[i]);
    *devices = found;
    return CLM_OK;
}
