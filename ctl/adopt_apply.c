/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/adopt_apply.h"

#include "common/cleanup/cleanup.h"
#include "common/err.h"
#include "common/fs_dir.h"
#include "common/log.h"
#include "common/netlink/addr.h"
#include "common/netlink/neigh.h"
#include "common/netlink/netns.h"
#include "common/netlink/nl.h"
#include "ctl/adopt_alias.h"
#include "ctl/adopt_cni.h"
#include "ctl/adopt_facts.h"
#include "ctl/adopt_journal.h"
#include "ipam/attachment.h"
#include "ipam/pool.h"
#include "ipam/release.h"
#include "ipam/veth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define READY_STEP_MS 50
#define READY_STEPS (60 * 1000 / READY_STEP_MS)
#define RESERVATION_MAX 1024 /* bytes of host-local's file */

/* All that a step can refer to. */
struct run {
	struct nl *nl;
	const struct adopt_step *step;
	struct adopt_node *node;
	const struct adopt_weft *weft;
	const struct adopt_have *have;
};

static const struct adopt_container *container_of(const struct run *run)
{
	return &run->node->containers.at[run->step->at];
}

/* ---- The link between the bridges ---------------------------------------------------------- */

static int delete_device(struct nl *nl, const char *name, struct err *err)
{
	uint32_t index;
	int found = nl_device_index(nl, name, &index, err);

	return found <= 0 ? found : link_del(nl, index, err) < 0 ? -1 : 0;
}

static int make_link(const struct run *run, struct err *err)
{
	static const uint8_t low[6] = { 0x57, 0x65, 0x66, 0x74, 0, 1 };
	AUTO(close) int netns = -1;
	struct link_add_veth add = {
		.name = ADOPT_LINK_NEW,
		.master = run->have->new_bridge,
		.mtu = run->node->bridge_mtu,
		.mac = mac_local(low),
		.alias = "weft link",
		.peer_name = ADOPT_LINK_OLD,
	};
	uint32_t peer;

	add.peer_mac = add.mac;
	add.peer_mac.octet[5]++;
	if (!run->have->new_bridge)
		return err_set(err, ERR_STATE, "%s does not exist: start weftd", run->weft->bridge);
	/*
	 * An interrupted run may have left flannel's bridge in the group in which it was created:
	 * with br_netfilter, weft's rules would drop the packets between its containers. A MAC that
	 * was not set follows the ports: it would change as they leave.
	 */
	if (link_set_group(run->nl, run->have->old_bridge, 0, err) < 0 ||
	    link_set_mac(run->nl, run->have->old_bridge, &run->node->bridge_mac, err) < 0)
		return -1;
	/* An incomplete link is replaced. */
	if (delete_device(run->nl, ADOPT_LINK_NEW, err) < 0 || netns_open_self(&netns, err) < 0)
		return -1;
	add.peer_netns = netns;
	if (link_add_veth(run->nl, &add, err) < 0 ||
	    nl_device_index(run->nl, ADOPT_LINK_OLD, &peer, err) < 0 ||
	    link_set_up(run->nl, peer, true, err) < 0)
		return -1;
	/* Last: a link with both ends in the bridges counts as complete. */
	return link_set_master(run->nl, peer, run->have->old_bridge, err);
}

/* ---- Containers ---------------------------------------------------------------------------- */

struct inside {
	const struct adopt_container *container;
	const struct adopt_port *port; /* the host end */
	uint32_t mtu;                  /* 0: unchanged */
};

/* Within the container's namespace. */
static int check_and_limit(void *ctx, struct err *err)
{
	const struct inside *inside = ctx;
	const struct adopt_container *container = inside->container;
	AUTO(nl) struct nl *nl = NULL;
	struct link link;
	int found;

	if (nl_open(&nl, err) < 0)
		return -1;
	found = link_get(nl, container->ifname, &link, err);
	if (found < 0)
		return -1;
	if (!found || link.kind != LINK_KIND_VETH || link.peer != inside->port->index)
		return err_set(err, ERR_STATE, "%s in %.256s is not the other end of %s",
			       container->ifname, container->netns, inside->port->name);
	if (!inside->mtu || link.mtu <= inside->mtu)
		return 0;
	return link_set_mtu(nl, link.index, inside->mtu, err);
}

