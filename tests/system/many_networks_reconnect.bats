#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # run sets output and lines; jq has variables, too
#
# A node with 100 L2 networks has two watches for each of them, on 200 connections to one etcd. After
# etcd or the node's address was gone, each network has its watches again and misses no change.

load ../lib/bats

NETWORKS=100
NODE=00000000-0000-4000-8000-000000000001

setup_file() {
	lab_open_for_file
	lab_hosts 1
	etcd_machine && etcd_start
	for ((i = 1; i <= NETWORKS; i++)); do
		printf 'put %s/networks/n%d/config {"Network":"10.%d.0.0/16","Backend":{"VNI":%d},"Weft":%s}\n' "$ETCD_PREFIX" "$i" \
			$((100 + i)) $((200 + i)) '{"Mode":"l2","LeaseTTL":60}'
	done | put
	weftd_start host1 --network '*'
	wait_for 60 all_ready
}

teardown_file() { lab_down; }

put() { # one transaction of the commands on standard input
	{ echo && cat && printf '\n\n'; } | etcd_ctl txn >/dev/null
}

all_ready() {
	weftctl_on host1 --json status | jq -e --argjson n "$NETWORKS" \
		'[.networks[] | select(.state == "ready" and .store.connected)] | length == $n'
}

# The host part of the addresses of a container that is announced in each network, with its node's lease.
announce() { # NUMBER
	for ((i = 1; i <= NETWORKS; i++)); do
		printf 'put %s/networks/n%d/endpoints/10.%d.250.%d {"MAC":"0a:58:0a:%02x:fa:%02x","Node":"%s"}\n' \
			"$ETCD_PREFIX" "$i" $((100 + i)) "$1" $((100 + i)) "$1" "$NODE"
	done | put
}
lease() { # ADDRESS
	for ((i = 1; i <= NETWORKS; i++)); do
		printf 'put %s/networks/n%d/subnets/10.%d.250.0-24 {"PublicIP":"%s","BackendType":"vxlan","BackendData":%s,"Weft":%s}\n' \
			"$ETCD_PREFIX" "$i" $((100 + i)) "$1" "{\"VNI\":$((200 + i)),\"VtepMAC\":\"0e:00:00:00:00:01\"}" \
			"{\"Node\":\"$NODE\"}"
	done | put
}

# In every network, the container has an entry with the node's address.
arrived() { # NUMBER ADDRESS
	ip netns exec "$LAB-host1" bridge fdb show | awk -v last="$(printf ':fa:%02x' "$1")" -v to="$2" -v n="$NETWORKS" '
		$1 ~ "^0a:58:0a:..:?.*" last "$" && $0 ~ " dst " to " " { found++ }
		END { exit found != n }'
}

connections() { ns_run host1 ss -Htn state established 'dport = :2379' | awk '{ print $3 }' | cut -d: -f1; }

@test "every network has a connection for each of its watches" {
	lease 192.168.0.77
	announce 1
	wait_for 30 arrived 1 192.168.0.77
	(($(connections | wc -l) >= 2 * NETWORKS))
}

@test "etcd ends all connections: each network misses no lease and no endpoint" {
	etcd_stop KILL
	etcd_start
	lease 192.168.0.78
	announce 2
	wait_for 60 arrived 1 192.168.0.78
	wait_for 60 arrived 2 192.168.0.78
	wait_for 60 all_ready
}

from() { [[ $(connections | sort -u) == "$1" ]]; } # ADDRESS

@test "the node's address changes: no connection of the previous one is left" {
	ip -n "$LAB-host1" address flush dev eth0 scope global
	ip -n "$LAB-host1" address add 192.168.0.101/24 dev eth0
	ip -n "$LAB-host1" route add default via "$LAB_GATEWAY"
	lease 192.168.0.79
	announce 3
	wait_for 15 from 192.168.0.101
	wait_for 60 arrived 1 192.168.0.79
	wait_for 60 arrived 3 192.168.0.79
	wait_for 60 all_ready
	(($(connections | wc -l) >= 2 * NETWORKS))
}

@test "no response for a minute: each network misses no change" {
	# Connections of which nothing arrives any more, without an error.
	ns_run host1 nft 'add table inet cut; add chain inet cut in { type filter hook input priority -300; };
		add rule inet cut in tcp sport 2379 drop'
	lease 192.168.0.80
	announce 4
	wait_for 90 eval '[[ $(weftctl_on host1 --json status |
		jq "[.networks[] | select(.store.connected)] | length") == 0 ]]'
	ns_run host1 nft delete table inet cut
	wait_for 90 arrived 1 192.168.0.80
	wait_for 60 arrived 4 192.168.0.80
	wait_for 60 all_ready
}
