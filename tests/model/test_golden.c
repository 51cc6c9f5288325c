/* Golden tensors of CLMOE_GOLDEN, and that the check itself can fail. */
#include "unit.h"

#include "base/text.h"
#include "model/golden.h"
#include "nn/safetensors.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const clm_device *device(clm_scope *scope)
{
    const clm_device *devices;
    size_t count;
    return clm_devices_select(scope, NULL, &devices, &count) == CLM_OK ? devices : NULL;
}

static void golden_tensors_agree(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const char *folder = getenv("CLMOE_GOLDEN");
    const clm_device *d = device(&scope);
    if (!folder || !d) {
        print_message("%s\n", folder ? "no OpenCL device"
                                     : "CLMOE_GOLDEN names no folder of golden tensors");
        clm_scope_end(&scope);
        skip();
    }
    assert_int_equal(clm_golden_check(&scope, d, folder), 0);
    clm_scope_end(&scope);
}

/* Property: one wrong number in a file is found. */
static void a_wrong_tensor_is_found(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_device *d = device(&scope);
    if (!d) {
        clm_scope_end(&scope);
        skip();
    }
    enum { N = 3, D = 4 };
    float x[N * D] = {1, 2, 3, 4, 0, 0, 0, 1, -1, 5, 2, 2}, w[D] = {1, 1, 1, 1}, b[D] = {0},
                dy[N * D] = {1}, y[N * D] = {0};
    clm_safetensors file = {
        .metadata = json_pack("{s:s}", "about", "{\"what\": \"layer norm over D, eps 1e-5\"}")};
    const struct {
        const char *name;
        float *data;
        int rank;
    } tensor[] = {{"in.x", x, 2},
                  {"in.cotangent", dy, 2},
                  {"param.w", w, 1},
                  {"param.b", b, 1},
                  {"out.y", y, 2}};
    for (size_t i = 0; i < sizeof tensor / sizeof *tensor; i++)
        clm_safetensors_add(&scope, &file,
                            (clm_file_tensor){.name = tensor[i].name,
                                              .rank = tensor[i].rank,
                                              .data = tensor[i].data,
                                              .dim = {tensor[i].rank == 2 ? N : D, D}});
    char folder[] = "/tmp/clmoe-test-golden-XXXXXX";
    assert_non_null(mkdtemp(folder));
    const char *path = clm_text(&scope, "%s/wrong.safetensors", folder);
    assert_ok(clm_safetensors_write(&scope, path, &file));
    assert_int_equal(clm_golden_check(&scope, d, folder), 4);
    unlink(path);
    rmdir(folder);
    json_decref(file.metadata);
    clm_scope_end(&scope);
}

/* Property: a file cut anywhere is refused with its name, never read past its end. */
static void cut_files_are_refused(void **state)
{
    (void)state;
    clm_scope scope = {0};
    float x[6] = {1, 2, 3, 4, 5, 6};
    clm_safetensors file = {0}, back;
    clm_safetensors_add(&scope, &file,
                        (clm_file_tensor){.name = "x", .rank = 2, .dim = {2, 3}, .data = x});
    char path[] = "/tmp/clmoe-test-cut-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_ok(clm_safetensors_write(&scope, path, &file));
    assert_ok(clm_safetensors_read(&scope, path, &back));
    assert_memory_equal(clm_safetensors_find(&back, "x")->data, x, sizeof x);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char whole[512];
    const size_t size = fread(whole, 1, sizeof whole, f);
    fclose(f);
    for (size_t n = 0; n < size; n++) {
        assert_int_equal(truncate(path, (off_t)size), 0);
        f = fopen(path, "wb");
        assert_non_null(f);
        fwrite(whole, 1, n, f);
        fclose(f);
        assert_int_equal(clm_safetensors_read(&scope, path, &back), CLM_FAIL);
        assert_non_null(strstr(clm_error_last()->what, path));
    }
    unlink(path);
    clm_scope_end(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden_tensors_agree),
                                       cmocka_unit_test(a_wrong_tensor_is_found),
                                       cmocka_unit_test(cut_files_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
