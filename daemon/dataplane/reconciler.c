/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dataplane/reconciler.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "daemon/dataplane/device.h"
#include "daemon/dataplane/displaced.h"
#include "daemon/dataplane/kernel.h"
#include "daemon/dataplane/ports.h"
#include "daemon/dataplane/uplink.h"
#include "daemon/dataplane/watch.h"
#include "ipam/config.h"

#include <stdlib.h>
#include <string.h>

struct reconciler {
	struct nl *nl;
	const char *run_dir;
	struct device_want wanted; /* of the last call that ensured the devices; pointers unset */
	struct device_have devices;
	struct ports ports;
	struct plan_table installed; /* the entries that the last call wanted */
	bool in_sync;                /* and that the kernel has, as far as is known */
	struct reconciler_stats stats;
};

/* The tables of one call: megabytes at 10,000 peers. */
struct tables {
	struct plan_table want, have;
	struct plan_ops ops;
};

static void tables_free(struct tables *tables)
{
	plan_table_free(&tables->want);
	plan_table_free(&tables->have);
	plan_ops_free(&tables->ops);
}
AUTO_DEFINE_VALUE(tables, struct tables, tables_free);

void desired_state_free(struct desired_state *desired)
{
	leases_free(&desired->peers);
	leases_free(&desired->before);
	remotes_free(&desired->remotes);
}

/* ---- Drift ------------------------------------------------------------------------------- */

const char *const reconciler_drift_name[DRIFTS] = {
	[DRIFT_DEVICE] = "device", [DRIFT_PORT] = "port",   [DRIFT_ARP] = "arp",
	[DRIFT_FDB] = "fdb",       [DRIFT_ROUTE] = "route",
};

/*
 * Whether the devices were made for the same: then a difference is not a change of the desired
 * state.
 */
static bool is_same_device(const struct device_want *a, const struct device_want *b)
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (!ipaddr_equal(&a->local[f], &b->local[f]) ||
		    !prefix_equal(&a->gateway[f], &b->gateway[f]))
			return false;
	return a->vni == b->vni && a->port == b->port && a->mtu == b->mtu &&
	       a->learning == b->learning && a->gbp == b->gbp && a->bridged == b->bridged &&
	       a->nd_only == b->nd_only && a->floods == b->floods &&
	       ipaddr_equal(&a->group, &b->group) && a->lower == b->lower &&
	       a->unknown == b->unknown && !mac_cmp(&a->mac, &b->mac) &&
	       !mac_cmp(&a->bridge_mac, &b->bridge_mac) && a->extra_len == b->extra_len;
}

static enum reconciler_drift drift_of(enum plan_kind kind)
{
	switch (kind) {
	case PLAN_ARP_ADD:
	case PLAN_ARP_DEL:
		return DRIFT_ARP;
	case PLAN_FDB_ADD:
	case PLAN_FLOOD_ADD:
	case PLAN_FLOOD_DEL:
	case PLAN_SELF_DEL:
	case PLAN_BRIDGE_DEL:
		return DRIFT_FDB;
	case PLAN_ROUTE_ADD:
	case PLAN_ROUTE_DEL:
	case PLAN_KINDS:
	default:
		return DRIFT_ROUTE;
	}
}

/*
 * Counts the differences between what the last call installed and what the kernel has. healed: they
 * are corrected.
 */
static void count_entry_drift(struct reconciler *reconciler, const struct plan_table *have,
			      bool healed)
{
	struct plan_ops ops = { .len = 0 };

	if (!(reconciler->installed.route.len || reconciler->installed.self.len ||
	      reconciler->installed.flood.len) ||
	    !plan_diff(&reconciler->installed, have, &ops))
		return;
	for (size_t i = 0; i < ops.len; i++) {
		enum reconciler_drift drift = drift_of(ops.at[i].kind);

		reconciler->stats.drift_found[drift]++;
		reconciler->stats.drift_healed[drift] += healed;
	}
	plan_ops_free(&ops);
}

/* ---- Entries ----------------------------------------------------------------------------- */

static uint64_t count_direct(const struct leases *peers)
{
	uint64_t direct = 0;

	for (size_t i = 0; i < peers->len; i++)
		direct += peers->at[i].direct[FAMILY_V4] || peers->at[i].direct[FAMILY_V6];
	return direct;
}

