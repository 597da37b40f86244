#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks the house itself: sizes, which way includes point, which library is seen
# where, licence lines. Prints file:line and the rule that is broken.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

max_file=500
max_function=80
faults=$(mktemp)
trap 'rm -f "$faults"' EXIT

mapfile -t code < <(find common ipam plugin daemon ctl tests -name '*.[ch]' | sort)
mapfile -t licensed < <(find Makefile .ci conf tests "${code[@]}" -type f \
	\( -name '*.[ch]' -o -name '*.sh' -o -name '*.bash' -o -name '*.bats' -o -name '*.service' \
	-o -name Makefile -o -path .ci/run \) | sort -u)

fault() { echo "$*" >>"$faults"; }

# What a directory may include, besides the system: never a program of another.
may_include() { # FROM TO
	case $1 in
	common) [[ $2 == common ]] ;;
	ipam) [[ $2 =~ ^(common|ipam)$ ]] ;;
	plugin | daemon | ctl) [[ $2 =~ ^(common|ipam|"$1")$ ]] ;;
	*) true ;; # tests look everywhere
	esac
}

# Where a library's headers may be seen.
may_see() { # FILE HEADER
	case $2 in
	curl/*) [[ $1 =~ ^daemon/http(_call\.c|_private\.h|\.c)$ ]] ;;
	event2/* | event.h | evhttp.h) [[ $1 == daemon/* ]] ;;
	cjson/* | cJSON.h) [[ $1 =~ ^common/json[a-z_]*\.c$ ]] ;;
	netlink/*) [[ $1 =~ ^common/(nl[a-z_]*|nft[a-z_]*|link|addr|route|neigh)\.[ch]$ ]] ;;
	sys/capability.h) [[ $1 == daemon/caps.c || $1 == plugin/main.c ]] ;;
	*) true ;;
	esac
}

# The file that #include "NAME" means in FILE, as the compiler finds it.
resolve() { # FILE NAME, into target: "" where there is none
	target=
	if [[ -f ${1%/*}/$2 ]]; then
		target=${1%/*}/$2
	elif [[ -f $2 ]]; then
		target=$2
	fi
	[[ $target != *./* ]] || target=$(realpath --relative-to=. "$target")
}

check_includes() {
	local file line text target edges

	edges=$(mktemp)
	while IFS=: read -r file line text; do
		if [[ $text =~ \"(.*)\" ]]; then
			resolve "$file" "${BASH_REMATCH[1]}"
			if [[ -z $target ]]; then
				fault "$file:$line: \"${BASH_REMATCH[1]}\" is no file of ours"
				continue
			fi
			may_include "${file%%/*}" "${target%%/*}" ||
				fault "$file:$line: ${file%%/*}/ may not include $target"
			[[ $file != *.h ]] || echo "$file $target" >>"$edges"
		elif [[ $text =~ \<(.*)\> ]]; then
			[[ $file == tests/* ]] || may_see "$file" "${BASH_REMATCH[1]}" ||
				fault "$file:$line: <${BASH_REMATCH[1]}> is not to be seen here"
		fi
	done < <(grep -n -H '^[[:space:]]*#[[:space:]]*include' "${code[@]}")
	tsort "$edges" 2>&1 >/dev/null | sed 's/^tsort: /includes go round: /' >>"$faults"
	rm -f "$edges"
}

check_sizes() {
	wc -l "${code[@]}" |
		awk -v max="$max_file" '$2 != "total" && $1 > max {
			print $2 ":" $1 ": a file of more than " max " lines" }' >>"$faults"
	ctags --output-format=json --fields=+ne --languages=C --kinds-C=f -f - "${code[@]}" |
		jq -r --argjson max "$max_function" \
			'select(.end - .line + 1 > $max) |
			"\(.path):\(.line): \(.name) has \(.end - .line + 1) lines, more than \($max)"' \
			>>"$faults"
}

check_text() {
	local file text stem

	awk 'FNR == 1 && NR > 1 && !found { print last ":1: no SPDX line" }
		FNR == 1 { last = FILENAME; found = 0 }
		FNR <= 3 && /SPDX-License-Identifier: Apache-2.0/ { found = 1 }
		END { if (!found) print last ":1: no SPDX line" }' "${licensed[@]}" >>"$faults"
	# Every header once: #pragma once, and the .c file includes its own header first.
	printf '%s\0' "${code[@]}" | grep -z '\.h$' | xargs -0 grep -L '^#pragma once$' |
		sed 's/$/:1: no #pragma once/' >>"$faults"
	while IFS=: read -r file text; do
		stem=${file##*/}
		[[ ! -f ${file%.c}.h || $text =~ \"(.*/)?"${stem%.c}.h"\" ]] ||
			fault "$file:1: its own header does not come first"
	done < <(printf '%s\0' "${code[@]}" | grep -z '\.c$' | xargs -0 grep -H -m1 '^#include')
	# What is unfinished belongs in an issue; where somebody works belongs nowhere.
	find . \( -name .git -o -path ./build \) -prune -o -type f -print |
		grep -v -x -F -e ./LICENSE -e ./tests/lint/layers.sh | xargs -d '\n' \
		grep -n -I -w -E 'TODO|FIXME|XXX|HACK|/(home|work|Users)/[a-z]+' >>"$faults"
}

check_includes
check_sizes
check_text
cat "$faults"
[[ ! -s $faults ]]
