/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include "common/addr.h"
#include "common/err.h"
#include "common/link.h"
#include "common/nl.h"
#include "common/route.h"
#include "common/sysctl.h"
#include "common/vec.h"

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
	bool kind = link->kind == LINK_KIND_BRIDGE ?
			    !strncmp(link->name, "weft-br", 7) :
			    link->kind == LINK_KIND_VXLAN && !strncmp(link->name, "weft-vx", 7);

	alias_of(&want, alias);
	return kind && !strcmp(link->alias, alias);
}

/* Looks for what stands in a device's way. */
struct check {
	const struct device_want *want;
	char bridge[IF_NAMESIZE], vxlan[IF_NAMESIZE];
	char culprit[IF_NAMESIZE]; /* "" : nobody */
};

static int check_link(void *ctx, const struct link *link, struct err *err)
{
	struct check *check = ctx;
	bool named = !strcmp(link->name, check->bridge) || !strcmp(link->name, check->vxlan);
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
		if (link_add_bridge(nl, name, &want->mac, want->mtu, alias, err) < 0 ||
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

static struct link_vxlan want_vxlan(const struct device_want *want)
{
	return (struct link_vxlan){
		.vni = want->vni,
		.local = want->local,
		.port = want->port,
		.learning = want->learning,
		.gbp = want->gbp,
	};
}

static int make_vxlan(struct nl *nl, const struct device_want *want, const char *name,
		      const char *alias, struct device_have *have, struct link *link_out,
		      struct err *err)
{
	const struct link_add_vxlan add = {
		.name = name,
		.mac = want->mac,
		.mtu = want->mtu,
		.master = have->bridge,
		.alias = alias,
		.vxlan = want_vxlan(want),
	};

	have->changed = true;
	if (link_add_vxlan(nl, &add, err) < 0)
		return -1;
	return get_made(nl, name, link_out, err);
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

static int ensure_vxlan(struct nl *nl, const struct device_want *want, struct device_have *have,
			struct err *err)
{
	const struct link_vxlan vxlan = want_vxlan(want);
	char name[IF_NAMESIZE], alias[LINK_ALIAS_SIZE];
	struct link link;
	int found;

	alias_of(want, alias);
	found = link_get(nl, device_vxlan_name(want->vni, name), &link, err);
	if (found < 0)
		return -1;
	if (found && claim_link(nl, &link, LINK_KIND_VXLAN, want, &have->changed, err) < 0)
		return -1;
	/* Most of a vxlan device cannot be changed: it is replaced, and the pass refills it. */
	if (found && !vxlan_same(&link.vxlan, &vxlan)) {
		if (link_del(nl, link.index, err) < 0)
			return -1;
		found = 0;
	}
	if (!found && make_vxlan(nl, want, name, alias, have, &link, err) < 0)
		return -1;
	have->vxlan = link.index;
	if (link.master != have->bridge) {
		have->changed = true;
		if (link_set_master(nl, link.index, have->bridge, err) < 0 ||
		    get_made(nl, name, &link, err) < 0)
			return -1;
	}
	if (mend_link(nl, &link, want, &have->changed, err) < 0)
		return -1;
	return ensure_port(nl, &link, want, have, err);
}

VEC_DEFINE(prefixes, struct prefix);

static int gather_address(void *ctx, const struct addr *addr, struct err *err)
{
	struct prefixes *prefixes = ctx;

	if (!prefixes_push(prefixes, &addr->prefix))
		return err_nomem(err, "the bridge's addresses");
	return 0;
}

static void forget_addresses(void *ctx)
{
	struct prefixes *prefixes = ctx;

	prefixes_clear(prefixes);
}

static int add_gateway(struct nl *nl, const struct device_want *want, struct device_have *have,
		       struct err *err)
{
	int added = addr_ensure(nl, have->bridge, &want->gateway, err);

	have->changed |= added > 0;
	return added < 0 ? -1 : 0;
}

/*
 * The new address first: a route's source must not be without one. And once more where
 * another went: it goes with that one, if it was a secondary of the same subnet.
 */
static int ensure_address(struct nl *nl, const struct device_want *want, struct device_have *have,
			  struct err *err)
{
	__attribute__((cleanup(prefixes_free))) struct prefixes there = { .len = 0 };
	bool found = false, removed = false;

	if (addr_each(nl, have->bridge, want->gateway.addr.family, gather_address, forget_addresses,
		      &there, err) < 0)
		return -1;
	for (size_t i = 0; i < there.len; i++)
		found |= prefix_equal(&there.at[i], &want->gateway);
	if (!found && add_gateway(nl, want, have, err) < 0)
		return -1;
	for (size_t i = 0; i < there.len; i++) {
		if (prefix_equal(&there.at[i], &want->gateway))
			continue;
		if (addr_del(nl, have->bridge, &there.at[i], err) < 0)
			return -1;
		removed = true;
	}
	have->changed |= removed;
	return removed ? add_gateway(nl, want, have, err) : 0;
}

/* The kernel's own route to the subnet comes with the address, and may be taken away alone. */
struct connected {
	const struct route *wanted;
	bool found;
};

static int find_connected(void *ctx, const struct route *route, struct err *err)
{
	struct connected *connected = ctx;

	(void)err;
	connected->found |= route->index == connected->wanted->index &&
			    prefix_equal(&route->dst, &connected->wanted->dst);
	return 0;
}

static void forget_connected(void *ctx)
{
	struct connected *connected = ctx;

	connected->found = false;
}

static int ensure_connected(struct nl *nl, const struct device_want *want, struct device_have *have,
			    struct err *err)
{
	const struct route route = {
		.dst = prefix_masked(&want->gateway),
		.source = want->gateway.addr,
		.index = have->bridge,
		.protocol = RTPROT_KERNEL,
		.scope = RT_SCOPE_LINK,
	};
	struct connected connected = { .wanted = &route };

	if (route_each(nl, route.dst.addr.family, RTPROT_KERNEL, find_connected, forget_connected,
		       &connected, err) < 0)
		return -1;
	if (connected.found)
		return 0;
	have->changed = true;
	return nl_request(nl, route_add_message(&route), "add the subnet's route to the bridge",
			  err);
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
static int ensure_sysctls(const struct device_want *want, struct device_have *have, struct err *err)
{
	char bridge[IF_NAMESIZE], vxlan[IF_NAMESIZE];
	bool *changed = &have->changed;
	int wrote = sysctl_ensure("net/ipv4/ip_forward", "1", err);

	device_bridge_name(want->vni, bridge);
	device_vxlan_name(want->vni, vxlan);
	if (wrote < 0)
		return -1;
	*changed |= wrote > 0;
	if (ensure_sysctl("ipv4", "all", "send_redirects", "0", changed, err) < 0 ||
	    ensure_sysctl("ipv4", bridge, "send_redirects", "0", changed, err) < 0 ||
	    ensure_sysctl("ipv6", bridge, "accept_ra", "0", changed, err) < 0)
		return -1;
	return ensure_sysctl("ipv6", vxlan, "accept_ra", "0", changed, err);
}

int device_ensure(struct nl *nl, const struct device_want *want, struct device_have *have_out,
		  struct err *err)
{
	struct device_have have = { .changed = false };

	if (ensure_bridge(nl, want, &have, err) < 0 || ensure_vxlan(nl, want, &have, err) < 0 ||
	    ensure_address(nl, want, &have, err) < 0 ||
	    ensure_connected(nl, want, &have, err) < 0 || ensure_sysctls(want, &have, err) < 0)
		return -1;
	*have_out = have;
	return 0;
}
