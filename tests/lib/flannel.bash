# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A node of flannel on a host of the lab: flannel's vxlan devices, their entries for a peer and its
# packet rules, and containers that the plugins bridge and host-local have attached, with libcni's
# cached results. Each host has its own /etc/cni/net.d and /var/lib/cni (runtime.bash). flannel's plugin
# only writes the configuration of bridge, which flannel_bridge does as well. Sourced after bats.bash,
# and after kube.bash if that is the store, by the bats files that need it.
#
# FLANNEL_NET    the network's first two bytes: node number N has FLANNEL_NET.N.0/24
# FLANNEL_DUAL   not empty: the node also has fd00:5:0:N::/64, N in hexadecimal digits

# shellcheck source=tests/lib/runtime.bash
source "${BASH_SOURCE[0]%/*}/runtime.bash"

: "${FLANNEL_NET:=10.5}" "${FLANNEL_DUAL:=}"

FLANNEL_LIST='{"name":"cbr0","cniVersion":"0.3.1","plugins":[
  {"type":"flannel","delegate":{"hairpinMode":true,"isDefaultGateway":true}},
  {"type":"portmap","capabilities":{"portMappings":true}}]}'

# The MACs of flannel's devices on the node with that number.
flannel_mac() { printf '0e:00:00:00:00:%02x' "$1"; }  # NUMBER
flannel_mac6() { printf '0e:00:00:00:06:%02x' "$1"; } # NUMBER

flannel_subnet6() { printf 'fd00:5:0:%x::' "$1"; } # NUMBER

# flannel_device HOST NAME MAC MTU LOCAL ADDRESS: as flanneld creates it (pkg/backend/vxlan/device.go).
flannel_device() {
	local ns=$LAB-$1 nodad=
	ip -n "$ns" link add "$2" address "$3" mtu "$4" type vxlan id 1 local "$5" dev eth0 dstport 8472 \
		nolearning || return
	[[ $6 != *:* ]] || nodad=nodad
	# shellcheck disable=SC2086 # nothing, or one word
	ip -n "$ns" address add "$6" dev "$2" $nodad
	ip -n "$ns" link set "$2" up
}

flannel_lease() { # HOST NUMBER
	local data f=flannel.alpha.coreos.com
	data="{\"VNI\":1,\"VtepMAC\":\"$(flannel_mac "$2")\"}"
	if [[ $(type -t kube_node) ]]; then
		kube_node "$1" "$FLANNEL_NET.$2.0/24" "$(jq -nc --arg ip "$(host_address "$1")" \
			--arg data "$data" --arg f $f '{"\($f)/backend-data": $data, "\($f)/backend-type": "vxlan",
			"\($f)/kube-subnet-manager": "true", "\($f)/public-ip": $ip}')"
	elif [[ $FLANNEL_DUAL ]]; then
		etcd_put "$FLANNEL_NET.$2.0-24&$(flannel_subnet6 "$2")-64" "$(
			printf '{"PublicIP":"%s","PublicIPv6":"%s","BackendType":"vxlan","BackendData":%s' \
				"$(host_address "$1")" "$(host_address6 "$1")" "$data"
			printf ',"BackendV6Data":{"VNI":1,"VtepMAC":"%s"}}' "$(flannel_mac6 "$2")"
		)"
	else
		etcd_put "$FLANNEL_NET.$2.0-24" "$(flannel_value "$(host_address "$1")" "$(flannel_mac "$2")")"
	fi
}

# flannel_host HOST NUMBER: the devices and the lease of a host whose underlay exists, and CNI's
# directories with flannel's list.
flannel_host() {
	local mtu=1450
	runtime_host "$1" || return
	ns_run "$1" sysctl -qw net.ipv4.ip_forward=1
	flannel_device "$1" flannel.1 "$(flannel_mac "$2")" $mtu "$(host_address "$1")" \
		"$FLANNEL_NET.$2.0/32" || return
	if [[ $FLANNEL_DUAL ]]; then
		ns_run "$1" sysctl -qw net.ipv6.conf.all.forwarding=1
		flannel_device "$1" flannel-v6.1 "$(flannel_mac6 "$2")" 1430 "$(host_address6 "$1")" \
			"$(flannel_subnet6 "$2")/128" || return
	fi
	flannel_lease "$1" "$2"
	# shellcheck disable=SC2016 # for the inner shell
	on "$1" bash -c 'rm -f /etc/cni/net.d/* && echo "$1" >/etc/cni/net.d/10-flannel.conflist' bash \
		"$FLANNEL_LIST"
}