/*
 * The path of the namespace is from a file: it must lead to the container. weftd lowers the MTU of
 * the host end to the network's, which can be less than flannel's: the tunnel over IPv6 needs 20
 * bytes more. Larger packets of the container would then be dropped without an ICMP error.
 */
static int prepare_container(const struct run *run, const struct adopt_container *container,
			     const struct adopt_port *port, struct err *err)
{
	struct inside inside = { container, port, run->weft->mtu };
	struct netns_id id, own;
	AUTO(close) int netns = -1;
	AUTO(close) int home = -1;
	int found = netns_open(container->netns, &netns, err);

	if (found <= 0)
		return found;
	if (netns_open_self(&home, err) < 0 || netns_identify(netns, &id, err) < 0 ||
	    netns_identify(home, &own, err) < 0)
		return -1;
	if (netns_same(&id, &own))
		return err_set(err, ERR_STATE, "%.256s is the node's namespace", container->netns);
	return netns_run(netns, home, check_and_limit, &inside, err);
}

/* Until DEL, the record and the address belong to the container, as after an ADD by weft. */
static int write_record(const struct run *run, const struct adopt_container *container,
			bool hairpin, struct err *err)
{
	const struct attachment_key key = { run->weft->network, container->id, container->ifname };
	const struct veth veth = veth_of(&key);
	AUTO(attachment_lock) struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct pool_choice choices[ADOPT_ADDRESSES];
	struct attachment record = {
		.port = { .known = true, .mac = container->mac, .hairpin = hairpin },
	};
	struct attachment before;
	AUTO(close) int netns = -1;
	int found;

	found = netns_open(container->netns, &netns, err);
	if (found < 0 || (found > 0 && netns_identify(netns, &record.netns_id, err) < 0))
		return -1;
	snprintf(record.netns, sizeof(record.netns), "%s", container->netns);
	snprintf(record.host_veth, sizeof(record.host_veth), "%s", veth.name);
	if (attachment_lock(run->weft->run_dir, &key, &lock, err) < 0)
		return -1;
	found = attachment_read(&lock, &before, err);
	/* Of an interrupted run: addresses may be missing. */
	if (found < 0 || (found > 0 && pool_release(&lock, &before, err) < 0))
		return -1;
	memset(choices, 0, sizeof(choices));
	for (uint32_t i = 0; i < container->addr_len; i++) {
		choices[i].wanted = container->addr[i];
		choices[i].set.at[0].first = container->addr[i];
		choices[i].set.at[0].last = container->addr[i];
		choices[i].set.len = 1;
	}
	/* host-local's reservations are the container's own. */
	return pool_acquire(&lock, choices, container->addr_len, NULL, &record, err);
}

/*
 * From its frames that came by the link, the new bridge has learned the container's MAC at the
 * link's end. Without the flush, frames to a container that sends none itself would take the link
 * until the entry expires.
 */
static int move(const struct run *run, const struct adopt_port *port, struct link_move *move,
		struct err *err)
{
	static const struct link_port hairpin = {
		.learning = true,
		.flood = true,
		.mcast_flood = true,
		.bcast_flood = true,
		.hairpin = true,
	};
	const bool to_new = move->master == run->have->new_bridge;

	move->index = port->index;
	move->port = port->hairpin ? &hairpin : NULL;
	if (nl_device_index(run->nl, to_new ? ADOPT_LINK_NEW : ADOPT_LINK_OLD, &move->flush, err) <
	    0)
		return -1;
	if (link_move(run->nl, move, err) == 0)
		return 0;
	if (err->sys_errno != EBUSY)
		return -1;
	*err = ERR_INIT;
	if (link_set_up(run->nl, port->index, false, err) < 0)
		return -1;
	if (link_move(run->nl, move, err) < 0) {
		struct err ignored = ERR_INIT;

		(void)link_set_up(run->nl, port->index, true, &ignored);
		return -1;
	}
	return 0;
}

