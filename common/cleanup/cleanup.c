/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cleanup/cleanup.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/fs_dir.h"
#include "common/netlink/link.h"
#include "common/netlink/neigh.h"
#include "common/netlink/nl.h"
#include "common/netlink/route.h"
#include "common/state.h"
#include "common/vec.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ALIAS "weft network "

VEC_DEFINE(indexes, uint32_t);
VEC_DEFINE(routes, struct route);
VEC_DEFINE(neighs, struct neigh);

static bool is_weft(const struct link *link)
{
	static const char *const names[] = { "weft-br", "weft-vx", "weft-v6" };
	enum link_kind kind = link->kind;

	if ((kind != LINK_KIND_BRIDGE && kind != LINK_KIND_VXLAN) ||
	    strncmp(link->alias, ALIAS, strlen(ALIAS)) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strncmp(link->name, names[i], strlen(names[i])))
			return true;
	return false;
}

/*
 * The host end of a container's veth: names as of ipam/veth.c. Without the bridge it is of no use.
 */
static bool is_host_end(const struct link *link)
{
	const char *digits = link->name + strlen("veth");

	return link->kind == LINK_KIND_VETH &&
	       (!strncmp(link->name, "veth", 4) || !strncmp(link->name, "weft", 4)) &&
	       strlen(digits) == 11 && strspn(digits, "0123456789abcdef") == 11 &&
	       !strncmp(link->alias, "weft ", strlen("weft "));
}

static int collect_link(void *ctx, const struct link *link, struct err *err)
{
	struct indexes *indexes = ctx;

	if ((is_weft(link) || is_host_end(link)) && !indexes_push(indexes, &link->index))
		return err_nomem(err, "the devices");
	return 0;
}

static void restart_links(void *ctx)
{
	indexes_clear(ctx);
}

static int remove_links(struct nl *nl, struct cleanup *done, struct err *err)
{
	AUTO(indexes) struct indexes indexes = { .len = 0 };

	if (link_each(nl, collect_link, restart_links, &indexes, err) < 0)
		return -1;
	for (size_t i = 0; i < indexes.len; i++) {
		if (link_del(nl, indexes.at[i], err) < 0 && err->sys_errno != ENODEV)
			return -1;
		done->devices++;
	}
	return 0;
}

static int collect_route(void *ctx, const struct route *route, struct err *err)
{
	return routes_push(ctx, route) ? 0 : err_nomem(err, "the routes");
}

static void restart_routes(void *ctx)
{
	routes_clear(ctx);
}

/* Routes on weft's own devices were removed with the devices. */
static int remove_routes(struct nl *nl, uint8_t family, struct cleanup *done, struct err *err)
{
	AUTO(routes) struct routes routes = { .len = 0 };

	if (route_each(nl, family, ROUTE_PROTOCOL, collect_route, restart_routes, &routes, err) < 0)
		return -1;
	for (size_t i = 0; i < routes.len; i++) {
		if (nl_request(nl, route_del_message(&routes.at[i]), "remove a route", err) < 0 &&
		    err->sys_errno != ESRCH)
			return -1;
		done->routes++;
	}
	return 0;
}

static int collect_neigh(void *ctx, const struct neigh *neigh, struct err *err)
{
	if (neigh->protocol != ROUTE_PROTOCOL)
		return 0;
	return neighs_push(ctx, neigh) ? 0 : err_nomem(err, "the neighbour entries");
}

static void restart_neighs(void *ctx)
{
	neighs_clear(ctx);
}

/* On bridges of other programs. */
static int remove_neighs(struct nl *nl, uint8_t family, struct cleanup *done, struct err *err)
{
	AUTO(neighs) struct neighs neighs = { .len = 0 };

	if (neigh_each(nl, 0, family, collect_neigh, restart_neighs, &neighs, err) < 0)
		return -1;
	for (size_t i = 0; i < neighs.len; i++) {
		const struct neigh *neigh = &neighs.at[i];

		if (nl_request(nl, neigh_del_message(neigh->index, &neigh->addr),
			       "remove a neighbour entry", err) < 0 &&
		    err->sys_errno != ENOENT && err->sys_errno != ENODEV)
			return -1;
		done->neighbours++;
	}
	return 0;
}

