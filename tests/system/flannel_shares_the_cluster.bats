#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# flannel nodes in the same cluster: weftd applies their changes, and never writes a key to the lease
# prefix that flannel cannot parse, because with one such key each flannel node removes all its
# peers. tests/unit/test_flannel_leases.c covers each kind of lease.

load ../lib/bats

FIXTURES=$WEFT_REPO/tests/fixtures/flannel
V4='"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0"'
DUAL="$V4"',"EnableIPv6":true,"IPv6Network":"fd00:5::/48"'
DUAL+=',"IPv6SubnetMin":"fd00:5:0:1::","IPv6SubnetMax":"fd00:5:0:63::"'

setup_file() {
	lab_open_for_file
	etcd_machine && etcd_start
	proc_start keys etcd env ETCDCTL_API=3 etcdctl --endpoints=http://127.0.0.1:2379 \
		watch --prefix / -w json
	etcd_config_of "$DUAL"
	LAB_UNDERLAY=46 lab_host host1
	weftd_start host1
	weftd_ready host1
}

teardown_file() { lab_down; }

routes_are() { # FAMILIES: those of the routes to other nodes
	local have
	have=$(kernel_have host1 | awk '/proto 119/ { print ($2 ~ /:/) ? "v6" : "v4" }' | sort | xargs)
	[[ $have == "$1" ]] || { echo "routes: '$have'" && return 1; }
}

kernel_shows() { kernel_have host1 | grep -qxF "$1"; }

@test "a PUT with a new MAC, address or both, and a DELETE, are applied and leave no old entry" {
	local key=10.5.131.0-24
	etcd_put $key "$(flannel_value 192.168.0.131 0e:00:00:00:00:31)"
	wait_for 15 kernel_shows 'fdb 0e:00:00:00:00:31 dst 192.168.0.131 self sticky static'
	etcd_put $key "$(flannel_value 192.168.0.131 0e:00:00:00:00:32)"
	wait_for 15 kernel_shows 'fdb 0e:00:00:00:00:32 dst 192.168.0.131 self sticky static'
	kernel_settled host1
	etcd_put $key "$(flannel_value 192.168.0.132 0e:00:00:00:00:32)"
	wait_for 15 kernel_shows 'fdb 0e:00:00:00:00:32 dst 192.168.0.132 self sticky static'
	kernel_settled host1
	etcd_put $key "$(flannel_value 192.168.0.133 0e:00:00:00:00:33)"
	wait_for 15 kernel_shows 'fdb 0e:00:00:00:00:33 dst 192.168.0.133 self sticky static'
	kernel_settled host1
	etcd_del $key
	wait_for 15 routes_are ''
	run kernel_have host1
	refute_output --partial 0e:00:00:00:00:3
}

key_of_host1() { etcd_leases | awk -F '\t' '/"Name":"host1"/ { print $1 }'; }
key_is_like() { [[ $(key_of_host1) =~ $1 ]]; }

# Succeeds when an etcd lease of 7 s, granted at the first call, has expired.
lease_outlived() {
	local file=$BATS_TEST_TMPDIR/yardstick
	[[ -e $file ]] || etcd_ctl lease grant 7 | awk '{ print $2 }' >"$file"
	etcd_ctl lease timetolive "$(<"$file")" | grep -q 'already expired'
}

watch_saw() { grep -q "$1" "$LAB_DIR/log/keys"; }

@test "weftd never writes a key that flannel cannot parse" {
	wait_for 20 lease_outlived  # renewals
	etcd_config_of "$V4" # from dual stack to IPv4, and back
	restart
	wait_for 30 key_is_like '^10\.5\.[0-9]+\.0-24$'
	etcd_config_of "$DUAL"
	restart
	wait_for 30 key_is_like '^10\.5\.[0-9]+\.0-24&fd00:'
	ip -n "$LAB-host1" address del 192.168.0.1/24 dev eth0 # another address
	ip -n "$LAB-host1" address add 192.168.0.9/24 dev eth0
	ip -n "$LAB-host1" route replace default via "$LAB_GATEWAY"
	wait_for 30 published 192.168.0.9
	etcd_ctl del --prefix "$ETCD_PREFIX/subnets/" # registers again
	wait_for 30 published 192.168.0.9
	restart
	weftd_stop host1
	etcd_ctl put "$ETCD_PREFIX/end" . # the watch reports it after all earlier changes
	wait_for 15 watch_saw "$(printf %s "$ETCD_PREFIX/end" | base64 -w0)"
	run -0 /usr/bin/python3 "$FIXTURES/readable.py" "$LAB_DIR/log/keys" "$ETCD_PREFIX" \
		"$BATS_TEST_DIRNAME/flannel-lease.schema.json"
	echo "$output"
	# The check detects invalid leases.
	run /usr/bin/python3 "$FIXTURES/readable.py" --faults
	assert_output '8 faults of 8'
}

restart() { weftd_stop host1 && weftd_start host1 && weftd_ready host1; }

published() { etcd_leases | grep -F '"Name":"host1"' | grep -qF "\"$1\""; }
