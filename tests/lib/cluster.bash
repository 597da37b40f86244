# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# An etcd cluster of three members on the lab's underlay, plain or with TLS, client certificates and
# users. Members can be killed, paused, cut off and brought back one by one. Sourced after
# bats.bash by the files that need it: weftd's flags, etcd_ctl and all functions that use them
# then refer to the cluster.
#
#   LAB-etcd1..3               192.168.0.251..253 and fd00::251..253, clients at port 2379,
#                              members at 2380, metrics without TLS at 127.0.0.1:2381
#   $LAB_DIR/etcd/etcdN        a member's data
#   $LAB_DIR/tls/              NAME.crt and NAME.key of ca, etcd (all members) and weft (clients)
#   $LAB_DIR/cluster/          kind, password, token.key, and a file for each unavailable member

# ---- Certificates ----------------------------------------------------------

CLUSTER_NAMES=IP:192.168.0.251,IP:192.168.0.252,IP:192.168.0.253
CLUSTER_NAMES+=,IP:fd00::251,IP:fd00::252,IP:fd00::253,IP:127.0.0.1

# Creates a CA.
cluster_ca() { # NAME
	local name=$LAB_DIR/tls/$1
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
		-subj "/CN=lab $1" -keyout "$name.key" -out "$name.crt" 2>/dev/null
}

# cluster_certificate NAME [CA [NAMES]]: creates or replaces a certificate; its two files change one
# after the other. etcd's own must also be valid for a client, because the JSON gateway is a
# client in the same process. No certificate has a common name: an etcd with users would
# refuse requests to the gateway.
cluster_certificate() {
	local name=$LAB_DIR/tls/$1 ca=$LAB_DIR/tls/${2-ca}
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/O=$1" \
		-keyout "$name.key.new" -out "$name.csr" 2>/dev/null || return
	openssl x509 -req -in "$name.csr" -CA "$ca.crt" -CAkey "$ca.key" -CAcreateserial -days 30 \
		-extfile - -out "$name.crt.new" 2>/dev/null <<-EXTENSIONS || return
		extendedKeyUsage = serverAuth, clientAuth
		subjectAltName = ${3-$CLUSTER_NAMES}
	EXTENSIONS
	rm "$name.csr" && mv "$name.key.new" "$name.key" && mv "$name.crt.new" "$name.crt"
}

# ---- The cluster -----------------------------------------------------------

# cluster_start [tls] [auth | jwt]: with auth, etcd's simple tokens expire five minutes after their
# last use; with jwt, tokens expire after CLUSTER_TOKEN_S seconds.
cluster_start() {
	local n
	mkdir "$LAB_DIR/cluster" "$LAB_DIR/tls" || return
	echo " $* " >"$LAB_DIR/cluster/kind"
	etcd_data_dir && cluster_ca ca && cluster_certificate etcd && cluster_certificate weft || return
	openssl genrsa -out "$LAB_DIR/cluster/token.key" 2048 2>/dev/null
	openssl rsa -in "$LAB_DIR/cluster/token.key" -pubout \
		-out "$LAB_DIR/cluster/token.pub" 2>/dev/null || return
	for n in 1 2 3; do
		LAB_UNDERLAY=46 lab_machine "etcd$n" "25$n" && cluster_member "$n" || return
	done
	cluster_healthy 1 2 3 || return
	! cluster_has_users || cluster_users
}

cluster_is() { grep -q " $1 " "$LAB_DIR/cluster/kind"; } # tls, auth, jwt
cluster_has_users() { cluster_is auth || cluster_is jwt; }

cluster_scheme() {
	if cluster_is tls; then echo https; else echo http; fi
}

