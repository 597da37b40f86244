#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A connection to a Service whose backend is on the client's own node: the destination is translated,
# and the backend is in the client's subnet. Without br_netfilter the reply is bridged; it must be
# translated nevertheless. Rules of nft on host1, of iptables-nft on host2, without --ip-masq.

load ../lib/bats
load ../lib/packets

BOTH='"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0"'
BOTH+=',"EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"vxlan","VNI":1}'
SERVICE4=10.96.0.10 SERVICE6=fd00:96::10

setup_file() {
	lab_open_for_file
	export LAB_UNDERLAY=46
	lab_hosts 2
	etcd_machine
	etcd_start
	etcd_config "{$BOTH,\"Weft\":{\"LeaseTTL\":15}}"
	bridge_netfilter host1 0
	bridge_netfilter host2 0
	weftd_start host1
	weftd_start host2
	weftd_ready host1 host2
	kernel_settled host1 host2
	container_add host1 c11 && container_add host1 c12
	container_add host2 c21 && container_add host2 c22
	witness_start c12
	witness_start c22
	service_by_nft
	service_by_iptables
}

teardown_file() { lab_down; }

# Without the module, bridged packets are never passed to iptables, as with 0.
bridge_netfilter() { # HOST 0|1
	ns_run "$1" sh -c "[ ! -d /proc/sys/net/bridge ] || for file in iptables ip6tables; do
		echo $2 >/proc/sys/net/bridge/bridge-nf-call-\$file; done"
}

address6() { jq -r '.result.ips[1].address | split("/")[0]' "$(cni_result_file "$1" "$2")"; }

service_by_nft() {
	ns_run host1 nft -f - <<-RULES
		table inet service {
			chain prerouting {
				type nat hook prerouting priority dstnat
				ip daddr $SERVICE4 tcp dport 80 dnat ip to $(container_address host1 c12):7
				ip6 daddr $SERVICE6 tcp dport 80 dnat ip6 to [$(address6 host1 c12)]:7
				ip daddr $SERVICE4 tcp dport 81 dnat ip to $(container_address host2 c22):7
			}
		}
	RULES
}

service_by_iptables() {
	ns_run host2 iptables-nft -t nat -A PREROUTING -d "$SERVICE4" -p tcp --dport 80 \
		-j DNAT --to-destination "$(container_address host2 c22):7"
	ns_run host2 ip6tables-nft -t nat -A PREROUTING -d "$SERVICE6" -p tcp --dport 80 \
		-j DNAT --to-destination "[$(address6 host2 c22)]:7"
}

@test "a Service with a backend on the client's node answers, in both families" {
	assert_equal "$(seen_as c11 "$SERVICE4" 80)" "$(host_gateway host1)"
	assert_equal "$(seen_as c11 "$SERVICE6" 80)" "$(host_network host1 '.families[1].gateway')"
	assert_equal "$(seen_as c21 "$SERVICE4" 80)" "$(host_gateway host2)"
	assert_equal "$(seen_as c21 "$SERVICE6" 80)" "$(host_network host2 '.families[1].gateway')"
}

@test "a container that is its own backend is answered" {
	assert_equal "$(seen_as c12 "$SERVICE4" 80)" "$(host_gateway host1)"
	assert_equal "$(seen_as c12 "$SERVICE6" 80)" "$(host_network host1 '.families[1].gateway')"
	assert_equal "$(seen_as c22 "$SERVICE4" 80)" "$(host_gateway host2)"
	assert_equal "$(seen_as c22 "$SERVICE6" 80)" "$(host_network host2 '.families[1].gateway')"
}

@test "a backend on another node, and connections without a Service, see the client's address" {
	assert_equal "$(seen_as c11 "$SERVICE4" 81)" "$(container_address host1 c11)"
	assert_equal "$(seen_as c11 "$(container_address host1 c12)")" "$(container_address host1 c11)"
	assert_equal "$(seen_as c11 "$(container_address host2 c22)")" "$(container_address host1 c11)"
}

@test "with br_netfilter, the backend sees the client's address, also on another node" {
	[[ -d /proc/sys/net/bridge ]] || skip 'br_netfilter is not loaded'
	weftd_stop host1
	bridge_netfilter host1 1
	weftd_start host1
	weftd_ready host1
	wait_for 5 source_is "$(container_address host1 c11)" c11 "$SERVICE4"
	wait_for 5 source_is "$(address6 host1 c11)" c11 "$SERVICE6"
	assert_equal "$(seen_as c11 "$SERVICE4" 81)" "$(container_address host1 c11)"
	assert_equal "$(weftctl_on host1 --json status | jq '[.. | .bridged_tunnel_drops? // empty | tonumber] | add')" 0
}

source_is() { [[ $(seen_as "$2" "$3" 80) == "$1" ]]; }