static int move_container(const struct run *run, struct err *err)
{
	const struct adopt_container *container = container_of(run);
	const struct adopt_port *port = adopt_find_port(run->have, run->weft, container, false);
	const struct attachment_key key = { run->weft->network, container->id, container->ifname };
	const struct veth veth = veth_of(&key);
	struct link_move to_new = {
		.name = veth.name,
		.mac = veth.mac,
		.alias = veth.alias,
		.master = run->have->new_bridge,
		.group = LINK_GROUP_WEFT,
	};

	if (!port)
		return 0;
	if (prepare_container(run, container, port, err) < 0 ||
	    write_record(run, container, port->hairpin, err) < 0)
		return -1;
	return move(run, port, &to_new, err);
}

static int move_container_back(const struct run *run, struct err *err)
{
	const struct adopt_container *container = container_of(run);
	const struct adopt_port *port = adopt_find_port(run->have, run->weft, container, true);
	struct link_move back = {
		.name = container->veth,
		.alias = "",
		.master = run->have->old_bridge,
	};

	return port ? move(run, port, &back, err) : 0;
}

static int move_port(const struct run *run, uint32_t master, struct err *err)
{
	const struct adopt_port *port = &run->have->ports.at[run->step->at];
	struct link_move to = {
		.name = port->name,
		.alias = port->alias,
		.master = master,
		.group = master == run->have->new_bridge ? LINK_GROUP_WEFT : 0,
	};

	return move(run, port, &to, err);
}

/* ---- The gateway --------------------------------------------------------------------------- */

VEC_DEFINE(neighs, struct neigh);

static int collect_neigh(void *ctx, const struct neigh *neigh, struct err *err)
{
	return neighs_push(ctx, neigh) ? 0 : err_nomem(err, "the neighbour entries");
}

static void restart_neighs(void *ctx)
{
	neighs_clear(ctx);
}

/* An entry that is not copied is resolved when it is needed. */
static void ignore_failure(void *ctx, uint64_t tag, int sys_errno, const char *text)
{
	(void)ctx;
	(void)tag;
	(void)sys_errno;
	(void)text;
}

/* So that the containers' MACs need no resolution after the move. */
static int copy_neighbours(struct nl *nl, uint32_t from, uint32_t to, uint8_t family,
			   struct err *err)
{
	AUTO(neighs) struct neighs neighs = { .len = 0 };
	AUTO(nl_batch) struct nl_batch *batch = NULL;

	if (neigh_each(nl, from, family, collect_neigh, restart_neighs, &neighs, err) < 0 ||
	    nl_batch_open(nl, ignore_failure, NULL, &batch, err) < 0)
		return -1;
	for (size_t i = 0; i < neighs.len; i++)
		if (!mac_is_zero(&neighs.at[i].mac) &&
		    nl_batch_add(batch,
				 neigh_stale_message(to, &neighs.at[i].addr, &neighs.at[i].mac), i,
				 err) < 0)
			return -1;
	return nl_batch_flush(batch, err);
}

/* Both bridges have the addresses for a moment, then the new one alone, which announces them. */
static int move_gateway(const struct run *run, uint32_t from, uint32_t to, const struct mac *mac,
			struct err *err)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		const struct prefix *gateway = &run->node->gateway[f];

		if (!prefix_is_set(gateway))
			continue;
		if ((from && copy_neighbours(run->nl, from, to, gateway->addr.family, err) < 0) ||
		    addr_ensure(run->nl, to, gateway, err) < 0 ||
		    (from && addr_del(run->nl, from, gateway, err) < 0))
			return -1;
	}
	if (nl_request(run->nl, link_up_announcing_message(to), "announce the gateway", err) < 0)
		return -1;
	return link_set_mac(run->nl, to, mac, err);
}

static int set_alias(const struct run *run, struct err *err)
{
	const struct mac from[] = { run->node->bridge_mac, run->node->tunnel[FAMILY_V4].mac,
				    run->node->tunnel[FAMILY_V6].mac };

	return adopt_alias_set(from, 3, &run->weft->mac, err);
}

/* ---- The tunnel ---------------------------------------------------------------------------- */

static int delete_tunnels(const struct run *run, struct err *err)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		const struct adopt_tunnel *tunnel = &run->node->tunnel[f];
		struct link link;
		int found = tunnel->name[0] ? link_get(run->nl, tunnel->name, &link, err) : 0;

		if (found > 0 && !adopt_is_tunnel(tunnel, &link))
			return err_set(err, ERR_STATE, "%s is not flannel's device any more",
				       tunnel->name);
		if (found < 0 || (found > 0 && link_del(run->nl, link.index, err) < 0))
			return -1;
	}
	return 0;
}

