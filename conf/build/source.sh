#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# source.sh DIRECTORY PACKAGE...: downloads and unpacks the source of each of these Debian source
# packages as DIRECTORY/PACKAGE. DIRECTORY must exist, and DIRECTORY/PACKAGE must not.
#
# apt verifies the signatures. Its package lists are kept in a temporary directory, so
# that the machine's apt configuration is not changed and needs no deb-src lines. Root
# is not required.
set -euo pipefail
umask 022

dest=$(realpath "$1") # apt resolves a relative path below its own directories
shift

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
suites="^($codename|stable)(-updates|-security|/updates)?\$"

# Prints the deb822 stanzas of *.sources files as one-line deb-src entries, for Debian's own
# suites only.
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

# The same for *.list files, whose lines are "deb [options] uri suite component...".
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

work=$(mktemp -d "$dest/apt.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work" # the user _apt reads and writes in it
mkdir -p "$work"/{lists,cache}/partial

shopt -s nullglob
stanzas=(/etc/apt/sources.list.d/*.sources)
lines=(/etc/apt/sources.lis[t] /etc/apt/sources.list.d/*.list)
{
	from_stanzas /dev/null "${stanzas[@]}"
	from_lines /dev/null "${lines[@]}"
} | sort -u >"$work/sources.list"
if [[ ! -s $work/sources.list ]]; then
	echo "source.sh: no Debian mirror found in /etc/apt to download the source of $* from" >&2
	exit 1
fi

apt=(apt-get -q -q -o Acquire::Retries=3 -o APT::Update::Error-Mode=any
	-o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
	-o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache")
((EUID)) || apt+=(-o APT::Sandbox::User=root)

# apt has printed why.
fail() {
	echo "source.sh: cannot download the source package $1 from Debian" >&2
	exit 1
}

"${apt[@]}" update || fail "$*"
for package; do
	echo "downloading the source package $package from Debian"
	mkdir "$work/source"
	(cd "$work/source" && "${apt[@]}" source "$package" >/dev/null) || fail "$package"
	mv -T "$work/source/$package"-*/ "$dest/$package"
	rm -r "$work/source"
done
