#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# cjson.sh DIRECTORY: fetches the source of Debian's cJSON into DIRECTORY, whole
# or not at all. Debian has no static library of it, and weft links it
# statically. apt checks the signatures; its package lists live in a temporary
# directory, so the machine's own apt configuration is neither changed nor
# expected to have deb-src lines. Needs no root.
set -euo pipefail

dest=$(realpath -m "$1") # apt takes a relative path as one below its own directories
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
suites="^($codename|stable)(-updates|-security|/updates)?\$"

# deb822 stanzas (*.sources) as one-line deb-src entries, the distribution's own suites only.
from_stanzas() {
	awk -v suites="$suites" -v keyring="$keyring" '
	function flush(   u, s, nu, ns, uris, names) {
		if (field["types"] ~ /deb/ && field["enabled"] !~ /^[Nn]o/ &&
		    (" " field["components"] " ") ~ / main /) {
			if (field["signed-by"] !~ /^\//)
				field["signed-by"] = keyring
			nu = split(field["uris"], uris)
			ns = split(field["suites"], names)
			for (u = 1; u <= nu; u++)
				for (s = 1; s <= ns; s++)
					if (names[s] ~ suites)
						print "deb-src [signed-by=" field["signed-by"] "] " \
						      uris[u] " " names[s] " main"
		}
		delete field
		key = ""
	}
	FNR == 1 { flush() }
	/^#/ { next }
	/^[[:space:]]*$/ { flush(); next }
	/^[^[:space:]]/ {
		key = tolower(substr($0, 1, index($0, ":") - 1))
		sub(/^[^:]*:[[:space:]]*/, "")
		field[key] = $0
		next
	}
	key != "signed-by" { field[key] = field[key] " " $0 }
	END { flush() }' "$@"
}

# One-line entries (*.list): "deb [options] uri suite component..."
from_lines() {
	awk -v suites="$suites" '
	$1 == "deb" {
		line = $0
		options = ""
		if (match(line, /\[[^]]*\]/)) {
			options = substr(line, RSTART, RLENGTH) " "
			line = substr(line, 1, RSTART - 1) substr(line, RSTART + RLENGTH)
		}
		split(line, part)
		if (part[2] !~ /^cdrom:/ && part[3] ~ suites && (line " ") ~ / main /)
			print "deb-src " options part[2] " " part[3] " main"
	}' "$@"
}

mkdir -p "$(dirname "$dest")"
work=$(mktemp -d "$dest.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work" # apt's own user reads and writes below it
mkdir -p "$work"/{lists,cache}/partial "$work/source"

shopt -s nullglob
stanzas=(/etc/apt/sources.list.d/*.sources)
lines=(/etc/apt/sources.lis[t] /etc/apt/sources.list.d/*.list)
{
	from_stanzas /dev/null "${stanzas[@]}"
	from_lines /dev/null "${lines[@]}"
} | sort -u >"$work/sources.list"
if [[ ! -s $work/sources.list ]]; then
	echo "cjson.sh: /etc/apt names no Debian mirror to take cJSON's source from" >&2
	exit 1
fi

apt=(apt-get -q -q
	-o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
	-o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache")
((EUID)) || apt+=(-o APT::Sandbox::User=root)

echo "fetching cJSON's source package from Debian"
"${apt[@]}" update
(cd "$work/source" && "${apt[@]}" source cjson >/dev/null)
mv -T "$work"/source/cjson-*/ "$work/unpacked"
[[ -f $work/unpacked/cJSON.c && -f $work/unpacked/cJSON.h ]]
rm -rf "$dest"
mv -T "$work/unpacked" "$dest"
