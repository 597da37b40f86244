/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/host_local.h"

#include "common/err.h"
#include "common/ipaddr.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

void host_local_close(struct host_local *host_local)
{
	if (host_local->dir_fd >= 0)
		close(host_local->dir_fd);
	host_local_networks_free(&host_local->networks);
	host_local->dir_fd = -1;
}

static int list_networks(struct host_local *host_local, const char *data_dir, struct err *err)
{
	int fd = openat(host_local->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	bool complete = true;

	if (!dir) {
		err_sys(err, ERR_IO, errno, "cannot list %s", data_dir);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while (complete && (entry = readdir(dir))) {
		struct host_local_network network;

		/* The type is unknown on some file systems; a look-up in a file fails. */
		if (entry->d_name[0] == '.' ||
		    (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
			continue;
		snprintf(network.name, sizeof(network.name), "%s", entry->d_name);
		complete = host_local_networks_push(&host_local->networks, &network);
	}
	closedir(dir);
	return complete ? 0 : err_nomem(err, "the networks of host-local");
}

int host_local_open(const char *data_dir, struct host_local *host_local_out, struct err *err)
{
	AUTO(host_local) struct host_local host_local = HOST_LOCAL_INIT;

	if (data_dir)
		host_local.dir_fd = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (data_dir && host_local.dir_fd < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_sys(err, ERR_IO, errno,
			       "cannot read the reservations of host-local in %s", data_dir);
	if (host_local.dir_fd >= 0 && list_networks(&host_local, data_dir, err) < 0)
		return -1;
	*host_local_out = host_local;
	host_local = HOST_LOCAL_INIT;
	return 0;
}

bool host_local_has(const struct host_local *host_local, const struct ipaddr *addr)
{
	char text[IPADDR_TEXT_SIZE], path[NAME_MAX + 2 + IPADDR_TEXT_SIZE];
	struct stat status;

	for (size_t i = 0; i < host_local->networks.len; i++) {
		snprintf(path, sizeof(path), "%s/%s", host_local->networks.at[i].name,
			 ipaddr_text(addr, text));
		if (fstatat(host_local->dir_fd, path, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(status.st_mode))
			return true;
	}
	return false;
}
