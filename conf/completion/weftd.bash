# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Completion of weftd's flags for bash: as `weftd --help` lists them.

_weftd() {
	local word=${COMP_WORDS[COMP_CWORD]} words

	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--run-dir | --state-dir)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -- "$word")
		return
		;;
	--config | --subnet-file | --etcd-cafile | --etcd-certfile | --etcd-keyfile | --etcd-password-file)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--store) words="etcd file:/" ;;
	--iface) words=$(cd /sys/class/net && echo *) ;;
	--ip-masq | --iptables-forward-rules | --tunnel-guard) words="true false" ;;
	--log-format) words="text json" ;;
	--log-level) words="error warn info debug" ;;
	--etcd-endpoints | --etcd-prefix | --etcd-username | --etcd-password | --etcd-proxy | --public-ip | --public-ipv6 | --node-name | --network) words="" ;;
	*) words=$(weftd --help 2>/dev/null | sed -n 's/^ *\(--[a-z-]*\).*/\1/p') ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _weftd weftd
