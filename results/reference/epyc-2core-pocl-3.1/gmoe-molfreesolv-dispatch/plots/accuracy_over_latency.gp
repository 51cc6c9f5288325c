# Accuracy against latency of the rows in the group "dispatch", one column per data set: above the time
# of a training step, below that of inference. Full points run every expert on every node, hollow ones of
# the same colour only those that a node is routed to. Bars are standard errors over seeds.

load "style.gnuplot"

shown(x) = strcol("group") eq "dispatch" && known(column("score")) && known(column("train_step_ms")) && known(column("inference_ms"))
panels = ""
rows = ""
if (int(system("cat ablations.csv 2>/dev/null | wc -l")) > 1) {
    stats "ablations.csv" using (shown(0) ? (panels = add_word(panels, strcol("ablation")), 0) : 0) nooutput
}
columns = words(panels)
if (columns == 0) { print "no row of a group dispatch has a score and times"; exit status 1 }

# Labels as they are, but for the word that tells routed from dense and what stands in brackets.
is_sparse(label) = strstrt(label, " sparse") > 0
without(text, word) = (at = strstrt(text, word), at > 0 ? text[1:at - 1] . text[at + strlen(word):*] : text)
upto(text, word) = (at = strstrt(text, word), at > 0 ? text[1:at - 1] : text)
base(label) = upto(without(label, " sparse"), " (")
array name[32]
names = 0
found(text) = (hit = 0, sum [k = 1:names] (name[k] eq text ? (hit = k, 0) : 0), hit)
stats "ablations.csv" using (shown(0) && found(base(strcol("label"))) == 0 ? (names = names + 1, name[names] = base(strcol("label")), 0) : 0) nooutput

any_sparse = 0
stats "ablations.csv" using (any_sparse = any_sparse + (shown(0) && is_sparse(strcol("label"))), 0) nooutput

array data_of[columns]
array axis_name[columns]
do for [c = 1:columns] {
    stats "ablations.csv" using (strcol("ablation") eq word(panels, c) ? (data_of[c] = strcol("data"), known(column("score")) ? (axis_name[c] = axis_of(strcol("compared"), strcol("metric")), 0) : 0, 0) : 0) nooutput
}
of(c, k, sparse, what) = strcol("ablation") eq word(panels, c) && shown(0) && base(strcol("label")) eq name[k] && is_sparse(strcol("label")) == sparse ? column(what) : NaN
bar(x) = known(column("score_se")) ? column("score_se") : 0

width = columns > 1 ? 80 + 400.0 * columns : 640
height = 660 + 20.0 * ((names + 1) / 2)
bottom = (95.0 + 20 * ((names + 1) / 2)) / height

do for [format in "png svg"] {
    eval(open_figure(format, "accuracy_over_latency", width, height))
    set multiplot layout 2, columns columnsfirst margins 85.0 / width, 1 - 20.0 / width, bottom, 1 - 40 / height spacing 85.0 / width, 75 / height
    do for [c = 1:columns] {
        do for [time in "train_step_ms inference_ms"] {
            above = time eq "train_step_ms"
            set title (above ? data_of[c] : "")
            set xlabel (above ? "training step, ms" : "inference, ms")
            set xrange [0:*]
            set format x "%g"
            set xtics autofreq
            set ylabel axis_name[c]
            set format y "%g"
            set offsets 0, graph 0.08, graph 0.08, graph 0.08
            if (c == 1 && above) { set key at screen 0.5, 4.0 / height center bottom vertical maxrows (names + 1) / 2 + 1 Left reverse } else { unset key }
            plot for [k = 1:names] "ablations.csv" using (of(c, k, 0, time)):(of(c, k, 0, "score")):(bar(0)) with yerrorbars pt 7 ps 1.3 lw 1.4 lc k title name[k], \
                 for [k = 1:names] "" using (of(c, k, 1, time)):(of(c, k, 1, "score")):(bar(0)) with yerrorbars pt 6 ps 1.3 lw 1.4 lc k notitle, \
                 NaN with points pt 6 ps 1.3 lw 1.4 lc 7 title (any_sparse ? "only routed experts run" : "")
        }
    }
    unset multiplot
    unset output
}
