/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/publish.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/fs_dir.h"
#include "common/fs_lock.h"
#include "common/log.h"
#include "common/parse.h"
#include "common/state.h"
#include "daemon/dataplane/device.h"
#include "daemon/dataplane/kernel.h"
#include "ipam/config.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

const char *publish_subnet_text(const struct state_network *network, bool masquerades,
				char buf[static PUBLISH_SUBNET_SIZE])
{
	size_t len = 0;

	for (size_t i = 0; i < network->family_len; i++) {
		const struct state_family *family = &network->family[i];
		const struct prefix subnet = { .addr = family->gateway, .len = family->subnet.len };
		const char *infix = family->gateway.family == AF_INET6 ? "IPV6_" : "";
		char cluster[PREFIX_TEXT_SIZE], own[PREFIX_TEXT_SIZE];

		len += (size_t)snprintf(buf + len, PUBLISH_SUBNET_SIZE - len,
					"FLANNEL_%sNETWORK=%s\nFLANNEL_%sSUBNET=%s\n", infix,
					prefix_text(&family->cluster, cluster), infix,
					prefix_text(&subnet, own));
	}
	snprintf(buf + len, PUBLISH_SUBNET_SIZE - len, "FLANNEL_MTU=%u\nFLANNEL_IPMASQ=%s\n",
		 network->mtu, masquerades ? "true" : "false");
	return buf;
}

struct ipaddr publish_gateway(const struct config *config, enum family family,
			      const struct prefix *subnet)
{
	return config->mode == CONFIG_L2 ? config->gateway[family] : subnet_gateway(subnet);
}

void publish_make_state(const char *name, const struct config *config,
			const struct prefix subnet[static FAMILIES], uint32_t mtu, bool lease_lost,
			struct state_network *state_out)
{
	*state_out = (struct state_network){
		.vni = config->vni,
		.mtu = mtu,
		.l2 = config->mode == CONFIG_L2,
		.lease_lost = lease_lost,
	};
	snprintf(state_out->name, sizeof(state_out->name), "%s", name);
	device_bridge_of(config, state_out->bridge);
	device_vxlan_name(config->vni, state_out->vxlan);
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&subnet[f]) && (f == FAMILY_V4 || mtu >= CONFIG_MTU_MIN_V6))
			state_out->family[state_out->family_len++] = (struct state_family){
				.cluster = config->pool[f].network,
				.subnet = subnet[f],
				.gateway = publish_gateway(config, f, &subnet[f]),
			};
}

static int write_subnet_file(const char *path, const struct state_network *network,
			     bool masquerades, struct err *err)
{
	char text[PUBLISH_SUBNET_SIZE];
	AUTO(free) char *there = NULL;
	AUTO(close) int dir_fd = -1;
	struct err unused = ERR_INIT;
	const char *name = NULL;
	size_t size;

	publish_subnet_text(network, masquerades, text);
	if (fs_open_parent(path, true, &dir_fd, &name, err) < 0)
		return -1;
	/* What cannot be read, as a symbolic link, is replaced. */
	if (fs_read(dir_fd, name, PUBLISH_SUBNET_SIZE, &there, &size, &unused) > 0 &&
	    !strcmp(there, text))
		return 0;
	if (fs_write(dir_fd, name, 0644, text, strlen(text), FS_REPLACE, err) < 0)
		return err_wrap(err, "subnet file %s", path);
	return 0;
}

int publish_network(const char *run_dir, const char *subnet_file,
		    const struct state_network *network, bool masquerades, struct err *err)
{
	if (subnet_file && write_subnet_file(subnet_file, network, masquerades, err) < 0)
		return -1;
	/* Last: weft takes its presence as "ready". */
	return state_write_network(run_dir, network, err) < 0 ? -1 : 0;
}

/*
 * The configuration named another bridge when an earlier weftd published the network: what weft has
 * added there is not found by the devices of the network. A failure does not prevent the
 * publication.
 */
