# Operators at their workloads, a line for each cell: how much of what the device's roofs allow they
# reach (left; the dashed line is the roof), and how long a pass takes (right). Filled: forward, open:
# backward. Without measured roofs (clmoe peak) the left side is useful Gflop/s.

load "style.gnuplot"

is_operator(x) = strcol("model") eq "operator" && known(column("kernel_ms"))

# What a cell is called: the operator, then what was set.
after(text, head) = text[1:strlen(head)] eq head ? text[strlen(head) + 1:*] : text
short(op, label) = strstrt(label, op) > 0 ? label : op . " " . label
name(x) = after(short(strcol("op"), after(after(strcol("label"), "operator"), " ")), "op=") . (strcol("data") eq "none" ? "" : " " . strcol("data"))

count = 0
roofs = 0
stats "summary.csv" using (is_operator(0) ? (count = count + 1, roofs = roofs + known(column("roof_share")), 0) : 0) nooutput
if (count == 0) { print "there is no cell of model operator"; exit status 1 }

reached(pass) = roofs > 0 ? 100 * column(pass . "_share") : pass eq "forward" ? column("gflops") : NaN
at = 0
place(x) = is_operator(0) ? (at = at + 1, -at) : NaN

height = 120 + 17 * count
do for [format in "png svg"] {
    eval(open_figure(format, "operators", 1000, height))
    set multiplot layout 1, 2
    set yrange [-count - 0.7:-0.3]
    set key at screen 0.98, 1 - 8.0 / height right top horizontal
    set lmargin at screen 0.36
    set rmargin at screen 0.655
    set tmargin at screen 1 - 50.0 / height
    set bmargin at screen 62.0 / height
    set xlabel (roofs > 0 ? "% of the roof that binds" : "Gflop/s")
    if (roofs > 0) { set xrange [0:102<*] noextend } else { set xrange [0:*] } # the roof is always in sight
    set ytics nomirror noenhanced font ",9"
    if (roofs > 0) { set arrow 1 from 100, graph 0 to 100, graph 1 nohead dt 2 lc 8 }
    at = 0
    plot "summary.csv" using (is_operator(0) ? reached("forward") : NaN):(place(0)):ytic(is_operator(0) ? name(0) : "") with points pt 7 ps 1.1 lc 1 title "forward", \
         at = 0, \
         "summary.csv" using (is_operator(0) ? reached("backward") : NaN):(place(0)) with points pt 6 ps 1.1 lc 2 title "backward"
    unset arrow 1
    unset key
    set lmargin at screen 0.69
    set rmargin at screen 0.98
    set xlabel "ms of device time"
    set autoscale x
    set logscale x 10
    set format x "10^{%L}"
    set format y ""
    set ytics 1
    plot at = 0, \
         "summary.csv" using (is_operator(0) ? column("forward_ms") : NaN):(place(0)) with points pt 7 ps 1.1 lc 1, \
         at = 0, \
         "summary.csv" using (is_operator(0) ? column("backward_ms") : NaN):(place(0)) with points pt 6 ps 1.1 lc 2
    unset logscale
    set format x "%g"
    set format y "%g"
    unset multiplot
    unset output
}
