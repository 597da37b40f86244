#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # run sets output and lines; jq has variables, too
#
# Containers of an L2 network with CAP_NET_RAW attack other networks on their own node and on another
# one. "red" and "blue" are switches with the same addresses, which flood; "green" has a gateway.

load ../lib/bats
load ../lib/packets

SWITCH='{"Network":"172.18.0.0/16","Backend":{"VNI":%s},"Weft":{"Mode":"l2","Flood":"replicate"}}'
GREEN='{"Network":"172.20.0.0/16","Backend":{"VNI":203},"Weft":{"Mode":"l2","Gateway":"172.20.0.1"}}'
MARK=4d41524b # of attacking frames

setup_file() {
	lab_open_for_file
	lab_hosts 2
	store_start '{"Network":"10.5.0.0/16"}'
	# shellcheck disable=SC2059 # the configuration is the format
	configure red "$(printf "$SWITCH" 201)"
	# shellcheck disable=SC2059
	configure blue "$(printf "$SWITCH" 202)"
	configure green "$GREEN"
	for host in host1 host2; do
		weftd_start "$host" --network red,blue,green --ip-masq
	done
	for name in red blue green; do
		LAB_NETWORK=$name weftd_ready host1 host2
		for host in host1 host2; do
			in_network "$name" "$host" "$name$host"
		done
	done
	for name in red blue green; do
		wait_for 20 ping_once "${name}host1" "$(address_of "${name}host2")"
	done
}

teardown_file() { lab_down; }

configure() { ETCD_PREFIX=$ETCD_PREFIX/networks/$1 etcd_config "$2"; } # NETWORK TEXT

in_network() { # NETWORK HOST CONTAINER
	cni_use "$2" ".name = \"$1\" | (.plugins[] | select(.type == \"weft\")).network = \"$1\"" \
		<"$WEFT_REPO/conf/10-weft.conflist" && ns_add "$3" && cni_add "$2" "$3" >/dev/null
}

address_of() { ns_run "$1" ip -j -4 address show dev eth0 | jq -r '.[0].addr_info[0].local'; } # CONTAINER
mac_of() { ip -n "$LAB-$1" -j link show dev "${2-eth0}" | jq -r '.[0].address'; }              # NAMESPACE [DEVICE]

# Captures all frames that reach the containers and have the mark, wherever it is.
observe() { # CONTAINER...
	local name
	for name; do
		proc_start "observe-$name" "$name" python3 -u -c '
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
s.bind(("eth0", 3))
print("ready", flush=True)
while True:
    frame, address = s.recvfrom(65535)
    if b"MARK" in frame and address[2] != 4:
        print("seen", frame.hex(), flush=True)'
		wait_for 10 grep -q ready "$LAB_DIR/log/observe-$name"
	done
}
end_observation() { local name; for name; do proc_stop "observe-$name" KILL; done; }
saw() { grep -q "seen .*$MARK${2-}" "$LAB_DIR/log/observe-$1"; } # CONTAINER [HEX]

# inject CONTAINER HEX...: sends frames from eth0.
inject() {
	ns_run "$1" python3 -c '
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
for text in sys.argv[1:]:
    s.send(bytes.fromhex(text.replace(":", "")).ljust(60, b"\0"))' "${@:2}"
}

@test "frames with VLAN tags stay in their network, on the node and across the tunnel" {
	local source to tag frames=()
	source=$(mac_of redhost1)
	for to in ff:ff:ff:ff:ff:ff 01:00:5e:00:00:fb "$(mac_of bluehost1)" "$(mac_of bluehost2)" \
		"$(mac_of greenhost2)" "$(mac_of host1 weft-br202)" "$(mac_of host1 weft-br203)"; do
		for tag in '' 81000000 81000001 810000ca 88a80064810000ca 8100000081000000; do
			frames+=("$to$source${tag}88b5$MARK")
		done
	done
	observe redhost1 redhost2 bluehost1 bluehost2 greenhost1 greenhost2
	inject redhost1 "${frames[@]}" "$(mac_of redhost2)${source}88b5${MARK}ff"
	# The last one shows that the others had the time to arrive, and that the observers see frames.
	wait_for 10 saw redhost2 ff
	for to in bluehost1 bluehost2 greenhost1 greenhost2; do
		not saw "$to"
	done
	end_observation redhost1 redhost2 bluehost1 bluehost2 greenhost1 greenhost2
}