static struct plan_devices plan_devices(const struct reconciler *reconciler,
					const struct desired_state *desired)
{
	struct plan_devices devices = {
		.bridge = reconciler->devices.bridge,
		.foreign = desired->device->existing != NULL,
		.uplink = desired->uplink ? desired->uplink->index : 0,
		.learning = desired->device->learning,
		.mtu = desired->device->mtu,
		.replicate = desired->device->floods,
		.group = desired->device->group,
		.lower = desired->device->lower,
	};

	for (enum family f = 0; f < FAMILIES; f++) {
		devices.vxlan[f] = reconciler->devices.vxlan[f];
		devices.gateway[f] = desired->device->gateway[f].addr;
		if (!desired->bridged) /* no routes on other devices */
			devices.cluster[f] = desired->config->pool[f].network;
	}
	return devices;
}

/* Whether the operation replaces or removes an entry that the kernel has. */
static bool redirects(const struct tables *tables, const struct plan_op *op)
{
	if (op->kind == PLAN_ARP_ADD)
		return plan_find_arp(&tables->have, &tables->want.arp.at[op->index]);
	if (op->kind == PLAN_FDB_ADD)
		return plan_find_fdb(&tables->have, &tables->want.self.at[op->index].mac);
	if (op->kind == PLAN_ROUTE_ADD)
		return plan_find_route(&tables->have, &tables->want.route.at[op->index]);
	return plan_is_removal(op->kind);
}

static bool any_redirects(const struct tables *tables)
{
	for (size_t i = 0; i < tables->ops.len; i++)
		if (redirects(tables, &tables->ops.at[i]))
			return true;
	return false;
}

/* Carries the difference out, and counts what was written. */
static int write_difference(struct reconciler *reconciler, struct tables *tables, struct err *err)
{
	struct kernel_result result = { .written = 0 };
	size_t len;
	int rc;

	if (!plan_diff(&tables->want, &tables->have, &tables->ops))
		return err_nomem(err, "the plan");
	len = tables->ops.len;
	rc = kernel_apply(reconciler->nl, &tables->ops, &tables->want, &tables->have, &result, err);
	if (len)
		log_debug("entries written", "operations", LOG_NUM(len));
	reconciler->stats.written += result.written;
	reconciler->stats.redirected += any_redirects(tables);
	for (size_t i = 0; i < PLAN_KINDS; i++) {
		reconciler->stats.written_by[i] += result.written_by[i];
		reconciler->stats.failed_by[i] += result.failed_by[i];
	}
	if (rc < 0 && result.failed > 1)
		err_wrap(err, "%llu of %zu changes failed, the first",
			 (unsigned long long)result.failed, len);
	return rc;
}

/* What the kernel has: a dump, unless the last call's entries are known to be in sync. */
static int read_entries(struct reconciler *reconciler, const struct plan_devices *devices,
			bool in_sync, struct plan_table *have_out, struct err *err)
{
	if (!in_sync)
		return kernel_dump(reconciler->nl, devices, have_out, err);
	*have_out = reconciler->installed;
	reconciler->installed = (struct plan_table){ .arp.len = 0 };
	return plan_as_have(have_out) ? 0 : err_nomem(err, "the plan");
}

static bool want_entries(const struct desired_state *desired, const struct plan_devices *devices,
			 struct plan_table *want_out)
{
	if (desired->bridged)
		return plan_want_remotes(&desired->remotes, devices, want_out);
	return plan_want(&desired->peers, desired->config, devices, want_out);
}

/* The wanted entries count as installed afterwards, whether all could be written or not. */
static int apply_all(struct reconciler *reconciler, struct desired_state *desired, struct err *err)
{
	const struct plan_devices devices = plan_devices(reconciler, desired);
	const uint64_t programmed = desired->peers.len, direct = count_direct(&desired->peers);
	const bool in_sync = reconciler->in_sync;
	AUTO(tables) struct tables tables = { .ops.len = 0 };
	int rc;

	reconciler->in_sync = false;
	if (!want_entries(desired, &devices, &tables.want) ||
	    (desired->displaced && !displaced_want(desired->displaced, &devices, &tables.want)))
		return err_nomem(err, "the plan");
	desired_state_free(desired);
	if (read_entries(reconciler, &devices, in_sync, &tables.have, err) < 0)
		return -1;
	rc = write_difference(reconciler, &tables, err);
	if (!in_sync && tables.ops.len)
		count_entry_drift(reconciler, &tables.have, rc == 0);
	plan_table_free(&reconciler->installed);
	reconciler->installed = tables.want;
	tables.want = (struct plan_table){ .arp.len = 0 };
	if (rc < 0)
		return -1;
	reconciler->in_sync = true;
	reconciler->stats.programmed = programmed;
	reconciler->stats.direct = direct;
	return 0;
}

