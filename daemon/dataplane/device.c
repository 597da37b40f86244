/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dataplane/device.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/netlink/link.h"
#include "common/netlink/link_reset.h"
#include "common/netlink/neigh.h"
#include "common/netlink/nl.h"
#include "common/vec.h"
#include "daemon/dataplane/device_addresses.h"
#include "daemon/dataplane/device_sysctls.h"
#include "ipam/config.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <stdio.h>
#include <string.h>

/* The limit of learned MACs: two to the power of these. */
#define LEARNED_BITS_MIN 12
#define LEARNED_BITS_MAX 20
#define LEARNED_BITS_ALL 16 /* also the remote containers' */

#define LOWER_MAX 8 /* devices on top of each other: a VLAN on a macvlan on a NIC */

#define ALIAS_START "weft network " /* and the network's name */

const char *device_bridge_name(uint32_t vni, char buf[static IF_NAMESIZE])
{
	snprintf(buf, IF_NAMESIZE, "weft-br%u", vni);
	return buf;
}

const char *device_bridge_of(const struct config *config, char buf[static IF_NAMESIZE])
{
	if (!config->bridge[0])
		return device_bridge_name(config->vni, buf);
	memcpy(buf, config->bridge, IF_NAMESIZE);
	return buf;
}

const char *device_vxlan_name(uint32_t vni, char buf[static IF_NAMESIZE])
{
	snprintf(buf, IF_NAMESIZE, "weft-vx%u", vni);
	return buf;
}

const char *device_second_name(uint32_t vni, char buf[static IF_NAMESIZE])
{
	snprintf(buf, IF_NAMESIZE, "weft-v6%u", vni);
	return buf;
}

uint32_t device_mtu(uint32_t underlay, const bool outer[static FAMILIES])
{
	uint32_t overhead = outer[FAMILY_V6] ? DEVICE_OVERHEAD_V6 : DEVICE_OVERHEAD_V4;

	return underlay > overhead ? underlay - overhead : underlay;
}

static void alias_of(const struct device_want *want, char alias[static LINK_ALIAS_SIZE])
{
	snprintf(alias, LINK_ALIAS_SIZE, ALIAS_START "%s", want->network);
}

const struct mac *device_bridge_mac(const struct device_want *want)
{
	return mac_is_zero(&want->bridge_mac) ? &want->mac : &want->bridge_mac;
}

static const struct mac *mac_of(const struct device_want *want, enum link_kind kind)
{
	return kind == LINK_KIND_BRIDGE ? device_bridge_mac(want) : &want->mac;
}

static bool is_known(const struct device_want *want, uint32_t index)
{
	const struct device_have *before = want->before;

	return before && index &&
	       (index == before->bridge || index == before->vxlan[FAMILY_V4] ||
		index == before->vxlan[FAMILY_V6]);
}

/*
 * Checks that the device is weft's by kind and alias. A device without alias but with the VTEP MAC
 * was left by a weftd that was killed before it set the alias.
 */
static int claim_link(struct nl *nl, const struct link *link, enum link_kind kind,
		      const struct device_want *want, bool *changed, struct err *err)
{
	char alias[LINK_ALIAS_SIZE];

	alias_of(want, alias);
	if (link->kind != kind)
		return err_set(err, ERR_CONFIG, "%s exists and is not a %s: not created by weft",
			       link->name, kind == LINK_KIND_BRIDGE ? "bridge" : "vxlan device");
	if (!strcmp(link->alias, alias))
		return 0;
	if (!is_known(want, link->index) &&
	    (link->alias[0] || mac_cmp(&link->mac, mac_of(want, kind))))
		return err_set(
			err, ERR_CONFIG,
			"%s exists with the alias \"%s\" instead of \"%s\": not created by weft for this network",
			link->name, link->alias, alias);
	*changed = true;
	return link_set_alias(nl, link->index, alias, err);
}

const char *device_network(const struct link *link)
{
	const size_t len = strlen(ALIAS_START);
	const bool vxlan = !strncmp(link->name, "weft-vx", 7) || !strncmp(link->name, "weft-v6", 7);
	const bool kind = link->kind == LINK_KIND_BRIDGE ? !strncmp(link->name, "weft-br", 7) :
							   link->kind == LINK_KIND_VXLAN && vxlan;

	return kind && !strncmp(link->alias, ALIAS_START, len) ? link->alias + len : NULL;
}

