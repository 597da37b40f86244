/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd.h"

#include "ctl/inventory.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/json/json.h"
#include "common/netlink/link.h"
#include "common/netlink/nl.h"

/* What the host's end sent is what the container received. */
static void put_counters(struct jb_at at, const struct link_stats *host)
{
	jb_u64_text(at, "received_packets", host->tx_packets);
	jb_u64_text(at, "received_bytes", host->tx_bytes);
	jb_u64_text(at, "sent_packets", host->rx_packets);
	jb_u64_text(at, "sent_bytes", host->rx_bytes);
	jb_u64_text(at, "dropped_packets", host->tx_dropped + host->rx_dropped);
}

static int put_pod(struct jb_at list, struct nl *nl, const struct inventory_container *container,
		   struct err *err)
{
	const struct attachment *attachment = &container->attachment;
	struct jb_at at = jb_obj(list, NULL), addresses;
	struct link_stats stats;
	int found = link_get_stats(nl, attachment->host_veth, &stats, err);

	jb_str(at, "network", container->network);
	jb_str(at, "pod_namespace", attachment->pod.namespace);
	jb_str(at, "pod_name", attachment->pod.name);
	jb_str(at, "pod_uid", attachment->pod.uid);
	jb_str(at, "container_id", attachment->container_id);
	jb_str(at, "interface", attachment->ifname);
	addresses = jb_arr(at, "addresses");
	for (size_t i = 0; i < attachment->address_len; i++)
		jb_ipaddr(addresses, NULL, &attachment->addresses[i]);
	if (!mac_is_zero(&attachment->port.mac))
		jb_mac(at, "mac", &attachment->port.mac);
	jb_str(at, "host_interface", attachment->host_veth);
	jb_str(at, "netns", attachment->netns);
	jb_str(at, "state", container->ended ? "ended" : "running");
	jb_count(at, "since", attachment->created_at);
	if (found > 0)
		put_counters(at, &stats);
	return found < 0 ? -1 : 0;
}

int cmd_pods(const struct cmd *cmd, struct err *err)
{
	AUTO(inventory) struct inventory inventory = { .networks = { 0 } };
	AUTO(nl) struct nl *nl = NULL;
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at list;

	if (!jb)
		return err_nomem(err, "the containers");
	list = jb_arr(jb_root(jb), "pods");
	if (inventory_read(cmd->run_dir, cmd->network, &inventory, err) < 0 ||
	    nl_open(&nl, err) < 0)
		return -1;
	for (size_t i = 0; i < inventory.containers.len; i++)
		if (!inventory.containers.at[i].busy &&
		    put_pod(list, nl, &inventory.containers.at[i], err) < 0)
			return -1;
	return cmd_show_built(cmd, jb, "pods", cmd->out->pods, err);
}