/* The entries of the listed peers alone, if no other peer has a part in them. */
static int apply_changed(struct reconciler *reconciler, const struct desired_state *desired,
			 struct err *err)
{
	const struct plan_devices devices = plan_devices(reconciler, desired);
	AUTO(tables) struct tables tables = { .ops.len = 0 };

	if (!plan_want(&desired->before, desired->config, &devices, &tables.have) ||
	    !plan_want(&desired->peers, desired->config, &devices, &tables.want))
		return err_nomem(err, "the plan");
	if (!plan_is_independent(&reconciler->installed, &tables.have, &tables.want))
		return RECONCILER_NEEDS_ALL;
	reconciler->in_sync = false;
	if (!plan_as_have(&tables.have))
		return err_nomem(err, "the plan");
	if (write_difference(reconciler, &tables, err) < 0)
		return -1;
	if (!plan_replace(&reconciler->installed, &tables.have, &tables.want))
		return err_nomem(err, "the plan");
	reconciler->in_sync = true;
	reconciler->stats.programmed += desired->peers.len - desired->before.len;
	reconciler->stats.direct += count_direct(&desired->peers) - count_direct(&desired->before);
	return 0;
}

/* ---- Devices ----------------------------------------------------------------------------- */

static bool is_listed(const struct device_sysctls *sysctls, const struct device_sysctl *sysctl)
{
	for (size_t i = 0; i < sysctls->len; i++)
		if (!memcmp(&sysctls->at[i], sysctl, sizeof(*sysctl)))
			return true;
	return false;
}

/* Logs the sysctls that could not be set, each once. */
static void log_refused(const char *network, const struct device_sysctls *before,
			const struct device_sysctls *now)
{
	for (size_t i = 0; i < now->len; i++)
		if (!is_listed(before, &now->at[i]))
			log_warn("cannot set a sysctl", "network", network, "sysctl",
				 now->at[i].name, "value", now->at[i].actual, "wanted",
				 now->at[i].value, "error", now->at[i].error);
	if (before->len && !now->len)
		log_info("all sysctls are set now", "network", network);
}

/*
 * The bridge drops larger packets, and only the bridge's program can set the MTU of its containers.
 */
static void log_port_mtu(const struct device_want *want, uint32_t before,
			 const struct device_have *have)
{
	if (have->port_mtu > want->mtu && have->port_mtu != before)
		log_warn("containers send larger packets than the tunnel carries", "network",
			 want->network, "bridge", want->existing, "port", have->port, "mtu",
			 LOG_NUM(have->port_mtu), "tunnel_mtu", LOG_NUM(want->mtu));
}

/* Devices and their ports; entries on a device that was changed or replaced are out of sync. */
static int ensure_devices(struct reconciler *reconciler, const struct device_want *want,
			  struct err *err)
{
	struct ports_want ports = {
		.network = want->network,
		.run_dir = reconciler->run_dir,
		.existing = want->existing,
		.mtu = want->mtu,
	};
	struct reconciler_stats *stats = &reconciler->stats;
	bool same = is_same_device(want, &reconciler->wanted), moved = false;
	bool same_names = want->vni == reconciler->wanted.vni;
	struct device_want device = *want;
	struct device_have have;
	int rc;

	reconciler->wanted = *want;
	reconciler->wanted.network = NULL;
	reconciler->wanted.extra = NULL;
	reconciler->wanted.existing = NULL;
	/* With another VNI, the devices have other names; the previous ones were not renamed. */
	device.before = same_names ? &reconciler->devices : NULL;
	reconciler->stats.devices = device_ensure(reconciler->nl, &device, &have, err) == 0;
	if (!reconciler->stats.devices)
		return -1;
	stats->drift_found[DRIFT_DEVICE] += same && have.changed;
	stats->drift_healed[DRIFT_DEVICE] += same && have.changed;
	ports.bridge = have.bridge;
	memcpy(ports.vxlan, have.vxlan, sizeof(ports.vxlan));
	ports.mtu_before = have.mtu_before;
	rc = ports_ensure(reconciler->nl, &ports, &reconciler->ports, &have.sysctls, &moved, err);
	log_refused(want->network, &reconciler->devices.sysctls, &have.sysctls);
	log_port_mtu(want, reconciler->devices.port_mtu, &have);
	reconciler->devices.sysctls = have.sysctls;
	stats->ports = rc == 0;
	if (rc < 0)
		return -1;
	stats->drift_found[DRIFT_PORT] += same && moved;
	stats->drift_healed[DRIFT_PORT] += same && moved;
	if (have.changed || have.bridge != reconciler->devices.bridge ||
	    memcmp(have.vxlan, reconciler->devices.vxlan, sizeof(have.vxlan)) != 0)
		reconciler->in_sync = false;
	reconciler->devices = have;
	reconciler->stats.written += have.changed + moved;
	reconciler->stats.redirected += have.changed || moved;
	return 0;
}