# Creates the users root and weft, whose passwords are their names. weft may access weft's prefix.
cluster_users() {
	rm -f "$LAB_DIR/cluster/users"
	etcd_ctl user add root:root && etcd_ctl user grant-role root root &&
		etcd_ctl role add weft &&
		etcd_ctl role grant-permission weft --prefix readwrite "$ETCD_PREFIX/" &&
		etcd_ctl user add weft:weft && etcd_ctl user grant-role weft weft &&
		etcd_ctl auth enable || return
	touch "$LAB_DIR/cluster/users"
	echo weft >"$LAB_DIR/cluster/password"
} >/dev/null

# Saves a snapshot of an available member to a new file.
cluster_snapshot() { # FILE
	local first
	first=$(cluster_urls 4)
	cluster_ctl "${first%%,*}" snapshot save "$1" >/dev/null
}

# Restarts all members with the content of the snapshot.
cluster_restore() { # FILE
	local n token=lab$RANDOM$RANDOM
	cluster_end
	for n in 1 2 3; do
		ETCDCTL_API=3 etcdctl snapshot restore "$1" --name "etcd$n" \
			--data-dir "$LAB_DIR/etcd/etcd$n" --initial-cluster "$(cluster_members)" \
			--initial-cluster-token "$token" \
			--initial-advertise-peer-urls "http://192.168.0.25$n:2380" \
			2>>"$LAB_DIR/log/restore" || return
	done
	cluster_begin
}

cluster_end() { # and removes the data
	local n
	for n in 1 2 3; do
		cluster_kill "$n"
		rm -rf "$LAB_DIR/etcd/etcd$n"
	done
}

cluster_begin() {
	local n
	for n in 1 2 3; do
		cluster_member "$n" || return
	done
	cluster_healthy 1 2 3
}

# ---- Members ---------------------------------------------------------------

cluster_members() { # for --initial-cluster
	echo etcd1=http://192.168.0.251:2380,etcd2=http://192.168.0.252:2380,etcd3=http://192.168.0.253:2380
}

# cluster_member N: starts the member and returns at once. The low bcrypt cost is for tests only.
cluster_member() {
	local urls tls=() token=simple dir=$LAB_DIR/cluster
	urls=$(cluster_scheme)://192.168.0.25$1:2379,$(cluster_scheme)://[fd00::25$1]:2379
	! cluster_is tls || tls=(--cert-file "$LAB_DIR/tls/etcd.crt" --key-file "$LAB_DIR/tls/etcd.key"
		--trusted-ca-file "$LAB_DIR/tls/ca.crt" --client-cert-auth)
	! cluster_is jwt || token="jwt,pub-key=$dir/token.pub,priv-key=$dir/token.key,sign-method=RS256,ttl=${CLUSTER_TOKEN_S-5}s"
	proc_start "etcd$1" "etcd$1" etcd --name "etcd$1" --data-dir "$LAB_DIR/etcd/etcd$1" \
		--listen-client-urls "$urls" --advertise-client-urls "$urls" \
		--listen-peer-urls "http://192.168.0.25$1:2380" \
		--initial-advertise-peer-urls "http://192.168.0.25$1:2380" \
		--initial-cluster "$(cluster_members)" --listen-metrics-urls http://127.0.0.1:2381 \
		--auth-token "$token" --bcrypt-cost 4 --logger zap --log-level warn "${tls[@]}"
	rm -f "$dir/etcd$1"
}

# cluster_kill N [SIGNAL]; cluster_member N starts it again.
cluster_kill() {
	touch "$LAB_DIR/cluster/etcd$1"
	proc_stop "etcd$1" "${2-KILL}"
}

# Stops the process: connections stay open without a response.
cluster_pause() { # N
	touch "$LAB_DIR/cluster/etcd$1"
	kill -s STOP "$(proc_pid "etcd$1")"
}

cluster_resume() { # N
	kill -s CONT "$(proc_pid "etcd$1")"
	rm -f "$LAB_DIR/cluster/etcd$1"
}

# Sets the member's link down: packets are lost.
cluster_cut() { # N
	touch "$LAB_DIR/cluster/etcd$1"
	lab_link "etcd$1" down
}

