#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Changes of peers are written to the packet filter as elements of a set, a restart writes nothing,
# and neither affects a connection.

load ../lib/bats
load ../lib/packets

PEERS=1000 PER_TXN=100

setup_file() {
	lab_open_for_file
	lab_hosts 2
	etcd_machine
	etcd_start
	etcd_config '{"Network":"10.0.0.0/8","SubnetLen":24,"SubnetMin":"10.5.1.0","SubnetMax":"10.60.0.0","Weft":{"LeaseTTL":15}}'
	weftd_start host1 --ip-masq
	weftd_start host2
	weftd_ready host1 host2
	container_add host1 c11
}

teardown_file() { lab_down; }

watch_start() {
	rm -f "$LAB_DIR/log/watch"
	proc_start watch host1 nft monitor
	wait_for 10 watch_marked begin
}

# Creates and deletes a table of this name. Succeeds if the monitor has printed it.
watch_marked() { # NAME
	ns_run host1 nft "add table ip $1"
	ns_run host1 nft "delete table ip $1"
	grep -q "delete table ip $1" "$LAB_DIR/log/watch"
}

# Prints the kinds of the monitor's lines, without the marks.
watch_kinds() {
	wait_for 10 watch_marked end
	proc_stop watch
	grep -v -e '^#' -e ' table ip begin' -e ' table ip end' "$LAB_DIR/log/watch" |
		cut -d' ' -f1-5 | sort -u
}

# Runs transactions of etcdctl that have changes only, without conditions.
peer_changes() { # put|del
	local i
	for ((i = 0; i < PEERS; i += PER_TXN)); do
		python3 - "$1" "$i" "$PER_TXN" "$ETCD_PREFIX" <<'PYTHON' | etcd_ctl txn >/dev/null || return
import json, sys
verb, first, count, prefix = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
print()
for n in range(first, first + count):
    value = {"PublicIP": f"192.168.{1 + n // 250}.{n % 250 + 1}", "PublicIPv6": None,
        "BackendType": "vxlan", "BackendData": {"VNI": 1, "VtepMAC": f"02:00:00:00:{n // 256:02x}:{n % 256:02x}"}}
    text = " " + json.dumps(json.dumps(value)) if verb == "put" else ""
    print(f"{verb} {prefix}/subnets/10.{100 + n // 250}.{n % 250}.0-24{text}")
print()
print()
PYTHON
	done
}

peers_in_set() { # NUMBER
	[[ $(ns_run host1 nft -j list set inet weft peers4-1 |
		jq '[.nftables[].set.elem // empty | length] | add // 0') == "$1" ]]
}

@test "1,000 changing peers change the elements of one set, and nothing else" {
	watch_start
	peer_changes put
	wait_for 30 peers_in_set $((PEERS + 1))
	peer_changes del
	wait_for 30 peers_in_set 1
	run watch_kinds
	assert_line 'add element inet weft peers4-1'
	assert_line 'delete element inet weft peers4-1'
	assert_equal "${#lines[@]}" 2
}

@test "a restart writes nothing to the kernel" {
	watch_start
	weftd_stop host1
	weftd_start host1 --ip-masq
	weftd_ready host1
	run watch_kinds
	assert_output ''
}

@test "the monitor reports a rule that weftd must write" {
	watch_start
	ns_run host1 nft flush chain inet weft input
	wait_for 5 has_input
	run watch_kinds
	assert_line --partial 'add rule inet weft input'
}

has_input() { ns_run host1 nft list chain inet weft input | grep -q tunnel-input; }

# Opens connections one after the other for this time, each with a request and its response, and uses
# another connection throughout. Prints the numbers of successful and failed ones.
connect() { # NAMESPACE ADDRESS PORT SECONDS
	ns_run "$1" python3 - "${@:2}" <<'PYTHON'
import socket, sys, time
address, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
def exchange(s):
    s.sendall(b"?")
    if s.recv(1) != b"?":
        raise OSError("closed")
lasting = socket.create_connection((address, port), 10)
made = failed = 0
end = time.monotonic() + seconds
while time.monotonic() < end:
    try:
        with socket.create_connection((address, port), 10) as s:
            exchange(s)
        exchange(lasting)
        made += 1
    except OSError:
        failed += 1
print(made, failed)
PYTHON
}

echo_start() { # NAMESPACE PORT
	proc_start echo "$1" python3 -c '
import socketserver, sys
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(1):
            self.request.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128
Server(("", int(sys.argv[1])), Echo).serve_forever()' "$2"
	wait_for 10 witness_listens "$1" "$2"
}

@test "restarts and a recreated table reset none of hundreds of connections per second" {
	local made failed i pid
	echo_start net 77
	connect c11 "$LAB_GATEWAY" 77 8 >"$LAB_DIR/connections" 3>&- &
	pid=$!
	for i in 1 2; do
		weftd_stop host1 KILL
		weftd_start host1 --ip-masq
		weftd_ready host1
		ns_run host1 nft add chain inet weft more
		wait_for 5 not ns_run host1 nft list chain inet weft more
	done
	wait "$pid"
	read -r made failed <"$LAB_DIR/connections"
	assert_equal "$failed" 0
	((made > 20)) || fail "only $made connections"
}
