/* SPDX-License-Identifier: Apache-2.0 */
#include "remains.h"

#include "auto.h"
#include "err.h"
#include "fs.h"
#include "link.h"
#include "nl.h"
#include "route.h"
#include "state.h"
#include "vec.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ALIAS "weft network "

VEC_DEFINE(indexes, uint32_t);
VEC_DEFINE(routes, struct route);

static bool is_weft(const struct link *link)
{
	static const char *const names[] = { "weft-br", "weft-vx", "weft-v6" };
	enum link_kind kind = link->kind;

	if ((kind != LINK_KIND_BRIDGE && kind != LINK_KIND_VXLAN) ||
	    strncmp(link->alias, ALIAS, strlen(ALIAS)) != 0)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(link->name, names[i], strlen(names[i])))
			return true;
	return false;
}

static int gather_link(void *ctx, const struct link *link, struct err *err)
{
	struct indexes *indexes = ctx;

	if (is_weft(link) && !indexes_push(indexes, &link->index))
		return err_nomem(err, "the devices");
	return 0;
}

static void forget_links(void *ctx)
{
	indexes_clear(ctx);
}

static int remove_links(struct nl *nl, struct remains *done, struct err *err)
{
	__attribute__((cleanup(indexes_free))) struct indexes indexes = { .len = 0 };

	if (link_each(nl, gather_link, forget_links, &indexes, err) < 0)
		return -1;
	for (size_t i = 0; i < indexes.len; i++) {
		if (link_del(nl, indexes.at[i], err) < 0 && err->sys_errno != ENODEV)
			return -1;
		done->devices++;
	}
	return 0;
}

static int gather_route(void *ctx, const struct route *route, struct err *err)
{
	return routes_push(ctx, route) ? 0 : err_nomem(err, "the routes");
}

static void forget_routes(void *ctx)
{
	routes_clear(ctx);
}

/* Those on weft's own devices have gone with them. */
static int remove_routes(struct nl *nl, uint8_t family, struct remains *done, struct err *err)
{
	__attribute__((cleanup(routes_free))) struct routes routes = { .len = 0 };

	if (route_each(nl, family, ROUTE_PROTOCOL, gather_route, forget_routes, &routes, err) < 0)
		return -1;
	for (size_t i = 0; i < routes.len; i++) {
		if (nl_request(nl, route_del_message(&routes.at[i]), "remove a route", err) < 0 &&
		    err->sys_errno != ESRCH)
			return -1;
		done->routes++;
	}
	return 0;
}

int remains_remove(struct nl *nl, struct remains *done, struct err *err)
{
	if (remove_links(nl, done, err) < 0 || remove_routes(nl, AF_INET, done, err) < 0)
		return -1;
	return remove_routes(nl, AF_INET6, done, err);
}

/* ---- Files ------------------------------------------------------------------------------- */

static void auto_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* An open directory, or NULL where there is none; -1 failed. */
static int open_dir(const char *path, DIR **dir_out, struct err *err)
{
	*dir_out = opendir(path);
	if (!*dir_out && errno != ENOENT)
		return err_sys(err, ERR_IO, errno, "%s", path);
	return 0;
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len > end_len && !strcmp(name + len - end_len, end);
}

int remains_remove_files(const char *dir_path, struct remains *done, struct err *err)
{
	__attribute__((cleanup(auto_dir))) DIR *dir = NULL;
	const struct dirent *entry;
	char path[FS_PATH_SIZE];
	int removed;

	if (fs_join(path, dir_path, STATE_NETWORKS, err) < 0 || open_dir(path, &dir, err) < 0)
		return -1;
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || !ends_with(entry->d_name, ".json"))
			continue;
		removed = fs_unlink(dirfd(dir), entry->d_name, err);
		if (removed < 0)
			return -1;
		done->files += (size_t)removed;
	}
	return fs_sweep(path, err);
}

static int count_entries(const char *path, size_t *count, struct err *err)
{
	__attribute__((cleanup(auto_dir))) DIR *dir = NULL;
	const struct dirent *entry;

	if (open_dir(path, &dir, err) < 0)
		return -1;
	while (dir && (entry = readdir(dir)))
		*count += entry->d_name[0] != '.';
	return 0;
}

int remains_containers(const char *run_dir, size_t *count_out, struct err *err)
{
	__attribute__((cleanup(auto_dir))) DIR *dir = NULL;
	char path[FS_PATH_SIZE], network[FS_PATH_SIZE];
	const struct dirent *entry;
	size_t count = 0;

	if (fs_join(path, run_dir, STATE_ATTACHMENTS, err) < 0 || open_dir(path, &dir, err) < 0)
		return -1;
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (fs_join(network, path, entry->d_name, err) < 0 ||
		    count_entries(network, &count, err) < 0)
			return -1;
	}
	*count_out = count;
	return 0;
}
