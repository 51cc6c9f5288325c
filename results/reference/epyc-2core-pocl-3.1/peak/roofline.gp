# Roofline, one panel per device: the most flops per second for what an operator computes with each
# byte, from the device's own measured roofs, and the operators that were timed below them. Full
# points are forward passes, hollow ones backward. A point above the slope of the memory has its
# operands in a cache, or changes them in place.

load "style.gnuplot"

stats "roofs.csv" using "number" nooutput
devices = int(STATS_max)
array name[devices]
stats "roofs.csv" using (name[int(column("number"))] = strcol("device"), 0) nooutput

rows = int(system("cat calls.csv 2>/dev/null | wc -l")) - 1
operators = ""
if (rows > 0) { stats "calls.csv" using (column("flops") > 0 && column("bytes") > 0 ? (operators = add_word(operators, strcol("operator")), 0) : 0) nooutput }

# Rates of device n: multiply-adds of a type; the best bandwidth at any size, and at the largest.
roof(n, kind) = column("number") == n && strcol("roof") eq kind && strcol("status") eq "ok"
types = "f32 f64 f16 bf16 tf32"
array rate[devices * 5]
array caches[devices]
array memory[devices]
do for [n = 1:devices] {
    do for [t = 1:5] {
        rate[5 * (n - 1) + t] = NaN
        stats "roofs.csv" using (roof(n, "fma") && strcol("of") eq word(types, t) ? (known(rate[5 * (n - 1) + t]) && rate[5 * (n - 1) + t] > column("median") ? 0 : (rate[5 * (n - 1) + t] = column("median"), 0)) : 0) nooutput
    }
    caches[n] = 0
    memory[n] = 0
    largest = 0
    stats "roofs.csv" using (roof(n, "read") || roof(n, "copy") ? (caches[n] = column("median") > caches[n] ? column("median") : caches[n], largest = column("bytes") > largest ? column("bytes") : largest, 0) : 0) nooutput
    stats "roofs.csv" using ((roof(n, "read") || roof(n, "copy")) && column("bytes") == largest && column("median") > memory[n] ? (memory[n] = column("median"), 0) : 0) nooutput
}
most(n) = (m = 0, sum [t = 1:5] (rate[5 * (n - 1) + t] > m ? (m = rate[5 * (n - 1) + t], 0) : 0), m)

under(n, t, bandwidth, x) = bandwidth * x < rate[5 * (n - 1) + t] ? bandwidth * x : rate[5 * (n - 1) + t]
flat(n, t, x) = memory[n] * x >= rate[5 * (n - 1) + t] ? rate[5 * (n - 1) + t] : NaN
of(n, operator, pass, what) = strcol("device") eq name[n] && strcol("operator") eq operator && strcol("pass") eq pass && column("flops") > 0 ? column(what) : NaN
intensity(n, operator, pass) = of(n, operator, pass, "flops") / column("bytes")
colour_of(k) = (k - 1) % 8 + 1
full(k) = word("7 5 9 11 13", (k - 1) / 8 % 5 + 1) + 0
hollow(k) = full(k) - 1

left = 80.0
panel = 560.0
right = words(operators) > 0 ? 300.0 : 20.0
width = left + panel * devices + right
height = words(operators) > 13 ? 180 + 24 * words(operators) : 500

do for [format in "png svg"] {
    eval(open_figure(format, "roofline", width, height))
    set multiplot layout 1, devices margins left / width, 1 - right / width, 0.13, 0.92 spacing left / width, 0
    do for [n = 1:devices] {
        set title name[n]
        set logscale xy
        set xrange [0.05:500]
        set samples 400
        set xlabel "flop per byte"
        set ylabel (n == 1 ? "Gflop/s" : "")
        set yrange [0.02 * memory[n]:2 * most(n)]
        set format "%g"
        if (n == devices && words(operators) > 0) { set key at screen 1 - 5.0 / width, 0.5 right center vertical maxcols 1 Left reverse font "DejaVu Sans,10" } else { set key bottom right Left reverse }
        plot under(n, 1, caches[n], x) with lines lw 1.4 dt 2 lc rgb "#777777" title sprintf("caches, up to %.3g GB/s", caches[n]), \
             under(n, 1, memory[n], x) with lines lw 2.2 lc rgb "#000000" title sprintf("memory %.3g GB/s, f32 %.3g Gflop/s", memory[n], rate[5 * (n - 1) + 1]), \
             for [t = 2:5] flat(n, t, x) with lines lw 1.4 lc rgb "#777777" dt t title (known(rate[5 * (n - 1) + t]) ? sprintf("%s %.3g Gflop/s", word(types, t), rate[5 * (n - 1) + t]) : ""), \
             for [k = 1:words(operators)] "calls.csv" using (intensity(n, word(operators, k), "forward")):(of(n, word(operators, k), "forward", "gflops")) \
                 with points pt full(k) ps 1 lc colour_of(k) title word(operators, k), \
             for [k = 1:words(operators)] "" using (intensity(n, word(operators, k), "backward")):(of(n, word(operators, k), "backward", "gflops")) \
                 with points pt hollow(k) ps 1 lc colour_of(k) notitle
    }
    unset multiplot
    unset output
}
