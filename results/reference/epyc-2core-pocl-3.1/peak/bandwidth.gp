# Bandwidth of reads, of copies and of updates in place (bytes read and bytes written) against the size
# of the working set, one colour per device: its caches one after the other, then its memory. Bars are
# 95 % intervals of the medians.

load "style.gnuplot"

stats "roofs.csv" using "number" nooutput
devices = int(STATS_max)
array name[devices]
stats "roofs.csv" using (name[int(column("number"))] = strcol("device"), 0) nooutput

# A column where the row is of one kind of access of one device.
of(n, access, what) = column("number") == n && strcol("roof") eq access && strcol("status") eq "ok" ? column(what) : NaN
least = NaN
most = NaN
is_bandwidth(x) = (strcol("roof") eq "read" || strcol("roof") eq "copy" || strcol("roof") eq "update") && strcol("status") eq "ok"
stats "roofs.csv" using (is_bandwidth(0) ? (least = known(least) && least < column("low") ? least : column("low"), most = known(most) && most > column("high") ? most : column("high"), 0) : 0) nooutput
if (!known(most)) { print "no bandwidth was measured"; exit status 1 }

# "64 KiB"; every fourth size has one.
size(bytes) = bytes < 2**20 ? sprintf("%d KiB", bytes / 2**10) : bytes < 2**30 ? sprintf("%d MiB", bytes / 2**20) : sprintf("%d GiB", bytes / 2**30)
colour_of(n) = (n - 1) % 8 + 1

do for [format in "png svg"] {
    eval(open_figure(format, "bandwidth", 820, 480 + 22 * devices))
    set logscale x 2
    set logscale y
    set xlabel "working set"
    set ylabel "GB/s"
    set format y "%g"
    set ytics (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000)
    set xtics ()
    do for [k = 14:40:2] { set xtics add (size(2.0**k) 2.0**k) }
    set offsets graph 0.02, graph 0.02, 0, 0
    set yrange [least / 1.5:most * 1.5]
    set key above maxcols 2 Left reverse
    plot for [n = 1:devices] "roofs.csv" using (of(n, "read", "bytes")):(of(n, "read", "median")):(of(n, "read", "low")):(of(n, "read", "high")) \
             with yerrorlines pt 7 ps 0.8 lw 1.8 lc colour_of(n) title name[n] . ": read", \
         for [n = 1:devices] "" using (of(n, "copy", "bytes")):(of(n, "copy", "median")):(of(n, "copy", "low")):(of(n, "copy", "high")) \
             with yerrorlines pt 6 ps 0.8 lw 1.5 dt 2 lc colour_of(n) title name[n] . ": copy", \
         for [n = 1:devices] "" using (of(n, "update", "bytes")):(of(n, "update", "median")):(of(n, "update", "low")):(of(n, "update", "high")) \
             with yerrorlines pt 8 ps 0.8 lw 1.5 dt 3 lc colour_of(n) title name[n] . ": update in place"
    unset output
}