bool device_is_ours(const struct link *link, const char *network)
{
	const char *name = device_network(link);

	return name && !strcmp(name, network);
}

#define CONFLICTS_MAX 4 /* weft has three names, and a VNI can have one device of each family */

/* A search for conflicting devices. */
struct check {
	const struct device_want *want;
	char bridge[IF_NAMESIZE], vxlan[IF_NAMESIZE], second[IF_NAMESIZE];
	char conflict[CONFLICTS_MAX][IF_NAMESIZE]; /* in the order of the dump */
	size_t conflict_len;
	bool flannel; /* all of them are flannel's */
};

static int check_link(void *ctx, const struct link *link, struct err *err)
{
	struct check *check = ctx;
	bool named = !strcmp(link->name, check->bridge) || !strcmp(link->name, check->vxlan) ||
		     !strcmp(link->name, check->second);
	bool same = link->kind == LINK_KIND_VXLAN && link->vxlan.vni == check->want->vni &&
		    link->vxlan.port == check->want->port;

	(void)err;
	if ((!named && !same) || device_is_ours(link, check->want->network) ||
	    check->conflict_len == CONFLICTS_MAX)
		return 0;
	check->flannel &= !strncmp(link->name, "flannel", strlen("flannel"));
	memcpy(check->conflict[check->conflict_len++], link->name, IF_NAMESIZE);
	return 0;
}

static void reset_check(void *ctx)
{
	struct check *check = ctx;

	check->conflict_len = 0;
	check->flannel = true;
}

/* "NAME, NAME" and "ip link delete NAME; ip link delete NAME". */
static void list_conflicts(const struct check *check, char names[static ERR_TEXT_SIZE],
			   char commands[static ERR_TEXT_SIZE])
{
	size_t len = 0, command_len = 0;

	names[0] = commands[0] = '\0';
	for (size_t i = 0; i < check->conflict_len; i++) {
		len += (size_t)snprintf(names + len, ERR_TEXT_SIZE - len, "%s%s", i ? ", " : "",
					check->conflict[i]);
		command_len += (size_t)snprintf(commands + command_len, ERR_TEXT_SIZE - command_len,
						"%sip link delete %s", i ? "; " : "",
						check->conflict[i]);
	}
}

int device_check(struct nl *nl, const struct device_want *want, struct err *err)
{
	struct check check = { .want = want, .flannel = true };
	char names[ERR_TEXT_SIZE], commands[ERR_TEXT_SIZE];

	device_bridge_name(want->vni, check.bridge);
	device_vxlan_name(want->vni, check.vxlan);
	device_second_name(want->vni, check.second);
	if (link_each(nl, check_link, reset_check, &check, err) < 0)
		return -1;
	if (!check.conflict_len)
		return 0;
	list_conflicts(&check, names, commands);
	if (check.flannel)
		return err_set(
			err, ERR_CONFIG,
			"flannel's %s has this network's VNI: stop flanneld on this node and "
			"run: %s",
			names, commands);
	return err_set(err, ERR_CONFIG,
		       "VNI %u and port %u are used by %s, which does not belong to this network: "
		       "change it, or run: %s",
		       want->vni, want->port, names, commands);
}

/* Exchanges the names of the own device and that of another network. */
static int exchange_names(struct nl *nl, const struct link *own, const struct link *other,
			  struct err *err)
{
	char free_name[IF_NAMESIZE];

	snprintf(free_name, sizeof(free_name), "weft-%u", other->index);
	if (link_reset_name(nl, other->index, free_name, err) < 0 ||
	    link_reset_name(nl, own->index, other->name, err) < 0 ||
	    link_reset_name(nl, other->index, own->name, err) < 0)
		return -1;
	return other->flags & IFF_UP ? link_set_up(nl, other->index, true, err) : 0;
}

/*
 * Gets the device by its name; if it was renamed since, by its previous index (0: unknown), and
 * restores its name. If another network's device has that name, both have been renamed: packet
 * rules would isolate each network with the other one's rules.
 */
static int find_own(struct nl *nl, const struct device_want *want, const char *name,
		    enum link_kind kind, uint32_t before, struct link *link_out, bool *changed,
		    struct err *err)
{
	char alias[LINK_ALIAS_SIZE];
	const char *other;
	struct link own;
	int found = link_get(nl, name, link_out, err), exists;

