# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# host3 with PROBE_PEERS peers that probe it and answer its probes. All peers are host4, which receives frames for
# all their MAC addresses and answers for all their gateways (probes.py). Sourced after lab.bash.

: "${PROBE_PEERS:=1000}"
PROBE_KEY=0123456789abcdef

# The file store with the peers, all at the address of host4.
probe_store() {
	awk -v n="$PROBE_PEERS" -v key="$PROBE_KEY" 'BEGIN {
		print "{\"config\":{\"Network\":\"10.0.0.0/8\",\"SubnetLen\":24,\"SubnetMin\":\"10.200.0.0\"," \
			"\"Backend\":{\"Type\":\"vxlan\",\"VNI\":1},\"Weft\":{\"ProbeKey\":\"" key "\"}},\"subnets\":{"
		for (i = 0; i < n; i++)
			printf "%s\"10.%d.%d.0-24\":{\"PublicIP\":\"192.168.0.4\",\"BackendType\":\"vxlan\"," \
				"\"BackendData\":{\"VNI\":1,\"VtepMAC\":\"02:00:00:00:%02x:%02x\"}," \
				"\"Weft\":{\"Node\":\"00000000-0000-4000-8000-%012x\",\"Name\":\"n%d\",\"Probe\":true}}\n",
				i ? "," : "", 16 + i / 256, i % 256, i / 256, i % 256, i + 1, i
		print "}}" }' >"$(store_file)"
}

# The tunnel of the host that represents all peers: its IP stack gets frames for any MAC address.
probe_peers_link() {
	local gateway mac
	gateway=$(host_gateway host3) mac=$(ns_run host3 ip -j link show weft-vx1 | jq -r '.[0].address')
	ns_run host4 ip link add vx1 type vxlan id 1 local 192.168.0.4 dstport 8472 nolearning &&
		ns_run host4 ip link set vx1 mtu 1450 up &&
		ns_run host4 nft 'table netdev any { chain in { type filter hook ingress device vx1 priority 0;
			meta pkttype set host; }; }' &&
		ns_run host4 ip route replace local 10.16.0.0/12 dev lo &&
		ns_run host4 ip route replace "$gateway/32" dev vx1 &&
		ns_run host4 ip neigh replace "$gateway" lladdr "$mac" dev vx1 nud permanent &&
		ns_run host4 bridge fdb replace "$mac" dev vx1 dst 192.168.0.3 self static
}

probe_peers_start() { # [MILLISECONDS [SECONDS]] as for probes.py
	proc_start probe-peers host4 "$WEFT_REPO/tests/lib/probes.py" peers "$(host_gateway host3)" \
		"$PROBE_PEERS" "$PROBE_KEY" "$@"
}

probed_peers() { # prints how many peers answer
	weftctl_on host3 --json peers | jq '[.[] | select(.probe.state == "answering")] | length'
}

all_are_probed() { (($(probed_peers) == PROBE_PEERS)); }