static int make_tunnel(const struct run *run, enum family f, struct err *err)
{
	const struct adopt_tunnel *tunnel = &run->node->tunnel[f];
	const struct prefix subnet = prefix_masked(&run->node->gateway[f]);
	const struct prefix addr = { subnet.addr, f == FAMILY_V4 ? 32 : 128 };
	struct link_add_vxlan add = {
		.name = tunnel->name,
		.mac = tunnel->mac,
		.mtu = tunnel->mtu,
		.alias = "",
		.vxlan = tunnel->vxlan,
	};
	struct link link;
	uint32_t index = 0;
	int found = link_get(run->nl, tunnel->name, &link, err);

	add.vxlan.lower = 0;
	if (found > 0 && !adopt_is_tunnel(tunnel, &link))
		return err_set(err, ERR_STATE, "%s exists and is not flannel's device",
			       tunnel->name);
	if (found > 0)
		index = link.index;
	if (found < 0 || (tunnel->lower[0] &&
			  nl_device_index(run->nl, tunnel->lower, &add.vxlan.lower, err) < 0))
		return -1;
	if (!found && (link_add_vxlan(run->nl, &add, err) < 0 ||
		       nl_device_index(run->nl, tunnel->name, &index, err) < 0))
		return -1;
	if (link_set_group(run->nl, index, 0, err) < 0)
		return -1;
	return prefix_is_set(&subnet) && addr_ensure(run->nl, index, &addr, err) < 0 ? -1 : 0;
}

static int undo_tunnel(const struct run *run, struct err *err)
{
	struct cleanup done = { .devices = 0 };
	const uint32_t bridge = run->have->old_bridge;

	/* An interrupted run may have left the bridge in the group in which it was created. */
	if (bridge && link_set_group(run->nl, bridge, 0, err) < 0)
		return -1;
	if (cleanup_remove(run->nl, &done, err) < 0 || cleanup_remove_rules(&done, err) < 0 ||
	    cleanup_remove_files(run->weft->run_dir, &done, err) < 0 ||
	    delete_device(run->nl, ADOPT_LINK_NEW, err) < 0)
		return -1;
	for (enum family f = 0; f < FAMILIES; f++)
		if (run->node->tunnel[f].name[0] && make_tunnel(run, f, err) < 0)
			return -1;
	return 0;
}

static int wait_ready(const struct run *run, struct err *err)
{
	const struct timespec pause = { .tv_nsec = READY_STEP_MS * 1000000L };
	struct adopt_weft weft;

	for (size_t i = 0; i < READY_STEPS; i++) {
		if (adopt_read_weft(run->weft->run_dir, run->weft->network, &weft, err) < 0)
			return -1;
		if (weft.ready)
			return 0;
		nanosleep(&pause, NULL);
	}
	return err_set(err, ERR_STATE, "network %s is not ready, see weftctl status",
		       run->weft->network);
}

/* ---- Files --------------------------------------------------------------------------------- */

/*
 * The file gets the mode of the one that it replaces. text NULL: only removes. remove "": only
 * writes.
 */
static int put_list(const char *conf_dir, const char *name, const char *text, const char *remove,
		    struct err *err)
{
	AUTO(close) int dir_fd = -1;
	struct stat replaced = { .st_mode = 0644 };

	if (fs_open_dir(conf_dir, true, &dir_fd, err) < 0)
		return -1;
	if (remove[0])
		(void)fstatat(dir_fd, remove, &replaced, AT_SYMLINK_NOFOLLOW); /* or absent */
	if (text && fs_write(dir_fd, name, replaced.st_mode & 0777, text, strlen(text),
			     FS_DURABLE | FS_LIKE, err) < 0)
		return -1;
	return remove[0] && strcmp(name, remove) != 0 && fs_unlink(dir_fd, remove, err) < 0 ? -1 :
											      0;
}

