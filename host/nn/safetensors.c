#include "nn/safetensors.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static clm_status bad(const char *path, const char *why)
{
    clm_fail(CLM_ERROR_USAGE, "%s is not a safetensors file that can be read: %s", path, why);
    clm_error_advice("write it with safetensors.torch.save_file, tensors as float32 or int32");
    return CLM_FAIL;
}

static clm_status read_file(clm_scope *scope, const char *path, char **data, uint64_t *bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file) return clm_fail(CLM_ERROR_USAGE, "cannot open %s: %s", path, strerror(errno));
    clm_status status = CLM_OK;
    const bool sized = fseek(file, 0, SEEK_END) == 0;
    const long size = sized ? ftell(file) : -1;
    if (size < 8) {
        status = bad(path, "it is shorter than its header");
    } else {
        rewind(file);
        *bytes = (uint64_t)size;
        *data = clm_alloc(scope, (size_t)size + 1);
        if (fread(*data, 1, (size_t)size, file) != (size_t)size)
            status = bad(path, "it cannot be read to its end");
    }
    fclose(file);
    return status;
}

static clm_status read_tensor(const char *path, const char *name, const json_t *entry, char *data,
                              uint64_t bytes, clm_file_tensor *t)
{
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    const json_t *shape = json_object_get(entry, "shape"),
                 *offsets = json_object_get(entry, "data_offsets");
    *t = (clm_file_tensor){.name = name, .rank = (int)json_array_size(shape)};
    if (!type || !json_is_array(shape) || json_array_size(offsets) != 2)
        return bad(path, "an entry lacks dtype, shape or data_offsets");
    if (strcmp(type, "F32") != 0 && strcmp(type, "I32") != 0)
        return bad(path, "a tensor is neither F32 nor I32");
    if (t->rank > CLM_RANK) return bad(path, "a tensor has more than four dimensions");
    t->type = type[0] == 'F' ? CLM_F32 : CLM_I32;
    uint64_t expected = 4;
    for (int i = 0; i < t->rank; i++) {
        t->dim[i] = json_integer_value(json_array_get(shape, (size_t)i));
        if (t->dim[i] < 0 || (t->dim[i] > 0 && expected > UINT64_MAX / 2 / (uint64_t)t->dim[i]))
            return bad(path, "a shape is out of range");
        expected *= (uint64_t)t->dim[i];
    }
    const json_int_t begin = json_integer_value(json_array_get(offsets, 0)),
                     end = json_integer_value(json_array_get(offsets, 1));
    if (begin < 0 || end < begin || (uint64_t)end > bytes || (uint64_t)(end - begin) != expected ||
        begin % 4)
        return bad(path, "the offsets of a tensor disagree with its shape or the file's length");
    t->data = data + begin;
    return CLM_OK;
}

static void release(void *object) { json_decref(object); }

clm_status clm_safetensors_read(clm_scope *scope, const char *path, clm_safetensors *file)
{
    char *data = NULL;
    uint64_t bytes = 0, header;
    *file = (clm_safetensors){0};
    CLM_TRY(read_file(scope, path, &data, &bytes));
    memcpy(&header, data, 8);
    if (header > bytes - 8) return bad(path, "its header is longer than the file");
    json_error_t error;
    json_t *root = json_loadb(data + 8, header, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        json_decref(root);
        return bad(path, "its header is not a JSON object");
    }
    clm_scope_defer(scope, release, root);
    /* the data may start unaligned: give it a copy of its own */
    char *tensors = clm_alloc(scope, bytes - 8 - header + 4);
    memcpy(tensors, data + 8 + header, bytes - 8 - header);
    const char *name;
    json_t *entry;
    json_object_foreach(root, name, entry)
    {
        if (!strcmp(name, "__metadata__")) {
            file->metadata = entry;
            continue;
        }
        clm_file_tensor t;
        CLM_TRY(read_tensor(path, name, entry, tensors, bytes - 8 - header, &t));
        clm_safetensors_add(scope, file, t);
    }
    return CLM_OK;
}

const clm_file_tensor *clm_safetensors_find(const clm_safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++)
        if (!strcmp(file->tensor[i].name, name)) return &file->tensor[i];
    return NULL;
}

void clm_safetensors_add(clm_scope *scope, clm_safetensors *file, clm_file_tensor tensor)
{
    if (file->count == file->room) {
        file->room = file->room ? 2 * file->room : 64;
        clm_file_tensor *grown = clm_alloc_array(scope, file->room, sizeof *grown);
        if (file->count) memcpy(grown, file->tensor, file->count * sizeof *grown);
        file->tensor = grown;
    }
    file->tensor[file->count++] = tensor;
}

static uint64_t tensor_bytes(const clm_file_tensor *t)
{
    uint64_t bytes = 4;
    for (int i = 0; i < t->rank; i++)
        bytes *= (uint64_t)t->dim[i];
    return bytes;
}

static char *header_text(const clm_safetensors *file)
{
    json_t *root = json_object();
    if (file->metadata) json_object_set(root, "__metadata__", file->metadata);
    uint64_t offset = 0;
    for (size_t i = 0; i < file->count; i++) {
        const clm_file_tensor *t = &file->tensor[i];
        json_t *shape = json_array();
        for (int d = 0; d < t->rank; d++)
            json_array_append_new(shape, json_integer(t->dim[d]));
        const uint64_t end = offset + tensor_bytes(t);
        json_object_set_new(root, t->name,
                            json_pack("{s:s,s:o,s:[I,I]}", "dtype",
                                      t->type == CLM_F32 ? "F32" : "I32", "shape", shape,
                                      "data_offsets", (json_int_t)offset, (json_int_t)end));
        offset = end;
    }
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

static bool write_all(FILE *out, const clm_safetensors *file, const char *header)
{
    /* padded with blanks, so that the data starts at a multiple of 8 */
    const uint64_t length = (strlen(header) + 7) / 8 * 8;
    bool good =
        fwrite(&length, 8, 1, out) == 1 && fprintf(out, "%-*s", (int)length, header) == (int)length;
    for (size_t i = 0; i < file->count && good; i++) {
        const uint64_t bytes = tensor_bytes(&file->tensor[i]);
        good = fwrite(file->tensor[i].data, 1, bytes, out) == bytes;
    }
    return good && fflush(out) == 0 && fsync(fileno(out)) == 0;
}

static clm_status fail_writing(const char *path, clm_error_kind kind, int code)
{
    clm_fail(kind, "%s cannot be written: %s", path, strerror(code));
    clm_error_advice(code == ENOSPC
                         ? "free some space, or name a file on another disk"
                         : "name a file in a folder that there is and that you may write");
    return CLM_FAIL;
}

clm_status clm_safetensors_write(clm_scope *scope, const char *path, const clm_safetensors *file)
{
    const char *temporary = clm_text(scope, "%s.part", path);
    FILE *out = fopen(temporary, "wb");
    if (!out) return fail_writing(path, CLM_ERROR_USAGE, errno);
    char *header = header_text(file);
    bool good = write_all(out, file, header);
    const int code = errno;
    free(header);
    good = fclose(out) == 0 && good;
    if (good && rename(temporary, path) == 0) return CLM_OK;
    remove(temporary);
    return fail_writing(path, CLM_ERROR_FAILED, code);
}