/* ---- Both -------------------------------------------------------------------------------- */

/* Whatever is out of sync may be so because of its device. */
static bool needs_devices(const struct reconciler *reconciler, unsigned scope)
{
	return scope & (RECONCILE_DEVICES | RECONCILE_ENTRIES) || !reconciler->in_sync;
}

int reconciler_apply(struct reconciler *reconciler, unsigned scope, struct desired_state *desired,
		     struct err *err)
{
	int rc;

	if (needs_devices(reconciler, scope) &&
	    ensure_devices(reconciler, desired->device, err) < 0) {
		reconciler->in_sync = false; /* some devices may have been changed */
		return -1;
	}
	if (scope & RECONCILE_ENTRIES)
		reconciler->in_sync = false;
	if (desired->bridged && !desired->remotes_known)
		return 0;
	if (desired->listed == DESIRED_PEERS_ALL)
		return apply_all(reconciler, desired, err);
	if (!reconciler->in_sync)
		return RECONCILER_NEEDS_ALL;
	if (desired->listed == DESIRED_PEERS_SAME)
		return 0;
	rc = apply_changed(reconciler, desired, err);
	if (rc < 0)
		reconciler->in_sync = false;
	return rc;
}

/* ---- Construction ------------------------------------------------------------------------- */

int reconciler_new(struct nl *nl, const char *run_dir, struct reconciler **reconciler_out,
		   struct err *err)
{
	struct reconciler *reconciler = calloc(1, sizeof(*reconciler));

	if (!reconciler)
		return err_nomem(err, "the reconciler");
	reconciler->nl = nl;
	reconciler->run_dir = run_dir;
	*reconciler_out = reconciler;
	return 0;
}

void reconciler_free(struct reconciler *reconciler)
{
	if (!reconciler)
		return;
	ports_free(&reconciler->ports);
	plan_table_free(&reconciler->installed);
	free(reconciler);
}

enum desired_peers reconciler_needed_peers(const struct reconciler *reconciler, unsigned scope)
{
	if (scope & RECONCILE_ENTRIES || !reconciler->in_sync)
		return DESIRED_PEERS_ALL;
	return scope & RECONCILE_PEERS ? DESIRED_PEERS_CHANGED : DESIRED_PEERS_SAME;
}

const struct ports *reconciler_ports(const struct reconciler *reconciler)
{
	return &reconciler->ports;
}

struct reconciler_stats reconciler_stats(const struct reconciler *reconciler)
{
	return reconciler->stats;
}

const struct device_sysctls *reconciler_sysctls(const struct reconciler *reconciler)
{
	return &reconciler->devices.sysctls;
}

struct reconciler_installed reconciler_installed(const struct reconciler *reconciler)
{
	return (struct reconciler_installed){
		.bridge = reconciler->devices.bridge,
		.vxlan = { reconciler->devices.vxlan[FAMILY_V4],
			   reconciler->devices.vxlan[FAMILY_V6] },
		.entries = &reconciler->installed,
		.containers = reconciler->ports.len,
	};
}

void reconciler_watch(const struct reconciler *reconciler, const struct config *config,
		      struct watch_objects *objects)
{
	objects->bridge = reconciler->devices.bridge;
	memcpy(objects->vxlan, reconciler->devices.vxlan, sizeof(objects->vxlan));
	objects->installed = &reconciler->installed;
	objects->learning = config_learns(config);
	objects->announces = config->mode == CONFIG_L2;
	objects->direct = config->direct_routing;
	for (enum family f = 0; f < FAMILIES; f++)
		if (config_is_routed(config, f))
			objects->cluster[f] = config->pool[f].network;
	device_bridge_of(config, objects->bridge_name);
	device_vxlan_name(config->vni, objects->vxlan_name[0]);
	device_second_name(config->vni, objects->vxlan_name[1]);
}
