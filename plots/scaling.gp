# What an edge costs as the graph grows: nanoseconds of a training step (left, solid) and of inference
# (dotted), bytes of device memory (right) per edge, against the number of edges M of a generated
# graph. Cost that is linear in M is a level line; it steps up once where the graph leaves the caches.

load "style.gnuplot"

# Edges of a generated data set, written synthetic:edges=1e6,...
after(text, key) = text[strstrt(text, key) + strlen(key):*] . ","
field(text) = text[1:strstrt(text, ",") - 1]
edges(name) = strstrt(name, "edges=") ? field(after(name, "edges=")) + 0.0 : NaN

models = ""
stats "summary.csv" using (known(edges(strcol("data"))) ? (models = add_word(models, strcol("model")), 0) : 0) nooutput
if (words(models) == 0) { print "there is no sweep over the edges of a generated graph"; exit status 1 }
per_edge(model, name, unit) = strcol("model") eq model ? unit * column(name) / edges(strcol("data")) : NaN

do for [format in "png svg"] {
    eval(open_figure(format, "scaling", 900, 400))
    set datafile missing NaN
    set multiplot layout 1, 2 margins 0.08, 0.98, 0.24, 0.92 spacing 0.09, 0
    set logscale x 10
    set format x "10^{%L}"
    set xlabel "edges M"
    set yrange [0:*]
    set key at screen 0.5, 0.02 center bottom vertical maxrows 1 Left reverse
    set title "time per edge, ns"
    plot for [i = 1:words(models)] "summary.csv" using (edges(strcol("data"))):(per_edge(word(models, i), "train_step_ms", 1e6)) \
             smooth unique with linespoints pt 7 ps 1 lw 1.8 lc line_of(word(models, i)) title word(models, i) . ", training step", \
         for [i = 1:words(models)] "summary.csv" using (edges(strcol("data"))):(per_edge(word(models, i), "inference_ms", 1e6)) \
             smooth unique with linespoints pt 6 ps 0.8 lw 1.4 dt 3 lc line_of(word(models, i)) title word(models, i) . ", inference"
    unset key
    set title "device memory per edge, bytes"
    plot for [i = 1:words(models)] "summary.csv" using (edges(strcol("data"))):(per_edge(word(models, i), "device_bytes", 1)) \
             smooth unique with linespoints pt 7 ps 1 lw 1.8 lc line_of(word(models, i))
    unset multiplot
    unset output
}
