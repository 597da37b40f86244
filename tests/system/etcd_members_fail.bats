#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The members of an etcd cluster with TLS and users fail one by one in each way, then all at once, and
# then a backup is restored. Traffic passes, no valid peer is removed, and finally all nodes are in
# sync with the store. All members are down for AWAY_S seconds (default: 20).

# schedule: first

load ../lib/bats
load ../lib/cluster

setup_file() {
	lab_open_for_file
	lab_hosts 3
	cluster_start tls auth
	# The TTL is longer than the outages below.
	etcd_config '{"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0",
		"Backend":{"Type":"vxlan"},"Weft":{"LeaseTTL":120}}'
	weftd_start host1
	weftd_start host2
	weftd_ready host1 host2
	container_add host1 c1
	container_add host2 c2
}

teardown_file() { lab_down; }

log_has() { weftd_log "$1" 300 | grep -F -- "$2"; } # HOST TEXT
status_is() { weftctl_on "$1" --json status | jq -e ".networks[0] | $2"; }

peer() { # NUMBER: a lease of 10.5.NUMBER.0/24
	etcd_put "10.5.$1.0-24" "$(flannel_value "192.168.0.$1" "0e:00:00:00:01:${1:1}")"
}

settled() { # HOST...
	local host
	for host; do
		wait_for 90 kernel_agrees "$host" || return
	done
}

# fails HOW BACK N: member N fails, peer changes are applied by all hosts, and the member recovers.
fails() {
	"$1" "$3"
	peer "21$3"
	[[ $3 == 1 ]] || etcd_del "10.5.21$(($3 - 1)).0-24"
	settled host1 host2
	"$2" "$3"
	cluster_healthy "$3"
}

@test "one member paused, one unreachable, one partitioned: peer changes are applied" {
	flow_start members c1 "$(container_address host2 c2)" 600 0.1
	fails cluster_pause cluster_resume 1
	fails cluster_cut cluster_reconnect 2
	fails cluster_isolate cluster_rejoin 3
	proc_stop flow-members INT
	assert_equal "$(flow_lost members)" 0
	etcd_del 10.5.213.0-24
	settled host1 host2
}

@test "all members down: traffic, ADD and DEL work, and no full list follows" {
	local n lists=0 away=${AWAY_S-20} back
	flow_start outage c1 "$(container_address host2 c2)" $((away * 10)) 0.1
	for n in 1 2 3; do
		cluster_kill "$n"
	done
	wait_for 60 status_is host1 '.store.connected | not'
	wait_for 60 status_is host2 '.store.connected | not'
	container_add host1 c3
	ping_once c3 "$(container_address host2 c2)"
	container_del host1 c3
	# Long enough for an unlimited backoff to exceed the limit.
	wait_for $((away + 40)) not flow_runs outage
	assert_equal "$(flow_lost outage)" 0
	cluster_begin
	back=$(now_us)
	wait_for 20 status_is host1 .store.connected
	wait_for 20 status_is host2 .store.connected
	# A list begins with a read, and so does each attempt of the two nodes; etcdctl reads once for each
	# member's health.
	for n in 1 2 3; do
		((lists += $(cluster_metric "$n" 'grpc_server_handled_total{grpc_code="OK",grpc_method="Range"'))) || true
	done
	assert [ "$lists" -le 9 ]
	peer 221
	settled host1 host2
	echo "# etcd down for $away s, then in sync within $((($(now_us) - back) / 1000)) ms" >&3
}

@test "a restored backup without one node: the other nodes keep it as a peer and report the restore" {
	cluster_snapshot "$LAB_DIR/backup"
	weftd_start host3
	weftd_ready host3
	container_add host3 c33
	settled host1 host2 host3
	flow_start restore c1 "$(container_address host3 c33)" 200 0.1
	cluster_restore "$LAB_DIR/backup"
	wait_for 60 log_has host1 'the store was wiped or restored'
	wait_for 60 status_is host1 '.store.reset_reason != "" and .store.grace_until > 0'
	wait_for 60 etcd_key_of_again host3
	settled host1 host2 host3
	assert_equal "$(flow_lost restore)" 0
}

etcd_key_of_again() { [[ $(etcd_key_of "$1") ]]; }
