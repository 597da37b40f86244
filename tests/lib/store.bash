# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The lab's store. LAB_STORE selects etcd (etcd.bash) or file: one file that all hosts read and
# write. Sourced by lab.bash.

: "${LAB_STORE:=etcd}"

store_file() { echo "$LAB_DIR/net.json"; }

# store_start [CONFIGURATION]: starts the store; by default with the lab's configuration.
store_start() {
	if [[ $LAB_STORE == file ]]; then
		printf '{\n  "config": %s\n}\n' "${1-$(etcd_config_default)}" >"$(store_file)"
	else
		etcd_machine && etcd_start && etcd_config "$@"
	fi
}

# The store flags of a host's weftd.
store_flags() { # HOST
	if [[ $LAB_STORE == file ]]; then
		echo --store "file:$(store_file)"
	else
		etcd_flags "$1"
	fi
}

# Prints the leases, one line each: key, tab, value.
store_leases() {
	if [[ $LAB_STORE == file ]]; then
		jq -r '.subnets // {} | to_entries[] | "\(.key)\t\(.value | tojson)"' "$(store_file)"
	else
		etcd_leases
	fi
}

# The key, or the value, of a host's lease. The host is identified by its address.
store_key_of() { # HOST
	store_leases | awk -F '\t' -v p="\"PublicIP\":\"$(host_address "$1")\"" 'index($2, p) { print $1 }'
}

store_value_of() { # HOST
	store_leases | awk -F '\t' -v p="\"PublicIP\":\"$(host_address "$1")\"" 'index($2, p) { print $2 }'
}

# Applies an expression of jq(1) as an editor does: writes a new file, renames it over the old one.
store_file_edit() { # EXPRESSION [ARGUMENT OF JQ...]
	local file
	file=$(store_file)
	jq --indent 2 "${@:2}" "$1" "$file" >"$file.edited" && mv "$file.edited" "$file"
}