@test "VXLAN packets in frames of a container enter no network, whatever their outer address" {
	local to via victim before
	victim=$(address_of bluehost2)
	before=$(($(dropped host1 injection_drops) + $(dropped host1 isolation_drops)))
	receiver_start bluehost2 7777
	receiver_start bluehost1 7777
	for to in 192.168.0.1 192.168.0.2 "$(address_of redhost2)" "$(address_of greenhost2)"; do
		for via in "$(mac_of host1 weft-br201)" "$(mac_of redhost2)" ff:ff:ff:ff:ff:ff; do
			FORGE_TO=$via forge redhost1 192.168.0.1 "$to" 202 "$(mac_of bluehost2)" 172.18.9.9 "$victim" 7777 forged
			FORGE_TO=$via forge redhost1 "$(address_of redhost1)" "$to" 202 "$(mac_of bluehost1)" \
				172.18.9.9 "$(address_of bluehost1)" 7777 forged
		done
		# By the gateway, with the container's address and with the node's.
		for via in 192.168.0.1 192.168.0.2 "$(address_of greenhost1)"; do
			FORGE_TO=$(mac_of host1 weft-br203) forge greenhost1 "$via" "$to" 202 "$(mac_of bluehost2)" \
				172.18.9.9 "$victim" 7777 forged
		done
	done
	# A packet of the network itself arrives, after all of them.
	ns_run bluehost1 socat -u - "UDP4-SENDTO:$victim:7777" <<<genuine
	wait_for 10 received bluehost2 genuine
	not received bluehost2 forged
	not received bluehost1 forged
	(($(dropped host1 injection_drops) + $(dropped host1 isolation_drops) > before))
	proc_stop receiver-bluehost1 KILL
	proc_stop receiver-bluehost2 KILL
}

@test "forged MACs move no entry of another network, and none of remote containers of their own" {
	local to frames=()
	for to in "$(mac_of bluehost1)" "$(mac_of bluehost2)" "$(mac_of redhost2)" "$(mac_of greenhost2)" \
		"$(mac_of host1 weft-br203)" "$(mac_of host1 weft-vx202)"; do
		frames+=("ff:ff:ff:ff:ff:ff${to}0806" "$(mac_of redhost2)${to}88b5")
	done
	inject redhost1 "${frames[@]}" "${frames[@]}"
	ping_once bluehost1 "$(address_of bluehost2)"
	ping_once bluehost2 "$(address_of bluehost1)"
	ping_once greenhost1 "$(address_of greenhost2)"
	# A sticky entry of the tunnel's port is not moved to the container's port.
	ping_once redhost1 "$(address_of redhost2)"
	bridge -n "$LAB-host1" fdb show dev weft-vx201 | grep "^$(mac_of redhost2) .*master weft-br201"
}

@test "a container of a switch reaches no address of the hosts, and of no other network" {
	local to
	for to in 172.20.0.1 "$(address_of greenhost1)" "$(address_of greenhost2)" 192.168.0.1 192.168.0.2 "$LAB_GATEWAY"; do
		for via in "$(mac_of host1 weft-br201)" "$(mac_of host1 weft-br203)" "$(mac_of host1 eth0)"; do
			ns_run redhost1 ip route replace "$to/32" dev eth0
			ns_run redhost1 ip neigh replace "$to" lladdr "$via" dev eth0 nud permanent
			run ping_once redhost1 "$to" -W 1
			assert_failure
		done
	done
}
