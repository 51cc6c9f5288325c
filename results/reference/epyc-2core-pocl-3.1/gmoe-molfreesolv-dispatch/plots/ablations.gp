# The rows of each group beside their published scores: one panel for each group and data set. Full
# points are from here, hollow ones published. Bars are standard errors, over seeds and over the paper's
# runs. The title says whether rows are ranked as published.

load "style.gnuplot"

panels = 0
if (int(system("cat ablations.csv 2>/dev/null | wc -l")) > 1) { stats "ablations.csv" using "ablation" nooutput; panels = int(STATS_max) }
if (panels == 0) { print "no group of the suite has two rows here"; exit status 1 }

# Of each panel: what it shows, its first line, the number of lines and the range of its scores.
array title_of[panels]
array group_of[panels]
array least[panels]
array most[panels]
array axis_name[panels]
array first[panels]
array count[panels]
longest = 0
any_published = 0
do for [i = 1:panels] { count[i] = 0; axis_name[i] = "score"; least[i] = NaN; most[i] = NaN }
bar(name) = known(column(name)) ? column(name) : 0
widen(i, x, bar) = known(x) ? (least[i] = known(least[i]) && least[i] < x - bar ? least[i] : x - bar, most[i] = known(most[i]) && most[i] > x + bar ? most[i] : x + bar, 0) : 0
order(pairs, kept) = pairs == 0 ? "" : kept == pairs ? "\norder as published" : sprintf("\norder as published in %d of %d pairs", kept, pairs)
stats "ablations.csv" using (i = int(column("ablation")), count[i] = count[i] + 1, first[i] = count[i] == 1 ? column(0) : first[i], \
    group_of[i] = strcol("group"), widen(i, column("score"), bar("score_se")), widen(i, column("published"), bar("published_se")), \
    title_of[i] = strcol("group") . " on " . strcol("data") . order(column("pairs"), column("kept")), \
    strcol("metric") ne "none" ? (axis_name[i] = axis_of(strcol("compared"), strcol("metric")), 0) : 0, \
    longest = strlen(strcol("label")) > longest ? strlen(strcol("label")) : longest, \
    any_published = any_published + known(column("published")), 0) nooutput

# A panel's rows from above, ours a little above the published one.
place(i) = column("ablation") == i ? count[i] - (column(0) - first[i]) : NaN
of(i, name) = column("ablation") == i ? column(name) : NaN
ours(i) = place(i) + (any_published ? 0.13 : 0)

# Few round tics: a step of 1, 2 or 5 times a power of ten.
round_up(m) = m <= 1 ? 1 : m <= 2 ? 2 : m <= 5 ? 5 : 10
step_of(range) = range > 0 ? 10**floor(log10(range / 4)) * round_up(range / 4 / 10**floor(log10(range / 4))) : 0.1

# Where each panel is: every group starts a line of its own. Then pixels.
most_columns = 3
array column_of[panels]
array line_of_panel[panels]
columns = 0
lines = 0
do for [i = 1:panels] {
    same = i > 1 ? (group_of[i] eq group_of[i - 1] && column_of[i - 1] < most_columns) : 0
    column_of[i] = same ? column_of[i - 1] + 1 : 1
    lines = lines + (same ? 0 : 1)
    line_of_panel[i] = lines
    columns = column_of[i] > columns ? column_of[i] : columns
}

left = 48.0 + 7.9 * longest
row = 28
panel = 280.0
width = columns * (left + panel + 15) + 10
array top[lines]
height = 10.0
do for [l = 1:lines] {
    rows = 0
    do for [i = 1:panels] { rows = line_of_panel[i] == l && count[i] > rows ? count[i] : rows }
    top[l] = height + 42
    height = top[l] + row * rows + 70
}
height = height + 25

do for [format in "png svg"] {
    eval(open_figure(format, "ablations", width, height))
    set multiplot
    do for [i = 1:panels] {
        l = line_of_panel[i]
        x = (column_of[i] - 1) * (left + panel + 15) + left
        set lmargin at screen x / width
        set rmargin at screen (x + panel) / width
        set tmargin at screen 1 - top[l] / height
        set bmargin at screen 1 - (top[l] + row * count[i]) / height
        set title title_of[i] offset 0, -0.3
        set xlabel axis_name[i]
        set format x "%g"
        set xtics step_of(most[i] - least[i])
        set offsets graph 0.06, graph 0.06, 0, 0
        set yrange [0.4:count[i] + 0.6]
        names = ""
        stats "ablations.csv" using (column("ablation") == i ? (names = names . (names eq "" ? "" : ", ") . sprintf('"%s" %d', strcol("label"), place(i)), 0) : 0) nooutput
        eval("set ytics (" . names . ") noenhanced")
        if (i == 1) { set key at screen 0.5, 4.0 / height center bottom vertical maxrows 1 Left reverse } else { unset key }
        plot "ablations.csv" using (of(i, "score")):(ours(i)):(bar("score_se")) with xerrorbars pt 7 ps 1 lw 1.5 lc 1 title "here", \
             "" using (of(i, "published")):(place(i) - 0.13):(bar("published_se")) with xerrorbars pt 6 ps 1.1 lw 1.3 lc 2 title (any_published ? "published" : "")
    }
    unset multiplot
    unset output
}
