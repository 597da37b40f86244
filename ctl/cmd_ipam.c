/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd.h"

#include "ctl/inventory.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/json/json.h"
#include "ipam/host_local.h"
#include "ipam/pool.h"
#include "ipam/range.h"

#include <string.h>

/* One subnet of this node, while its addresses are visited. */
struct subnet {
	const struct inventory *inventory;
	const char *network;
	struct range_set set;
	struct jb_at leaked;
	uint64_t used, leaks;
};

static bool has_address(const struct attachment *attachment, const struct ipaddr *addr)
{
	for (size_t i = 0; i < attachment->address_len; i++)
		if (ipaddr_equal(&attachment->addresses[i], addr))
			return true;
	return false;
}

/* Why the address is in use without a container; NULL: it is not. */
static const char *leak_of(const struct subnet *subnet, const struct ipaddr *addr,
			   const char *record)
{
	if (!record)
		return "its entry was not created by weft";
	for (size_t i = 0; i < subnet->inventory->containers.len; i++) {
		const struct inventory_container *at = &subnet->inventory->containers.at[i];

		if (strcmp(at->record, record) != 0 || strcmp(at->network, subnet->network) != 0)
			continue;
		if (at->busy)
			return NULL;
		if (!has_address(&at->attachment, addr))
			return "the record of its attachment does not contain it";
		return at->ended ? "its container ended without a DEL" : NULL;
	}
	return "its attachment has no readable record";
}

static int on_address(void *ctx, const struct ipaddr *addr, const char *record, struct err *err)
{
	struct subnet *subnet = ctx;
	const char *why;
	struct jb_at at;

	(void)err;
	if (!range_set_has(&subnet->set, addr))
		return 0;
	subnet->used++;
	why = leak_of(subnet, addr, record);
	if (!why)
		return 0;
	subnet->leaks++;
	at = jb_obj(subnet->leaked, NULL);
	jb_ipaddr(at, "address", addr);
	jb_str(at, "reason", why);
	return 0;
}

static int put_next(struct jb_at at, const char *run_dir, const struct subnet *subnet,
		    struct err *err)
{
	struct ipaddr next;

	if (pool_next(run_dir, subnet->network, &subnet->set, HOST_LOCAL_DIR, &next, err) == 0) {
		jb_ipaddr(at, "next", &next);
		return 0;
	}
	if (err->code != ERR_POOL_FULL)
		return -1;
	*err = ERR_INIT;
	jb_str(at, "next", "");
	return 0;
}

static int put_subnet(struct jb_at list, const char *run_dir, const struct state_network *network,
		      const struct state_family *family, struct subnet *subnet, struct err *err)
{
	struct jb_at at = jb_obj(list, NULL), range_at;
	struct range range;
	uint64_t size, released;

	subnet->network = network->name;
	subnet->set.len = 0;
	if (range_of(&family->subnet, &family->gateway, &range, err) < 0 ||
	    range_set_add(&subnet->set, &range, err) < 0)
		return -1;
	size = range_set_size(&subnet->set);
	jb_str(at, "network", network->name);
	jb_prefix(at, "subnet", &family->subnet);
	jb_ipaddr(at, "gateway", &family->gateway);
	range_at = jb_obj(at, "range");
	jb_ipaddr(range_at, "first", &range.first);
	jb_ipaddr(range_at, "last", &range.last);
	subnet->leaked = jb_arr(at, "leaked");
	if (pool_each(run_dir, network->name, on_address, subnet, err) < 0 ||
	    pool_released(run_dir, network->name, &subnet->set, &released, err) < 0)
		return -1;
	jb_u64_text(at, "size", size);
	jb_u64_text(at, "used", subnet->used);
	jb_u64_text(at, "free", size > subnet->used ? size - subnet->used : 0);
	jb_u64_text(at, "resting", released);
	return put_next(at, run_dir, subnet, err);
}

int cmd_ipam(const struct cmd *cmd, struct err *err)
{
	AUTO(inventory) struct inventory inventory = { .networks = { 0 } };
	AUTO(jb) struct jb *jb = jb_new();
	uint64_t leaks = 0;
	struct jb_at list;

	if (!jb)
		return err_nomem(err, "the addresses");
	list = jb_arr(jb_root(jb), "ipam");
	if (inventory_read(cmd->run_dir, cmd->network, &inventory, err) < 0)
		return -1;
	for (size_t i = 0; i < inventory.networks.len; i++) {
		const struct state_network *network = &inventory.networks.at[i].state;

		for (size_t f = 0; f < network->family_len; f++) {
			struct subnet subnet = { .inventory = &inventory };

			if (put_subnet(list, cmd->run_dir, network, &network->family[f], &subnet,
				       err) < 0)
				return -1;
			leaks += subnet.leaks;
		}
	}
	if (cmd_show_built(cmd, jb, "ipam", cmd->out->ipam, err) < 0)
		return -1;
	return leaks ? 1 : 0;
}