	if (found < 0 || !before || (found && link_out->index == before))
		return found;
	other = found ? device_network(link_out) : NULL;
	if (found && (!other || !strcmp(other, want->network)))
		return found;
	alias_of(want, alias);
	exists = link_get_index(nl, before, &own, err);
	if (exists <= 0 || own.kind != kind || strcmp(own.alias, alias) != 0)
		return exists < 0 ? -1 : found;
	*changed = true;
	if (found ? exchange_names(nl, &own, link_out, err) < 0 :
		    link_reset_name(nl, before, name, err) < 0)
		return -1;
	return link_get(nl, name, link_out, err);
}

/* Corrects MAC, MTU, group and state of an existing device. */
static int correct_link(struct nl *nl, const struct link *link, const struct device_want *want,
			bool *changed, struct err *err)
{
	const struct mac *mac = mac_of(want, link->kind);

	if (mac_cmp(&link->mac, mac)) {
		if (link_set_mac(nl, link->index, mac, err) < 0)
			return -1;
		*changed = true;
	}
	if (link->mtu != want->mtu) {
		if (link_set_mtu(nl, link->index, want->mtu, err) < 0)
			return -1;
		*changed = true;
	}
	if (link->group != LINK_GROUP_WEFT) {
		if (link_set_group(nl, link->index, LINK_GROUP_WEFT, err) < 0)
			return -1;
		*changed = true;
	}
	if (link->flags & IFF_NOARP) {
		if (link_reset_arp(nl, link->index, err) < 0)
			return -1;
		*changed = true;
	}
	if (link->proto_down) {
		if (link_reset_proto_down(nl, link->index, err) < 0)
			return -1;
		*changed = true;
	}
	if (!(link->flags & IFF_UP)) {
		if (link_set_up(nl, link->index, true, err) < 0)
			return -1;
		*changed = true;
	}
	return 0;
}

/* Reads a device that has just been created or changed. */
static int get_made(struct nl *nl, const char *name, struct link *link_out, struct err *err)
{
	int found = link_get(nl, name, link_out, err);

	if (found == 0)
		return err_set(err, ERR_KERNEL, "%s was deleted while weftd configured it", name);
	return found < 0 ? -1 : 0;
}

/*
 * A container could otherwise fill the kernel's memory with source addresses. Each container of the
 * subnet needs one entry.
 */
static uint32_t learned_max(const struct device_want *want)
{
	const struct prefix *gateway = &want->gateway[FAMILY_V4];
	unsigned bits = prefix_is_set(gateway) ? 32U - gateway->len : 0;

	if (want->unknown)
		return 1U << LEARNED_BITS_ALL;
	if (bits > LEARNED_BITS_MAX)
		bits = LEARNED_BITS_MAX;
	return 1U << (bits > LEARNED_BITS_MIN ? bits : LEARNED_BITS_MIN);
}

static int ensure_learned_max(struct nl *nl, const struct link *link,
			      const struct device_want *want, bool *changed, struct err *err)
{
	uint32_t max = learned_max(want);

	if (!link->has_learned_max || link->learned_max == max)
		return 0;
	*changed = true;
	return link_reset_learned_max(nl, link->index, max, err);
}

/* With either, ports do not forward: a new one for 30 s, or one without a VLAN at all. */
static int ensure_unfiltered(struct nl *nl, const struct link *link, bool *changed, struct err *err)
{
	if (!link->stp && !link->vlan_filtering)
		return 0;
	*changed = true;
	return link_reset_bridge(nl, link, err);
}

/* The devices of the host, while an existing bridge is checked. */
VEC_DEFINE(host_links, struct link);

static int collect_link(void *ctx, const struct link *link, struct err *err)
{
	struct host_links *links = ctx;

	return host_links_push(links, link) ? 0 : err_nomem(err, "the devices");
}

static void reset_links(void *ctx)
{
	struct host_links *links = ctx;

	host_links_clear(links);
}

static const struct link *find_link(const struct host_links *links, uint32_t index)
{
	for (size_t i = 0; i < links->len; i++)
		if (links->at[i].index == index)
			return &links->at[i];
	return NULL;
}