static void leave_bridge(const struct publish_source *source, const struct state_network *state)
{
	struct state_network before;
	char own[IF_NAMESIZE];
	size_t removed = 0;
	struct err err = ERR_INIT;

	if (state_read_network(source->run_dir, source->name, &before, &err) <= 0 || !before.l2 ||
	    !strcmp(before.bridge, state->bridge) ||
	    !strcmp(before.bridge, device_bridge_name(before.vni, own)))
		return;
	if (kernel_leave_bridge(source->nl, before.bridge, &removed, &err) < 0)
		log_warn("cannot remove the neighbour entries on the previous bridge", "network",
			 source->name, "bridge", before.bridge, "error", err.text);
	else
		log_info("neighbour entries on the previous bridge removed", "network",
			 source->name, "bridge", before.bridge, "entries", LOG_NUM(removed));
}

int publish_run(struct publication *publication, const struct publish_source *source)
{
	const struct foreign_prefix *holder = source->holder;
	struct state_network state;
	struct err err;
	int rc;

	publication->holder[0] = '\0';
	if (holder)
		foreign_holder_text(holder, publication->holder);
	if (!source->devices && !publication->done)
		return 0;
	publish_make_state(source->name, source->config, source->subnet, source->mtu,
			   source->lease_lost, &state);
	publication->error[0] = '\0';
	if (!publication->done)
		leave_bridge(source, &state);
	if (holder)
		memcpy(state.holder, holder->device.name, sizeof(state.holder));
	rc = publish_network(source->run_dir, state.l2 ? NULL : source->subnet_file, &state,
			     source->masquerades, &err);
	publish_watch_arm(&publication->watch);
	if (rc < 0) {
		snprintf(publication->error, sizeof(publication->error), "%s", err.text);
		return -1;
	}
	publication->done = true;
	return 1;
}

static bool is_named(const char *const names[], size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static void retire(const char *run_dir, const char *name)
{
	struct state_network network;
	struct err err = ERR_INIT;
	int found = state_read_network(run_dir, name, &network, &err);

	if (found > 0 && !network.retired) {
		network.retired = true;
		found = state_write_network(run_dir, &network, &err);
		if (found >= 0)
			log_warn("network not served any more: its devices stay, and no new "
				 "container gets an address from it",
				 "network", name, "bridge", network.bridge);
	}
	if (found < 0)
		log_error("cannot mark a network that is not served any more", "network", name,
			  "error", err.text);
}

/* Whether the file's name is that of a published network. */
static bool network_of_file(const char *file, char name_out[static STATE_NETWORK_NAME_SIZE])
{
	static const char end[] = ".json";
	struct err unused = ERR_INIT;
	size_t size = strlen(file);

	if (size < sizeof(end) || size - strlen(end) >= STATE_NETWORK_NAME_SIZE ||
	    strcmp(file + size - strlen(end), end) != 0)
		return false;
	snprintf(name_out, STATE_NETWORK_NAME_SIZE, "%.*s", (int)(size - strlen(end)), file);
	return parse_network_name(name_out, &unused) == 0;
}

void publish_retire(const char *run_dir, const char *const names[], size_t len)
{
	const struct dirent *entry;
	struct err err = ERR_INIT;
	int fd = -1;
	DIR *dir;

	if (fs_open_subdir(run_dir, STATE_NETWORKS, false, &fd, &err) <= 0 ||
	    !(dir = fs_list(&fd, run_dir, &err)))
		return;
	while ((entry = readdir(dir))) {
		char name[STATE_NETWORK_NAME_SIZE];

		if (network_of_file(entry->d_name, name) && !is_named(names, len, name))
			retire(run_dir, name);
	}
	closedir(dir);
}

int publish_take_dir(const char *run_dir, int *lock_out, struct err *err)
{
	static const char name[] = ".writable";
	char holder[FS_LOCK_HOLDER_SIZE];
	AUTO(close) int dir_fd = -1;
	AUTO(close) int lock_fd = -1;
	int locked;

	if (fs_open_dir(run_dir, true, &dir_fd, err) < 0)
		return err_wrap(err, "run directory %s", run_dir);
	locked = fs_try_lock(dir_fd, STATE_LOCK, &lock_fd, err);
	if (locked == 0)
		return err_set(err, ERR_AGAIN,
			       "another weftd is running with the run directory %s: %s", run_dir,
			       fs_lock_holder(dir_fd, STATE_LOCK, holder));
	if (locked < 0 || fs_write(dir_fd, name, 0600, "", 0, FS_REPLACE, err) < 0 ||
	    fs_unlink(dir_fd, name, err) < 0)
		return err_wrap(err, "run directory %s", run_dir);
	*lock_out = take_fd(&lock_fd);
	return 0;
}
