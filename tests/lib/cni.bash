# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs a plugin list as libcni does: each plugin in turn gets, by standard input and CNI_*
# variables and in the host's namespace, the list's name and version, the previous result, and
# the arguments of its declared capabilities. The result is kept for DEL and CHECK. Sourced by
# lab.bash.
#
#   $LAB_DIR/HOST/10-weft.conflist     the list; cni_use replaces it
#   $LAB_DIR/HOST/results/ID-IFNAME    {"list":...,"result":...}
#
# CNI_CAPS   arguments by capability, as {"portMappings":[...]}
# CNI_EXTRA  CNI_ARGS for the plugins
# The container's id is the name of its namespace.

# The list that `make install` installs, with the host's run directory.
cni_install() { # HOST
	mkdir -p "$LAB_DIR/$1/results" "$LAB_DIR/$1/cni" || return
	cni_use "$1" '.' <"$WEFT_REPO/conf/10-weft.conflist"
}

# cni_use HOST FILTER <CONFLIST: replaces the host's list.
cni_use() {
	jq --arg run "$LAB_DIR/$1/run" \
		"(.plugins[] | select(.type == \"weft\")).runDir = \$run | $2" \
		>"$LAB_DIR/$1/10-weft.conflist.new" &&
		mv "$LAB_DIR/$1/10-weft.conflist.new" "$LAB_DIR/$1/10-weft.conflist"
}

cni_result_file() { echo "$LAB_DIR/$1/results/$2-${3-eth0}"; } # HOST CONTAINER [IFNAME]

# cni_exec VERB HOST CONTAINER IFNAME TYPE <CONFIGURATION: runs one plugin once.
cni_exec() {
	local plugin=$WEFT_BIN_DIR/$5 netns=${CNI_NETNS_PATH-/run/netns/$LAB-$3}
	[[ -x $plugin ]] || plugin=$WEFT_CNI_REFERENCE/$5
	CNI_COMMAND=$1 CNI_CONTAINERID=$3 CNI_NETNS=$netns CNI_IFNAME=$4 CNI_ARGS=${CNI_EXTRA-} \
		CNI_PATH=$WEFT_BIN_DIR:$WEFT_CNI_REFERENCE ns_run "$2" "$plugin"
}

# The configuration for plugin number INDEX of the list.
cni_config() { # LIST INDEX RESULT
	jq -c --argjson i "$2" --argjson prev "${3:-null}" --argjson caps "${CNI_CAPS:-null}" '
		. as $list | .plugins[$i] + {name, cniVersion}
		| .capabilities as $can
		| (($caps // {}) | with_entries(select($can[.key]? // false))) as $args
		| if $args != {} then .runtimeConfig = $args else . end
		| if $prev then .prevResult = $prev else . end' <<<"$1"
}

# The same for all plugins of a list, or of the file of a result, without the result: lines of
# type and configuration. A single jq(1), since tests call the plugins hundreds of times.
cni_plugins() { # <LIST
	jq -r --argjson caps "${CNI_CAPS:-null}" '(.list // .) as $list | $list.plugins[]
		| .capabilities as $can
		| (($caps // {}) | with_entries(select($can[.key]? // false))) as $args
		| . + ($list | {name, cniVersion})
		| if $args != {} then .runtimeConfig = $args else . end
		| .type, tojson'
}

# with_result CONFIGURATION RESULT: adds prevResult, if there is a result.
with_result() {
	if [[ $2 ]]; then
		printf '%s,"prevResult":%s}\n' "${1%\}}" "$2"
	else
		printf '%s\n' "$1"
	fi
}

# Prints the last plugin's result, or the error document of the plugin that failed.
cni_add() { # HOST CONTAINER [IFNAME]
	local list result='' i plugins
	list=$(<"$LAB_DIR/$1/10-weft.conflist")
	mapfile -t plugins < <(cni_plugins <<<"$list")
	for ((i = 0; i < ${#plugins[@]}; i += 2)); do
		result=$(with_result "${plugins[i + 1]}" "$result" |
			cni_exec ADD "$1" "$2" "${3-eth0}" "${plugins[i]}") || {
			printf '%s\n' "$result"
			return 1
		}
	done
	(
		umask 077
		printf '{"list":%s,"result":%s}\n' "$list" "$result" \
			>"$LAB_DIR/$1/results/$2-${3-eth0}"
	)
	printf '%s\n' "$result"
}

# DEL in reverse order, CHECK in order, with the list and result of ADD. DEL also works without.
cni_again() { # VERB HOST CONTAINER [IFNAME]
	local file=$LAB_DIR/$2/results/$3-${4-eth0} list result='' i at plugins
	list=$LAB_DIR/$2/10-weft.conflist
	if [[ -e $file ]]; then
		list=$file
		result=$(jq -c .result "$file")
	fi
	mapfile -t plugins < <(cni_plugins <"$list")
	for ((i = 0; i < ${#plugins[@]}; i += 2)); do
		at=$i
		[[ $1 != DEL ]] || at=$((${#plugins[@]} - 2 - i))
		with_result "${plugins[at + 1]}" "$result" |
			cni_exec "$1" "$2" "$3" "${4-eth0}" "${plugins[at]}" || return 1
	done
	[[ $1 != DEL || ! -e $file ]] || rm -f "$file"
}

cni_del() { cni_again DEL "$@"; }
cni_check() { cni_again CHECK "$@"; }

# container_add HOST NAME: creates a namespace, runs ADD, and prints the address.
container_add() {
	local result
	ns_add "$2" || return
	result=$(cni_add "$1" "$2") || { printf '%s\n' "$result" >&2 && return 1; }
	jq -r '.ips[0].address | split("/")[0]' <<<"$result"
}

container_del() { # HOST NAME
	cni_del "$1" "$2" && ns_del "$2"
}

# The address in the result of ADD.
container_address() { # HOST NAME
	jq -r '.result.ips[0].address | split("/")[0]' "$(cni_result_file "$1" "$2")"
}

# The host's end of a container's veth.
container_veth() { # HOST NAME
	jq -r '.result.interfaces[1].name' "$(cni_result_file "$1" "$2")"
}
