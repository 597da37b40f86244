# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What a container runtime does with a plugin list, as libcni does it: takes a
# conflist, gives each plugin in turn the list's name and version, the result of
# the one before and the arguments that it declares to be capable of, by standard
# input and CNI_* variables, in the host's namespace, and keeps the result for DEL
# and CHECK. Sourced by lab.bash.
#
#   $LAB_DIR/HOST/10-weft.conflist     the list; cni_use changes it
#   $LAB_DIR/HOST/results/ID-IFNAME    {"list":...,"result":...}
#
# CNI_CAPS   arguments by capability, as {"portMappings":[...]}
# CNI_EXTRA  CNI_ARGS for the plugins
# The container's id is the name of its namespace.

# The list that weft installs, with the host's run directory in it.
cni_install() { # HOST
	mkdir -p "$LAB_DIR/$1/results" "$LAB_DIR/$1/cni" || return
	cni_use "$1" '.' <"$WEFT_REPO/conf/10-weft.conflist"
}

# cni_use HOST FILTER <CONFLIST: the list that the host uses from now on.
cni_use() {
	jq --arg run "$LAB_DIR/$1/run" \
		"(.plugins[] | select(.type == \"weft\")).runDir = \$run | $2" \
		>"$LAB_DIR/$1/10-weft.conflist.new" &&
		mv "$LAB_DIR/$1/10-weft.conflist.new" "$LAB_DIR/$1/10-weft.conflist"
}

cni_result_file() { echo "$LAB_DIR/$1/results/$2-${3-eth0}"; } # HOST CONTAINER [IFNAME]

# cni_exec VERB HOST CONTAINER IFNAME TYPE <CONFIGURATION: one plugin, once.
cni_exec() {
	local plugin=$WEFT_BIN_DIR/$5 netns
	[[ -x $plugin ]] || plugin=$WEFT_CNI_REFERENCE/$5
	netns=${CNI_NETNS_PATH-$(ns_path "$3")}
	CNI_COMMAND=$1 CNI_CONTAINERID=$3 CNI_NETNS=$netns CNI_IFNAME=$4 CNI_ARGS=${CNI_EXTRA-} \
		CNI_PATH=$WEFT_BIN_DIR:$WEFT_CNI_REFERENCE ns_run "$2" "$plugin"
}

# The configuration that the list's plugin number INDEX is handed.
cni_config() { # LIST INDEX RESULT
	jq -c --argjson i "$2" --argjson prev "${3:-null}" --argjson caps "${CNI_CAPS:-null}" '
		. as $list | .plugins[$i] + {name, cniVersion}
		| .capabilities as $can
		| (($caps // {}) | with_entries(select($can[.key]? // false))) as $args
		| if $args != {} then .runtimeConfig = $args else . end
		| if $prev then .prevResult = $prev else . end' <<<"$1"
}

# Prints the last plugin's result; a plugin that fails ends it with its error document.
cni_add() { # HOST CONTAINER [IFNAME]
	local list result='' i type
	list=$(<"$LAB_DIR/$1/10-weft.conflist")
	for ((i = 0; i < $(jq '.plugins | length' <<<"$list"); i++)); do
		type=$(jq -r ".plugins[$i].type" <<<"$list")
		result=$(cni_exec ADD "$1" "$2" "${3-eth0}" "$type" \
			< <(cni_config "$list" "$i" "$result")) || {
			printf '%s\n' "$result"
			return 1
		}
	done
	(
		umask 077
		jq -n --argjson list "$list" --argjson result "$result" '$ARGS.named' \
			>"$(cni_result_file "$1" "$2" "${3-eth0}")"
	)
	printf '%s\n' "$result"
}

# DEL in reverse order, CHECK in order, with what ADD has left; DEL also without.
cni_again() { # VERB HOST CONTAINER [IFNAME]
	local file list result='' i count type
	file=$(cni_result_file "$2" "$3" "${4-eth0}")
	if [[ -e $file ]]; then
		list=$(jq -c .list "$file")
		result=$(jq -c .result "$file")
	else
		list=$(<"$LAB_DIR/$2/10-weft.conflist")
	fi
	count=$(jq '.plugins | length' <<<"$list")
	for ((i = 0; i < count; i++)); do
		local at=$i
		[[ $1 != DEL ]] || at=$((count - 1 - i))
		type=$(jq -r ".plugins[$at].type" <<<"$list")
		cni_exec "$1" "$2" "$3" "${4-eth0}" "$type" \
			< <(cni_config "$list" "$at" "$result") || return 1
	done
	[[ $1 != DEL ]] || rm -f "$file"
}

cni_del() { cni_again DEL "$@"; }
cni_check() { cni_again CHECK "$@"; }

# container_add HOST NAME: a namespace with an interface from ADD; prints its address.
container_add() {
	local result
	ns_add "$2" || return
	result=$(cni_add "$1" "$2") || { printf '%s\n' "$result" >&2 && return 1; }
	jq -r '.ips[0].address | split("/")[0]' <<<"$result"
}

container_del() { # HOST NAME
	cni_del "$1" "$2" && ns_del "$2"
}

# The address that an ADD gave.
container_address() { # HOST NAME
	jq -r '.result.ips[0].address | split("/")[0]' "$(cni_result_file "$1" "$2")"
}

# The host's end of a container's veth.
container_veth() { # HOST NAME
	jq -r '.result.interfaces[1].name' "$(cni_result_file "$1" "$2")"
}