/*
 * Returns the device that connects the uplink to the bridge, or NULL: the tunnel's packets would be
 * frames of the bridge, which it sends to the tunnel again.
 */
static const struct link *find_loop(const struct host_links *links, uint32_t uplink,
				    uint32_t bridge)
{
	const struct link *link = find_link(links, uplink);

	for (size_t depth = 0; link && depth < LOWER_MAX; depth++) {
		if (link->index == bridge || link->master == bridge)
			return link;
		link = link->lower ? find_link(links, link->lower) : NULL;
	}
	return NULL;
}

static void find_port_mtu(const struct host_links *links, struct device_have *have)
{
	for (size_t i = 0; i < links->len; i++) {
		const struct link *link = &links->at[i];

		if (link->master != have->bridge || link->kind == LINK_KIND_VXLAN ||
		    link->mtu <= have->port_mtu)
			continue;
		have->port_mtu = link->mtu;
		memcpy(have->port, link->name, sizeof(have->port));
	}
}

/*
 * A vxlan device without its bridge would be a device of the host, with one in a loop part of it.
 */
static int set_down(struct nl *nl, const struct device_want *want, const char *name,
		    struct err *err)
{
	struct link link;
	int found = link_get(nl, name, &link, err);

	if (found <= 0 || !device_is_ours(&link, want->network) || !(link.flags & IFF_UP))
		return found < 0 ? -1 : 0;
	return link_set_up(nl, link.index, false, err);
}

static int set_vxlans_down(struct nl *nl, const struct device_want *want, struct err *err)
{
	char name[IF_NAMESIZE];

	if (set_down(nl, want, device_vxlan_name(want->vni, name), err) < 0)
		return -1;
	return set_down(nl, want, device_second_name(want->vni, name), err);
}

/* Sets the vxlan devices down and returns -1 with ERR_CONFIG, or the error that prevented it. */
static int refuse_bridge(struct nl *nl, const struct device_want *want, const char *reason,
			 const char *device, struct err *err)
{
	if (set_vxlans_down(nl, want, err) < 0)
		return -1;
	return err_set(err, ERR_CONFIG, "network configuration: Weft.Bridge: %s %s%s",
		       want->existing, reason, device);
}

/* It may have addresses, ports and rules of its program: nothing of it is changed. */
static int find_existing(struct nl *nl, const struct device_want *want, struct device_have *have,
			 struct err *err)
{
	AUTO(host_links) struct host_links links = { .len = 0 };
	const struct link *loop;
	struct link link;
	int found = link_get(nl, want->existing, &link, err);

	if (found < 0)
		return -1;
	if (!found || link.kind != LINK_KIND_BRIDGE)
		return refuse_bridge(nl, want, found ? "is not a bridge" : "does not exist", "",
				     err);
	if (link_each(nl, collect_link, reset_links, &links, err) < 0)
		return -1;
	loop = find_loop(&links, want->uplink, link.index);
	if (loop)
		return refuse_bridge(nl, want, "is connected to the uplink: ", loop->name, err);
	have->bridge = link.index;
	have->stp = link.stp;
	have->mtu_before = want->mtu;
	find_port_mtu(&links, have);
	return 0;
}

/*
 * The entry by which the bridge takes frames to its MAC: "bridge fdb flush" removes it, and the
 * gateway is unreachable without.
 */
static int ensure_local_entry(struct nl *nl, uint32_t bridge, const struct mac *mac, bool *changed,
			      struct err *err)
{
	struct neigh_fdb fdb = { .state = 0 };
	int found = neigh_bridge_get(nl, bridge, mac, &fdb, err);

	if (found < 0 || (found && fdb.state & NUD_PERMANENT))
		return found < 0 ? -1 : 0;
	*changed = true;
	return nl_request(nl, neigh_fdb_local_message(bridge, mac),
			  "add the bridge's MAC to its FDB", err);
}

static int ensure_bridge(struct nl *nl, const struct device_want *want, struct device_have *have,
			 struct err *err)
{
	char name[IF_NAMESIZE], alias[LINK_ALIAS_SIZE];
	struct link link;
	int found;

