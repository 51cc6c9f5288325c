/* Figures: gnuplot scripts of plots/ run on a run's tables. */
#ifndef CLM_REPORT_FIGURES_H
#define CLM_REPORT_FIGURES_H

#include "base/scope.h"
#include "base/status.h"

/* Copies plots/<figure>.gp and what it loads into `folder`, where the tables are, and runs gnuplot
 * there, which leaves <figure>.png and <figure>.svg. `drawn` counts the figures that were. Without
 * gnuplot nothing is drawn, script and data stay, and standard error says so; a script that fails
 * is named with gnuplot's message, and the others go on. Fails when a file cannot be written. */
clm_status clm_figures_draw(clm_scope *scope, const char *folder, const char *const *figure,
                            size_t count, size_t *drawn);

#endif
