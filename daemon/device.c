/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include "common/err.h"
#include "common/link.h"
#include "common/log.h"
#include "common/route.h"
#include "common/sysctl.h"
#include "device_address.h"
#include "flannel.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

const char *device_bridge_name(uint32_t vni, char buf[static IF_NAMESIZE])
{
	snprintf(buf, IF_NAMESIZE, "weft-br%u", vni);
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
	snprintf(alias, LINK_ALIAS_SIZE, "weft network %s", want->network);
}

/*
 * Ours by name, kind and alias; anything else by that name stops us. But one without an alias
 * that has our MAC was left by a weftd that was killed before it could give it one.
 */
static int claim_link(struct nl *nl, const struct link *link, enum link_kind kind,
		      const struct device_want *want, bool *changed, struct err *err)
{
	char alias[LINK_ALIAS_SIZE];

	alias_of(want, alias);
	if (link->kind != kind)
		return err_set(err, ERR_CONFIG, "%s is there and is not a %s; it is not weft's",
			       link->name, kind == LINK_KIND_BRIDGE ? "bridge" : "vxlan device");
	if (!strcmp(link->alias, alias))
		return 0;
	if (link->alias[0] || mac_cmp(&link->mac, &want->mac))
		return err_set(
			err, ERR_CONFIG,
			"%s is there with the alias \"%s\", not \"%s\": it is not this network's",
			link->name, link->alias, alias);
	*changed = true;
	return link_set_alias(nl, link->index, alias, err);
}

bool device_is_ours(const struct link *link, const char *network)
{
	const struct device_want want = { .network = network };
	char alias[LINK_ALIAS_SIZE];
	bool vxlan = !strncmp(link->name, "weft-vx", 7) || !strncmp(link->name, "weft-v6", 7);
	bool kind = link->kind == LINK_KIND_BRIDGE ? !strncmp(link->name, "weft-br", 7) :
						     link->kind == LINK_KIND_VXLAN && vxlan;

	alias_of(&want, alias);
	return kind && !strcmp(link->alias, alias);
}

/* Looks for what stands in a device's way. */
struct check {
	const struct device_want *want;
	char bridge[IF_NAMESIZE], vxlan[IF_NAMESIZE], second[IF_NAMESIZE];
	char culprit[IF_NAMESIZE]; /* "" : nobody */
};

static int check_link(void *ctx, const struct link *link, struct err *err)
{
	struct check *check = ctx;
	bool named = !strcmp(link->name, check->bridge) || !strcmp(link->name, check->vxlan) ||
		     !strcmp(link->name, check->second);
	bool same = link->kind == LINK_KIND_VXLAN && link->vxlan.vni == check->want->vni &&
		    link->vxlan.port == check->want->port;

	(void)err;
	if ((named || same) && !device_is_ours(link, check->want->network))
		memcpy(check->culprit, link->name, sizeof(check->culprit));
	return 0;
}

static void forget_culprit(void *ctx)
{
	struct check *check = ctx;

	check->culprit[0] = '\0';
}

int device_check(struct nl *nl, const struct device_want *want, struct err *err)
{
	struct check check = { .want = want };

	device_bridge_name(want->vni, check.bridge);
	device_vxlan_name(want->vni, check.vxlan);
	device_second_name(want->vni, check.second);
	if (link_each(nl, check_link, forget_culprit, &check, err) < 0)
		return -1;
	if (check.culprit[0])
		return err_set(err, ERR_CONFIG,
			       "VNI %u and port %u clash with %s, which is not this network's",
			       want->vni, want->port, check.culprit);
	return 0;
}

