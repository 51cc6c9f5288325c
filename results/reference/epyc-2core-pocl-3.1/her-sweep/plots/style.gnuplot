# What all figures have in common. A figure is drawn by running gnuplot on its script in the folder
# where the tables are (summary.csv, curve.csv, load.csv, ablations.csv): gnuplot accuracy_over_p.gp

set encoding utf8
set datafile separator ","
set datafile columnheaders

# Colours that differ for all kinds of colour vision (Okabe and Ito 2008), black last.
set linetype 1 lc rgb "#0072b2"
set linetype 2 lc rgb "#d55e00"
set linetype 3 lc rgb "#009e73"
set linetype 4 lc rgb "#cc79a7"
set linetype 5 lc rgb "#e69f00"
set linetype 6 lc rgb "#56b4e9"
set linetype 7 lc rgb "#7f7f7f"
set linetype 8 lc rgb "#000000"

# Terminal and file of a figure in one format; eval(open_figure("png", "name", width, height)).
open_figure(format, name, width, height) = \
    (format eq "png" \
         ? sprintf("set terminal pngcairo size %d,%d font 'DejaVu Sans,11' linewidth 1.3; ", width, height) \
         : sprintf("set terminal svg size %d,%d font 'DejaVu Sans,11' linewidth 1.3 background 'white'; ", width, height)) \
    . sprintf("set output '%s.%s'", name, format)

# Whether a number is known.
known(x) = x == x

# Words of a list that are kept in one string, in the order in which they came.
add_word(list, word) = strstrt(" " . list . " ", " " . word . " ") ? list : list . (list eq "" ? "" : " ") . word

# What an axis of scores says; split test, val or last (in validation, after the last epoch).
axis_of(split, metric) = (split eq "test" ? "test " : "validation ") . metric . (split eq "last" ? ", last epoch" : "") . (metric eq "RMSE" ? " (lower is better)" : "")

# One colour for a model in all figures.
line_of(label) = label eq "hgt" ? 3 : label eq "separated_moe" ? 4 : label eq "dense_ffn" ? 5 : \
                 label eq "features" ? 6 : label eq "shared_moe p=0" ? 8 : label eq "shared_moe p=1" ? 7 : 1

set border 3 lc rgb "#555555"
set tics nomirror out scale 0.6 textcolor rgb "#333333"
set grid lc rgb "#dddddd" lt 1 lw 0.6
set title font "DejaVu Sans Bold,12" noenhanced
set key noenhanced samplen 2 spacing 1.2
set style fill solid 0.85 noborder
set errorbars small
