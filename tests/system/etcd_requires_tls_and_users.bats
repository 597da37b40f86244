#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# An etcd of three members with TLS, client certificates and users: weftd gets in with what it
# is given, goes on when certificates, tokens and passwords are replaced, and says what is missing.

load ../lib/bats
load ../lib/cluster

setup_file() {
	export CLUSTER_TOKEN_S=2
	lab_open_for_file
	LAB_UNDERLAY=46 lab_hosts 2
	cluster_start tls jwt
	etcd_config
	# Proxies of the environment are nothing to weftd; this one would lead nowhere.
	https_proxy=http://192.168.0.99:1 weftd_start host1
	weftd_start host2 --etcd-endpoints "$(cluster_urls 6)"
}

teardown_file() { lab_down; }

store_is() { weftctl_on "$1" --json status | jq -e ".networks[0].store | $2"; } # HOST EXPRESSION
log_says() { weftd_log "$1" 200 | grep -F -- "$2"; }                            # HOST TEXT
says() { weftctl_on "$1" --json status | jq -r '.networks[0].reason' | grep -F -- "$2"; }

authentications() {
	local n sum=0
	for n in $(cluster_present); do
		((sum += $(cluster_metric "$n" 'grpc_server_handled_total{grpc_code="InvalidArgument",grpc_method="Authenticate"')))
	done
	echo "$sum"
}

# The number of the member that a host's watch is at.
member_of() {
	weftctl_on "$1" --json status | jq -r '.networks[0].store.endpoint' | sed 's/.*25\([123]\).*/\1/'
}

peer() { # NUMBER: a lease of 10.5.NUMBER.0/24
	etcd_put "10.5.$1.0-24" "$(flannel_value "192.168.0.$1" "0e:00:00:00:01:${1:1}")"
}

# refuses TEXT FLAG...: weftd ends at once with status 2, and one line with the text in it.
refuses() {
	local text=$1
	shift
	run ns_run host1 timeout 20 "$WEFT_BIN_DIR/weftd" --run-dir "$LAB_DIR/none/run" \
		--state-dir "$LAB_DIR/none/state" --etcd-endpoints https://192.168.0.251:2379 "$@"
	assert_failure 2
	assert_output --partial "$text"
	assert_equal "${#lines[@]}" 1
}

@test "nodes join, over IPv4 and IPv6" {
	weftd_ready host1 host2
	kernel_settled host1 host2
	store_is host1 '.tls and .connected and (.endpoint | startswith("https://192."))'
	store_is host2 '.tls and .connected and (.endpoint | startswith("https://[fd00:"))'
	run weftctl_on host1 status
	assert_output --partial https://192.168.0.25
}

@test "a watch is taken up elsewhere with a token that has expired: another is got, nobody notices" {
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

@test "a certificate that is renewed on the disk is used for what follows" {
	cluster_certificate weft
	peer 212
	wait_for 60 log_says host1 'certificates read again'
	wait_for 60 log_says host2 'certificates read again'
	peer 213
	kernel_settled host1 host2
	store_is host1 .connected
}

@test "a certificate that is half-written on the disk is not used, and said so" {
	cp "$LAB_DIR/tls/weft.crt" "$BATS_TEST_TMPDIR/whole"
	head -c 300 "$BATS_TEST_TMPDIR/whole" >"$LAB_DIR/tls/weft.crt"
	wait_for 60 log_says host1 'those certificates that were read before stay in use'
	log_says host1 "--etcd-certfile: $LAB_DIR/tls/weft.crt: has no whole certificate"
	peer 214
	kernel_settled host1 host2
	cp "$BATS_TEST_TMPDIR/whole" "$LAB_DIR/tls/weft.crt"
}

@test "a password that is changed: refused, without hammering; the new one on the disk is picked up" {
	local before
	before=$(authentications)
	etcd_ctl user passwd weft --interactive=false <<<another >/dev/null
	weftd_stop host1
	weftd_start host1
	wait_for 20 says host1 'user weft'
	says host1 "$LAB_DIR/cluster/password"
	says host1 'authentication failed'
	weftctl_on host1 --json status | jq -e '.networks[0].store.connected | not'
	assert [ "$(authentications)" -ge "$((before + 1))" ]
	assert [ "$(authentications)" -le "$((before + 4))" ]
	echo another >"$LAB_DIR/cluster/password"
	weftd_ready host1
	kernel_settled host1 host2
}

@test "etcd's users are abolished under way: nothing to do but to say so" {
	etcd_ctl auth disable >/dev/null
	rm "$LAB_DIR/cluster/users"
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	log_says host1 'etcd has no users'
	peer 215
	kernel_settled host1 host2
}

@test "what is missing or wrong is named at the start" {
	local tls=$LAB_DIR/tls
	refuses "--etcd-certfile $tls/weft.crt needs --etcd-keyfile" --etcd-certfile "$tls/weft.crt"
	refuses "--etcd-keyfile $tls/weft.key needs --etcd-certfile" --etcd-keyfile "$tls/weft.key"
	refuses "--etcd-cafile: $tls/none: No such file" --etcd-cafile "$tls/none"
	refuses "--etcd-cafile: $tls/weft.key: has no whole certificate" --etcd-cafile "$tls/weft.key"
	openssl pkey -in "$tls/weft.key" -aes128 -passout pass:x -out "$tls/secret.key"
	refuses "--etcd-keyfile: $tls/secret.key: is encrypted" \
		--etcd-certfile "$tls/weft.crt" --etcd-keyfile "$tls/secret.key"
	refuses '--etcd-username weft needs a password' --etcd-username weft
	refuses '--etcd-proxy: "proxy:3128" is not of the form http://HOST:PORT' --etcd-proxy proxy:3128
}

@test "a file that weftd's user may not read" {
	chmod 600 "$LAB_DIR/tls/weft.key"
	refuses "--etcd-keyfile: $LAB_DIR/tls/weft.key: Permission denied: weftd runs as the user nobody" \
		--etcd-certfile "$LAB_DIR/tls/weft.crt" --etcd-keyfile "$LAB_DIR/tls/weft.key" --user nobody
}

@test "a server that another CA has signed is refused; so is a certificate that the server does not know" {
	weftd_stop host1
	cluster_ca stranger
	weftd_start host1 --etcd-cafile "$LAB_DIR/tls/stranger.crt"
	wait_for 20 says host1 "the server's certificate is refused"
	says host1 "--etcd-cafile $LAB_DIR/tls/stranger.crt"
	weftd_stop host1
	cluster_certificate foreign stranger
	weftd_start host1 --etcd-certfile "$LAB_DIR/tls/foreign.crt" --etcd-keyfile "$LAB_DIR/tls/foreign.key"
	wait_for 30 says host1 'the server refuses the certificate of --etcd-certfile'
}

@test "a server without users and client certificates needs the CA alone; the password shows nowhere" {
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
	log_says host1 'a password on the command line'
}
