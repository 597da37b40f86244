#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What weftd writes into the packet filter: elements of a set as peers come and go, nothing at a
# restart; and that no connection notices either.

load ../lib/bats
load ../lib/packets

PEERS=1000 PER_TXN=100

setup_file() {
	lab_open_for_file
	lab_hosts 2
	etcd_machine
	etcd_start
	etcd_config '{"Network":"10.0.0.0/8","SubnetLen":24,"SubnetMin":"10.5.1.0","SubnetMax":"10.60.0.0","Weft":{"LeaseTTL":5}}'
	weftd_start host1 --ip-masq
	weftd_start host2
	weftd_ready host1 host2
	container_add host1 c11
}

teardown_file() { lab_down; }

watch_start() {
	rm -f "$LAB_DIR/log/watch"
	proc_start watch host1 nft monitor
	wait_for 10 watch_hears begin
}

# The monitor has printed what is done now: a table of this name.
watch_hears() { # NAME
	ns_run host1 nft "add table ip $1"
	ns_run host1 nft "delete table ip $1"
	grep -q "delete table ip $1" "$LAB_DIR/log/watch"
}

# What it has printed but for our own marks: kinds of lines.
watch_kinds() {
	wait_for 10 watch_hears end
	proc_stop watch
	grep -v -e '^#' -e ' table ip begin' -e ' table ip end' "$LAB_DIR/log/watch" |
		cut -d' ' -f1-5 | sort -u
}

# Transactions of etcdctl: no conditions, the changes, nothing else.
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

@test "1,000 peers that come and go are elements of one set, and nothing else" {
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

@test "a restart writes nothing" {
	watch_start
	weftd_stop host1
	weftd_start host1 --ip-masq
	weftd_ready host1
	run watch_kinds
	assert_output ''
}

@test "the monitor is not deaf: a rule that weftd must write is seen" {
	watch_start
	ns_run host1 nft flush chain inet weft input
	wait_for 5 has_input
	run watch_kinds
	assert_line --partial 'add rule inet weft input'
}

has_input() { ns_run host1 nft list chain inet weft input | grep -q guard; }

# Makes connections, as many as go, for so many seconds, each with a question and its answer;
# and one that asks all the while. Says how many there were, and how many failed.
connect() { # NAMESPACE ADDRESS PORT SECONDS
	ns_run "$1" python3 - "${@:2}" <<'PYTHON'
import socket, sys, time
address, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
def ask(s):
    s.sendall(b"?")
    if s.recv(1) != b"?":
        raise OSError("closed")
lasting = socket.create_connection((address, port), 10)
made = failed = 0
end = time.monotonic() + seconds
while time.monotonic() < end:
    try:
        with socket.create_connection((address, port), 10) as s:
            ask(s)
        ask(lasting)
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

@test "restarts, and a table put there anew, reset no connection of hundreds a second" {
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
	((made > 100)) || fail "only $made connections"
}
