/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/cni_install.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/fs_dir.h"
#include "common/jitter.h"
#include "common/log.h"
#include "common/log_state.h"
#include "common/state.h"
#include "daemon/control/cni_conflist.h"
#include "daemon/io/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INTERVAL_MS (10ULL * 1000)
#define PLUGIN_MAX (64 << 20)
#define PORTMAP "portmap"

struct cni_install {
	struct cni_install_options options;
	struct loop_event *timer;
	bool has_plugin; /* compared or installed by this process: it is not compared again */
	bool withdrawn;
	bool installed;
	struct log_state failure;
	char preferred[CNI_INSTALL_PREFERRED][NAME_MAX + 1];
	size_t preferred_len;
	struct log_state preferred_logged;
};

/* ---- The plugin -------------------------------------------------------------------------- */

/* The plugin beside this program. 1 / 0 absent / -1. */
static int read_source(char **data_out, size_t *size_out, struct err *err)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *name;

	if (len < 0)
		return err_sys(err, ERR_IO, errno, "cannot read /proc/self/exe");
	path[len] = '\0';
	name = strrchr(path, '/');
	if (!name || (size_t)(name + 1 - path) + sizeof(CNI_PLUGIN_NAME) > sizeof(path))
		return 0;
	memcpy(name + 1, CNI_PLUGIN_NAME, sizeof(CNI_PLUGIN_NAME));
	return fs_read(AT_FDCWD, path, PLUGIN_MAX, data_out, size_out, err);
}

/* Without a plugin beside weftd, as with make install, the one in the directory is used. */
static int install_plugin(const struct cni_install *install, int dir_fd, struct err *err)
{
	const char *dir = install->options.bin_dir;
	AUTO(free) char *want = NULL, *have = NULL;
	size_t want_size = 0, have_size = 0;
	int source = read_source(&want, &want_size, err);
	int found;

	if (source < 0)
		return -1;
	found = fs_read(dir_fd, CNI_PLUGIN_NAME, PLUGIN_MAX, &have, &have_size, err);
	if (found < 0)
		return err_wrap(err, "%s", dir);
	if (found && !cni_plugin_is_own(have, have_size))
		return err_set(err, ERR_CONFIG,
			       "%s/" CNI_PLUGIN_NAME " is another program, left alone", dir);
	if (!source)
		return found ? 0 :
			       err_set(err, ERR_CONFIG,
				       "no plugin in %s, and none beside weftd to put there", dir);
	if (found && have_size == want_size && memcmp(have, want, want_size) == 0)
		return 0;
	if (fs_write(dir_fd, CNI_PLUGIN_NAME, 0755, want, want_size,
		     FS_DURABLE | (found ? FS_REPLACE : FS_NEW), err) < 0)
		return err_wrap(err, "%s", dir);
	log_info("CNI plugin installed", "directory", dir, "name", CNI_PLUGIN_NAME);
	return 0;
}

/* ---- The configuration list -------------------------------------------------------------- */

/* As ADD decides (plugin/cmd_add.c). 1 / 0 / -1. */
static int can_serve(const struct cni_install *install, struct err *err)
{
	struct state_network network;
	int found = install->withdrawn ?
			    0 :
			    state_read_network(install->options.run_dir, install->options.network,
					       &network, err);

	if (found <= 0)
		return found;
	return !network.retired && !network.lease_lost && !*network.holder;
}

/* What is at the list's name. 1 its own text / 0 absent / -1 another file, or failed. */
static int read_list(const struct cni_install *install, int dir_fd, char **text_out,
		     size_t *size_out, struct err *err)
{
	const char *dir = install->options.conf_dir;
	int found = fs_read(dir_fd, CNI_CONFLIST_NAME, CNI_CONFLIST_MAX, text_out, size_out, err);

	if (found < 0)
		return err_wrap(err, "%s", dir);
	if (found && !cni_conflist_is_own(*text_out, *size_out))
		return err_set(err, ERR_CONFIG,
			       "%s/" CNI_CONFLIST_NAME " was not written by weftd, left alone: "
			       "remove it, or start weftd without --install-cni",
			       dir);
	return found;
}

static int put_list(struct cni_install *install, int bin_fd, int conf_fd, struct err *err)
{
	const struct cni_conflist conflist = {
		.network = install->options.network,
		.run_dir = install->options.run_dir,
		.portmap = faccessat(bin_fd, PORTMAP, X_OK, 0) == 0,
	};
	AUTO(free) char *want = NULL, *have = NULL;
	size_t size = 0;
	int found = read_list(install, conf_fd, &have, &size, err);

	if (found < 0 || cni_conflist_text(&conflist, &want, err) < 0)
		return -1;
	install->installed = found;
	if (found && size == strlen(want) && memcmp(have, want, size) == 0)
		return 0;
	if (fs_write(conf_fd, CNI_CONFLIST_NAME, 0644, want, strlen(want),
		     FS_DURABLE | (found ? FS_REPLACE : FS_NEW), err) < 0)
		return err_wrap(err, "%s", install->options.conf_dir);
	install->installed = true;
	log_info("CNI configuration installed: the node can run containers", "directory",
		 install->options.conf_dir, "name", CNI_CONFLIST_NAME, "network", conflist.network);
	return 0;
}

