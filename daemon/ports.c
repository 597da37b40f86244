/* SPDX-License-Identifier: Apache-2.0 */
#include "ports.h"

#include "common/err.h"
#include "common/log.h"
#include "device.h"

#include <errno.h>
#include <string.h>

#define NAME "weft" /* and 11 hex digits (weft(8)) */
#define NAME_LEN 15

bool ports_is_ours(const struct link *link, const char *network)
{
	size_t len = strlen(network);

	/* "weft NETWORK CONTAINER INTERFACE" */
	return link->kind == LINK_KIND_VETH && strlen(link->name) == NAME_LEN &&
	       !strncmp(link->name, NAME, strlen(NAME)) && !strncmp(link->alias, "weft ", 5) &&
	       !strncmp(link->alias + 5, network, len) && link->alias[5 + len] == ' ';
}

/* A veth as it was found. */
struct veth {
	uint32_t index, mtu, master;
	bool up;
	struct link_port flags; /* meaningful for a port */
	char name[IF_NAMESIZE];
};

VEC_DEFINE(veths, struct veth);

/* What a dump of all devices has shown. */
struct gather {
	const struct ports_want *want;
	struct veths veths;
	struct veths old; /* bridges and vxlan devices that the network once had */
};

static void gather_free(struct gather *gather)
{
	veths_free(&gather->veths);
	veths_free(&gather->old);
}

static int gather_veth(void *ctx, const struct link *link, struct err *err)
{
	struct gather *gather = ctx;
	struct veth veth = {
		.index = link->index,
		.mtu = link->mtu,
		.master = link->master,
		.up = link->flags & IFF_UP,
		.flags = link->port,
	};

	const struct ports_want *want = gather->want;
	bool old = link->index != want->bridge && link->index != want->vxlan[FAMILY_V4] &&
		   link->index != want->vxlan[FAMILY_V6] && device_is_ours(link, want->network);

	if (!old && !ports_is_ours(link, want->network))
		return 0;
	memcpy(veth.name, link->name, sizeof(veth.name));
	return veths_push(old ? &gather->old : &gather->veths, &veth) ?
		       0 :
		       err_nomem(err, "the bridge's ports");
}

static void forget_veths(void *ctx)
{
	struct gather *gather = ctx;

	veths_clear(&gather->veths);
	veths_clear(&gather->old);
}

static bool is_old(const struct gather *gather, uint32_t index)
{
	for (size_t i = 0; i < gather->old.len; i++)
		if (gather->old.at[i].index == index)
			return true;
	return false;
}

static struct link_port flags_of(const struct ports *seen, uint32_t index)
{
	for (size_t i = 0; i < seen->len; i++)
		if (seen->at[i].index == index)
			return seen->at[i].flags;
	return (struct link_port){
		.learning = true,
		.flood = true,
		.mcast_flood = true,
		.bcast_flood = true,
		.hairpin = true,
	};
}

static int enslave(struct nl *nl, const struct gather *gather, const struct ports *seen,
		   struct veth *veth, struct err *err)
{
	const struct ports_want *want = gather->want;

	if (veth->master == want->bridge || (veth->master && !is_old(gather, veth->master)))
		return 0;
	if (!veth->master)
		veth->flags = flags_of(seen, veth->index);
	log_info("container attached to the bridge again", "device", veth->name);
	veth->master = want->bridge;
	if (link_set_master(nl, veth->index, want->bridge, err) < 0)
		return -1;
	return link_set_port(nl, veth->index, &veth->flags, err) < 0 ? -1 : 1;
}

static uint32_t mtu_of(const struct ports_want *want, const struct veth *veth)
{
	return veth->mtu == want->mtu_before || veth->mtu > want->mtu ? want->mtu : veth->mtu;
}

/* 1 changed, 0 was so, -1 failed. */
static int mend(struct nl *nl, const struct gather *gather, const struct ports *seen,
		struct veth *veth, struct err *err)
{
	const struct ports_want *want = gather->want;
	int changed = enslave(nl, gather, seen, veth, err);

	if (changed < 0 || veth->master != want->bridge)
		return changed;
	if (mtu_of(want, veth) != veth->mtu) {
		if (link_set_mtu(nl, veth->index, mtu_of(want, veth), err) < 0)
			return -1;
		changed = 1;
	}
	if (!veth->up) {
		if (link_set_up(nl, veth->index, true, err) < 0)
			return -1;
		changed = 1;
	}
	return changed;
}

static bool remember(const struct ports_want *want, const struct veths *veths, struct ports *seen)
{
	ports_clear(seen);
	for (size_t i = 0; i < veths->len; i++) {
		const struct port port = { veths->at[i].index, veths->at[i].flags };

		if (veths->at[i].master == want->bridge && !ports_push(seen, &port))
			return false;
	}
	return true;
}

static int remove_old(struct nl *nl, const struct veths *old, bool *changed, struct err *err)
{
	for (size_t i = 0; i < old->len; i++) {
		log_info("device of the network as it was is removed", "device", old->at[i].name);
		if (link_del(nl, old->at[i].index, err) < 0)
			return -1;
		*changed = true;
	}
	return 0;
}

int ports_ensure(struct nl *nl, const struct ports_want *want, struct ports *seen,
		 bool *changed_out, struct err *err)
{
	__attribute__((cleanup(gather_free))) struct gather gather = { .want = want };
	bool changed = false;
	int rc = link_each(nl, gather_veth, forget_veths, &gather, err);

	for (size_t i = 0; rc >= 0 && i < gather.veths.len; i++) {
		rc = mend(nl, &gather, seen, &gather.veths.at[i], err);
		changed |= rc > 0;
		/* A container that ends while we look. */
		if (rc < 0 && (err->sys_errno == ENODEV || err->sys_errno == EINVAL))
			rc = 0;
	}
	if (rc < 0 || remove_old(nl, &gather.old, &changed, err) < 0)
		return -1;
	if (!remember(want, &gather.veths, seen))
		return err_nomem(err, "the bridge's ports");
	*changed_out = changed;
	return 0;
}