	if (want->existing)
		return find_existing(nl, want, have, err);
	alias_of(want, alias);
	found = find_own(nl, want, device_bridge_name(want->vni, name), LINK_KIND_BRIDGE,
			 want->before ? want->before->bridge : 0, &link, &have->changed, err);
	if (found < 0)
		return -1;
	if (found == 0) {
		/* The kernel lowers the MTU to its ports' minimum until it is set explicitly. */
		if (link_add_bridge(nl, name, mac_of(want, LINK_KIND_BRIDGE), want->mtu + 1, alias,
				    err) < 0 ||
		    get_made(nl, name, &link, err) < 0)
			return -1;
		have->changed = true;
	}
	have->bridge = link.index;
	have->mtu_before = link.mtu;
	if (claim_link(nl, &link, LINK_KIND_BRIDGE, want, &have->changed, err) < 0 ||
	    ensure_learned_max(nl, &link, want, &have->changed, err) < 0 ||
	    ensure_unfiltered(nl, &link, &have->changed, err) < 0 ||
	    correct_link(nl, &link, want, &have->changed, err) < 0)
		return -1;
	return ensure_local_entry(nl, link.index, mac_of(want, LINK_KIND_BRIDGE), &have->changed,
				  err);
}

static bool vxlan_same(const struct link_vxlan *a, const struct link_vxlan *b)
{
	return a->vni == b->vni && a->lower == b->lower && ipaddr_equal(&a->local, &b->local) &&
	       ipaddr_equal(&a->group, &b->group) && a->limit == b->limit && a->port == b->port &&
	       a->learning == b->learning && a->gbp == b->gbp && a->udp_csum == b->udp_csum;
}

static struct link_vxlan want_vxlan(const struct device_want *want, enum family outer)
{
	return (struct link_vxlan){
		.vni = want->vni,
		.lower = want->lower,
		.limit = want->unknown ? learned_max(want) : 0,
		.group = want->group,
		.local = want->local[outer],
		.port = want->port,
		.learning = want->learning,
		.gbp = want->gbp,
	};
}

/* One vxlan device: its name, outer family and attributes. */
struct vxlan {
	char name[IF_NAMESIZE];
	enum family outer;
	struct link_vxlan config;
};

/* Replaces EEXIST or EADDRINUSE by an error with all conflicting devices. Returns -1. */
static int describe_conflict(struct nl *nl, const struct device_want *want, struct err *err)
{
	struct err other;

	if (err->sys_errno != EEXIST && err->sys_errno != EADDRINUSE)
		return -1;
	if (device_check(nl, want, &other) < 0)
		*err = other;
	return -1;
}

static int make_vxlan(struct nl *nl, const struct device_want *want, const struct vxlan *vxlan,
		      const char *alias, struct device_have *have, struct link *link_out,
		      struct err *err)
{
	const struct link_add_vxlan add = {
		.name = vxlan->name,
		.mac = want->mac,
		.mtu = want->mtu,
		.master = have->bridge,
		.alias = alias,
		.vxlan = vxlan->config,
	};

	have->changed = true;
	if (link_add_vxlan(nl, &add, err) < 0)
		return describe_conflict(nl, want, err);
	return get_made(nl, vxlan->name, link_out, err);
}

/*
 * Frames cross the tunnel by FDB entries only, unless they are flooded. In a bridged network
 * without learning, the bridge answers ARP and ND for what has an entry in its own table and in its
 * FDB.
 */
static int ensure_port(struct nl *nl, const struct link *link, const struct device_want *want,
		       struct device_have *have, struct err *err)
{
	struct link_port port = link->port;

	port.hairpin = port.isolated = port.locked = false;
	port.learning = want->learning;
	port.flood = want->unknown;
	/*
	 * Without flooding, the packet rules count and drop them; the vxlan device has no
	 * destination.
	 */
	port.mcast_flood = port.bcast_flood = want->bridged;
	if (want->bridged)
		port.neigh_suppress = !port.flood;
	if (!memcmp(&port, &link->port, sizeof(port)))
		return 0;
	have->changed = true;
	return link_set_port(nl, link->index, &port, err);
}

/*
 * With a group, an administrator may have set the TTL: the kernel's choice reaches no further than
 * one router.
 */
static int ensure_ttl(struct nl *nl, const struct link *link, const struct device_want *want,
		      struct device_have *have, struct err *err)
{
	if (!link->vxlan.ttl || ipaddr_is_set(&want->group))
		return 0;
	have->changed = true;
	return link_reset_ttl(nl, link->index, err);
}

