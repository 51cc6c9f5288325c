# Writes OUT, which says from which commit the program is built; only when that has changed.
execute_process(COMMAND git rev-parse HEAD WORKING_DIRECTORY "${SOURCE}" OUTPUT_VARIABLE commit
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
set(dirty -1)
if(failed)
  set(commit "")
else()
  execute_process(COMMAND git status --porcelain --untracked-files=no WORKING_DIRECTORY "${SOURCE}"
                  OUTPUT_VARIABLE changes ERROR_QUIET)
  string(COMPARE NOTEQUAL "${changes}" "" dirty)
  if(dirty)
    set(dirty 1)
  else()
    set(dirty 0)
  endif()
endif()
file(CONFIGURE OUTPUT "${OUT}" CONTENT "extern const char clm_commit[];
extern const int clm_commit_dirty;
const char clm_commit[] = \"${commit}\";
const int clm_commit_dirty = ${dirty};
")
