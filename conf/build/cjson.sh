#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# cjson.sh DIRECTORY: downloads the source of Debian's cJSON package into DIRECTORY, unless
# cJSON.c and cJSON.h are already there. Debian has no static library of cJSON, which weft
# needs. On failure, DIRECTORY is left as it was.
#
# Root is not required; what root creates belongs to the owner of this source tree.
set -euo pipefail
umask 022

dest=$(realpath -m "$1")
[[ ! -f $dest/cJSON.c || ! -f $dest/cJSON.h ]] || exit 0

build=$(dirname "$0")
new=$(dirname "$dest")
[[ ! -d $new ]] || new=$dest
mkdir -p "$(dirname "$dest")"
work=$(mktemp -d "$dest.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work" # the user _apt reads and writes below it

"$build/source.sh" "$work" cjson
[[ -f $work/cjson/cJSON.c && -f $work/cjson/cJSON.h ]]
rm -rf "$dest"
mv -T "$work/cjson" "$dest"
((EUID)) || chown -R --reference="$build/../.." "$new"
