# What an edge costs as the graph grows: nanoseconds of a training step (left, solid) and of inference
# (dotted), bytes of device memory (right) per edge, against the number of edges M of a generated
# graph. Cost that is linear in M is a level line; it steps up once where the graph leaves the caches.

load "style.gnuplot"

# Graphs that differ in size alone.
is_generated(x) = strstrt(strcol("data"), "edges=") > 0

models = ""
stats "summary.csv" using (is_generated(0) ? (models = add_word(models, strcol("model")), 0) : 0) nooutput
if (words(models) == 0) { print "there is no sweep over the edges of a generated graph"; exit status 1 }
per_edge(model, name, unit) = is_generated(0) && strcol("model") eq model ? unit * column(name) / column("graph_edges") : NaN

do for [format in "png svg"] {
    eval(open_figure(format, "scaling", 900, 400))
    set datafile missing NaN
    set multiplot layout 1, 2 margins 0.06, 0.98, 0.16, 0.9 spacing 0.08, 0
    set logscale x 10
    set format x "10^{%L}"
    set xlabel "edges M"
    set yrange [0:*]
    set offsets 0, 0, graph 0.4, 0
    set key top right Left reverse
    set title "time per edge, ns"
    plot for [i = 1:words(models)] "summary.csv" using "graph_edges":(per_edge(word(models, i), "train_step_ms", 1e6)) \
             smooth unique with linespoints pt 7 ps 1 lw 1.8 lc line_of(word(models, i)) title word(models, i) . ", training step", \
         for [i = 1:words(models)] "summary.csv" using "graph_edges":(per_edge(word(models, i), "inference_ms", 1e6)) \
             smooth unique with linespoints pt 6 ps 0.8 lw 1.4 dt 3 lc line_of(word(models, i)) title word(models, i) . ", inference"
    set title "device memory per edge, bytes"
    plot for [i = 1:words(models)] "summary.csv" using "graph_edges":(per_edge(word(models, i), "device_bytes", 1)) \
             smooth unique with linespoints pt 7 ps 1 lw 1.8 lc line_of(word(models, i)) title word(models, i)
    unset multiplot
    unset output
}
