/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control protocol between weftctl and weftd, over a Unix stream socket RUN/control.sock
 * (mode 0600). One request line and one answer line, both JSON documents that end with a newline;
 * then weftd closes the connection. weftctl --json prints the member of the answer that has the
 * command's name, so the members below are a public interface (weftctl(8), JSON).
 *
 *   weftctl                                   weftd
 *      | {"version":2,"command":"status"}\n     |
 *      |--------------------------------------->|
 *      | {"version":2,"status":{...}}\n         |
 *      |<---------------------------------------|  or {"version":2,"error":"text"}\n
 *
 * A request of another version gets an error. "network":"blue" in a request of status, peers or
 * leases limits the answer to that network; "address":"10.5.2.3" in a request of peers, to the
 * leases with a subnet that contains the address, without invalid keys.
 *
 * status: {"version":"0.1.0","pid":7,"node_id":"<uuid>","node_name":"host1",
 *   "started_at":1700000000,
 *   "exposed_files":[{"option":"--etcd-password-file","path":"/etc/weft/password",
 *                     "remedy":"chmod o= /etc/weft/password"}],   readable by every user
 *   "rules":{                     the packet rules of the node
 *     "state":"installed",        starting | installed | failed
 *     "error":"",                 why they are not installed
 *     "masquerade":false,"forward":true,"tunnel_guard":true,   weftd's options
 *     "vtep_filter_drops":"0",    VXLAN packets dropped because their source is no peer
 *     "injection_drops":"0",      VXLAN packets dropped because a container sent them
 *     "isolation_drops":"0",      packets dropped between networks
 *     "unsupported":[],           texts: features that the kernel lacks
 *     "other_chains":[            other programs' chains that drop
 *       {"chain":"ip filter FORWARD","hook":"forward",  forwarded packets
 *        "accepted":true},                              a rule for weft precedes
 *       {"chain":"inet firewalld filter_INPUT",   tunnel packets to this UDP port: of peers, at
 *        "hook":"input",                          ingress, prerouting or input; to peers, at
 *        "port":8472,"accepted":false}]},         output, postrouting or egress
 *   "networks":[{
 *     "name":"default",
 *     "state":"ready",            starting | ready | degraded
 *     "reason":"",                why the state is not ready
 *     "since":1700000000,         start of the state
 *     "from_snapshot":false,      the store has not been read since the start: configuration and
 *                                 leases come from the state directory
 *     "store":{"endpoint":"http://127.0.0.1:2379","tls":false,"connected":true,
 *              "since":1700000000,   start of the connection or of the outage
 *              "error":"",
 *              "reset_reason":"",    how a wiped or restored store was detected; "" if it was not
 *              "grace_until":0},     peers that are absent from such a store are kept until then
 *     "lease":{"subnet":"10.5.1.0/24","subnet6":"fd00:5:1::/64",
 *              "key":"10.5.1.0-24&fd00:5:1::-64","etcd_lease_id":"7587...","ttl":86400,
 *              "renewed_at":1700000000,
 *              "reserved":false,     the key has no etcd lease
 *              "lost":false,         another node holds the subnet
 *              "error":""},          why it is not held or not renewed; null: no lease yet
 *     "cluster":"10.5.0.0/16","cluster6":"fd00:5::/48","vni":1,"port":8472,"mtu":1430,
 *     "bridge":"weft-br1","vxlan":"weft-vx1","vxlan6":"weft-v61","vtep_mac":"c6:d2:32:6f:8f:44",
 *     "uplink":{"name":"eth0","address":"192.168.0.1","address6":"fd00::1",
 *               "public_ip":"192.168.0.1","public_ipv6":"fd00::1","mtu":1500},
 *                                    (cluster to vtep_mac are absent before there is a
 *                                    configuration; uplink is null before it is found)
 *     "peers":{"usable":2,
 *              "installed":2,        of the usable ones, in the kernel
 *              "direct":0,           of these, reached without the tunnel (DirectRouting)
 *              "single_family":0,    of the usable ones, used in one family of two
 *              "refused":0},
 *     "reconciles":{"total":3,"failed":0,"entries_written":6,"last_error":""},
 *     "sysctls":[{"name":"net.ipv4.ip_forward",   that weftd could not set
 *                 "value":"0","wanted":"1",
 *                 "essential":true,               packets are not forwarded because of it
 *                 "error":"Read-only file system"}],
 *     "probe":{"state":"on",       with --probe: on | off (the network cannot be probed) | failed
 *              "error":""}}]}
 *
 * peers: [{"network":"default","subnet":"10.5.2.0/24","subnet6":"fd00:5:2::/64",
 *     "public_ip":"192.168.0.2","public_ipv6":"fd00::2","vtep_mac":"..",
 *     "node_id":"<uuid>","node_name":"host2",    "" for a flannel node
 *     "mtu":1450,                 0: not published
 *     "state":"installed",        installed | pending | refused
 *     "reason":"",                why it is pending or refused
 *     "single_family_reason":"its ..",   why its other family is not used; else absent
 *     "probe":{                   with weftd --probe, else absent; "probe6": of the second family
 *       "state":"answering",      answering | silent | pending (no outcome yet) | disabled (the
 *                                 peer does not answer probes) | direct (it is reached without the
 *                                 tunnel)
 *       "sent":64,"lost":2,       of the last 64 probes; absent before there is an outcome
 *       "rtt_us":340,"mean_rtt_us":352,"age":3}}]   of the last answer, in seconds; absent: none
 *   An invalid key has "network", "key", "state" (refused) and "reason" only.
 *
 * leases: [{"network":"default","subnet":"10.5.2.0/24","subnet6":"fd00:5:2::/64",
 *     "key":"10.5.2.0-24&fd00:5:2::-64","node_id":"<uuid>","node_name":"host2",
 *     "public_ip":"192.168.0.2","public_ipv6":"fd00::2",
 *     "etcd_lease_id":"7587...",  "0": none, it is a reservation
 *     "ttl":86400,                of this node's lease, in seconds; else absent
 *     "reserved":false,
 *     "state":"used",             own | used | reserved | refused | vanished
 *     "reason":""}]               why it is refused
 *   An invalid key has "network", "key", "state" (refused) and "reason" only.
 *
 * map, of the network and the address family ("family":"ipv6") in the request, by default the
 *     first network and its first family:
 *     {"network":"default","node":"host1","time":1700000000,"interval_s":10,
 *     "family":"ipv4","families":["ipv4","ipv6"],   the mapped one; those of the network
 *     "reason":"",                why the measurements of other nodes were not requested: no key,
 *                                 DirectRouting, more nodes than fit; "": they were
 *     "nodes":[{"id":"host1",     the name, else the UUID or the public address; this node first
 *       "node_id":"<uuid>","address":"192.168.0.1","subnet":"10.5.1.0/24",
 *       "probes":true}],          whether the node has --probe
 *     "links":[{"from":0,"to":1,  indexes of nodes
 *       "sent":64,"lost":2,       of the last 64 probes
 *       "rtt_us":340,"age_s":3,    of the last answer; null: none
 *       "silent":true}],          the last three probes, or more, were lost; else absent
 *     "missing":[2]}              nodes whose measurements did not arrive, or not all
 *   The answer takes up to 4 s, in which the other nodes are queried.
 *
 * watch, with "network", "address", "number" (text, below 2^56) and "counts": lets the node that has
 * the container with the address count the packets whose data begins with CONTROL_WATCH_PREFIX and
 * the number in seven bytes. With "counts":true, requests what the watch has counted so far:
 *     {"node":"host2",
 *     "state":"watching",         watching | busy | absent (no container has the address) | ended
 *                                 (the watch has ended) | failed (the kernel refuses it)
 *     "counts":{"underlay":1,...}}   by the names of CONTROL_WATCH_PLACES
 *   The answer takes up to a second. Only for root and weftd's user.
 *
 * reserve, with "node" (name, id or address) and "subnet" in the request, and release, with
 * "subnet": {"network":"default","key":"10.5.2.0-24","node_id":"<uuid>","node_name":"host2",
 *     "public_ip":"192.168.0.2"}, after the store's transaction. Only for root and weftd's user.
 *
 * leave, with "force" in the request: {"networks":1,"devices":2,"routes":0,"rules":1,"files":3},
 * the number removed of each; then weftd exits. Only for root and weftd's user.
 *
 * Times are seconds since the epoch. 64-bit numbers are strings. In a dual-stack network, the
 * plain name has IPv4 and the name with "6" has IPv6; with one family, the plain name has it and
 * the other is absent. vxlan6 is present if the node has a second VXLAN device. The subnets of a
 * peer are those that are used.
 */
#pragma once

#define CONTROL_SOCKET "control.sock"
#define CONTROL_VERSION 2 /* increased when a member changes its name or meaning */
#define CONTROL_REQUEST_MAX 4096
#define CONTROL_NODE_MAX 253          /* bytes of the node in a request */
#define CONTROL_ANSWER_MAX (64 << 20) /* 50,000 peers are about 12 MB */

/* The data of a packet that another node counts begins with it; see watch. */
#define CONTROL_WATCH_PREFIX "weftprobe"
/* The places at which it counts, in the order in which the packet, then its answer, pass them. */
#define CONTROL_WATCH_PLACES                                                                       \
	{                                                                                          \
		"underlay", "tunnel", "forwarded", "delivered", "answer", "answer_tunnel",         \
			"answer_underlay"                                                          \
	}
