#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# need.sh WHAT...: exits with 1 and one message that lists everything that is not
# found. WHAT is the name of a program, pkg:NAME for a library with pkg-config's
# name for it, or file:PATH. PKG_CONFIG is the name of pkg-config.
set -uo pipefail
PATH=$PATH:/usr/sbin:/sbin

pkg_config=${PKG_CONFIG:-pkg-config}
missing=() cjson=''

if [[ " $*" == *' pkg:'* ]] && ! command -v "$pkg_config" >/dev/null; then
	missing+=("$pkg_config")
fi
for what; do
	case $what in
	pkg:*)
		# Without pkg-config, libraries cannot be checked.
		command -v "$pkg_config" >/dev/null || continue
		"$pkg_config" --exists "${what#pkg:}" || missing+=("the library ${what#pkg:}")
		;;
	file:*)
		[[ -r ${what#file:} ]] || missing+=("${what#file:}")
		[[ -r ${what#file:} || $what != */cJSON.c ]] || cjson=yes
		;;
	*) command -v "$what" >/dev/null || missing+=("$what") ;;
	esac
done
((${#missing[@]})) || exit 0

list=$(printf ', %s' "${missing[@]}")
{
	echo "not found: ${list#, }"
	echo "Run 'sudo make deps' to install what is missing (Debian)."
	[[ -z $cjson ]] || echo "CJSON_SOURCE=DIR uses another copy of cJSON's source."
} >&2
exit 1
