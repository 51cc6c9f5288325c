# Validation score against the seconds of training, one panel per data set: what accuracy costs.
# Building programs and preparing data is not counted. Of a sweep over p only 0, 0.3 and 1 are shown.

load "style.gnuplot"

data = ""
stats "curve.csv" using (data = add_word(data, strcol("data")), 0) nooutput
panels = words(data)

# Numbers of the rows that are shown, by data set, and their labels.
is_shown(label) = words(label) == 1 || (words(label) == 2 && strstrt(" p=0 p=0.3 p=1 ", " " . word(label, 2) . " ") > 0)
rows = ""
stats "curve.csv" using (is_shown(strcol("label")) ? (rows = add_word(rows, strcol("row")), 0) : 0) nooutput
if (words(rows) == 0) { print "there is no curve of training"; exit status 1 }
stats "curve.csv" using "row" nooutput
array label[int(STATS_max)]
array set_of[int(STATS_max)]
stats "curve.csv" using (r = int(column("row")), label[r] = strcol("label"), set_of[r] = strcol("data"), 0) nooutput
rows_on(d) = (chosen = "", sum [k = 1:words(rows)] (set_of[int(word(rows, k))] eq d ? (chosen = add_word(chosen, word(rows, k)), 0) : 0), chosen)

# Logarithmic: the start of training at 0 seconds is left out.
seconds(r) = column("row") == r && column("training_seconds") > 0 ? column("training_seconds") : NaN
score(r) = column("row") == r ? column("val") : NaN

width = panels > 1 ? 60 + 380 * panels : 720
height = panels > 1 ? 460 : 500
key_rows = panels > 1 ? 2 : 3

do for [format in "png svg"] {
    eval(open_figure(format, "accuracy_over_time", width, height))
    set multiplot layout 1, panels margins 92.0 / width, 1 - 15.0 / width, (key_rows == 2 ? 0.29 : 0.31), 0.92 spacing 68.0 / width, 0
    before = ""
    do for [i = 1:panels] {
        metric = "score"
        stats "curve.csv" using (strcol("data") eq word(data, i) ? (metric = strcol("metric"), 0) : 0) nooutput
        set title word(data, i)
        set xlabel "seconds of training"
        set logscale x
        set format x "%g"
        set ylabel (metric eq before ? "" : axis_of("val", metric))
        before = metric
        set format y "%g"
        if (i == 1) { set key at screen 0.5, 0.015 center bottom vertical maxrows key_rows Left reverse } else { unset key }
        plot for [r in rows_on(word(data, i))] "curve.csv" using (seconds(r + 0)):(score(r + 0)) \
             smooth unique with lines lw 1.7 lc line_of(label[r + 0]) title label[r + 0]
    }
    unset multiplot
    unset output
}
