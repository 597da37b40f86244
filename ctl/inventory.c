/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/inventory.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs_dir.h"
#include "common/netlink/netns.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Networks ---------------------------------------------------------------------------- */

/* NAME.json of each. */
static int is_published(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot && strcmp(dot, ".json") == 0;
}

static int add_network(struct inventory *inventory, const char *run_dir, const char *name,
		       struct err *err)
{
	struct inventory_network network = { .damaged = 0 };
	struct err ignored;

	if (state_read_network(run_dir, name, &network.state, &ignored) != 1)
		return 0;
	if (!inventory_networks_push(&inventory->networks, &network))
		return err_nomem(err, "the networks");
	return 0;
}

static int read_networks(const char *run_dir, const char *only, struct inventory *inventory,
			 struct err *err)
{
	AUTO(close) int dir_fd = -1;
	struct dirent **entries = NULL;
	int found = fs_open_subdir(run_dir, STATE_NETWORKS, false, &dir_fd, err);
	int len, rc = 0;

	if (found <= 0)
		return found;
	len = scandirat(dir_fd, ".", &entries, is_published, alphasort);
	for (int i = 0; i < len; i++) {
		*strrchr(entries[i]->d_name, '.') = '\0';
		if (rc == 0 && (!only || !strcmp(only, entries[i]->d_name)))
			rc = add_network(inventory, run_dir, entries[i]->d_name, err);
		free(entries[i]);
	}
	free(entries);
	return rc;
}

/* ---- Attachments ------------------------------------------------------------------------- */

struct visit {
	const char *run_dir;
	struct inventory_network *network;
	struct inventory_containers *containers;
};

static int on_record(void *ctx, const char name[static ATTACHMENT_NAME_SIZE], struct err *err)
{
	AUTO(attachment_lock) struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	const struct visit *visit = ctx;
	const char *network = visit->network->state.name;
	struct inventory_container container = { .network = network };
	struct err why;
	int found = attachment_lock_record(visit->run_dir, network, name, false, &lock, &why);

	container.busy = found == 0;
	if (found > 0)
		found = attachment_read(&lock, &container.attachment, &why);
	visit->network->damaged += found < 0;
	if (found < 0 || (found == 0 && !container.busy))
		return 0;
	snprintf(container.record, sizeof(container.record), "%s", name);
	container.ended = !container.busy && netns_leads_to(container.attachment.netns,
							    &container.attachment.netns_id) == 0;
	if (!inventory_containers_push(visit->containers, &container))
		return err_nomem(err, "the containers");
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct inventory_container *l = a, *r = b;
	const int orders[] = {
		strcmp(l->network, r->network),
		strcmp(l->attachment.pod.namespace, r->attachment.pod.namespace),
		strcmp(l->attachment.pod.name, r->attachment.pod.name),
		strcmp(l->attachment.container_id, r->attachment.container_id),
		strcmp(l->attachment.ifname, r->attachment.ifname),
	};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		if (orders[i])
			return orders[i];
	return 0;
}

int inventory_read(const char *run_dir, const char *network, struct inventory *inventory_out,
		   struct err *err)
{
	*inventory_out = (struct inventory){ .networks = { 0 } };
	if (read_networks(run_dir, network, inventory_out, err) < 0)
		return -1;
	for (size_t i = 0; i < inventory_out->networks.len; i++) {
		struct visit visit = { run_dir, &inventory_out->networks.at[i],
				       &inventory_out->containers };

		if (attachment_each(run_dir, visit.network->state.name, on_record, &visit, err) < 0)
			return -1;
	}
	vec_sort(inventory_out->containers.at, inventory_out->containers.len,
		 sizeof(*inventory_out->containers.at), compare);
	return 0;
}

void inventory_free(struct inventory *inventory)
{
	inventory_containers_free(&inventory->containers);
	inventory_networks_free(&inventory->networks);
}

/* ---- By name ----------------------------------------------------------------------------- */

/* 2: its whole id or name; 1: the beginning of its id; 0: another one. */
static int match(const struct inventory_container *container, const char *name)
{
	const struct attachment *attachment = &container->attachment;
	const size_t len = strlen(attachment->pod.namespace);

	if (!strcmp(attachment->container_id, name))
		return 2;
	if (*attachment->pod.name && !strcmp(attachment->pod.name, name))
		return 2;
	if (*attachment->pod.name && !strncmp(attachment->pod.namespace, name, len) &&
	    name[len] == '/' && !strcmp(attachment->pod.name, name + len + 1))
		return 2;
	return strncmp(attachment->container_id, name, strlen(name)) == 0;
}

const struct inventory_container *inventory_find(const struct inventory *inventory,
						 const char *name, struct err *err)
{
	const struct inventory_container *found = NULL;
	size_t count = 0;
	int best = 1;

	for (size_t i = 0; i < inventory->containers.len; i++) {
		const struct inventory_container *at = &inventory->containers.at[i];
		const int level = at->ended || at->busy ? 0 : match(at, name);

		if (level < best)
			continue;
		/* The interfaces of one container count once: the first is used. */
		if (level > best || !found ||
		    strcmp(found->attachment.container_id, at->attachment.container_id) != 0)
			count = level > best ? 1 : count + 1;
		if (level > best || !found)
			found = at;
		best = level;
	}
	if (count == 1)
		return found;
	if (count)
		err_set(err, ERR_CONFIG,
			"%zu containers match '%s': use NAMESPACE/NAME or a longer id", count,
			ERR_SHOW(name));
	else
		err_set(err, ERR_CONFIG,
			"no running container of this node matches '%s': weftctl pods lists them",
			ERR_SHOW(name));
	return NULL;
}
