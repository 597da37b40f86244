#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines; block_next sets block
#
# The code blocks of README.md and docs/*.md, run as they are printed, in the order of the documents, on
# machines with their own /etc, /usr, /opt, /var, /run and source tree. A block that cannot run here
# has its reason in a comment above it.

# schedule: first

load ../lib/bats
# shellcheck source=tests/lib/documents.bash
source "${BATS_TEST_DIRNAME}/../lib/documents.bash"

DOCUMENTS=(README.md docs/kubernetes.md docs/l2.md docs/operations.md docs/runtimes.md)

setup_file() {
	lab_open_for_file
	LAB_UNDERLAY=4 lab_hosts 3
	etcd_machine
	etcd_start
	for host in host1 host2 host3; do
		machine_up "$host"
	done
}

teardown_file() { lab_down; }

# Each test begins without weft's devices, processes and state, and with an empty etcd.
setup() {
	etcd_ctl del --prefix "$ETCD_PREFIX" >/dev/null
}

teardown() {
	local host
	for host in host1 host2 host3; do
		proc_stop "$host-weftd"
		on "$host" sh -c '! command -v weftctl >/dev/null || weftctl cleanup --force
			ip -all netns delete
			rm -rf /var/lib/weft /etc/cni/net.d/*'
	done
}

install_weft() { # HOST...
	local host
	for host; do
		on "$host" make -s -C "$WEFT_REPO" install
	done
}

# The configuration of README.
network_is_configured() { on host1 bash -c "$(document_block "$WEFT_REPO/README.md" 'etcdctl put')"; }

machine_is_ready() { # HOST [NETWORK]
	on "$1" weftctl --json status | jq -e --arg name "${2-default}" \
		'any(.networks[]; .name == $name and .state == "ready")'
}

weftd_on() { # HOST [FLAG...]
	local host=$1
	shift
	daemon_on "$host-weftd" "$host" weftd "$@"
}

# attach HOST CONTAINER NETWORK: prints the address.
attach() {
	on "$1" ip netns add "$2"
	jq -n -c --arg name "$3" '{cniVersion: "1.0.0", name: $name, type: "weft", network: $name}' |
		on "$1" env CNI_COMMAND=ADD CNI_CONTAINERID="$2" CNI_NETNS="/run/netns/$2" CNI_IFNAME=eth0 \
			CNI_PATH=/opt/cni/bin /opt/cni/bin/weft | jq -r '.ips[0].address | split("/")[0]'
}

reaches() { on "$1" ip netns exec "$2" ping -n -q -c 1 -W 2 "$3"; } # HOST CONTAINER ADDRESS

has_peer_entry() { on host1 bridge fdb show dev weft-vx200 | grep '^02:00:00:00:00:03 dst 192.168.0.3 '; }

@test "each block has a language, and each document with commands has a test" {
	local file line language reason
	cd "$WEFT_REPO"
	for file in README.md docs/*.md; do
		while read -r line language reason; do
			[[ $language =~ ^(sh|console|json|yaml|text)$ ]] || fail "$file:$line: the language '$language'"
			[[ $language == text || $reason || " ${DOCUMENTS[*]} " == *" $file "* ]] ||
				fail "$file:$line: no test runs this block. It needs a test, or a reason."
		done < <(document_blocks "$file")
	done
}

@test "README.md" {
	document_open README.md
	block_next 'make install'
	# In the source tree.
	block="cd '$WEFT_REPO'
$block" block_on host1
	block_next 'etcdctl put'
	block_on host1
	# What systemd does in the block that follows.
	weftd_on host1
	wait_for 20 machine_is_ready host1
	block_next '10-weft.conflist /etc/cni/net.d'
	block_on host1
	on host1 test -s /etc/cni/net.d/10-weft.conflist
	block_next 'weftctl doctor'
	block_on host1
	document_end
}

@test "docs/kubernetes.md" {
	install_weft host1
	document_open docs/kubernetes.md
	block_next 'make image'
	daemon_on containerd host1 containerd
	wait_for 30 on host1 ctr version
	block="cd '$WEFT_REPO'
$block" block_on host1
	run -0 on host1 ctr -n k8s.io images list -q
	assert_output --partial 'localhost/weft:'
	proc_stop containerd
	block_next '"Backend"'
	run -0 on host1 weftctl config check - <<<"$block"
	document_end
}

@test "docs/operations.md" {
	install_weft host1
	document_open docs/operations.md
	block_next 'scrape_configs'
	on host1 sh -c 'cat >prometheus.yml && cp /usr/local/share/doc/weft/examples/weft.rules.yml . &&
		promtool check config prometheus.yml' <<<"$block"
	network_is_configured
	weftd_on host1 --probe
	wait_for 20 machine_is_ready host1
	block_next 'weftctl peers'
	block_on host1
	block_next 'weftctl map'
	block_on host1
	on host1 grep -q '^<svg ' map.svg
	block_next 'config check net.json'
	on host1 sh -c 'cat >net.json' <<<"$(etcd_config_default)"
	block_on host1
	assert_equal "$(etcd_ctl get --print-value-only "$ETCD_PREFIX/config")" "$(etcd_config_default)"
	document_end
}

@test "docs/runtimes.md" {
	install_weft host1
	document_open docs/runtimes.md
	block_next '10-weft.conflist /etc/cni/net.d'
	block_on host1
	block_next '"Bridge":"br-lan"'
	block_on host1
	network_is_configured
	weftd_on host1
	wait_for 20 machine_is_ready host1
	block_next 'CNI_COMMAND=ADD'
	run -0 block_on host1
	assert_json "$output" '.ips | length == 1'
	run -0 on host1 ls /run/weft/attachments/default
	assert_output ''
	document_end
}

# Both documented addresses are of containers of host2, 192.168.0.2.
@test "docs/l2.md" {
	install_weft host1 host2 host3
	network_is_configured
	document_open docs/l2.md

	block_next 'weftd --network default --network red'
	daemon_on host1-weftd host1 bash -euc "$block"
	wait_for 20 machine_is_ready host1 red
	on host1 weftctl --network red reserve 192.168.0.2 172.18.2.0/24
	weftd_on host2 --network default --network red
	wait_for 20 machine_is_ready host2 red
	attach host1 c1 red
	assert_equal "$(attach host2 c2 red)" 172.18.2.1
	block_next 'ip neigh'
	wait_for 20 reaches host1 c1 172.18.2.1
	console_on host1
	block_next endpoints
	console_on host1

	# The same network with "Flood", on three hosts.
	etcd_ctl get --print-value-only "$ETCD_PREFIX/networks/red/config" |
		jq -c '.Weft.Flood = "replicate"' | etcd_ctl put "$ETCD_PREFIX/networks/red/config" >/dev/null
	weftd_on host3 --network default --network red
	wait_for 20 machine_is_ready host3 red
	attach host3 c3 red
	block_next 00:00:00:00:00:00
	wait_for 20 console_on host1

	# A peer without weftd, and the file store.
	for host in host1 host3; do
		proc_stop "$host-weftd"
		on "$host" weftctl cleanup --force
	done
	on host1 sh -c 'cat >net.json' <<-JSON
		{"config": {"Network":"172.18.0.0/16","Backend":{"VNI":200},
		  "Weft":{"Mode":"l2","Bridge":"br-lan"}}}
	JSON
	on host1 sh -c 'ip link add br-lan type bridge && ip link set br-lan up && ip address add 172.18.9.254/16 dev br-lan'
	daemon_on host1-weftd host1 weftd --store "file:$LAB_DIR/host1/machine/home/net.json"
	wait_for 20 machine_is_ready host1
	on host1 sh -c 'ip tuntap add tap0 mode tap && ip link set tap0 master br-lan up'
	block_next arp_accept
	block_on host1
	on host1 ip link del tap0
	block_next '.subnets["172.18.200.0-24"]'
	block_on host1
	block_next 'ip neigh add'
	block_on host3
	wait_for 20 has_peer_entry
	on host3 ip link del vx0
	on host1 sh -c 'jq ".config.Weft.Flood = \"replicate\"" net.json >net.new && mv net.new net.json'
	block_next 'bridge fdb append'
	block_on host3
	on host3 sh -c 'ip address add 172.18.200.1/16 dev vx0 && ip link set vx0 up'
	wait_for 20 on host3 ping -n -q -c 1 -W 1 172.18.9.254
	document_end
}