cluster_reconnect() { # N
	lab_link "etcd$1" up
	rm -f "$LAB_DIR/cluster/etcd$1"
}

# Drops traffic between this member and the others, but not its clients'.
cluster_isolate() { # N
	touch "$LAB_DIR/cluster/etcd$1"
	ns_run "etcd$1" nft -f - <<-'RULES'
		table inet lab {
			chain in { type filter hook input priority 0; tcp dport 2380 drop; tcp sport 2380 drop; }
			chain out { type filter hook output priority 0; tcp dport 2380 drop; tcp sport 2380 drop; }
		}
	RULES
}

cluster_rejoin() { # N
	ns_run "etcd$1" nft delete table inet lab
	rm -f "$LAB_DIR/cluster/etcd$1"
}

# The available members.
cluster_present() {
	local n
	for n in 1 2 3; do
		[[ -e $LAB_DIR/cluster/etcd$n ]] || echo "$n"
	done
}

# The number of the leader.
cluster_leader() {
	local n
	for n in $(cluster_present); do
		! cluster_metric "$n" etcd_server_is_leader | grep -q '^1$' || { echo "$n" && return; }
	done
	return 1
}

# cluster_metric N NAME: the sum of its values at that member.
cluster_metric() {
	ns_run "etcd$1" curl -s -m 5 http://127.0.0.1:2381/metrics |
		awk -v name="$2" 'index($1, name) == 1 { sum += $NF; found = 1 }
			END { if (found) printf "%d\n", sum; exit !found }'
}

cluster_healthy() { # N...
	local n
	for n; do
		wait_for 60 cluster_ctl "$(cluster_scheme)://192.168.0.25$n:2379" \
			--command-timeout=3s endpoint health || { proc_log "etcd$n" 5 && return 1; }
	done
}

# ---- Clients ---------------------------------------------------------------

# The URLs of these members, by default of all, in IPv4 or IPv6.
cluster_urls() { # 4|6 [N...]
	local n urls='' family=$1
	shift
	(($#)) || set -- 1 2 3
	for n; do
		if [[ $family == 4 ]]; then
			urls+=,$(cluster_scheme)://192.168.0.25$n:2379
		else
			urls+=,$(cluster_scheme)://[fd00::25$n]:2379
		fi
	done
	echo "${urls#,}"
}

# cluster_ctl ENDPOINTS ARGUMENT...: runs etcdctl on the underlay, as root if there are users.
cluster_ctl() {
	local with=(--endpoints="$1")
	shift
	! cluster_is tls || with+=(--cacert="$LAB_DIR/tls/ca.crt" --cert="$LAB_DIR/tls/etcd.crt"
		--key="$LAB_DIR/tls/etcd.key")
	[[ ! -e $LAB_DIR/cluster/users ]] || with+=(--user=root:root)
	ETCDCTL_API=3 ns_run net etcdctl "${with[@]}" "$@"
}

# Replaces the function of etcd.bash: uses the available members once they have a leader.
etcd_ctl() {
	local present
	mapfile -t present < <(cluster_present)
	((${#present[@]} == 3)) || wait_for 30 cluster_leader || return
	cluster_ctl "$(cluster_urls 4 "${present[@]}")" --command-timeout=20s "$@"
}

etcd_flags() { # HOST
	local family=4
	ip -n "$LAB-$1" -4 address show dev eth0 | grep -q inet || family=6
	echo --etcd-endpoints "$(cluster_urls "$family")"
	! cluster_is tls || echo --etcd-cafile "$LAB_DIR/tls/ca.crt" \
		--etcd-certfile "$LAB_DIR/tls/weft.crt" --etcd-keyfile "$LAB_DIR/tls/weft.key"
	! cluster_has_users || echo --etcd-username weft --etcd-password-file "$LAB_DIR/cluster/password"
}