static int remove_list(struct cni_install *install, int conf_fd, struct err *err)
{
	AUTO(free) char *have = NULL;
	size_t size = 0;
	int found = read_list(install, conf_fd, &have, &size, err);

	if (found <= 0) {
		install->installed = false;
		return found;
	}
	if (fs_unlink(conf_fd, CNI_CONFLIST_NAME, err) < 0)
		return err_wrap(err, "%s", install->options.conf_dir);
	install->installed = false;
	log_info("CNI configuration removed: the node cannot run new containers", "directory",
		 install->options.conf_dir, "name", CNI_CONFLIST_NAME, "network",
		 install->options.network);
	return 0;
}

/* ---- Other configurations ---------------------------------------------------------------- */

/* Keeps the names in order: the runtime uses the first. */
static void add_preferred(struct cni_install *install, const char *name)
{
	size_t at = install->preferred_len;

	while (at > 0 && strcmp(install->preferred[at - 1], name) > 0)
		at--;
	if (at == CNI_INSTALL_PREFERRED)
		return;
	if (install->preferred_len < CNI_INSTALL_PREFERRED)
		install->preferred_len++;
	memmove(install->preferred[at + 1], install->preferred[at],
		(install->preferred_len - at - 1) * sizeof(install->preferred[0]));
	snprintf(install->preferred[at], sizeof(install->preferred[at]), "%s", name);
}

static int find_preferred(struct cni_install *install, int conf_fd, struct err *err)
{
	int fd = openat(conf_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;
	DIR *dir;

	if (fd < 0)
		return err_sys(err, ERR_IO, errno, "cannot read %s", install->options.conf_dir);
	dir = fs_list(&fd, install->options.conf_dir, err);
	if (!dir)
		return -1;
	install->preferred_len = 0;
	while ((entry = readdir(dir)))
		if (cni_conf_is_preferred(entry->d_name))
			add_preferred(install, entry->d_name);
	closedir(dir);
	return 0;
}

static void log_preferred(struct cni_install *install)
{
	if (!install->preferred_len) {
		if (log_state_clear(&install->preferred_logged))
			log_info("no other CNI configuration precedes weft's any more");
		return;
	}
	if (log_state_fail(&install->preferred_logged, install->preferred[0]))
		log_warn("another CNI configuration precedes weft's, and the runtime uses it",
			 "directory", install->options.conf_dir, "name", install->preferred[0],
			 "remedy", "remove it, or give it a name after " CNI_CONFLIST_NAME);
}

/* ---- Updates ----------------------------------------------------------------------------- */

static int update(struct cni_install *install, struct err *err)
{
	AUTO(close) int bin_fd = -1;
	AUTO(close) int conf_fd = -1;
	int serve;

	/* First the list: it must not stay because the plugin cannot be written. */
	serve = can_serve(install, err);
	if (serve < 0 || fs_open_dir(install->options.conf_dir, true, &conf_fd, err) < 0)
		return -1;
	if (!serve && remove_list(install, conf_fd, err) < 0)
		return -1;
	if (find_preferred(install, conf_fd, err) < 0)
		return -1;
	if (install->withdrawn)
		return 0;
	if (fs_open_dir(install->options.bin_dir, true, &bin_fd, err) < 0)
		return -1;
	if (!install->has_plugin && install_plugin(install, bin_fd, err) < 0)
		return -1;
	install->has_plugin = faccessat(bin_fd, CNI_PLUGIN_NAME, X_OK, 0) == 0;
	return serve ? put_list(install, bin_fd, conf_fd, err) : 0;
}

void cni_install_update(struct cni_install *install)
{
	struct err err = ERR_INIT;

	if (!install)
		return;
	if (update(install, &err) < 0) {
		if (log_state_fail(&install->failure, err.text))
			log_error("cannot install the CNI plugin and configuration, retrying",
				  "error", err.text);
	} else if (log_state_clear(&install->failure)) {
		log_info("CNI plugin and configuration are up to date again");
	}
	log_preferred(install);
}

void cni_install_withdraw(struct cni_install *install)
{
	if (!install)
		return;
	install->withdrawn = true;
	cni_install_update(install);
}

/* Other programs change these directories, too. */
static void on_timer(void *ctx)
{
	struct cni_install *install = ctx;

	cni_install_update(install);
	loop_timer_start(install->timer, jitter_ms(INTERVAL_MS));
}

static void sweep(const char *dir, const char *name)
{
	char path[FS_PATH_SIZE];
	struct err err = ERR_INIT;

	if (fs_join(path, dir, name, &err) < 0 || fs_sweep_file(path, &err) < 0)
		log_warn("cannot remove temporary files", "error", err.text);
}

int cni_install_new(struct loop *loop, const struct cni_install_options *options,
		    struct cni_install **install_out, struct err *err)
{
	struct cni_install *install = calloc(1, sizeof(*install));

	if (!install)
		return err_nomem(err, "the CNI installation");
	install->options = *options;
	install->timer = loop_timer(loop, on_timer, install);
	if (!install->timer) {
		free(install);
		return err_nomem(err, "the CNI installation");
	}
	sweep(options->bin_dir, CNI_PLUGIN_NAME);
	sweep(options->conf_dir, CNI_CONFLIST_NAME);
	on_timer(install);
	*install_out = install;
	return 0;
}

void cni_install_free(struct cni_install *install)
{
	if (!install)
		return;
	loop_event_free(install->timer);
	free(install);
}

struct cni_install_view cni_install_view(const struct cni_install *install)
{
	struct cni_install_view view = {
		.conf_dir = install->options.conf_dir,
		.installed = install->installed,
		.error = install->failure.error,
		.preferred_len = install->preferred_len,
	};

	for (size_t i = 0; i < view.preferred_len; i++)
		view.preferred[i] = install->preferred[i];
	return view;
}
