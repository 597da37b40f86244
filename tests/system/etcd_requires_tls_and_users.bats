#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# An etcd cluster with TLS, client certificates and users: weftd authenticates, keeps working when
# certificates, tokens and passwords are replaced, and reports missing or invalid credentials.

# schedule: first

load ../lib/bats
load ../lib/cluster

setup_file() {
	export CLUSTER_TOKEN_S=2
	lab_open_for_file
	LAB_UNDERLAY=46 lab_hosts 2
	cluster_start tls jwt
	etcd_config
	# weftd ignores proxy variables; this proxy does not exist.
	https_proxy=http://192.168.0.99:1 weftd_start host1
	weftd_start host2 --etcd-endpoints "$(cluster_urls 6)"
}

teardown_file() { lab_down; }

store_is() { weftctl_on "$1" --json status | jq -e ".networks[0].store | $2"; } # HOST EXPRESSION
log_has() { weftd_log "$1" 200 | grep -F -- "$2"; }                            # HOST TEXT
reason_has() { weftctl_on "$1" --json status | jq -r '.networks[0].reason' | grep -F -- "$2"; }

authentications() {
	local n sum=0
	for n in $(cluster_present); do
		((sum += $(cluster_metric "$n" 'grpc_server_handled_total{grpc_code="InvalidArgument",grpc_method="Authenticate"')))
	done
	echo "$sum"
}

# The number of the member that serves a host's watch.
member_of() {
	weftctl_on "$1" --json status | jq -r '.networks[0].store.endpoint' | sed 's/.*25\([123]\).*/\1/'
}

peer() { # NUMBER: a lease of 10.5.NUMBER.0/24
	etcd_put "10.5.$1.0-24" "$(flannel_value "192.168.0.$1" "0e:00:00:00:01:${1:1}")"
}

# refuses TEXT FLAG...: weftd exits at once with status 2 and one line that contains the text.
refuses() {
	local text=$1
	shift
	run ns_run host1 timeout 20 "$WEFT_BIN_DIR/weftd" --run-dir "$LAB_DIR/none/run" \
		--state-dir "$LAB_DIR/none/state" --etcd-endpoints https://192.168.0.251:2379 "$@"
	assert_failure 2
	assert_output --partial "$text"
	assert_equal "${#lines[@]}" 1
}

@test "nodes join over IPv4 and IPv6" {
	weftd_ready host1 host2
	kernel_settled host1 host2
	store_is host1 '.tls and .connected and (.endpoint | startswith("https://192."))'
	store_is host2 '.tls and .connected and (.endpoint | startswith("https://[fd00:"))'
	run weftctl_on host1 status
	assert_output --partial https://192.168.0.25
}

@test "a watch moves to another member with an expired token: the token is renewed silently" {
	local at
	at=$(member_of host1)
	cluster_kill "$at"
	peer 211
	kernel_settled host1 host2
	assert [ "$(member_of host1)" != "$at" ]
	cluster_member "$at"
	cluster_healthy "$at"
	store_is host1 .connected
}

@test "a renewed certificate file is used for later connections" {
	cluster_certificate weft
	peer 212
	wait_for 60 log_has host1 'TLS certificates reloaded'
	wait_for 60 log_has host2 'TLS certificates reloaded'
	peer 213
	kernel_settled host1 host2
	store_is host1 .connected
}

@test "an empty certificate file is not used, and is reported" {
	cp "$LAB_DIR/tls/weft.crt" "$BATS_TEST_TMPDIR/whole"
	: >"$LAB_DIR/tls/weft.crt"
	wait_for 60 log_has host1 'cannot reload TLS certificates, keeping the previous ones'
	log_has host1 "--etcd-certfile: $LAB_DIR/tls/weft.crt: empty file"
	peer 214
	kernel_settled host1 host2
	store_is host1 .connected
	cp "$BATS_TEST_TMPDIR/whole" "$LAB_DIR/tls/weft.crt"
}

@test "a damaged certificate file is reported in the status until it is replaced" {
	cp "$LAB_DIR/tls/weft.crt" "$BATS_TEST_TMPDIR/whole"
	head -c 300 "$BATS_TEST_TMPDIR/whole" >"$LAB_DIR/tls/weft.crt"
	wait_for 60 reason_has host1 "--etcd-certfile $LAB_DIR/tls/weft.crt or --etcd-keyfile"
	reason_has host1 SSLCERT
	cp "$BATS_TEST_TMPDIR/whole" "$LAB_DIR/tls/weft.crt"
	wait_for 120 store_is host1 .connected
	wait_for 120 store_is host2 .connected
	peer 216
	kernel_settled host1 host2
}