# flannel_peer HOST NUMBER OTHER-HOST [MAC [MAC6]]: the entries of flanneld for another node.
flannel_peer() {
	local ns=$LAB-$1 subnet=$FLANNEL_NET.$2.0 mac=${4-$(flannel_mac "$2")} mac6=${5-$(flannel_mac6 "$2")}
	ip -n "$ns" neigh replace "$subnet" lladdr "$mac" dev flannel.1 nud permanent
	bridge -n "$ns" fdb replace "$mac" dev flannel.1 dst "$(host_address "$3")" self permanent
	ip -n "$ns" route replace "$subnet/24" via "$subnet" dev flannel.1 onlink
	[[ $FLANNEL_DUAL ]] || return 0
	subnet=$(flannel_subnet6 "$2")
	ip -n "$ns" neigh replace "$subnet" lladdr "$mac6" dev flannel-v6.1 nud permanent
	bridge -n "$ns" fdb replace "$mac6" dev flannel-v6.1 dst "$(host_address6 "$3")" self permanent
	ip -n "$ns" route replace "$subnet/64" via "$subnet" dev flannel-v6.1 onlink
}

# flannel_masquerade HOST NUMBER: the packet rules of flanneld --ip-masq, by iptables-nft.
flannel_masquerade() {
	local net=$FLANNEL_NET.0.0/16 subnet=$FLANNEL_NET.$2.0/24
	ns_run "$1" iptables-nft-restore --noflush <<-RULES
		*filter
		:FLANNEL-FWD - [0:0]
		-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
		-A FLANNEL-FWD -s $net -m comment --comment "flanneld forward" -j ACCEPT
		-A FLANNEL-FWD -d $net -m comment --comment "flanneld forward" -j ACCEPT
		COMMIT
		*nat
		:FLANNEL-POSTRTG - [0:0]
		-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
		-A FLANNEL-POSTRTG -s $subnet -d $net -m comment --comment "flanneld masq" -j RETURN
		-A FLANNEL-POSTRTG -s $net -d $subnet -m comment --comment "flanneld masq" -j RETURN
		-A FLANNEL-POSTRTG ! -s $net -d $subnet -m comment --comment "flanneld masq" -j RETURN
		-A FLANNEL-POSTRTG -s $net ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
		COMMIT
	RULES
}

# What flannel's plugin passes to bridge.
flannel_bridge() { # NUMBER
	printf '{"name":"cbr0","cniVersion":"0.3.1","type":"bridge","bridge":"cni0","mtu":1450'
	printf ',"hairpinMode":true,"isDefaultGateway":true,"isGateway":true,"ipMasq":false'
	printf ',"ipam":{"type":"host-local","ranges":[[{"subnet":"%s.%s.0/24"}]' "$FLANNEL_NET" "$1"
	[[ ! $FLANNEL_DUAL ]] || printf ',[{"subnet":"%s/64"}]' "$(flannel_subnet6 "$1")"
	printf '],"routes":[{"dst":"%s.0.0/16"}]}}' "$FLANNEL_NET"
}

# The host's mounts were made before the container's namespace: it is found by a process.
flannel_netns() { echo "/proc/$(proc_pid "process-$1")/ns/net"; } # CONTAINER
flannel_netns_is_entered() { [[ $(flannel_netns "$1") -ef $(ns_path "$1") ]]; } # CONTAINER

# flannel_add HOST NUMBER CONTAINER: creates and attaches a container as a runtime with flannel's plugin
# does, and prints its IPv4 address.
flannel_add() {
	local result
	[[ -e $(ns_path "$3") ]] || ns_add "$3" || return
	proc_start "process-$3" "$3" sleep infinity
	wait_for 10 flannel_netns_is_entered "$3" || return
	result=$(flannel_bridge "$2" | on "$1" env CNI_COMMAND=ADD CNI_CONTAINERID="$3" \
		CNI_NETNS="$(flannel_netns "$3")" CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin /opt/cni/bin/bridge) || {
		echo "$result" >&2
		return 1
	}
	# shellcheck disable=SC2016 # for the inner shell
	jq -c --arg id "$3" '{kind: "cniCacheV1", containerId: $id, ifName: "eth0", networkName: "cbr0",
		config: "", result: .}' <<<"$result" |
		on "$1" sh -c 'mkdir -p /var/lib/cni/results /var/lib/cni/flannel &&
			cat >/var/lib/cni/results/cbr0-$1-eth0' sh "$3"
	# flannel's plugin keeps it, for DEL.
	flannel_bridge "$2" | on "$1" tee "/var/lib/cni/flannel/$3" >/dev/null
	jq -r '.ips[0].address | split("/")[0]' <<<"$result"
}

# flannel_del HOST CONTAINER: detaches it. Without its file, flannel's plugin does nothing.
flannel_del() {
	# shellcheck disable=SC2016 # for the inner shell
	on "$1" env CNI_COMMAND=DEL CNI_CONTAINERID="$2" CNI_NETNS="$(flannel_netns "$2")" CNI_IFNAME=eth0 \
		CNI_PATH=/opt/cni/bin sh -c '[ ! -e /var/lib/cni/flannel/$1 ] || {
			/opt/cni/bin/bridge </var/lib/cni/flannel/$1 && rm /var/lib/cni/flannel/$1; }' sh "$2"
}

