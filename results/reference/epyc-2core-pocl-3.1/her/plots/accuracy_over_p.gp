# Test score of SharedMoE against the rate p at which node types are masked, one panel per data set,
# with the baselines as lines and the published points beside. Bars are standard errors over seeds.

load "style.gnuplot"

set datafile missing NaN # rows that are left out do not break lines

data = ""
stats "summary.csv" using (data = add_word(data, strcol("data")), 0) nooutput
panels = words(data)
baselines = "hgt separated_moe dense_ffn features"

# Rows of the sweep over p alone, and of a baseline.
swept(d) = strcol("data") eq d && strcol("label") eq "shared_moe p=" . strcol("p")
is_row(d, label) = strcol("data") eq d && strcol("label") eq label

swept_rows = 0
do for [d in data] { stats "summary.csv" using (swept(d) ? (swept_rows = swept_rows + 1, 0) : 0) nooutput }
if (swept_rows == 0) { print "there is no sweep over p alone"; exit status 1 }

# A column where the row is one of the sweep; errors of a single seed are unknown and drawn as none.
of_sweep(d, name) = swept(d) ? column(name) : NaN
error(d, name) = swept(d) && known(column(name)) ? column(name) : 0

metric = "score"
stats "summary.csv" using (strcol("metric") ne "none" ? (metric = strcol("metric"), 0) : 0) nooutput
any_published = 0
stats "summary.csv" using (known(column("published")) ? (any_published = 1, 0) : 0) nooutput

array level[4]
array published_level[4]
width = panels > 1 ? 60 + 380 * panels : 720
height = panels > 1 ? 460 : 500
key_rows = panels > 1 ? 2 : 3

do for [format in "png svg"] {
    eval(open_figure(format, "accuracy_over_p", width, height))
    set multiplot layout 1, panels margins 92.0 / width, 1 - 15.0 / width, (key_rows == 2 ? 0.29 : 0.31), 0.92 spacing 68.0 / width, 0
    do for [i = 1:panels] {
        d = word(data, i)
        do for [b = 1:4] {
            level[b] = NaN
            published_level[b] = NaN
            stats "summary.csv" using (is_row(d, word(baselines, b)) ? (level[b] = column("test"), published_level[b] = column("published"), 0) : 0) nooutput
        }
        set title d
        set xlabel "masking rate p"
        set xrange [-0.04:1.04]
        set xtics 0.2
        set ylabel (i == 1 ? axis_of("test", metric) : "")
        set format y "%g"
        set offsets 0, 0, 0.008, 0.008
        if (i == 1) { set key at screen 0.5, 0.015 center bottom vertical maxrows key_rows Left reverse } else { unset key }
        plot for [b = 1:4] level[b] with lines lw 1.5 dt b+1 lc b+2 title (known(level[b]) ? word(baselines, b) : ""), \
             published_level[1] with lines lw 1 dt 2 lc 2 title (known(published_level[1]) ? "hgt, published" : ""), \
             "summary.csv" using (of_sweep(d, "p")):(of_sweep(d, "test")) smooth unique with lines lw 2 lc 1 notitle, \
             "" using (of_sweep(d, "p")):(of_sweep(d, "test")):(error(d, "test_se")) with yerrorbars pt 7 ps 1 lw 1.5 lc 1 title "shared_moe", \
             "" using (of_sweep(d, "p") + 0.012):(of_sweep(d, "published")):(error(d, "published_se")) with yerrorbars pt 6 ps 1.1 lw 1.3 lc 2 title (any_published ? "shared_moe, published" : "")
    }
    unset multiplot
    unset output
}
