#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# compare.sh [PLUGIN...]: runs the conformance suite with each plugin (default: weft and bridge) and
# prints a Markdown table of the results by tag, as in docs/conformance.md. A tag with a failed
# test is failed. Needs root. The output of each run is saved in $TAP_DIR, by default a new
# directory; a plugin whose output exists there is not run again.
set -euo pipefail
cd "${BASH_SOURCE[0]%/*}/../.."

: "${TAP_DIR:=$(mktemp -d)}"
(($#)) || set -- weft bridge

outcomes() { # FILE: prints lines of tag and outcome
	awk '
		/^ok .* # skip/ { print tag($0), "skip"; next }
		/^ok / { print tag($0), "pass" }
		/^not ok / { print tag($0), "fail" }
		function tag(line) { sub(/^(not )?ok [0-9]+ /, "", line); sub(/ .*/, "", line); return line }
	' "$1"
}

version() { # PLUGIN
	case $1 in
	weft) CNI_COMMAND='' build/weft 2>&1 </dev/null | sed -n 's/^CNI weft plugin //p' ;;
	*) dpkg-query -W -f '${Version}' containernetworking-plugins ;;
	esac
}

for plugin; do
	echo "$plugin: see $TAP_DIR/$plugin.tap" >&2
	[[ -e $TAP_DIR/$plugin.tap ]] || CNI_PLUGIN=$plugin bats --formatter tap tests/conformance >"$TAP_DIR/$plugin.tap" 2>&1 || true
	outcomes "$TAP_DIR/$plugin.tap" >"$TAP_DIR/$plugin.outcomes"
done

head='| tag | what |' line='|---|---|'
for plugin; do
	head+=" $plugin $(version "$plugin") |" line+='---|'
done
printf '%s\n%s\n' "$head" "$line"
sed -n 's/^@test "\([A-Z][0-9]*\) \(.*\)" {.*/\1\t\2/p' tests/conformance/*.bats | sort -V |
	while IFS=$'\t' read -r tag what; do
		[[ $tag == "${last-}" ]] && continue
		last=$tag
		row="| $tag | $what |"
		for plugin; do
			mapfile -t results < <(awk -v t="$tag" '$1 == t { print $2 }' "$TAP_DIR/$plugin.outcomes")
			case " ${results[*]} " in
			*' fail '*) row+=' **fail** |' ;;
			*' pass '*) row+=' pass |' ;;
			*) row+=' n/a |' ;;
			esac
		done
		printf '%s\n' "$row"
	done
for plugin; do
	printf '\n%s: %s passed, %s failed, %s not applicable\n' "$plugin" \
		"$(grep -c pass "$TAP_DIR/$plugin.outcomes")" \
		"$(grep -c fail "$TAP_DIR/$plugin.outcomes")" \
		"$(grep -c skip "$TAP_DIR/$plugin.outcomes")"
done
