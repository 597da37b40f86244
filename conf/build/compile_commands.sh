#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# compile_commands.sh FLAGS SOURCE...: prints a JSON compilation database. FLAGS is the
# file with the compiler and its flags, in the shell's quoting.
set -euo pipefail

escape() { sed 's/["\\]/\\&/g'; }

command=$(escape <"$1")
directory=$(pwd | escape)
shift

separator=[
for source; do
	printf '%s\n{"directory": "%s", "file": "%s", "command": "%s -c %s"}' \
		"$separator" "$directory" "$source" "$command" "$source"
	separator=,
done
printf '\n]\n'
