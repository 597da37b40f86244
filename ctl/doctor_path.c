/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/doctor_path.h"

#include "ctl/trace.h"
#include "ctl/trace_read.h"
#include "ctl/trace_store.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/json/json.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX 4096

/* The first running container of the network with an address of the family; NULL: none. */
static const struct inventory_container *container_of(const struct inventory *inventory,
						      const char *network, uint8_t family)
{
	for (size_t i = 0; i < inventory->containers.len; i++) {
		const struct inventory_container *at = &inventory->containers.at[i];

		if (at->busy || at->ended || strcmp(at->network, network) != 0)
			continue;
		for (size_t k = 0; k < at->attachment.address_len; k++)
			if (at->attachment.addresses[k].family == family)
				return at;
	}
	return NULL;
}

static void copy(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%.*s", (int)size - 1, text);
}

/* Traces the first container address of the subnet. 1 traced, 0 not possible now, -1 failed. */
static int trace_peer(const struct inventory *inventory, const struct jr *peers,
		      const struct prefix *subnet, struct doctor_path *path, struct err *err)
{
	struct trace_request request = { .inventory = inventory };
	AUTO(jb) struct jb *jb = jb_new();
	struct err ignored = ERR_INIT;
	struct trace_facts facts;
	struct trace_loss loss;

	if (!jb)
		return err_nomem(err, "a trace");
	request.to = ipaddr_add(&subnet->addr, 2);
	request.from = container_of(inventory, path->network, request.to.family);
	/* A container that ends meanwhile, or a network that is published in another form. */
	if (trace_read_request(&request, &facts, &ignored) < 0 || !facts.inside || facts.local ||
	    facts.network->l2)
		return 0;
	trace_store_peers(peers, facts.network->name, &facts.to, &facts.peer);
	facts.store = TRACE_WEFTD;
	if (trace_read_kernel(&request, &facts, &ignored) < 0)
		return 0;
	(void)trace_evaluate(&facts, jb_root(jb), &loss);
	ipaddr_text(&request.to, path->to);
	copy(path->lost_at, sizeof(path->lost_at), loss.step);
	copy(path->text, sizeof(path->text), loss.text);
	copy(path->remedy, sizeof(path->remedy), loss.remedy);
	return 1;
}

static int add_peer(const struct inventory *inventory, const struct jr *peers,
		    const struct jr *peer, struct doctor_paths *paths, struct err *err)
{
	static const char *const keys[] = { "subnet", "subnet6" };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct prefix subnet = jr_prefix_opt(peer, keys[i]);
		struct doctor_path path = { .lost_at = "" };
		int traced;

		if (!prefix_is_set(&subnet))
			continue;
		copy(path.network, sizeof(path.network), jr_str(peer, "network", TEXT_MAX));
		copy(path.node, sizeof(path.node), jr_str_opt(peer, "node_name", TEXT_MAX, ""));
		traced = trace_peer(inventory, peers, &subnet, &path, err);
		if (traced < 0)
			return -1;
		if (traced && !doctor_paths_push(paths, &path))
			return err_nomem(err, "the paths to peers");
	}
	return 0;
}

int doctor_paths_read(const struct inventory *inventory, const struct jr *peers,
		      struct doctor_paths *paths_out, struct err *err)
{
	for (size_t n = 0; n < inventory->networks.len; n++) {
		const char *network = inventory->networks.at[n].state.name;
		size_t count = 0;
		struct jr at;

		for (size_t i = 0; count < DOCTOR_PATHS_MAX && jr_each(peers, &i, &at);) {
			if (strcmp(jr_str_opt(&at, "network", TEXT_MAX, ""), network) != 0 ||
			    strcmp(jr_str_opt(&at, "state", TEXT_MAX, ""), "installed") != 0)
				continue;
			count++;
			if (add_peer(inventory, peers, &at, paths_out, err) < 0)
				return -1;
		}
	}
	return 0;
}