static int set_conflist(const struct run *run, struct err *err)
{
	AUTO(free) char *list = NULL;
	char name[ADOPT_FILE_SIZE];
	const char *text = run->node->conflist_text;
	bool of_weftd;

	if (adopt_check_list(run->weft, run->node, &of_weftd, err) < 0)
		return -1;
	adopt_cni_file(run->node->conflist, name);
	if (of_weftd)
		return put_list(run->node->conf_dir, name, NULL, run->node->conflist, err);
	if (adopt_cni_list(text, strlen(text), run->weft->run_dir, run->weft->network, &list, err) <
	    0)
		return -1;
	return list ? put_list(run->node->conf_dir, name, list, run->node->conflist, err) : 0;
}

static int restore_conflist(const struct run *run, struct err *err)
{
	struct err other = ERR_INIT;
	char name[ADOPT_FILE_SIZE];
	bool of_weftd;

	if (!run->node->conflist_text)
		return 0;
	adopt_cni_file(run->node->conflist, name);
	/* Another program's file stays. */
	if (adopt_check_list(run->weft, run->node, &of_weftd, &other) < 0) {
		log_warn("file not removed", "error", other.text);
		name[0] = '\0';
	}
	return put_list(run->node->conf_dir, run->node->conflist, run->node->conflist_text, name,
			err);
}

/* Opens a directory below ADOPT_CNI_DIR. 1, 0 absent, -1. */
static int open_below(const char *below, int *fd_out, struct err *err)
{
	return fs_open_subdir(ADOPT_CNI_DIR, below, false, fd_out, err);
}

/* host-local's file has the id in its first line. 1, 0 absent or of another container, -1. */
static int is_reserved_for(int dir_fd, const char *name, const struct adopt_container *container,
			   struct err *err)
{
	AUTO(free) char *text = NULL;
	size_t size, len = strlen(container->id);
	int found = fs_read(dir_fd, name, RESERVATION_MAX, &text, &size, err);

	if (found <= 0)
		return found;
	return strncmp(text, container->id, len) == 0 &&
	       (!text[len] || text[len] == '\r' || text[len] == '\n');
}

static int remove_reservation(const struct adopt_container *container, const struct ipaddr *addr,
			      struct err *err)
{
	char below[ADOPT_FILE_SIZE + 16], name[IPADDR_TEXT_SIZE];
	AUTO(close) int dir_fd = -1;
	int found;

	snprintf(below, sizeof(below), "networks/%s", container->list);
	found = open_below(below, &dir_fd, err);
	ipaddr_text(addr, name);
	if (found > 0)
		found = is_reserved_for(dir_fd, name, container, err);
	if (found <= 0)
		return found;
	return fs_unlink(dir_fd, name, err) < 0 ? -1 : 0;
}

/*
 * Only addresses that the pool has for the container: without a reservation, another one would get
 * them.
 */
static int remove_reservations(const struct run *run, const struct adopt_container *container,
			       struct err *err)
{
	const struct attachment_key key = { run->weft->network, container->id, container->ifname };
	AUTO(attachment_lock) struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	int found = attachment_lock_existing(run->weft->run_dir, &key, &lock, err);

	for (uint32_t a = 0; found > 0 && a < container->addr_len; a++) {
		int held = pool_holds(&lock, &container->addr[a], err);

		if (held < 0 ||
		    (held > 0 && remove_reservation(container, &container->addr[a], err) < 0))
			return -1;
	}
	return found < 0 ? -1 : 0;
}

static int restore_reservation(const struct adopt_container *container, const struct ipaddr *addr,
			       struct err *err)
{
	char below[ADOPT_FILE_SIZE + 16], name[IPADDR_TEXT_SIZE];
	char text[ADOPT_ID_SIZE + IF_NAMESIZE + 2];
	struct err why = ERR_INIT;
	AUTO(close) int dir_fd = -1;
	int own;

	snprintf(below, sizeof(below), "networks/%s", container->list);
	if (fs_open_subdir(ADOPT_CNI_DIR, below, true, &dir_fd, err) < 0)
		return -1;
	snprintf(text, sizeof(text), "%s\r\n%s", container->id, container->ifname);
	ipaddr_text(addr, name);
	if (fs_write(dir_fd, name, 0600, text, strlen(text), FS_NEW | FS_DURABLE, &why) == 0)
		return 0;
	own = why.sys_errno == EEXIST ? is_reserved_for(dir_fd, name, container, err) : 0;
	if (own != 0)
		return own < 0 ? -1 : 0;
	if (why.sys_errno == EEXIST)
		return err_set(err, ERR_STATE,
			       ADOPT_CNI_DIR "/%s/%s is the reservation of another container",
			       below, name);
	*err = why;
	return err_wrap(err, ADOPT_CNI_DIR "/%s", below);
}

