# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Completion of weftctl for bash.

_weftctl() {
	local commands="status peers doctor leases reserve release leave cleanup version help"
	local words word command=""

	if [[ ${COMP_WORDS[COMP_CWORD - 1]} == --network ]]; then
		words=$(find /run/weft/networks -name '*.json' -printf '%f\n' 2>/dev/null | sed 's/\.json$//')
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}")
		return
	fi
	if [[ ${COMP_WORDS[COMP_CWORD - 1]} == --run-dir ]]; then
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -- "${COMP_WORDS[COMP_CWORD]}")
		return
	fi
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		[[ " $commands " != *" $word "* ]] || command=$word
	done
	if [[ ${COMP_WORDS[COMP_CWORD]} == -* ]]; then
		words="--run-dir --network --json --force --help --version"
	elif [[ -z $command || $command == help ]]; then
		words=$commands
	else
		words=""
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}")
}
complete -F _weftctl weftctl
