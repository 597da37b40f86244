# SPDX-License-Identifier: Apache-2.0
#
# Plots the file that scale.bash wrote; the variable data has its name. Each line is a number of peers,
# five times in microseconds, and kilobytes. Both axes are logarithmic: linear growth is a line
# of slope 1, like the grey one.

set terminal svg size 780,400 font 'sans-serif,13' background '#ffffff'
set logscale xy
set xlabel 'peers'
set ylabel 'seconds, or megabytes'
set xrange [800:60000]
set yrange [0.005:120]
set xtics ('1,000' 1000, '10,000' 10000, '50,000' 50000)
set grid ytics lc '#dddddd'
set border 3 lc '#666666'
set tics nomirror
set key outside right top Left reverse samplen 2

plot data using 1:($2/1e6) with linespoints lw 2 pt 7 ps 0.6 lc '#1f6feb' title 'start, empty kernel, s', \
	data using 1:($3/1e6) with linespoints lw 2 pt 7 ps 0.6 lc '#2da44e' title 'start, all there, s', \
	data using 1:($4/1e6) with linespoints lw 2 pt 7 ps 0.6 lc '#bf8700' title 'entries alone, s', \
	data using 1:($5/1e6) with linespoints lw 2 pt 7 ps 0.6 lc '#8250df' title 'raw netlink, s', \
	data using 1:($6/1e6) with linespoints lw 2 pt 7 ps 0.6 lc '#57606a' title 'list alone, s', \
	data using 1:($7/1e3) with linespoints lw 2 pt 7 ps 0.6 lc '#cf222e' title 'resident, MB', \
	x/1e4 with lines dt 2 lc '#aaaaaa' title 'slope 1'