# weft_attach HOST CONTAINER: attaches a container by weft's plugin, in the list that replaced flannel's.
weft_attach() {
	ns_add "$2" && proc_start "process-$2" "$2" sleep infinity &&
		wait_for 10 flannel_netns_is_entered "$2" || return
	weft_plugin "$1" ADD "$2" '{}'
}

# weft_detach HOST CONTAINER: with libcni's cached result of flannel's plugins, if it has one.
weft_detach() {
	weft_plugin "$1" DEL "$2" "$(on "$1" jq -c '{prevResult: (.result + {cniVersion: "0.4.0"})}' \
		"/var/lib/cni/results/cbr0-$2-eth0" 2>/dev/null || echo '{}')"
}

weft_plugin() { # HOST VERB CONTAINER MEMBERS
	jq -nc --arg run "$LAB_DIR/$1/run" --argjson members "$4" \
		'{cniVersion: "0.4.0", name: "cbr0", type: "weft", runDir: $run, hairpinMode: true} + $members' |
		on "$1" env CNI_COMMAND="$2" CNI_CONTAINERID="$3" CNI_NETNS="$(flannel_netns "$3")" \
			CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin /opt/cni/bin/weft
}

# ---- weftctl adopt-flannel -----------------------------------------------------

adopt_on() { # HOST OPTION...
	on "$1" "$WEFT_BIN_DIR/weftctl" --run-dir "$LAB_DIR/$1/run" adopt-flannel "${@:2}"
}

# weftd waits for flannel's devices to disappear.
weftd_waits() { weftctl_on "$1" status | grep -q 'flannel\.1.* has this network'; } # HOST
weftd_beside_flannel() {                                                        # HOST
	weftd_start "$1" --ip-masq || return
	wait_for 20 weftd_waits "$1" || { weftctl_on "$1" status && weftd_log "$1" && return 1; }
}

weft_mac() { ip -n "$LAB-$1" -j link show weft-br1 | jq -r '.[0].address'; } # HOST

# The addresses in a container, from the kernel.
ip4() { ip -n "$LAB-$1" -j -4 address show dev eth0 | jq -r '.[0].addr_info[0].local'; }
ip6() { ip -n "$LAB-$1" -j -6 address show dev eth0 scope global | jq -r '.[0].addr_info[0].local'; }

# Pings every FLOW_INTERVAL seconds until flow_end, which prints the number of lost packets.
flow_begin() { # NAME NAMESPACE ADDRESS
	rm -f "$LAB_DIR/log/flow-$1"
	proc_start "flow-$1" "$2" ping -n -q -i "${FLOW_INTERVAL-0.001}" "$3"
}
flow_end() { # NAME
	proc_stop "flow-$1" INT
	awk '/packets transmitted/ { print $1 - $4; sent = $1 } END { if (sent < 10) print "all" }' \
		"$LAB_DIR/log/flow-$1"
}

# A TCP connection on which lines go to CONTAINER and back until tcp_end, which fails if it broke.
tcp_begin() { # NAME NAMESPACE CONTAINER
	proc_start "echo-$1" "$3" socat TCP-LISTEN:7,reuseaddr EXEC:cat
	wait_for 10 echo_listens "$3"
	rm -f "$LAB_DIR/log/tcp-$1"
	proc_start "tcp-$1" "$2" python3 -c '
import signal, socket, sys, time
stop = []
signal.signal(signal.SIGINT, lambda *_: stop.append(1))
sock = socket.create_connection((sys.argv[1], 7), 10)
sock.settimeout(30)
count = 0
while not stop:
    line = b"%d\n" % count
    sock.sendall(line)
    back = b""
    while not back.endswith(b"\n"):
        part = sock.recv(64)
        if not part:
            sys.exit("closed")
        back += part
    if back != line:
        sys.exit("%r for %r" % (back, line))
    count += 1
    time.sleep(0.005)
print("lines:", count)' "$(ip4 "$3")"
}
tcp_end() { # NAME
	proc_stop "tcp-$1" INT
	proc_stop "echo-$1"
	grep 'lines: [1-9][0-9]' "$LAB_DIR/log/tcp-$1" || { proc_log "tcp-$1" && return 1; }
}
echo_listens() { ns_run "$1" ss -Hltn 'sport = :7' | grep -q .; }

# killed_runs HOST CHECK OPTION...: runs adopt-flannel again and again, each run killed some system
# calls later than the one before, more and more, until one completes. CHECK must succeed after each. Prints how often.
killed_runs() {
	local host=$1 check=$2 at=60 killed=0 out
	while out=$(on "$host" "$LAB_DIR/killer" $at "$WEFT_BIN_DIR/weftctl" \
		--run-dir "$LAB_DIR/$host/run" adopt-flannel "${@:3}" 2>&1); do
		wait_for 15 "$check" || { echo "killed for the $((killed + 1)). time, $out" && return 1; }
		((++killed, at += 9 + killed / 2))
	done
	[[ $out == *"ended: "* ]] || { echo "$out" && return 1; }
	echo "$killed"
}
