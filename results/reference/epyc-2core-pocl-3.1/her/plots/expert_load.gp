# Share of each node type's routed pairs that each expert takes: one map per mixture (rows) and data
# set (columns). Even use of E experts is 1 / E everywhere; what one expert takes alone is dark.
# Mixtures of one expert, and settings beside the sweep over p, are left out.

load "style.gnuplot"

is_shown(label) = words(label) <= 2 && label ne "dense_ffn"
data = ""
rows = ""
stats "load.csv" using (is_shown(strcol("label")) ? (data = add_word(data, strcol("data")), rows = add_word(rows, strcol("row")), 0) : 0) nooutput
if (words(rows) == 0) { print "there is no mixture of experts"; exit status 1 }
stats "load.csv" using "row" nooutput
array label[int(STATS_max)]
array set_of[int(STATS_max)]
stats "load.csv" using (r = int(column("row")), label[r] = strcol("label"), set_of[r] = strcol("data"), 0) nooutput
stats "load.csv" using (is_shown(strcol("label")) ? column("share") : NaN) nooutput
most = STATS_max

# Row number of the k-th mixture on a data set, 0 when there are fewer.
rows_on(d) = (chosen = "", sum [k = 1:words(rows)] (set_of[int(word(rows, k))] eq d ? (chosen = add_word(chosen, word(rows, k)), 0) : 0), chosen)
columns = words(data)
lines = 1
do for [d in data] { if (words(rows_on(d)) > lines) { lines = words(rows_on(d)) } }

of_row(r, name) = column("row") == r ? column(name) : NaN

# Pixels: left edge of a column of maps, its width, and the colour scale to the right of the last.
left(c) = 90.0 + 405 * (c - 1)
map_width = 315.0
width = left(columns) + map_width + 120
height = 90 + 130 * lines
set palette defined (0 "#f7fbff", 0.25 "#c6dbef", 0.5 "#6baed6", 0.75 "#2171b5", 1 "#08306b")
set cbrange [0:most]
set cblabel "share of the type's routed pairs" offset 1, 0
set format cb "%.2f"
unset grid
set border 0

do for [format in "png svg"] {
    eval(open_figure(format, "expert_load", width, height))
    set multiplot
    do for [c = 1:columns] {
        chosen_rows = rows_on(word(data, c))
        do for [k = 1:words(chosen_rows)] {
            r = int(word(chosen_rows, k))
            set lmargin at screen left(c) / width
            set rmargin at screen (left(c) + map_width) / width
            set tmargin at screen 1 - (34.0 + 130 * (k - 1)) / height
            set bmargin at screen 1 - (34.0 + 130 * (k - 1) + 74) / height
            set title label[r] . " on " . word(data, c) offset 0, -0.6 font "DejaVu Sans Bold,10"
            set xlabel (k == words(chosen_rows) ? "expert" : "")
            stats "load.csv" using (column("row") == r ? column("expert") : NaN) nooutput
            set xrange [-0.5:STATS_max + 0.5]
            set yrange [*:*] reverse
            unset key
            tics = ""
            stats "load.csv" using (column("row") == r && column("expert") == 0 ? (tics = tics . (tics eq "" ? "" : ", ") . sprintf("'%s' %d", strcol("type"), int(column("type_number"))), 0) : 0) nooutput
            eval("set ytics (" . tics . ")")
            if (c == 1 && k == 1) { set colorbox user origin (left(columns) + map_width + 25) / width, 0.3 size 14.0 / width, 0.4 } else { unset colorbox }
            plot "load.csv" using (of_row(r, "expert")):(of_row(r, "type_number")):(0.5):(0.5):(column("share")) \
                 with boxxyerror fs solid noborder fc palette
        }
    }
    unset multiplot
    unset output
}