/* The state of a port that was up before: another one has none yet, or that of a new port. */
static int ensure_forwarding(struct nl *nl, const struct link *link, struct device_have *have,
			     struct err *err)
{
	if (!link->is_port || link->port.state == LINK_STATE_FORWARDING || have->stp ||
	    !(link->flags & IFF_RUNNING))
		return 0;
	have->changed = true;
	return link_reset_port_state(nl, link->index, err);
}

static int ensure_vxlan(struct nl *nl, const struct device_want *want, const struct vxlan *vxlan,
			struct device_have *have, struct err *err)
{
	char alias[LINK_ALIAS_SIZE];
	struct link link;
	int found;

	alias_of(want, alias);
	found = find_own(nl, want, vxlan->name, LINK_KIND_VXLAN,
			 want->before ? want->before->vxlan[vxlan->outer] : 0, &link,
			 &have->changed, err);
	if (found < 0)
		return -1;
	if (found && claim_link(nl, &link, LINK_KIND_VXLAN, want, &have->changed, err) < 0)
		return -1;
	/* Most vxlan attributes cannot be changed: the device is replaced, without its entries. */
	if (found && !vxlan_same(&link.vxlan, &vxlan->config)) {
		if (link_del(nl, link.index, err) < 0)
			return -1;
		found = 0;
	}
	if (!found && make_vxlan(nl, want, vxlan, alias, have, &link, err) < 0)
		return -1;
	have->vxlan[vxlan->outer] = link.index;
	if (link.master != have->bridge) {
		have->changed = true;
		if (link_set_master(nl, link.index, have->bridge, err) < 0 ||
		    get_made(nl, vxlan->name, &link, err) < 0)
			return -1;
	}
	if (correct_link(nl, &link, want, &have->changed, err) < 0 ||
	    ensure_ttl(nl, &link, want, have, err) < 0 ||
	    ensure_port(nl, &link, want, have, err) < 0)
		return -1;
	return ensure_forwarding(nl, &link, have, err);
}

/* Removes the second device of a previous configuration, which conflicts with the first. */
static int remove_second(struct nl *nl, const struct device_want *want, struct device_have *have,
			 struct err *err)
{
	char name[IF_NAMESIZE], alias[LINK_ALIAS_SIZE];
	struct link link;
	int found = link_get(nl, device_second_name(want->vni, name), &link, err);

	if (found <= 0)
		return found;
	alias_of(want, alias);
	if (link.kind != LINK_KIND_VXLAN || strcmp(link.alias, alias))
		return 0;
	have->changed = true;
	return link_del(nl, link.index, err) < 0 ? -1 : 0;
}

static int ensure_vxlans(struct nl *nl, const struct device_want *want, struct device_have *have,
			 struct err *err)
{
	const bool v4 = ipaddr_is_set(&want->local[FAMILY_V4]);
	const bool both = v4 && ipaddr_is_set(&want->local[FAMILY_V6]);
	struct vxlan vxlan = { .outer = v4 ? FAMILY_V4 : FAMILY_V6 };

	if (!both && remove_second(nl, want, have, err) < 0)
		return -1;
	device_vxlan_name(want->vni, vxlan.name);
	vxlan.config = want_vxlan(want, vxlan.outer);
	if (ensure_vxlan(nl, want, &vxlan, have, err) < 0)
		return -1;
	if (!both)
		return 0;
	vxlan.outer = FAMILY_V6;
	vxlan.config = want_vxlan(want, vxlan.outer);
	device_second_name(want->vni, vxlan.name);
	return ensure_vxlan(nl, want, &vxlan, have, err);
}

/* ---- All --------------------------------------------------------------------------------- */

/* Sysctls first: IPv6 may be disabled, or automatic addresses enabled. */
int device_ensure(struct nl *nl, const struct device_want *want, struct device_have *have_out,
		  struct err *err)
{
	struct device_have have = { .changed = false };

	if (ensure_bridge(nl, want, &have, err) < 0 || ensure_vxlans(nl, want, &have, err) < 0 ||
	    device_sysctls_ensure(nl, want, &have.sysctls, &have.changed, err) < 0 ||
	    device_addresses_ensure(nl, want, &have, err) < 0)
		return -1;
	*have_out = have;
	return 0;
}
