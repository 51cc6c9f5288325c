# What more experts cost and bring: test score (above) and time (below) against the number of experts E,
# one line per number of experts per node K, one column per data set and masking rate p. hgt, the same
# model without a mixture, is the dashed line. Time: solid the training step, dotted inference.

load "style.gnuplot"

# Rows of a sweep over the number of experts.
swept(x) = strstrt(strcol("label"), "experts=") > 0
panels = ""
tops = ""
stats "summary.csv" using (swept(0) ? (panels = add_word(panels, strcol("data") . "|" . strcol("p")), tops = add_word(tops, strcol("top_k")), 0) : 0) nooutput
columns = words(panels)
if (columns == 0) { print "there is no sweep over the number of experts"; exit status 1 }
metric = "score"
stats "summary.csv" using (strcol("metric") ne "none" ? (metric = strcol("metric"), 0) : 0) nooutput
data_of(panel) = panel[1:strstrt(panel, "|") - 1]
p_of(panel) = panel[strstrt(panel, "|") + 1:*]

of(panel, k, name) = swept(0) && strcol("data") . "|" . strcol("p") eq panel && strcol("top_k") eq k ? column(name) : NaN
is_hgt(panel) = strcol("data") eq data_of(panel) && strcol("label") eq "hgt"

width = columns > 1 ? 80 + 420 * columns : 640
colour_of(n) = word("1 2 3 5 4 6 7 8", n) + 0

do for [format in "png svg"] {
    eval(open_figure(format, "experts_and_top_k", width, 720))
    set multiplot layout 2, columns columnsfirst margins 92.0 / width, 1 - 15.0 / width, 0.15, 0.95 spacing 68.0 / width, 0.06
    do for [i = 1:columns] {
        panel = word(panels, i)
        unset datafile missing
        hgt_score = NaN; hgt_step = NaN; hgt_inference = NaN
        stats "summary.csv" using (is_hgt(panel) ? (hgt_score = column("test"), hgt_step = column("train_step_ms"), hgt_inference = column("inference_ms"), 0) : 0) nooutput
        set datafile missing NaN # lines go on past the rows of others
        set logscale x 2
        set xtics 2
        set offsets graph 0.04, graph 0.04, 0, 0
        set title data_of(panel) . ", p = " . p_of(panel)
        unset xlabel
        set format x ""
        set ylabel (i == 1 ? axis_of("test", metric) : "")
        set format y "%g"
        unset logscale y
        if (i == 1) { set key at screen 0.5, 0.015 center bottom vertical maxrows 1 Left reverse } else { unset key }
        plot for [n = 1:words(tops)] "summary.csv" using (of(panel, word(tops, n), "experts")):(of(panel, word(tops, n), "test")) \
                 smooth unique with linespoints pt 7 ps 1 lw 1.8 lc colour_of(n) title "K = " . word(tops, n), \
             hgt_score with lines lw 1.4 dt 2 lc 8 title "hgt"
        set title ""
        unset key
        set xlabel "experts E"
        set format x "%g"
        set ylabel (i == 1 ? "ms: step (solid), inference (dotted)" : "")
        set format y "%g"
        set logscale y
        plot for [n = 1:words(tops)] "summary.csv" using (of(panel, word(tops, n), "experts")):(of(panel, word(tops, n), "train_step_ms")) \
                 smooth unique with linespoints pt 7 ps 1 lw 1.8 lc colour_of(n), \
             for [n = 1:words(tops)] "summary.csv" using (of(panel, word(tops, n), "experts")):(of(panel, word(tops, n), "inference_ms")) \
                 smooth unique with linespoints pt 6 ps 0.8 lw 1.4 dt 3 lc colour_of(n), \
             hgt_step with lines lw 1.4 dt 2 lc 8, hgt_inference with lines lw 1.2 dt 3 lc 8
    }
    unset multiplot
    unset output
}
