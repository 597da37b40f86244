# SPDX-License-Identifier: Apache-2.0
#
# Plots a table that datapath.bash wrote; the variable data has its name, references the number of
# references and title what is compared with them. The first line has the references' names; each other
# line is a kind of traffic, and for each reference the median of the ratios, the lowest and the highest.

set terminal svg size 780,400 font 'sans-serif,13' background '#ffffff'
set style data histograms
set style histogram errorbars gap 2 lw 1
set style fill solid 0.85 border -1
set ylabel title
set yrange [0:*]
set grid ytics lc '#dddddd'
set border 3 lc '#666666'
set tics nomirror
set key outside right top Left reverse samplen 1
colors = '#1f6feb #2da44e #bf8700 #8250df #57606a #cf222e'

plot for [i = 1:references] data using (column(3 * i - 1)):(column(3 * i)):(column(3 * i + 1)):xtic(1) \
	lc rgb word(colors, i) title columnheader(3 * i - 1), \
	1 with lines dt 2 lc '#000000' notitle
