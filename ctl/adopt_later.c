/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/adopt_later.h"

#include "common/err.h"
#include "ctl/adopt_cni.h"
#include "ipam/attachment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct later {
	const struct adopt_weft *weft;
	struct adopt_node *node;
	char list[ADOPT_FILE_SIZE]; /* the name of flannel's list */
};

static bool is_named(const struct later *later, const char *id, const char *ifname,
		     const char *name)
{
	const struct attachment_key key = { later->weft->network, id, ifname };
	char own[ATTACHMENT_NAME_SIZE];

	snprintf(own, sizeof(own), "%016" PRIx64, attachment_hash(&key));
	return !strcmp(own, name);
}

static bool has_record(const struct later *later, const char *name)
{
	const struct adopt_containers *containers = &later->node->containers;

	for (size_t i = 0; i < containers->len; i++)
		if (is_named(later, containers->at[i].id, containers->at[i].ifname, name))
			return true;
	return false;
}

static int add(struct later *later, const char *name, const struct attachment *record,
	       struct err *err)
{
	struct adopt_container container = { .mac = record->port.mac };

	if (!is_named(later, record->container_id, record->ifname, name))
		return err_set(err, ERR_STATE, "its id is too long");
	if (!adopt_cni_is_name(record->container_id) || !adopt_cni_is_name(record->ifname))
		return err_set(err, ERR_STATE, "its id or interface is not a file's name");
	if (record->ipam[0] || record->address_len > ADOPT_ADDRESSES)
		return err_set(err, ERR_STATE, "host-local cannot have its addresses");
	container.addr_len = (uint32_t)record->address_len;
	memcpy(container.addr, record->addresses, container.addr_len * sizeof(container.addr[0]));
	snprintf(container.id, sizeof(container.id), "%s", record->container_id);
	memcpy(container.ifname, record->ifname, sizeof(container.ifname));
	memcpy(container.veth, record->host_veth, sizeof(container.veth));
	snprintf(container.netns, sizeof(container.netns), "%s", record->netns);
	memcpy(container.list, later->list, sizeof(container.list));
	return adopt_containers_push(&later->node->containers, &container) ?
		       0 :
		       err_nomem(err, "the containers");
}

static int on_record(void *ctx, const char name[static ATTACHMENT_NAME_SIZE], struct err *err)
{
	AUTO(attachment_lock) struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct later *later = ctx;
	struct attachment record;
	int found;

	if (has_record(later, name))
		return 0;
	found = attachment_lock_record(later->weft->run_dir, later->weft->network, name, true,
				       &lock, err);
	if (found > 0)
		found = attachment_read(&lock, &record, err);
	if (found > 0)
		found = add(later, name, &record, err);
	/* An empty one belongs to an ADD that has acquired nothing. */
	return found < 0 ? err_wrap(err, "container of record %s: remove it first", name) : 0;
}

int adopt_add_later(const struct adopt_weft *weft, struct adopt_node *node, struct err *err)
{
	struct later later = { .weft = weft, .node = node };

	/* Without a bridge or a list, flannel's plugins had not attached any container. */
	if (!node->bridge[0] || !node->conflist_text)
		return 0;
	if (adopt_cni_list_name(node->conflist_text, strlen(node->conflist_text), later.list, err) <
	    0)
		return err_wrap(err, "%s", node->conflist);
	return attachment_each(weft->run_dir, weft->network, on_record, &later, err);
}
