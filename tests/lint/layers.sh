#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks the structure of the sources: which folder includes which, where the headers of each
# library are included, private headers, basenames, READMEs, sizes, licence lines. Prints
# file:line and the violated rule.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

max_file=800
max_function=80
max_width=100
faults=$(mktemp)
trap 'rm -f "$faults"' EXIT

mapfile -t code < <(find common ipam plugin daemon ctl tests -name '*.[ch]' | sort)
mapfile -t licensed < <(find Makefile .ci conf tests "${code[@]}" -type f \
	\( -name '*.[ch]' -o -name '*.sh' -o -name '*.bash' -o -name '*.bats' -o -name '*.service' \
	-o -name Makefile -o -path .ci/run \) | sort -u)

# The layers, from the lowest. A file may include headers of its own folder and of the folders
# listed here for its folder, or for the file itself. `json` and the like are folders of common/,
# `@io` and the like are folders of daemon/. tests/ may include everything.
declare -A layers=(
	[common]=''
	[common/state.c]='json' # the schema of the shared files
	[common/json]='common'
	[common/netlink]='common'
	[common/netfilter]='common netlink'
	[common/cleanup]='common netlink netfilter'
	[common/spoof]='common netlink netfilter cleanup'

	[ipam]='common json netlink spoof'
	[plugin]='common json netlink spoof ipam'
	[ctl]='common json netlink netfilter cleanup ipam'

	[daemon/io]='common' # nothing that is specific to weft
	[daemon/store]='common json @io'
	[daemon/store/etcd]='common json @io @store'
	[daemon/store/file]='common json ipam @io @store'
	[daemon/store/kube]='common json @io @store'
	[daemon/lease]='common json netlink ipam @io @store'
	[daemon/l2]='common json ipam @io @store @lease'
	[daemon/dataplane]='common netlink ipam @io @lease @l2'
	[daemon/firewall]='common netlink netfilter cleanup spoof ipam @io @lease'
	[daemon/network]='common json netlink ipam @io @store @lease @l2 @dataplane @firewall'
	[daemon/probe]='common json ipam @io @lease @dataplane @firewall @network'
	[daemon/control]='common json netlink netfilter cleanup ipam @io @store @lease @l2 @dataplane @firewall @network @probe'
	[daemon]='common json' # options, caps
	[daemon/main.c]='netlink netfilter cleanup ipam @io @store @store/etcd @store/file @store/kube
		@lease @l2 @dataplane @firewall @network @probe @control'
)

# TEMPORARY: includes ("FILE INCLUDED") that violate the table or the rule on private headers.
# To be removed from here by the change that removes the include.
tolerated=(
)

# Where each library's headers may be included; a header that is not listed may be
# included everywhere.
libraries=( # "HEADER FILE", both regular expressions
	"curl/.* daemon/io/http[a-z_]*\.[ch]"
	"(event2/.*|event\.h|evhttp\.h|evdns\.h) daemon/io/(loop|http_server)\.c"
	"(cjson/.*|cJSON\.h) common/json/json[a-z_]*\.c"
	"netlink/.* common/(netlink|netfilter)/[a-z_]*\.[ch]"
	"sys/capability\.h daemon/caps\.c"
	"openssl/.* daemon/probe/probe_seal\.c"
	"yaml\.h daemon/store/kube/kube_config\.c"
	"linux/netfilter.* ((common/(netfilter|cleanup|spoof)|daemon/firewall)/[a-z_]*\.[ch]|ctl/adopt_alias\.c)"
	"linux/(netlink|genetlink)\.h (common/(netlink|netfilter)|daemon/firewall)/[a-z_]*\.[ch]"
)

fault() { echo "$*" >>"$faults"; }