@test "a changed password: retries are limited, and the new password file is used" {
	local before
	before=$(authentications)
	etcd_ctl user passwd weft --interactive=false <<<another >/dev/null
	weftd_stop host1
	weftd_start host1
	wait_for 20 reason_has host1 'user weft'
	reason_has host1 "$LAB_DIR/cluster/password"
	reason_has host1 'authentication failed'
	weftctl_on host1 --json status | jq -e '.networks[0].store.connected | not'
	assert [ "$(authentications)" -ge "$((before + 1))" ]
	assert [ "$(authentications)" -le "$((before + 10))" ] # without a backoff there would be hundreds
	echo another >"$LAB_DIR/cluster/password"
	weftd_ready host1
	kernel_settled host1 host2
}

@test "disabling etcd's authentication at run time is reported and has no other effect" {
	etcd_ctl auth disable >/dev/null
	rm "$LAB_DIR/cluster/users"
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	log_has host1 'authentication is not enabled in etcd'
	peer 215
	kernel_settled host1 host2
}

@test "missing or invalid credentials are reported at start" {
	local tls=$LAB_DIR/tls
	refuses "--etcd-certfile $tls/weft.crt requires --etcd-keyfile" --etcd-certfile "$tls/weft.crt"
	refuses "--etcd-keyfile $tls/weft.key requires --etcd-certfile" --etcd-keyfile "$tls/weft.key"
	refuses "--etcd-cafile: $tls/none: No such file" --etcd-cafile "$tls/none"
	refuses '--etcd-username weft requires --etcd-password-file' --etcd-username weft
	refuses '--etcd-proxy: "proxy:3128" is not of the form http://HOST:PORT' --etcd-proxy proxy:3128
}

@test "a file that weftd's user cannot read is reported" {
	chmod 600 "$LAB_DIR/tls/weft.key"
	refuses "--etcd-keyfile: $LAB_DIR/tls/weft.key: Permission denied: the user nobody must be able to read it" \
		--etcd-certfile "$LAB_DIR/tls/weft.crt" --etcd-keyfile "$LAB_DIR/tls/weft.key" --user nobody
}

@test "unusable TLS files are reported in the status" {
	local tls=$LAB_DIR/tls
	weftd_stop host1
	weftd_start host1 --etcd-cafile "$tls/weft.key"
	wait_for 20 reason_has host1 "--etcd-cafile $tls/weft.key: "
	weftd_stop host1
	openssl pkey -in "$tls/weft.key" -aes128 -passout pass:x -out "$tls/secret.key"
	weftd_start host1 --etcd-certfile "$tls/weft.crt" --etcd-keyfile "$tls/secret.key"
	wait_for 20 reason_has host1 "--etcd-keyfile $tls/secret.key: "
	reason_has host1 'private key'
}

@test "a server certificate of another CA is refused, and so is a client certificate unknown to the server" {
	weftd_stop host1
	cluster_ca other
	weftd_start host1 --etcd-cafile "$LAB_DIR/tls/other.crt"
	wait_for 20 reason_has host1 "the server's certificate is rejected"
	reason_has host1 "--etcd-cafile $LAB_DIR/tls/other.crt"
	weftd_stop host1
	cluster_certificate foreign other
	weftd_start host1 --etcd-certfile "$LAB_DIR/tls/foreign.crt" --etcd-keyfile "$LAB_DIR/tls/foreign.key"
	wait_for 30 reason_has host1 'the server rejects the certificate of --etcd-certfile'
}

@test "a server without users or client certificates needs the CA only; the password is never shown" {
	weftd_stop host1
	etcd_machine
	cluster_certificate single ca IP:192.168.0.250
	proc_start etcd etcd etcd --name lab --data-dir "$LAB_DIR/etcd/data" \
		--listen-client-urls https://192.168.0.250:2379 --advertise-client-urls https://192.168.0.250:2379 \
		--listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
		--initial-cluster lab=http://127.0.0.1:2380 --logger zap --log-level warn \
		--cert-file "$LAB_DIR/tls/single.crt" --key-file "$LAB_DIR/tls/single.key"
	wait_for 20 cluster_ctl https://192.168.0.250:2379 put "$ETCD_PREFIX/config" '{"Network":"10.5.0.0/16"}'
	proc_start host1-weftd host1 "$WEFT_BIN_DIR/weftd" --run-dir "$LAB_DIR/host1/run" \
		--state-dir "$LAB_DIR/host1/state" --subnet-file "$LAB_DIR/host1/subnet.env" \
		--etcd-endpoints https://192.168.0.250:2379 --etcd-cafile "$LAB_DIR/tls/ca.crt" \
		--etcd-username weft --etcd-password=verysecret
	weftd_ready host1
	run cat "/proc/$(weftd_pid host1)/cmdline"
	refute_output --partial verysecret
	assert_output --partial --etcd-password=xxxxxxxxxx
	log_has host1 'a password on the command line'
}
