/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dataplane/device_sysctls.h"

#include "common/err.h"
#include "common/log.h"
#include "common/netlink/addr.h"
#include "common/netlink/link.h"
#include "common/netlink/nl.h"
#include "common/netlink/route.h"
#include "common/netlink/sysctl.h"
#include "daemon/dataplane/device.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#define RA_DEVICES_MAX 16
#define PATH_SIZE 128

struct setting {
	char path[PATH_SIZE]; /* below /proc/sys */
	const char *value;
	bool essential;
};

struct result {
	struct device_sysctls *refused;
	bool *changed;
};

/* sysctl(8) replaces '.' by '/', unless the first separator is '/'. */
static void name_of(const char *path, char name[static DEVICE_SYSCTL_NAME_SIZE])
{
	bool dots = strchr(path, '.') != NULL;

	snprintf(name, DEVICE_SYSCTL_NAME_SIZE, "%.*s", DEVICE_SYSCTL_NAME_SIZE - 1, path);
	for (char *at = name; *at && !dots; at++)
		if (*at == '/')
			*at = '.';
}

static void record(struct device_sysctls *refused, const struct setting *setting,
		   const struct err *why)
{
	struct device_sysctl *at = &refused->at[refused->len];
	char actual[SYSCTL_VALUE_SIZE];
	struct err unused = ERR_INIT;

	if (refused->len == DEVICE_SYSCTLS_MAX)
		return;
	refused->len++;
	name_of(setting->path, at->name);
	snprintf(at->value, sizeof(at->value), "%s", setting->value);
	if (sysctl_read(setting->path, actual, &unused) == 0)
		snprintf(at->actual, sizeof(at->actual), "%.15s", actual);
	snprintf(at->error, sizeof(at->error), "%.47s", strerror(why->sys_errno));
	at->essential = setting->essential;
	if (at->essential && !refused->fault[0])
		snprintf(refused->fault, sizeof(refused->fault),
			 "%s is %s and cannot be set to %s: %s", at->name,
			 *at->actual ? at->actual : "unknown", at->value, at->error);
}

/* Returns whether the sysctl has the value. A kernel without IPv6 has no IPv6 sysctls. */
static bool ensure(const struct setting *setting, struct result *result)
{
	struct err err = ERR_INIT;
	int wrote = sysctl_ensure(setting->path, setting->value, &err);

	*result->changed |= wrote > 0;
	if (wrote >= 0)
		return true;
	if (setting->essential || err.sys_errno != ENOENT)
		record(result->refused, setting, &err);
	return false;
}

static bool ensure_conf(const char *family, const char *device, const char *name, const char *value,
			bool essential, struct result *result)
{
	struct setting setting = { .value = value, .essential = essential };

	snprintf(setting.path, sizeof(setting.path), "net/%s/conf/%s/%s", family, device, name);
	return ensure(&setting, result);
}

/*
 * ip_forward first: a change of it sets the forwarding of all devices, and of new ones
 * ("default"), which may have been set to 0 since. The kernel forwards what a device receives only
 * if that device's forwarding is 1.
 *
 * Packets enter and leave by the same bridge, so the kernel would send ICMP redirects to
 * containers. send_redirects is effective if either the device's or the value of "all" is 1, so
 * both must be 0.
 */
static void ensure_v4(const struct device_want *want, const char *bridge, struct result *result)
{
	static const struct setting ip_forward = { "net/ipv4/ip_forward", "1", true };

	if (!prefix_is_set(&want->gateway[FAMILY_V4]))
		return;
	ensure(&ip_forward, result);
	ensure_conf("ipv4", bridge, "forwarding", "1", true, result);
	ensure_conf("ipv4", "all", "send_redirects", "0", false, result);
	ensure_conf("ipv4", bridge, "send_redirects", "0", false, result);
}

/*
 * The destination that a source route names (RFC 791 section 3.1) is the packet's only after the
 * forward chains and the table bridge weft-spoof, which separate networks and isolated ports by
 * destination. Source routes are effective if both the device's value and that of "all" are 1, so
 * that a failure matters with the latter only; its default is 0.
 */