/* MAC, MTU and state of a device that is there. */
static int mend_link(struct nl *nl, const struct link *link, const struct device_want *want,
		     bool *changed, struct err *err)
{
	if (mac_cmp(&link->mac, &want->mac)) {
		if (link_set_mac(nl, link->index, &want->mac, err) < 0)
			return -1;
		*changed = true;
	}
	if (link->mtu != want->mtu) {
		if (link_set_mtu(nl, link->index, want->mtu, err) < 0)
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

/* What is there by that name after it was made, or before. */
static int get_made(struct nl *nl, const char *name, struct link *link_out, struct err *err)
{
	int found = link_get(nl, name, link_out, err);

	if (found == 0)
		return err_set(err, ERR_KERNEL, "%s was deleted while weftd made it", name);
	return found < 0 ? -1 : 0;
}

static int ensure_bridge(struct nl *nl, const struct device_want *want, struct device_have *have,
			 struct err *err)
{
	char name[IF_NAMESIZE], alias[LINK_ALIAS_SIZE];
	struct link link;
	int found;

	alias_of(want, alias);
	found = link_get(nl, device_bridge_name(want->vni, name), &link, err);
	if (found < 0)
		return -1;
	if (found == 0) {
		/* Until its MTU is once changed, the kernel makes it the smallest of its ports'. */
		if (link_add_bridge(nl, name, &want->mac, want->mtu + 1, alias, err) < 0 ||
		    get_made(nl, name, &link, err) < 0)
			return -1;
		have->changed = true;
	}
	have->bridge = link.index;
	have->mtu_before = link.mtu;
	if (claim_link(nl, &link, LINK_KIND_BRIDGE, want, &have->changed, err) < 0)
		return -1;
	return mend_link(nl, &link, want, &have->changed, err);
}

static bool vxlan_same(const struct link_vxlan *a, const struct link_vxlan *b)
{
	return a->vni == b->vni && a->lower == b->lower && ipaddr_equal(&a->local, &b->local) &&
	       a->port == b->port && a->learning == b->learning && a->gbp == b->gbp &&
	       a->udp_csum == b->udp_csum;
}

static struct link_vxlan want_vxlan(const struct device_want *want, enum family outer)
{
	return (struct link_vxlan){
		.vni = want->vni,
		.local = want->local[outer],
		.port = want->port,
		.learning = want->learning,
		.gbp = want->gbp,
	};
}

/* One vxlan device, by its name and the family of its packets. */
struct vxlan {
	char name[IF_NAMESIZE];
	enum family outer;
	struct link_vxlan config;
};

/* Who stands in the way, where the kernel only says that there is one. Always -1. */
static int name_culprit(struct nl *nl, const struct device_want *want, struct err *err)
{
	char flannel[IF_NAMESIZE];
	struct link link;
	struct err other;

	if (err->sys_errno != EEXIST && err->sys_errno != EADDRINUSE)
		return -1;
	if (link_get(nl, flannel_device(want->vni, flannel), &link, &other) > 0)
		return err_set(
			err, ERR_CONFIG,
			"flannel's device %s is there, with this network's VNI: end flanneld "
			"on this node, and remove it: ip link del %s",
			flannel, flannel);
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
		return name_culprit(nl, want, err);
	return get_made(nl, vxlan->name, link_out, err);
}

/* Nothing unknown may cross: what is to cross stands in the FDB. */
static int ensure_port(struct nl *nl, const struct link *link, const struct device_want *want,
		       struct device_have *have, struct err *err)
{
	struct link_port port = link->port;

	port.learning = want->learning;
	port.flood = port.mcast_flood = port.bcast_flood = false;
	if (!memcmp(&port, &link->port, sizeof(port)))
		return 0;
	have->changed = true;
	return link_set_port(nl, link->index, &port, err);
}

static int ensure_vxlan(struct nl *nl, const struct device_want *want, const struct vxlan *vxlan,
			struct device_have *have, struct err *err)
{
	char alias[LINK_ALIAS_SIZE];
	struct link link;
	int found;

	alias_of(want, alias);
	found = link_get(nl, vxlan->name, &link, err);
	if (found < 0)
		return -1;
	if (found && claim_link(nl, &link, LINK_KIND_VXLAN, want, &have->changed, err) < 0)
		return -1;
	/* Most of a vxlan device cannot be changed: it is replaced, and the pass refills it. */
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
	if (mend_link(nl, &link, want, &have->changed, err) < 0)
		return -1;
	return ensure_port(nl, &link, want, have, err);
}

/* A second device of an earlier configuration, which the first one could not be made beside. */
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

/* One sysctl of a device, or of "all". A kernel without IPv6 has no accept_ra, and needs none. */
static int ensure_sysctl(const char *family, const char *device, const char *name,
			 const char *value, bool *changed, struct err *err)
{
	char path[128];
	int wrote;

	snprintf(path, sizeof(path), "net/%s/conf/%s/%s", family, device, name);
	wrote = sysctl_ensure(path, value, err);
	if (wrote < 0 && !strcmp(family, "ipv6") && err->sys_errno == ENOENT)
		return 0;
	*changed |= wrote > 0;
	return wrote < 0 ? -1 : 0;
}

/*
 * Packets enter and leave by the same bridge, so that the kernel would send redirects to
 * containers; it ORs a device's value with that of "all", so both must be 0.
 */
static int ensure_v4_sysctls(const char *bridge, bool *changed, struct err *err)
{
	int wrote = sysctl_ensure("net/ipv4/ip_forward", "1", err);

	if (wrote < 0)
		return -1;
	*changed |= wrote > 0;
	if (ensure_sysctl("ipv4", "all", "send_redirects", "0", changed, err) < 0)
		return -1;
	return ensure_sysctl("ipv4", bridge, "send_redirects", "0", changed, err);
}

/*
 * A host that forwards IPv6 no longer heeds router advertisements, and drops the default route
 * that it had from them, unless accept_ra is 2.
 */
static int keep_default_route(struct nl *nl, const char *uplink, bool *changed, struct err *err)
{
	bool before = *changed, wrote = false;
	struct route route;
	int found = route_default(nl, AF_INET6, &route, err);

	if (found <= 0 || route.protocol != RTPROT_RA)
		return found < 0 ? -1 : 0;
	if (ensure_sysctl("ipv6", uplink, "accept_ra", "2", &wrote, err) < 0)
		return -1;
	if (wrote)
		log_info("accept_ra set to 2, to keep the default route while forwarding IPv6",
			 "interface", uplink);
	*changed = before || wrote;
	return 0;
}

/* addr_gen_mode 1: the link-local address is ours to make, see device_address.c. */
static int ensure_v6_sysctls(struct nl *nl, const struct device_want *want, const char *bridge,
			     bool *changed, struct err *err)
{
	if (!prefix_is_set(&want->gateway[FAMILY_V6]))
		return 0;
	if (keep_default_route(nl, want->uplink, changed, err) < 0 ||
	    ensure_sysctl("ipv6", "all", "forwarding", "1", changed, err) < 0 ||
	    ensure_sysctl("ipv6", bridge, "disable_ipv6", "0", changed, err) < 0)
		return -1;
	return ensure_sysctl("ipv6", bridge, "addr_gen_mode", "1", changed, err);
}

static int ensure_sysctls(struct nl *nl, const struct device_want *want, struct device_have *have,
			  struct err *err)
{
	char bridge[IF_NAMESIZE], vxlan[IF_NAMESIZE];
	bool *changed = &have->changed;

	device_bridge_name(want->vni, bridge);
	device_vxlan_name(want->vni, vxlan);
	if (ensure_v4_sysctls(bridge, changed, err) < 0 ||
	    ensure_sysctl("ipv6", bridge, "accept_ra", "0", changed, err) < 0 ||
	    ensure_sysctl("ipv6", vxlan, "accept_ra", "0", changed, err) < 0 ||
	    ensure_v6_sysctls(nl, want, bridge, changed, err) < 0)
		return -1;
	if (!have->vxlan[FAMILY_V4] || !have->vxlan[FAMILY_V6])
		return 0;
	return ensure_sysctl("ipv6", device_second_name(want->vni, vxlan), "accept_ra", "0",
			     changed, err);
}

/* Sysctls come before addresses: IPv6 may be disabled, or on its way to make some itself. */
int device_ensure(struct nl *nl, const struct device_want *want, struct device_have *have_out,
		  struct err *err)
{
	struct device_have have = { .changed = false };

	if (ensure_bridge(nl, want, &have, err) < 0 || ensure_vxlans(nl, want, &have, err) < 0 ||
	    ensure_sysctls(nl, want, &have, err) < 0 ||
	    device_address_ensure(nl, want, &have, err) < 0)
		return -1;
	*have_out = have;
	return 0;
}