static int remove_family(struct nl *nl, uint8_t family, struct cleanup *done, struct err *err)
{
	if (remove_routes(nl, family, done, err) < 0)
		return -1;
	return remove_neighs(nl, family, done, err);
}

int cleanup_remove(struct nl *nl, struct cleanup *done, struct err *err)
{
	if (remove_links(nl, done, err) < 0 || remove_family(nl, AF_INET, done, err) < 0)
		return -1;
	return remove_family(nl, AF_INET6, done, err);
}

/* ---- Files ------------------------------------------------------------------------------- */

static void auto_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* Opens a directory for listing, below dir, or below dir_fd if dir is NULL. 1, 0 absent, -1. */
static int open_list(const char *dir, int dir_fd, const char *name, DIR **dir_out, struct err *err)
{
	int fd = -1;
	int found = dir ? fs_open_subdir(dir, name, false, &fd, err) :
			  fs_open_dir_in(dir_fd, name, false, &fd, err);

	if (found <= 0)
		return found;
	*dir_out = fs_list(&fd, name, err);
	return *dir_out ? 1 : -1;
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len > end_len && !strcmp(name + len - end_len, end);
}

/* Continues after a failure. Returns 0, or -1 with the first error. */
static int remove_files(DIR *dir, struct cleanup *done, struct err *err)
{
	const struct dirent *entry;
	int result = 0;

	while ((entry = readdir(dir))) {
		struct err why = ERR_INIT;
		int removed;

		if (entry->d_name[0] == '.' || !ends_with(entry->d_name, ".json"))
			continue;
		removed = fs_unlink(dirfd(dir), entry->d_name, &why);
		done->files += removed > 0;
		if (removed < 0 && result == 0) {
			*err = why;
			result = -1;
		}
	}
	return result;
}

int cleanup_remove_files(const char *dir_path, struct cleanup *done, struct err *err)
{
	AUTO(dir) DIR *dir = NULL;
	int found = open_list(dir_path, -1, STATE_NETWORKS, &dir, err);

	if (found <= 0)
		return found;
	if (remove_files(dir, done, err) < 0)
		return err_wrap(err, "%s/" STATE_NETWORKS, dir_path);
	return fs_sweep(dir_path, STATE_NETWORKS, err);
}

static int count_entries(int parent_fd, const char *name, size_t *count, struct err *err)
{
	AUTO(dir) DIR *dir = NULL;
	const struct dirent *entry;
	int found = open_list(NULL, parent_fd, name, &dir, err);

	while (found > 0 && (entry = readdir(dir)))
		*count += entry->d_name[0] != '.';
	return found;
}

static int count_link(void *ctx, const struct link *link, struct err *err)
{
	size_t *count = ctx;

	(void)err;
	*count += is_host_end(link);
	return 0;
}

static void restart_count(void *ctx)
{
	*(size_t *)ctx = 0;
}

int cleanup_containers(const char *run_dir, size_t *count_out, struct err *err)
{
	AUTO(nl) struct nl *nl = NULL;
	AUTO(dir) DIR *dir = NULL;
	const struct dirent *entry;
	size_t count = 0, ends = 0;
	int found = open_list(run_dir, -1, STATE_ATTACHMENTS, &dir, err);

	if (found < 0)
		return -1;
	while (found > 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.' &&
		    count_entries(dirfd(dir), entry->d_name, &count, err) < 0)
			return err_wrap(err, "%s/" STATE_ATTACHMENTS, run_dir);
	}
	if (nl_open(&nl, err) < 0 || link_each(nl, count_link, restart_count, &ends, err) < 0)
		return -1;
	*count_out = count > ends ? count : ends;
	return 0;
}
