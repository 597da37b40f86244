/* SPDX-License-Identifier: Apache-2.0 */
#include "publish.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/log.h"
#include "common/parse.h"
#include "common/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
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

static int make_dir_of(const char *file, struct err *err)
{
	char path[FS_PATH_SIZE];

	if (fs_join(path, file, "", err) < 0)
		return -1;
	return fs_mkdir(dirname(path), 0755, err);
}

static int write_subnet_file(const char *path, const struct state_network *network,
			     bool masquerades, struct err *err)
{
	char text[PUBLISH_SUBNET_SIZE];
	AUTO_FREE char *there = NULL;
	size_t size;
	int found = fs_read(AT_FDCWD, path, PUBLISH_SUBNET_SIZE, &there, &size, err);

	publish_subnet_text(network, masquerades, text);
	if (found > 0 && !strcmp(there, text))
		return 0;
	if (make_dir_of(path, err) < 0)
		return -1;
	return fs_write(AT_FDCWD, path, 0644, text, strlen(text), FS_REPLACE, err);
}

int publish_network(const char *run_dir, const char *subnet_file,
		    const struct state_network *network, bool masquerades, struct err *err)
{
	if (subnet_file && write_subnet_file(subnet_file, network, masquerades, err) < 0)
		return -1;
	/* Last: weft takes its presence as "ready". */
	return state_write_network(run_dir, network, err) < 0 ? -1 : 0;
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
		log_error("network that is not served any more not marked", "network", name,
			  "reason", err.text);
}

void publish_retire(const char *run_dir, const char *const names[], size_t len)
{
	static const char end[] = ".json";
	char path[FS_PATH_SIZE];
	const struct dirent *entry;
	struct err err;
	DIR *dir;

	if (fs_join(path, run_dir, STATE_NETWORKS, &err) < 0 || !(dir = opendir(path)))
		return;
	while ((entry = readdir(dir))) {
		char name[STATE_NETWORK_NAME_SIZE];
		size_t size = strlen(entry->d_name);

		if (size < sizeof(end) || size - strlen(end) >= sizeof(name) ||
		    strcmp(entry->d_name + size - strlen(end), end) != 0)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(size - strlen(end)), entry->d_name);
		if (parse_network_name(name, &err) == 0 && !is_named(names, len, name))
			retire(run_dir, name);
	}
	closedir(dir);
}

int publish_take_dir(const char *run_dir, int *lock_out, struct err *err)
{
	static const char name[] = ".writable";
	AUTO_CLOSE int dir_fd = -1;
	AUTO_CLOSE int lock_fd = -1;
	int locked;

	if (fs_open_dir(run_dir, true, &dir_fd, err) < 0)
		return err_wrap(err, "run directory %s", run_dir);
	locked = fs_try_lock(dir_fd, "weftd.lock", &lock_fd, err);
	if (locked == 0)
		return err_set(err, ERR_AGAIN, "another weftd is running with the run directory %s",
			       run_dir);
	if (locked < 0 || fs_write(dir_fd, name, 0600, "", 0, FS_REPLACE, err) < 0 ||
	    fs_unlink(dir_fd, name, err) < 0)
		return err_wrap(err, "run directory %s", run_dir);
	*lock_out = take_fd(&lock_fd);
	return 0;
}
