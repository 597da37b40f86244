# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Bash completion of weftd: the options of `weftd --help`.

_weftd() {
	local word=${COMP_WORDS[COMP_CWORD]} help value words=""
	local option=${COMP_WORDS[COMP_CWORD - 1]}

	# "--run-dir=X" is three words: bash splits at "=".
	if [[ $word == = ]]; then
		word=""
	elif [[ $option == = ]]; then
		option=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	help=$(weftd --help 2>/dev/null)
	value=$(sed -n "s/^  $option\(\[=\| \)\([^] ]\+\)\(\]\| \).*/\2/p" <<<"$help")
	case $value in
	DIR)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -- "$word")
		return
		;;
	FILE)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	etcd\|kubernetes\|file:PATH) words="etcd kubernetes file:/" ;;
	NAME\|ADDRESS\|*) words=$(cd /sys/class/net && echo *) ;;
	*[A-Z]*) ;; # no words to offer
	'') words=$(sed -n 's/^  \(--\?[a-z0-9-]*\).*/\1/p' <<<"$help") ;;
	*) words=${value//|/ } ;; # true|false, text|json
	esac
	if [[ $value == 'true|false' && $word == -* ]]; then
		words=$(sed -n 's/^  \(--\?[a-z0-9-]*\).*/\1/p' <<<"$help")
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _weftd weftd