/* Each container's file of flannel's plugin, and its reservations. */
static int remove_files(const struct run *run, struct err *err)
{
	AUTO(close) int dir_fd = -1;
	int found = open_below("flannel", &dir_fd, err);

	if (found < 0)
		return -1;
	for (size_t i = 0; i < run->node->containers.len; i++) {
		const struct adopt_container *container = &run->node->containers.at[i];

		if (found > 0 && fs_unlink(dir_fd, container->id, err) < 0)
			return -1;
		if (remove_reservations(run, container, err) < 0)
			return -1;
	}
	return 0;
}

/*
 * Without a record, the container was removed since, or never moved; without a network namespace,
 * it was removed while weftd, which would have freed its addresses, was down. 1, 0, -1.
 */
static int is_attached(const struct run *run, const struct adopt_container *container,
		       struct err *err)
{
	const struct attachment_key key = { run->weft->network, container->id, container->ifname };
	AUTO(attachment_lock) struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct err ignored = ERR_INIT; /* of a damaged record, whose container may exist */
	struct attachment record;
	int found = attachment_lock_existing(run->weft->run_dir, &key, &lock, err);

	if (found <= 0)
		return found;
	return adopt_find_port(run->have, run->weft, container, true) ||
	       adopt_find_port(run->have, run->weft, container, false) ||
	       attachment_read(&lock, &record, &ignored) < 0 ||
	       netns_leads_to(record.netns, &record.netns_id) != 0;
}

/* Without its file, flannel's plugin would not pass the DEL to bridge and host-local. */
static int restore_delegate(const struct adopt_container *container, const char *text,
			    struct err *err)
{
	AUTO(close) int dir_fd = -1;

	if (fs_open_subdir(ADOPT_CNI_DIR, "flannel", true, &dir_fd, err) < 0)
		return -1;
	if (fs_write(dir_fd, container->id, 0600, text, strlen(text), FS_NEW | FS_DURABLE, err) ==
	    0)
		return 0;
	if (err->sys_errno != EEXIST)
		return err_wrap(err, ADOPT_CNI_DIR "/flannel");
	*err = ERR_INIT;
	return 0;
}

static int restore_reservations(const struct run *run, struct err *err)
{
	const struct adopt_node *node = run->node;
	AUTO(free) char *built = NULL;
	const char *text = node->delegate_text;

	if (!text && node->conflist_text) {
		if (adopt_cni_delegate(node, &built, err) < 0)
			return err_wrap(err, "%s", node->conflist);
		text = built;
	}
	for (size_t i = 0; i < node->containers.len; i++) {
		const struct adopt_container *container = &node->containers.at[i];
		int attached = is_attached(run, container, err);

		if (attached < 0)
			return -1;
		for (uint32_t a = 0; attached && a < container->addr_len; a++)
			if (restore_reservation(container, &container->addr[a], err) < 0)
				return -1;
		if (attached && container->addr_len && text &&
		    restore_delegate(container, text, err) < 0)
			return -1;
	}
	return 0;
}

static int release_records(const struct run *run, struct err *err)
{
	for (size_t i = 0; i < run->node->containers.len; i++) {
		const struct adopt_container *container = &run->node->containers.at[i];
		const struct attachment_key key = { run->weft->network, container->id,
						    container->ifname };
		AUTO(attachment_lock) struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
		int found = attachment_lock_existing(run->weft->run_dir, &key, &lock, err);

		if (found < 0 || (found > 0 && release_record(&lock, err) < 0))
			return -1;
	}
	return 0;
}

/* ---- The bridge of flannel ----------------------------------------------------------------- */

/*
 * An ADD that began before the list was replaced may have attached a container since, or be about
 * to: then the plugin bridge would create the bridge again.
 */
