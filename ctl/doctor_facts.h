/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facts of this node that `weftctl doctor` needs: files and records in the runtime state
 * directory, devices, the interfaces in containers, sysctls, UDP ports, iptables-legacy, and other
 * programs of the host (doctor_host_facts.h). Collecting them changes nothing; doctor.c,
 * doctor_node.c, doctor_host.c and doctor_tunnel.c evaluate them.
 */
#pragma once

#include "common/netlink/link.h"
#include "common/state.h"
#include "common/vec.h"
#include "ctl/doctor_path.h"
#include "ctl/doctor_probe.h"
#include "ctl/systemd_files.h"

#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct inventory;

/* A device of this node. */
struct doctor_device {
	char name[IF_NAMESIZE]; /* "": the network has none */
	bool exists, up;
	uint32_t mtu, index;
};

/* A device of weft that a network manager configures. */
struct doctor_managed {
	char device[IF_NAMESIZE];
	const char *program; /* "systemd-networkd", "NetworkManager" */
	char profile[256];   /* the file or connection that it applies; "": none */
};
VEC_DEFINE(doctor_managed_list, struct doctor_managed);

VEC_DEFINE(doctor_prefixes, struct prefix);
VEC_DEFINE(doctor_addresses, struct ipaddr);

/* An attachment, by its record. */
struct doctor_container {
	char id[80], ifname[IF_NAMESIZE];
	bool gone;    /* its network namespace no longer exists */
	uint32_t mtu; /* of the interface inside; 0: unknown */
	/* TCP segments that its network namespace received, and of these with a wrong checksum. */
	uint64_t tcp_segments, tcp_bad;
};
VEC_DEFINE(doctor_containers, struct doctor_container);

/* A network that is published in the runtime state directory. */
struct doctor_network {
	struct state_network state;
	struct doctor_device bridge, vxlan;
	struct doctor_containers containers;
	size_t damaged;          /* unreadable records */
	uint64_t used[FAMILIES]; /* addresses in use */
	int bridge_redirects;    /* sysctls; -1: unknown */
	int bridge_rp_filter;
	int bridge_forwarding;    /* of IPv4 */
	struct link_stats tunnel; /* of the vxlan device; zero: it does not exist */
	/* weft's, through the bridge; not those to single addresses. */
	struct doctor_prefixes routes;
	struct doctor_addresses vteps; /* of the vxlan device's FDB */
};
VEC_DEFINE(doctor_networks, struct doctor_network);

/* The table `filter` of iptables-legacy or ip6tables-legacy. */
struct doctor_legacy {
	char *rules;     /* all chains (doctor_legacy.h); NULL: no table, or an error */
	char error[128]; /* why the table cannot be inspected, or "" */
};

/* What other programs of this host have set up, and what they leave for weft. */
struct doctor_host {
	struct doctor_managed_list managed;
	struct systemd_findings files;    /* those that change or manage devices of weft */
	char cni_preferred[NAME_MAX + 1]; /* sorts before weft's CNI configuration; "": none */
	int bridge_nf[FAMILIES]; /* net.bridge.bridge-nf-call-iptables, -ip6tables; -1: absent */
	bool policies[FAMILIES]; /* there are chains of network policies */
	uint64_t connections, connections_max; /* of connection tracking; 0: unknown */
	uint64_t free_bytes, free_files;       /* where the runtime state directory is */
	bool has_free;
	bool adopted; /* adopt-flannel took a network over */
};

struct doctor_facts {
	uint64_t now_s;
	int ip_forward, ip6_forward, redirects, rp_filter; /* conf.all; -1: unknown */
	struct doctor_legacy legacy[FAMILIES];
	struct doctor_networks networks;
	struct doctor_host host;
	struct doctor_paths paths;   /* set by cmd_doctor.c, when weftd has answered */
	struct doctor_probes probes; /* with --probe, as paths */
	/* Whether a UDP socket in this network namespace has the port; VXLAN devices have one. */
	bool (*has_udp_port)(uint32_t port);
	/* Returns the IPv4 forwarding of a device; -1: unknown. */
	int (*forwarding)(const char *device);
};

void doctor_facts_free(struct doctor_facts *facts);

/* Returns whether the network has a cluster of the family. */
bool doctor_network_has(const struct doctor_network *network, enum family family);

/*
 * Collects the facts, of the networks and containers in the inventory, which was read from run_dir.
 * What cannot be read stays unknown; -1 only if out of memory or without netlink. The caller calls
 * doctor_facts_free, also after a failure.
 */
int doctor_facts_read(const char *run_dir, const struct inventory *inventory,
		      struct doctor_facts *facts_out, struct err *err);