static void refuse_source_routes(const char *bridge, struct result *result)
{
	struct device_sysctls ignored = { .len = 0 };
	struct result silent = { .refused = &ignored, .changed = result->changed };
	char all[SYSCTL_VALUE_SIZE];
	struct err unused = ERR_INIT;
	const bool effective = sysctl_read("net/ipv4/conf/all/accept_source_route", all, &unused) <
				       0 ||
			       strcmp(all, "0") != 0;

	ensure_conf("ipv4", bridge, "accept_source_route", "0", false,
		    effective ? result : &silent);
}

/* ---- Router advertisements --------------------------------------------------------------- */

/* The devices with routes from router advertisements. */
struct ra_devices {
	uint32_t index[RA_DEVICES_MAX];
	size_t len;
};

static int collect_device(void *ctx, const struct route *route, struct err *err)
{
	struct ra_devices *devices = ctx;

	(void)err;
	for (size_t i = 0; i < devices->len; i++)
		if (devices->index[i] == route->index)
			return 0;
	if (devices->len < RA_DEVICES_MAX)
		devices->index[devices->len++] = route->index;
	return 0;
}

static void reset_devices(void *ctx)
{
	struct ra_devices *devices = ctx;

	devices->len = 0;
}

/*
 * A device's accept_ra of 1 becomes 2. Another value stays: with 0, a program processes the
 * advertisements (NetworkManager, systemd-networkd), and the kernel keeps that program's routes.
 */
static void accept_while_forwarding(const char *device, struct result *result)
{
	char path[PATH_SIZE], value[SYSCTL_VALUE_SIZE];
	struct err unused = ERR_INIT;

	snprintf(path, sizeof(path), "net/ipv6/conf/%s/accept_ra", device);
	if (sysctl_read(path, value, &unused) < 0 || strcmp(value, "1") != 0)
		return;
	if (ensure_conf("ipv6", device, "accept_ra", "2", false, result))
		log_info(
			"accept_ra set to 2, keeps the routes from router advertisements with IPv6 forwarding enabled",
			"interface", device);
}

/*
 * When IPv6 forwarding is enabled, the kernel removes the routes that it got from router
 * advertisements, and ignores later ones, on each device whose accept_ra is not 2.
 */
static int keep_ra_routes(struct nl *nl, struct result *result, struct err *err)
{
	struct ra_devices devices = { .len = 0 };
	struct link link;

	if (route_each(nl, AF_INET6, RTPROT_RA, collect_device, reset_devices, &devices, err) < 0)
		return -1;
	for (size_t i = 0; i < devices.len; i++) {
		int found = link_get_index(nl, devices.index[i], &link, err);

		if (found < 0)
			return -1;
		if (found)
			accept_while_forwarding(link.name, result);
	}
	return 0;
}

/* ---- A bridge without IPv6 ---------------------------------------------------------------- */

static int on_address(void *ctx, const struct addr *addr, struct err *err)
{
	bool *found = ctx;

	(void)err;
	*found |= addr->scope != RT_SCOPE_LINK;
	return 0;
}

static void on_restart(void *ctx)
{
	bool *found = ctx;

	*found = false;
}

/* Returns 1 if the bridge has an IPv6 address that is not link-local, 0 if not, -1 on failure. */
static int find_foreign_ipv6(struct nl *nl, const char *bridge, struct err *err)
{
	char path[PATH_SIZE], value[SYSCTL_VALUE_SIZE];
	bool found = false;
	uint32_t index;
	struct err unused = ERR_INIT;
	int exists;

	snprintf(path, sizeof(path), "net/ipv6/conf/%s/disable_ipv6", bridge);
	if (sysctl_read(path, value, &unused) < 0 || strcmp(value, "1") == 0)
		return 0; /* no address either */
	exists = nl_device_index(nl, bridge, &index, err);
	if (exists <= 0)
		return exists;
	if (addr_each(nl, index, AF_INET6, on_address, on_restart, &found, err) < 0)
		return -1;
	return found;
}