may_include() { # FILE INCLUDED
	local from=${1%/*} to=${2%/*} allowed

	[[ $from != tests/* && $from != "$to" ]] || return 0
	for allowed in ${layers[$from]-} ${layers[$1]-}; do
		case $allowed in
		common | ipam) ;;
		@*) allowed=daemon/${allowed#@} ;;
		*) allowed=common/$allowed ;;
		esac
		[[ $to != "$allowed" ]] || return 0
	done
	return 1
}

# tests/ may include private headers: a fake replaces the module that owns the header.
may_include_private() { # FILE INCLUDED
	[[ $2 != *_private.h || $1 == tests/* || ${1%/*} == "${2%/*}" ]]
}

may_include_library() { # FILE HEADER
	local rule

	[[ $1 != tests/* ]] || return 0
	for rule in "${libraries[@]}"; do
		[[ ! $2 =~ ^(${rule% *})$ ]] || [[ $1 =~ ^(${rule##* })$ ]] || return 1
	done
}

check_includes() {
	local file line text included edges entry
	local -A left=()

	for entry in "${tolerated[@]}"; do left[$entry]=1; done
	for file in "${code[@]}"; do
		[[ $file == tests/* || -v layers["${file%/*}"] ]] ||
			fault "$file:1: folder ${file%/*}/ is not in the table of layers"
	done
	edges=$(mktemp)
	while IFS=: read -r file line text; do
		if [[ $text =~ \"(.*)\" ]]; then
			included=${BASH_REMATCH[1]}
			if [[ ! -f $included || $included == *./* ]]; then
				fault "$file:$line: \"$included\" is not a path from the root of the tree"
				continue
			fi
			[[ $file != *.h ]] || echo "$file $included" >>"$edges"
			if [[ -n ${left["$file $included"]-} ]]; then
				left["$file $included"]=0
				continue
			fi
			may_include "$file" "$included" ||
				fault "$file:$line: ${file%/*}/ may not include $included"
			may_include_private "$file" "$included" ||
				fault "$file:$line: $included is private to ${included%/*}/"
		elif [[ $text =~ \<(.*)\> ]]; then
			included=${BASH_REMATCH[1]}
			may_include_library "$file" "$included" ||
				fault "$file:$line: <$included> may not be included here"
		fi
	done < <(grep -n -H '^[[:space:]]*#[[:space:]]*include' "${code[@]}")
	for entry in "${!left[@]}"; do
		((!${left[$entry]})) || fault "tests/lint/layers.sh:1: no longer to be tolerated: $entry"
	done
	tsort "$edges" 2>&1 >/dev/null | sed 's/^tsort: /cycle of includes: /' >>"$faults"
	rm -f "$edges"
}

# ar(1) identifies the members of an archive by basename.
check_basenames() { # FOLDER... of one archive
	find "$@" -name '*.c' -printf '%f %p\n' | sort | awk '
		$1 == last { print $2 ":1: has the same basename as " path }
		{ last = $1; path = $2 }' >>"$faults"
}

# The README of a folder states its purpose and the order in which to read it: it names each
# header of the folder, and no file that does not exist. That of tests/ names each file of lib/.
check_readmes() {
	local folder header name

	for folder in $(printf '%s\n' "${code[@]%/*}" | grep -v '^tests/' | sort -u) tests; do
		[[ -f $folder/README.md ]] || {
			fault "$folder/README.md:1: the folder has no README"
			continue
		}
		[[ $folder != tests ]] || continue
		for header in "$folder"/*.h; do
			[[ ! -e $header ]] || grep -qF "${header##*/}" "$folder/README.md" ||
				fault "$folder/README.md:1: does not name ${header##*/}"
		done
		# shellcheck disable=SC2016 # backquotes of Markdown
		for name in $(grep -o '`[a-z_/]*\.[ch]`' "$folder/README.md" | tr -d '`' | sort -u); do
			[[ -e $folder/$name || -e $name || $name == x.[ch] ]] ||
				fault "$folder/README.md:1: $name does not exist"
		done
	done
	for name in tests/lib/*; do
		grep -qF "\`${name##*/}\`" tests/README.md ||
			fault "tests/README.md:1: does not name ${name##*/}"
	done
}

# clang-format does not wrap comments. A string is not broken, so that it can be searched, and
# neither is a rule in the drawing of a table.
check_width() {
	# shellcheck disable=SC2016 # for awk
	printf '%s\0' "${code[@]}" |
		grep -z -v -x -E 'daemon/firewall/(bridge|firewall)_table\.h' |
		xargs -0 awk -v max="$max_width" '
		length($0) + 7 * gsub(/\t/, "&") > max && !/"/ {
			columns = 0
			for (i = 1; i <= length($0); i++)
				columns += substr($0, i, 1) == "\t" ? 8 - columns % 8 : 1
			if (columns > max)
				print FILENAME ":" FNR ": the line has more than " max " columns"
		}' >>"$faults"
}

check_sizes() {
	wc -l "${code[@]}" |
		awk -v max="$max_file" '$2 != "total" && $1 > max {
			print $2 ":" $1 ": the file has more than " max " lines" }' >>"$faults"
	ctags --output-format=json --fields=+ne --languages=C --kinds-C=f -f - "${code[@]}" |
		jq -r --argjson max "$max_function" \
			'select(.end - .line + 1 > $max) |
			"\(.path):\(.line): \(.name) has \(.end - .line + 1) lines, more than \($max)"' \
			>>"$faults"
}

check_text() {
	local file text

	awk 'FNR == 1 && NR > 1 && !found { print last ":1: the SPDX line is missing" }
		FNR == 1 { last = FILENAME; found = 0 }
		FNR <= 3 && /SPDX-License-Identifier: Apache-2.0/ { found = 1 }
		END { if (!found) print last ":1: the SPDX line is missing" }' "${licensed[@]}" >>"$faults"
	# Headers have #pragma once. A .c file includes its own header first.
	printf '%s\0' "${code[@]}" | grep -z '\.h$' | xargs -0 grep -L '^#pragma once$' |
		sed 's/$/:1: #pragma once is missing/' >>"$faults"
	while IFS=: read -r file text; do
		[[ ! -f ${file%.c}.h || $text == *"\"${file%.c}.h\""* ]] ||
			fault "$file:1: the file's own header is not included first"
	done < <(printf '%s\0' "${code[@]}" | grep -z '\.c$' | xargs -0 grep -H -m1 '^#include')
	# Unfinished work belongs in an issue. Paths of a developer's machine belong nowhere.
	find . \( -name .git -o -path ./build \) -prune -o -type f -print |
		grep -v -x -F -e ./LICENSE -e ./tests/lint/layers.sh | xargs -d '\n' \
		grep -n -I -w -E 'TODO|FIXME|XXX|HACK|/(home|work|Users)/[a-z]+' >>"$faults"
}

check_includes
check_readmes
check_basenames common ipam
check_basenames daemon
check_basenames plugin
check_basenames ctl
check_width
check_sizes
check_text
cat "$faults"
[[ ! -s $faults ]]