static int delete_bridge(const struct run *run, struct err *err)
{
	AUTO(adopt_have) struct adopt_have have = { .link = false };

	adopt_wait_plugin_calls();
	if (adopt_read_have(run->nl, run->weft, run->node, &have, err) < 0)
		return -1;
	if (adopt_has_old_port(&have))
		return 1;
	if (delete_device(run->nl, ADOPT_LINK_NEW, err) < 0)
		return -1;
	return have.old_bridge && link_del(run->nl, have.old_bridge, err) < 0 ? -1 : 0;
}

static int make_bridge(const struct run *run, struct err *err)
{
	const struct adopt_node *node = run->node;
	uint32_t index;

	if (link_add_bridge(run->nl, node->bridge, &node->bridge_mac, node->bridge_mtu, "", err) <
		    0 ||
	    nl_device_index(run->nl, node->bridge, &index, err) < 0)
		return -1;
	return link_set_group(run->nl, index, 0, err);
}

static int remove_rules(const struct run *run, struct err *err)
{
	struct cleanup done = { .devices = 0 };

	(void)run;
	return cleanup_remove_flannel(&done, err);
}

static int mark_done(const struct run *run, struct err *err)
{
	run->node->done = true;
	return adopt_journal_write(run->weft->network, run->node, err);
}

/* ---- All ------------------------------------------------------------------------------------- */

static int move_port_to_new(const struct run *run, struct err *err)
{
	return move_port(run, run->have->new_bridge, err);
}

static int move_port_to_old(const struct run *run, struct err *err)
{
	return move_port(run, run->have->old_bridge, err);
}

static int move_gateway_to_new(const struct run *run, struct err *err)
{
	return move_gateway(run, run->have->old_bridge, run->have->new_bridge, &run->weft->mac,
			    err);
}

static int move_gateway_to_old(const struct run *run, struct err *err)
{
	return move_gateway(run, run->have->new_bridge, run->have->old_bridge,
			    &run->node->bridge_mac, err);
}

static int set_alias_back(const struct run *run, struct err *err)
{
	const struct adopt_node *node = run->node;

	return node->bridge[0] ? adopt_alias_set(&run->weft->mac, 1, &node->bridge_mac, err) : 0;
}

static int delete_journal(const struct run *run, struct err *err)
{
	return adopt_journal_delete(run->weft->network, err);
}

typedef int step_fn(const struct run *run, struct err *err);

static step_fn *const functions[] = {
	[ADOPT_LINK] = make_link,
	[ADOPT_MOVE] = move_container,
	[ADOPT_MOVE_PORT] = move_port_to_new,
	[ADOPT_ALIAS] = set_alias,
	[ADOPT_GATEWAY] = move_gateway_to_new,
	[ADOPT_TUNNEL] = delete_tunnels,
	[ADOPT_READY] = wait_ready,
	[ADOPT_CONFLIST] = set_conflist,
	[ADOPT_RULES] = remove_rules,
	[ADOPT_FILES] = remove_files,
	[ADOPT_BRIDGE] = delete_bridge,
	[ADOPT_DONE] = mark_done,
	[ADOPT_UNDO_BRIDGE] = make_bridge,
	[ADOPT_UNDO_RESERVE] = restore_reservations,
	[ADOPT_UNDO_LINK] = make_link,
	[ADOPT_UNDO_MOVE] = move_container_back,
	[ADOPT_UNDO_PORT] = move_port_to_old,
	[ADOPT_UNDO_ALIAS] = set_alias_back,
	[ADOPT_UNDO_GATEWAY] = move_gateway_to_old,
	[ADOPT_UNDO_TUNNEL] = undo_tunnel,
	[ADOPT_UNDO_CONFLIST] = restore_conflist,
	[ADOPT_UNDO_RECORDS] = release_records,
	[ADOPT_UNDO_JOURNAL] = delete_journal,
};

int adopt_apply(struct nl *nl, const struct adopt_step *step, struct adopt_node *node,
		const struct adopt_weft *weft, const struct adopt_have *have, struct err *err)
{
	const struct run run = { nl, step, node, weft, have };
	char text[ADOPT_TEXT_SIZE];

	const int result = functions[step->kind](&run, err);

	return result < 0 ? err_wrap(err, "%s", adopt_step_text(step, node, weft, have, text)) :
			    result;
}
