#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The first of weftd's endpoints is a faulty server (lib/bad_gateway.py), the second is etcd. weftd
# reports the endpoint and the fault, becomes ready, applies changes, and uses bounded memory.

# schedule: first

# shellcheck disable=SC2317 # etcd_flags is called by weftd_start

load ../lib/bats

BAD=192.168.0.250:2400
MEMORY_MAX_KB=65536 # a response may have 16 MB

setup_file() {
	lab_open_for_file
	lab_hosts 1
	store_start
}

teardown_file() { lab_down; }

teardown() {
	weftd_stop host1
	proc_stop bad KILL
}

# Replaces the function of etcd.bash.
etcd_flags() { echo --etcd-endpoints "http://$BAD,$ETCD_URL"; }

bad_start() { # HOW [watch]
	proc_start bad etcd "$(command -v python3)" "$WEFT_REPO/tests/lib/bad_gateway.py" \
		"${BAD%:*}" "${BAD#*:}" "${ETCD_URL#http://}" "$@"
	wait_for 10 ns_run etcd bash -c "exec 3<>/dev/tcp/${BAD%:*}/${BAD#*:}"
}

log_has() { weftd_log host1 100 | grep -F -- "$1"; }

reaches_etcd() {
	weftctl_on host1 --json status |
		jq -e --arg url "$ETCD_URL" '.networks[0].store | .connected and .endpoint == $url'
}

peak_kb() { awk '/^VmHWM/ { print $2 }' "/proc/$(weftd_pid host1)/status"; }

# works_despite FAULT MESSAGE [watch]: starts weftd with the faulty server, adds and removes a peer,
# and checks the log for the message.
works_despite() {
	local how=$1 message=$2
	: >"$LAB_DIR/log/host1-weftd"
	bad_start "$how" "${@:3}"
	weftd_start host1
	wait_for 60 weftd_is_ready host1
	wait_for 60 reaches_etcd
	etcd_put 10.5.200.0-24 "$(flannel_value 192.168.0.200 0e:00:00:00:02:00)"
	wait_for 60 kernel_agrees host1
	etcd_del 10.5.200.0-24
	wait_for 60 kernel_agrees host1
	log_has "$BAD"
	log_has "$message"
	assert [ "$(peak_kb)" -lt "$MEMORY_MAX_KB" ]
}

@test "a server that never responds" { works_despite silent 'timed out'; }

@test "a server that responds byte by byte without end" { works_despite slow 'timed out'; }

@test "a server that closes the connection within a response" { works_despite half 'closed'; }

@test "a server that sends headers without end" { works_despite headers 'large'; }

@test "a server that sends a response without end" { works_despite body 'larger'; }

GATEWAY="etcd's JSON gateway is required: etcd 3.4 or later, with --enable-grpc-gateway; if etcd has --listen-client-http-urls"

@test "a port for gRPC only" { works_despite grpc "$GATEWAY"; }

@test "a server without the gateway" { works_despite notfound "$BAD: does not serve /v3 (HTTP 404): $GATEWAY"; }

@test "a web server that is not etcd" { works_despite html "not a response of etcd's JSON gateway"; }

@test "a server that closes each connection, as a port for TLS does" { works_despite closed 'use https://'; }

@test "https:// with a port without TLS" {
	etcd_flags() { echo --etcd-endpoints "https://${ETCD_URL#http://},$ETCD_URL"; }
	: >"$LAB_DIR/log/host1-weftd"
	weftd_start host1
	wait_for 60 weftd_is_ready host1
	log_has 'a port without TLS? use http://'
}

# A gateway that offers only h2 by ALPN refuses the TLS handshake of a client without it.
@test "a port for HTTP/2 only, with TLS" {
	local cert=$LAB_DIR/h2
	etcd_flags() { echo --etcd-endpoints "https://$BAD,$ETCD_URL" --etcd-cafile "$cert.crt"; }
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=h2 \
		-addext "subjectAltName=IP:${BAD%:*}" -keyout "$cert.key" -out "$cert.crt"
	: >"$LAB_DIR/log/host1-weftd"
	proc_start bad etcd openssl s_server -accept "$BAD" -alpn h2 -cert "$cert.crt" \
		-key "$cert.key" -quiet
	wait_for 20 ns_run etcd bash -c "exec 3<>/dev/tcp/${BAD%:*}/${BAD#*:}"
	weftd_start host1
	wait_for 60 weftd_is_ready host1
	wait_for 60 reaches_etcd
	log_has "$BAD: the server does not speak HTTP/1.1 (a port for HTTP/2 or gRPC only?)"
}

# A second etcd, whose flag disables the gateway; weftd uses the first one.
@test "etcd with --enable-grpc-gateway=false" {
	local data
	data=$(mktemp -d "/var/tmp/$LAB-bad.XXXXXX")
	: >"$LAB_DIR/log/host1-weftd"
	proc_start bad etcd etcd --data-dir "$data" --enable-grpc-gateway=false \
		--listen-client-urls "http://$BAD" --advertise-client-urls "http://$BAD" \
		--listen-peer-urls http://127.0.0.1:2390 --initial-advertise-peer-urls http://127.0.0.1:2390 \
		--initial-cluster default=http://127.0.0.1:2390 --logger zap --log-level warn
	wait_for 20 ns_run etcd bash -c "exec 3<>/dev/tcp/${BAD%:*}/${BAD#*:}"
	weftd_start host1
	wait_for 60 weftd_is_ready host1
	wait_for 60 reaches_etcd
	log_has "$BAD: does not serve /v3 (HTTP 404): $GATEWAY"
	proc_stop bad KILL
	rm -rf "$data"
}

@test "a server whose watch sends nothing" { works_despite silent 'the watch is silent' watch; }

@test "a server whose watch is slow and never sends a complete line" { works_despite slow 'the watch is silent' watch; }

@test "a server whose watch ends at once" { works_despite half 'closed' watch; }

@test "a server whose watch sends headers without end" { works_despite headers 'large' watch; }

@test "a server whose watch sends a line without end" { works_despite body 'larger' watch; }