/*
 * The bridge answers neighbour solicitations of containers, which requires IPv6, and the host has
 * no address in the network: also no automatic link-local one, which disabling IPv6 removes.
 */
static void ensure_nd_only(const char *bridge, struct result *result)
{
	char path[PATH_SIZE], value[SYSCTL_VALUE_SIZE];
	struct err unused;

	snprintf(path, sizeof(path), "net/ipv6/conf/%s/addr_gen_mode", bridge);
	if (sysctl_read(path, value, &unused) == 0 && strcmp(value, "1") != 0) {
		ensure_conf("ipv6", bridge, "disable_ipv6", "1", false, result);
		ensure_conf("ipv6", bridge, "addr_gen_mode", "1", true, result);
	}
	ensure_conf("ipv6", bridge, "disable_ipv6", "0", true, result);
}

/* ---- Both families ----------------------------------------------------------------------- */

/*
 * Without IPv6 in the network, containers could reach the host's services by the bridge's automatic
 * link-local address, past rules for IPv4. Another program's IPv6 address on the bridge is kept.
 *
 * The bridge's own forwarding is not essential: IPv6 forwards if that of "all" is 1.
 * addr_gen_mode 1: no automatic link-local address; device.c adds it.
 */
static int ensure_v6(struct nl *nl, const struct device_want *want, const char *bridge,
		     struct result *result, struct err *err)
{
	if (want->nd_only) {
		ensure_nd_only(bridge, result);
		return 0;
	}
	if (!prefix_is_set(&want->gateway[FAMILY_V6])) {
		int foreign = find_foreign_ipv6(nl, bridge, err);

		if (foreign == 0)
			ensure_conf("ipv6", bridge, "disable_ipv6", "1", false, result);
		return foreign < 0 ? -1 : 0;
	}
	if (keep_ra_routes(nl, result, err) < 0)
		return -1;
	result->refused->no_ipv6 = !ensure_conf("ipv6", bridge, "disable_ipv6", "0", true, result);
	ensure_conf("ipv6", "all", "forwarding", "1", true, result);
	ensure_conf("ipv6", bridge, "forwarding", "1", false, result);
	ensure_conf("ipv6", bridge, "addr_gen_mode", "1", false, result);
	return 0;
}

/* A port of the bridge is no interface of the host. The tunnel's own packets are on the uplink. */
static void ensure_vxlan(const char *vxlan, struct result *result)
{
	ensure_conf("ipv6", vxlan, "accept_ra", "0", false, result);
	ensure_conf("ipv6", vxlan, "disable_ipv6", "1", false, result);
}

int device_sysctls_ensure(struct nl *nl, const struct device_want *want,
			  struct device_sysctls *refused_out, bool *changed, struct err *err)
{
	struct result result = { refused_out, changed };
	char bridge[IF_NAMESIZE], vxlan[IF_NAMESIZE];

	memset(refused_out, 0, sizeof(*refused_out));
	device_bridge_name(want->vni, bridge);
	if (!want->existing) {
		ensure_v4(want, bridge, &result);
		refuse_source_routes(bridge, &result);
		ensure_conf("ipv6", bridge, "accept_ra", "0", false, &result);
	}
	ensure_vxlan(device_vxlan_name(want->vni, vxlan), &result);
	if (ipaddr_is_set(&want->local[FAMILY_V4]) && ipaddr_is_set(&want->local[FAMILY_V6]))
		ensure_vxlan(device_second_name(want->vni, vxlan), &result);
	return want->existing ? 0 : ensure_v6(nl, want, bridge, &result, err);
}

void device_sysctls_refuse(struct device_sysctls *refused, const char *path, const char *value,
			   const struct err *why)
{
	struct setting setting = { .value = value };

	snprintf(setting.path, sizeof(setting.path), "%s", path);
	record(refused, &setting, why);
}
