# What the build collects by looking, so that adding a kernel, operator, model, format or command is
# adding its file: the embedded kernel sources and the lists of everything of a kind.

# Random123's Philox as plain OpenCL C without includes. The C preprocessor suffices; its functions
# become static, because OpenCL C's plain `inline` leaves no definition where nothing is inlined; and
# are not forced inline, because Oclgrind without its optimiser fails on what inlining leaves behind.
function(clm_flatten_philox out)
  file(WRITE "${out}.in.c" "#include <Random123/philox.h>\n")
  execute_process(
    COMMAND "${CMAKE_C_COMPILER}" -E -P -undef -nostdinc -D__OPENCL_VERSION__=120
            "-I${RANDOM123_INCLUDE}" "${out}.in.c"
    OUTPUT_VARIABLE flat RESULT_VARIABLE failed ERROR_VARIABLE why)
  if(failed)
    message(FATAL_ERROR "cannot flatten Random123/philox.h for OpenCL C: ${why}")
  endif()
  string(REGEX REPLACE "(^|[ \n])inline " "\\1static inline " flat "${flat}")
  string(REPLACE "__attribute__((always_inline))" "" flat "${flat}")
  file(CONFIGURE OUTPUT "${out}" CONTENT "${flat}" @ONLY)
endfunction()

# C files that embed Philox, every cl/<name>.clh and every cl/<op>/<name>.cl as `clm_source_<name>`, the
# last behind the .clh of its folder whose names begin its own: what the files of one operator, or
# kind, share.
function(clm_embed_kernels folder files)
  clm_flatten_philox("${folder}/philox.clh")
  file(GLOB kernels CONFIGURE_DEPENDS cl/*.clh cl/*/*.cl)
  file(GLOB heads CONFIGURE_DEPENDS cl/*/*.clh)
  set(sources "${folder}/philox.clh" ${kernels})
  set(made)
  foreach(path IN LISTS sources)
    get_filename_component(name "${path}" NAME_WE)
    get_filename_component(op "${path}" DIRECTORY)
    get_filename_component(op "${op}" NAME)
    set(text "")
    foreach(head IN LISTS heads)
      get_filename_component(stem "${head}" NAME_WE)
      if(head STREQUAL "${PROJECT_SOURCE_DIR}/cl/${op}/${stem}.clh" AND name MATCHES "^${stem}")
        set(more [[".ascii \"#line 1 \\\"cl/@op@/@stem@.clh\\\"\\n\"\n.incbin \"@head@\"\n"
        ]])
        string(CONFIGURE "${more}" more @ONLY)
        string(APPEND text "${more}")
      endif()
    endforeach()
    if(text)
      set(more [[".ascii \"\\n#line 1 \\\"cl/@op@/@name@.cl\\\"\\n\"\n"]])
      string(CONFIGURE "${more}" more @ONLY)
      string(APPEND text "${more}")
    endif()
    set(out "${folder}/source_${name}.c")
    file(CONFIGURE OUTPUT "${out}" @ONLY CONTENT [[
#include "ocl/ocl.h"

extern const char clm_source_text_@name@[];
__asm__(".pushsection .rodata\nclm_source_text_@name@:\n"
        @text@
        ".incbin \"@path@\"\n.byte 0\n.popsection\n");
extern const clm_source clm_source_@name@;
const clm_source clm_source_@name@ = {"@name@", clm_source_text_@name@};
]])
    set_source_files_properties("${out}" PROPERTIES OBJECT_DEPENDS "${path};${heads}")
    list(APPEND made "${out}")
  endforeach()
  set(${files} "${made}" PARENT_SCOPE)
endfunction()

# A C file that defines `list`, an array of `type` that ends with null, with one entry for each file
# that fits `glob`; in `declaration` and `entry`, @ is the name that `regex` finds in the file's path.
# Nothing while the header of the type does not exist.
function(clm_registry folder header list type declaration entry glob regex files)
  set(${files} "" PARENT_SCOPE)
  if(NOT EXISTS "${PROJECT_SOURCE_DIR}/host/${header}")
    return()
  endif()
  file(GLOB paths CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/${glob}")
  set(declarations "")
  set(entries "")
  foreach(path IN LISTS paths)
    if(NOT path MATCHES "^${regex}$")
      continue()
    endif()
    set(name "${CMAKE_MATCH_1}")
    if(path MATCHES "^cl/" AND NOT path STREQUAL "cl/${name}/${name}.c")
      continue()
    endif()
    string(REPLACE "@" "${name}" declared "${declaration}")
    string(REPLACE "@" "${name}" entered "${entry}")
    string(APPEND declarations "extern ${declared};\n")
    string(APPEND entries "    ${entered},\n")
  endforeach()
  set(text "#include \"${header}\"\n\n#include <stddef.h>\n\n${declarations}\n")
  string(APPEND text "extern ${type} ${list}[];\n${type} ${list}[] = {\n${entries}    NULL,\n};\n")
  file(CONFIGURE OUTPUT "${folder}/${list}.c" CONTENT "${text}")
  set(${files} "${folder}/${list}.c" PARENT_SCOPE)
endfunction()
