/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dataplane/foreign_scan.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/netlink/addr.h"
#include "common/netlink/link.h"
#include "common/netlink/route.h"
#include "common/vec.h"
#include "daemon/dataplane/device.h"
#include "daemon/lease/foreign.h"

#include <linux/rtnetlink.h>
#include <stdio.h>

/* A device, as far as it is needed here. */
struct device {
	uint32_t index;
	struct foreign_device id;
	struct mac mac;
	bool bridge, ours, addressed;
};
VEC_DEFINE(devices, struct device);
VEC_DEFINE(scan_addrs, struct addr);
VEC_DEFINE(scan_routes, struct route);

struct scan {
	const char *network;
	struct devices devices; /* sorted by index */
	struct scan_addrs addrs;
	struct scan_routes routes;
	struct scan_routes part; /* of one dump */
};

static void scan_free(struct scan *scan)
{
	devices_free(&scan->devices);
	scan_addrs_free(&scan->addrs);
	scan_routes_free(&scan->routes);
	scan_routes_free(&scan->part);
}
AUTO_DEFINE_VALUE(scan, struct scan, scan_free);

/* ---- What the kernel has ------------------------------------------------------------------ */

static int collect_device(void *ctx, const struct link *link, struct err *err)
{
	struct scan *scan = ctx;
	struct device device = {
		.index = link->index,
		.id.is_virtual = link->kind == LINK_KIND_BRIDGE || link->kind == LINK_KIND_VXLAN,
		.mac = link->mac,
		.bridge = link->kind == LINK_KIND_BRIDGE,
		.ours = device_is_ours(link, scan->network),
	};

	snprintf(device.id.name, sizeof(device.id.name), "%s", link->name);
	return devices_push(&scan->devices, &device) ? 0 : err_nomem(err, "the devices");
}

static void reset_devices(void *ctx)
{
	struct scan *scan = ctx;

	devices_clear(&scan->devices);
}

static int device_cmp(const void *a, const void *b)
{
	const struct device *left = a, *right = b;

	return (left->index > right->index) - (left->index < right->index);
}

static int collect_addr(void *ctx, const struct addr *addr, struct err *err)
{
	struct scan *scan = ctx;

	return scan_addrs_push(&scan->addrs, addr) ? 0 : err_nomem(err, "the addresses");
}

static void reset_addrs(void *ctx)
{
	struct scan *scan = ctx;

	scan_addrs_clear(&scan->addrs);
}

static int collect_route(void *ctx, const struct route *route, struct err *err)
{
	struct scan *scan = ctx;

	if (ipaddr_is_set(&route->gateway))
		return 0;
	return scan_routes_push(&scan->part, route) ? 0 : err_nomem(err, "the routes");
}

static void reset_routes(void *ctx)
{
	struct scan *scan = ctx;

	scan_routes_clear(&scan->part);
}

/* The kernel filters by protocol: weft's own routes, and those of routing daemons, are not read. */
static int read_routes(struct nl *nl, struct scan *scan, struct err *err)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	static const uint8_t protocols[] = { RTPROT_KERNEL, RTPROT_BOOT, RTPROT_STATIC };

	for (size_t i = 0; i < ARRAY_LEN(families) * ARRAY_LEN(protocols); i++) {
		if (route_each(nl, families[i % ARRAY_LEN(families)],
			       protocols[i / ARRAY_LEN(families)], collect_route, reset_routes,
			       scan, err) < 0)
			return -1;
		for (size_t k = 0; k < scan->part.len; k++)
			if (!scan_routes_push(&scan->routes, &scan->part.at[k]))
				return err_nomem(err, "the routes");
		scan_routes_clear(&scan->part);
	}
	return 0;
}

static int read_kernel(struct nl *nl, struct scan *scan, struct err *err)
{
	if (link_each(nl, collect_device, reset_devices, scan, err) < 0 ||
	    addr_each(nl, 0, AF_UNSPEC, collect_addr, reset_addrs, scan, err) < 0 ||
	    read_routes(nl, scan, err) < 0)
		return -1;
	vec_sort(scan->devices.at, scan->devices.len, sizeof(*scan->devices.at), device_cmp);
	return 0;
}

/* ---- The result --------------------------------------------------------------------------- */

static struct device *find_device(struct scan *scan, uint32_t index)
{
	const struct device key = { .index = index };

	return vec_find(scan->devices.at, scan->devices.len, sizeof(key), device_cmp, &key);
}

/* A device that was created between the dumps has an event of its own. */
static bool make(struct scan *scan, struct foreign *foreign)
{
	for (size_t i = 0; i < scan->addrs.len; i++) {
		const struct addr *addr = &scan->addrs.at[i];
		struct device *device = find_device(scan, addr->index);

		if (!device)
			continue;
		device->addressed = true;
		if (!foreign_add_address(foreign, &addr->prefix, &device->id, !device->ours))
			return false;
	}
	for (size_t i = 0; i < scan->routes.len; i++) {
		const struct device *device = find_device(scan, scan->routes.at[i].index);

		if (device && !device->ours &&
		    !foreign_add_route(foreign, &scan->routes.at[i].dst, &device->id))
			return false;
	}
	for (size_t i = 0; i < scan->devices.len; i++) {
		const struct device *device = &scan->devices.at[i];

		if (!device->ours && (device->bridge || device->addressed) &&
		    !foreign_add_mac(foreign, &device->mac, device->id.name))
			return false;
	}
	return true;
}

int foreign_scan(struct nl *nl, const char *network, struct foreign *foreign, bool *changed_out,
		 struct err *err)
{
	AUTO(scan) struct scan scan = { .network = network };
	struct foreign found = { .prefixes.len = 0 };

	if (read_kernel(nl, &scan, err) < 0)
		return -1;
	if (!make(&scan, &found)) {
		foreign_free(&found);
		return err_nomem(err, "the node's addresses");
	}
	foreign_sort(&found);
	*changed_out = !foreign_equal(&found, foreign);
	foreign_free(foreign);
	*foreign = found;
	return 0;
}
