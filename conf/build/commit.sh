#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# commit.sh: prints the commit of this source tree, twelve digits, followed by "-dirty" if a tracked file is
# changed. A source archive has it in commit.txt. Prints an empty line if it is unknown.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

read -r commit <conf/build/commit.txt
if [[ $commit =~ ^[0-9a-f]{12} ]]; then
	echo "${commit::12}"
	exit
fi
# The tree itself must be the repository, and not a directory in one.
if [[ -e .git ]]; then
	commit=$(git describe --always --abbrev=12 --dirty --exclude='*' 2>/dev/null) || commit=
	# --abbrev is a minimum.
	echo "${commit::12}$([[ $commit != *-dirty ]] || echo -dirty)"
else
	echo
fi
