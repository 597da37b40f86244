/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket's protocol, between weftctl and weftd: a Unix stream socket
 * RUN/control.sock (mode 0600). One request line, one answer line, both JSON
 * documents ended by a newline; then the daemon closes.
 *
 *   weftctl                                   weftd
 *      | {"version":1,"command":"status"}\n     |
 *      |--------------------------------------->|
 *      | {"version":1,"status":{...}}\n         |
 *      |<---------------------------------------|  or {"version":1,"error":"text"}\n
 *
 * A question may name a network, "network":"blue", to hear of that one alone.
 *
 * status: {"weftd":"0.1.0","pid":7,"node":"<uuid>","name":"host1","startedAt":1700000000,
 *   "rules":{
 *     "state":"ok",               starting | ok | failed
 *     "error":"",                 why the node's packet rules do not stand
 *     "masquerade":false,"forward":true,"guard":true,     what weftd was told to do
 *     "guarded":"0",              packets to the tunnel's port that came from no peer
 *     "apart":"0",                packets from one network to another
 *     "lacking":[],               what the kernel cannot do, in words
 *     "dropping":[{"chain":"ip filter FORWARD",     other programs' that drop what is forwarded
 *                  "accepted":true}],               but for what a rule of weft's accepts
 *     "unseen":[]},               "iptables-legacy": it may drop, too, but weftd may not look
 *   "networks":[{
 *     "name":"default",
 *     "state":"ready",            starting | ready | degraded
 *     "reason":"",                why it is not ready
 *     "since":1700000000,         of the state, seconds since the epoch
 *     "stale":false,              the store has told nothing yet: all is as it was known last
 *     "store":{"endpoint":"http://127.0.0.1:2379","tls":false,"connected":true,
 *              "since":1700000000,"error":"",
 *              "wiped":"",           how one sees that it was wiped or restored, for as long as
 *              "wipedUntil":0},      peers that it lacks stay
 *     "lease":{"subnet":"10.5.1.0/24","subnet6":"fd00:5:1::/64",
 *              "key":"10.5.1.0-24&fd00:5:1::-64","id":"7587...","ttl":86400,
 *              "renewedAt":1700000000,"reserved":false,
 *              "lost":false,         another node holds the subnet
 *              "trouble":""},        why it is not held or renewed; no lease yet: null
 *     "cluster":"10.5.0.0/16","cluster6":"fd00:5::/48","vni":1,"port":8472,"mtu":1430,
 *     "bridge":"weft-br1","vxlan":"weft-vx1","vxlan6":"weft-v61","vtepMac":"c6:d2:32:6f:8f:44",
 *     "uplink":{"name":"eth0","address":"192.168.0.1","address6":"fd00::1",
 *               "publicIP":"192.168.0.1","publicIPv6":"fd00::1","mtu":1500},
 *                                    (cluster to vtepMac are absent before there is a
 *                                    configuration; uplink is null before it is found)
 *     "peers":{"known":2,"programmed":2,
 *              "direct":0,           of these, without the tunnel (DirectRouting)
 *              "partial":0,          of these, in one family though their lease has two
 *              "refused":0},
 *     "passes":{"run":3,"failed":0,"written":6,"lastError":""}}]}
 *
 * peers: [{"network":"default","subnet":"10.5.2.0/24","subnet6":"fd00:5:2::/64",
 *     "publicIP":"192.168.0.2","publicIPv6":"fd00::2",
 *     "vtepMac":"..","node":"<uuid>","name":"host2","mtu":1450,
 *     "state":"programmed",       programmed | pending | refused
 *     "reason":"",                node and name are "" for a flannel node; a refused key
 *                                 that could not be parsed has "key" and "reason" alone
 *     "dropped":"its .."}]        why its other family is not used; else absent
 *
 * leases: [{"network":"default","subnet":"10.5.2.0/24","subnet6":"fd00:5:2::/64",
 *     "key":"10.5.2.0-24&fd00:5:2::-64","node":"<uuid>","name":"host2",
 *     "publicIP":"192.168.0.2","publicIPv6":"fd00::2",
 *     "id":"7587...",             etcd's lease; "0": none, it is a reservation
 *     "ttl":86400,                of our own, in seconds
 *     "reserved":false,
 *     "state":"used",             own | used | reserved | refused | vanished
 *     "reason":""}]               why it is refused; one that could not be parsed has "network",
 *                                 "key", "state" and "reason" alone
 *
 * reserve, with "node" (a name, an id, an address) and "subnet" in the request, and release, with
 * "subnet": {"network":"default","key":"10.5.2.0-24","node":"<uuid>","name":"host2",
 *     "publicIP":"192.168.0.2"}, when the store has done it. Only for root, and weftd's user.
 *
 * leave, with "force" in the request: {"networks":1,"devices":2,"routes":0,"rules":1,"files":3}, how many
 * of each were left and removed; then weftd ends. For the same.
 *
 * Of what has two families, IPv4 stands under the plain name and IPv6 beside it under that with
 * 6, which is absent where there is none. A lease or cluster of IPv6 alone has it under the
 * plain name. vxlan6 is there where the node has a second device. Of a peer, the subnets
 * are those that are used.
 */
#pragma once

#define CONTROL_SOCKET "control.sock"
#define CONTROL_VERSION 1
#define CONTROL_REQUEST_MAX 4096
#define CONTROL_ANSWER_MAX (64 << 20) /* 50,000 peers are about 12 MB */
