/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/fast_path.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/log_state.h"
#include "common/netfilter/conntrack.h"
#include "common/netfilter/nl_transaction.h"
#include "common/netlink/nl.h"
#include "common/retry.h"
#include "daemon/io/loop.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>

#define RETRY_FIRST_MS 200
#define RETRY_MAX_MS 30000
#define GONE_MAX 128                /* names of deleted devices in the table */
#define UNSUPPORTED_MS (300 * 1000) /* a module may be loaded meanwhile */

/* Tags of a transaction's requests. */
enum { TAG_OTHER, TAG_SUPPORT };

struct fast_path {
	bool enabled;
	struct nl *nl, *events; /* NULL: the kernel has no nf_tables */
	struct loop_event *event, *timer;
	struct retry retry;
	struct flow_networks networks; /* sorted by name */
	struct flow_devices installed; /* in the kernel's table */
	size_t gone;         /* deleted devices whose names newer kernels keep in the table */
	uint32_t generation; /* of the rule set after the last success; 0: unknown */
	bool in_sync;        /* the kernel has the table with these devices and all rules */
	bool unsupported;
	struct log_state error;
};

AUTO_DEFINE_VALUE(rules, struct firewall_rules, firewall_rules_free);

/* ---- Transactions ------------------------------------------------------------------------ */

static int add(struct nl_transaction *transaction, struct nl_msg *msg, struct err *err)
{
	return nl_transaction_add(transaction, msg, TAG_OTHER, err);
}

static int add_devices(struct nl_transaction *transaction, const struct flow_devices *devices,
		       struct err *err)
{
	const char *names[NFT_FLOW_DEVICES_MAX];

	for (size_t i = 0; i < devices->len;) {
		size_t len = 0;

		while (len < NFT_FLOW_DEVICES_MAX && i < devices->len)
			names[len++] = devices->at[i++].name;
		if (add(transaction,
			nft_flow_table_add(FLOW_FAMILY, FLOW_TABLE, FLOW_TABLE_NAME, names, len),
			err) < 0)
			return -1;
	}
	return 0;
}

static int add_rules(struct nl_transaction *transaction, const struct flow_networks *networks,
		     struct err *err)
{
	AUTO(rules) struct firewall_rules rules = { .len = 0 };
	const struct nft_chain chain = flow_table_chain();

	if (!flow_table_rules(networks, &rules))
		return err_nomem(err, "the fast path");
	if (add(transaction, nft_chain_add(&chain), err) < 0)
		return -1;
	for (size_t i = 0; i < rules.len; i++)
		if (nl_transaction_add(transaction,
				       nft_rule_add(FLOW_FAMILY, FLOW_TABLE, rules.at[i].chain,
						    &rules.at[i].expr, NULL, 0),
				       TAG_SUPPORT, err) < 0)
			return -1;
	return 0;
}

/* Adding the table first makes deleting it succeed even if there was none. */
static int add_removal(struct nl_transaction *transaction, struct err *err)
{
	if (add(transaction, nft_table_add(FLOW_FAMILY, FLOW_TABLE), err) < 0)
		return -1;
	return add(transaction, nft_table_del(FLOW_FAMILY, FLOW_TABLE), err);
}

/* Also ends all flows: those of the previous table. */
static int replace(struct fast_path *fast_path, const struct flow_devices *devices,
		   bool *unsupported_out, struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	struct nl_msg *flow_table;
	uint64_t tag;

	if (nl_transaction_open(fast_path->nl, NFNL_SUBSYS_NFTABLES, 0, &transaction, err) < 0 ||
	    add_removal(transaction, err) < 0 ||
	    add(transaction, nft_table_add(FLOW_FAMILY, FLOW_TABLE), err) < 0)
		return -1;
	flow_table = nft_flow_table_add(FLOW_FAMILY, FLOW_TABLE, FLOW_TABLE_NAME, NULL, 0);
	if (nl_transaction_add(transaction, flow_table, TAG_SUPPORT, err) < 0 ||
	    add_devices(transaction, devices, err) < 0 ||
	    add_rules(transaction, &fast_path->networks, err) < 0)
		return -1;
	if (nl_transaction_commit(transaction, "the fast path", &tag, err) == 0)
		return 0;
	*unsupported_out = tag == TAG_SUPPORT &&
			   (err->sys_errno == ENOENT || err->sys_errno == EOPNOTSUPP ||
			    err->sys_errno == EINVAL);
	return -1;
}

static int extend(struct fast_path *fast_path, const struct flow_devices *missing, struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	uint64_t tag;

	if (nl_transaction_open(fast_path->nl, NFNL_SUBSYS_NFTABLES, 0, &transaction, err) < 0 ||
	    add_devices(transaction, missing, err) < 0)
		return -1;
	return nl_transaction_commit(transaction, "devices of the fast path", &tag, err);
}

/* An absent table is left absent: no transaction. */
static int remove_table(struct fast_path *fast_path, struct err *err)
{
	AUTO(nl_transaction) struct nl_transaction *transaction = NULL;
	uint32_t flags;
	uint64_t tag;
	int found = nft_table_find(fast_path->nl, FLOW_FAMILY, FLOW_TABLE, &flags, err);

	if (found <= 0)
		return found;
	if (nl_transaction_open(fast_path->nl, NFNL_SUBSYS_NFTABLES, 0, &transaction, err) < 0 ||
	    add_removal(transaction, err) < 0)
		return -1;
	return nl_transaction_commit(transaction, "the fast path", &tag, err);
}

/* ---- Reconciling ------------------------------------------------------------------------- */

static bool any_exists(const struct flow_devices *devices)
{
	for (size_t i = 0; i < devices->len; i++)
		if (if_nametoindex(devices->at[i].name) == devices->at[i].index)
			return true;
	return false;
}

/*
 * The table is replaced if it has an existing device that should not be in it, or too many names of
 * deleted ones, which Linux 6.16 and later keep (they would match a new device of that name).
 */
static int apply_devices(struct fast_path *fast_path, const struct flow_devices *want,
			 bool *unsupported_out, struct err *err)
{
	AUTO(flow_devices) struct flow_devices missing = { .len = 0 };
	AUTO(flow_devices) struct flow_devices unwanted = { .len = 0 };

	if (!flow_devices_missing(&fast_path->installed, want, &unwanted) ||
	    !flow_devices_missing(want, &fast_path->installed, &missing))
		return err_nomem(err, "the fast path");
	fast_path->gone += unwanted.len;
	if (!fast_path->in_sync || fast_path->gone > GONE_MAX || any_exists(&unwanted)) {
		fast_path->gone = 0;
		return replace(fast_path, want, unsupported_out, err);
	}
	return missing.len ? extend(fast_path, &missing, err) : 0;
}

static int apply(struct fast_path *fast_path, bool *unsupported_out, struct err *err)
{
	AUTO(flow_devices) struct flow_devices want = { .len = 0 };
	struct err unused;
	int rc;

	if (!flow_table_devices(&fast_path->networks, &want))
		return err_nomem(err, "the fast path");
	rc = fast_path->networks.len ? apply_devices(fast_path, &want, unsupported_out, err) :
				       remove_table(fast_path, err);
	fast_path->in_sync = rc == 0;
	if (rc < 0)
		return -1;
	if (nft_generation(fast_path->nl, &fast_path->generation, &unused) < 0)
		fast_path->generation = 0;
	flow_devices_free(&fast_path->installed);
	fast_path->installed = want;
	want = (struct flow_devices){ .len = 0 };
	return 0;
}

/* Returns after how many ms to try again; 0: not. */
static uint64_t report(struct fast_path *fast_path, int rc, bool unsupported, const struct err *err)
{
	const bool before = fast_path->unsupported;

	fast_path->unsupported = rc < 0 && unsupported;
	if (rc == 0) {
		retry_reset(&fast_path->retry);
		if (log_state_clear(&fast_path->error) && fast_path->networks.len)
			log_info("fast path installed");
		return 0;
	}
	if (log_state_fail(&fast_path->error, err->text)) {
		if (unsupported && !before)
			log_info(
				"fast path: not supported by the kernel, packets take the normal path",
				"error", err->text);
		else if (!unsupported)
			log_error("cannot install the fast path, retrying", "error", err->text);
	}
	return unsupported ? UNSUPPORTED_MS : retry_next_ms(&fast_path->retry);
}

/* Without support nothing is tried before the timer ends. */
static bool must_wait(const struct fast_path *fast_path)
{
	return fast_path->unsupported && fast_path->networks.len &&
	       loop_timer_running(fast_path->timer);
}

static void reconcile(struct fast_path *fast_path)
{
	struct err err = ERR_INIT;
	bool unsupported = false;
	uint64_t again_ms;
	int rc;

	if (!fast_path->nl || must_wait(fast_path))
		return;
	rc = apply(fast_path, &unsupported, &err);
	again_ms = report(fast_path, rc, unsupported, &err);
	if (again_ms)
		loop_timer_start(fast_path->timer, again_ms);
	else
		loop_timer_stop(fast_path->timer);
}

static void on_timer(void *ctx)
{
	reconcile(ctx);
}

/* ---- Networks ---------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
	const struct flow_network *one = a, *other = b;

	return strcmp(one->name, other->name);
}

static struct flow_network *find(const struct fast_path *fast_path, const char *name)
{
	for (size_t i = 0; i < fast_path->networks.len; i++)
		if (!strcmp(fast_path->networks.at[i].name, name))
			return &fast_path->networks.at[i];
	return NULL;
}

static bool insert(struct flow_networks *networks, const struct flow_network *network)
{
	if (!flow_networks_push(networks, network))
		return false;
	vec_sort(networks->at, networks->len, sizeof(*networks->at), compare_names);
	return true;
}

void fast_path_set_network(struct fast_path *fast_path, struct flow_network *network, bool ended)
{
	struct flow_network *current = find(fast_path, network->name);

	if (!fast_path->enabled) {
		flow_devices_free(&network->devices);
		return;
	}
	flow_devices_sort(&network->devices);
	if (ended || !current || !flow_network_same_rules(current, network))
		fast_path->in_sync = false;
	if (current) {
		flow_devices_free(&current->devices);
		*current = *network;
	} else if (!insert(&fast_path->networks, network)) {
		flow_devices_free(&network->devices);
		log_error("fast path: out of memory", "network", network->name);
	}
	network->devices = (struct flow_devices){ .len = 0 };
	reconcile(fast_path);
}

void fast_path_remove_network(struct fast_path *fast_path, const char *name)
{
	struct flow_networks *networks = &fast_path->networks;
	struct flow_network *current = find(fast_path, name);

	if (!current)
		return;
	flow_devices_free(&current->devices);
	networks->len--;
	memmove(current, current + 1,
		(size_t)(networks->at + networks->len - current) * sizeof(*current));
	fast_path->in_sync = false;
	reconcile(fast_path);
}

struct fast_path_view fast_path_view(const struct fast_path *fast_path)
{
	const bool installed = fast_path->in_sync && fast_path->networks.len;

	return (struct fast_path_view){
		.enabled = fast_path->enabled,
		.installed = installed,
		.unsupported = fast_path->unsupported,
		.error = fast_path->error.error,
		.devices = installed ? fast_path->installed.len : 0,
	};
}

int fast_path_count_flows(const struct fast_path *fast_path, size_t *flows_out, struct err *err)
{
	if (!fast_path_view(fast_path).installed) {
		*flows_out = 0;
		return 0;
	}
	return conntrack_count_offloaded(fast_path->nl, flows_out, err);
}

/* ---- Events ------------------------------------------------------------------------------ */

static int on_event(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	struct fast_path *fast_path = ctx;
	struct nft_event event;

	(void)err;
	if (nft_event(header, &event) && event.port != nl_portid(fast_path->nl) &&
	    event.family == FLOW_FAMILY && !strcmp(event.table, FLOW_TABLE))
		fast_path->in_sync = false;
	return 0;
}

/*
 * Lost events are no change by themselves: a table with many devices does not fit into its event.
 */
static bool may_have_changed(const struct fast_path *fast_path)
{
	struct err unused;
	uint32_t generation = 0;

	return !fast_path->generation || nft_generation(fast_path->nl, &generation, &unused) < 0 ||
	       generation != fast_path->generation;
}

/* The retry's distance also limits how often another program's changes are corrected. */
static void on_events(void *ctx, int fd, unsigned ready)
{
	struct fast_path *fast_path = ctx;
	struct err unused = ERR_INIT;
	bool lost = false;

	(void)fd, (void)ready;
	if ((nl_read_events(fast_path->events, on_event, fast_path, &lost, &unused) < 0 || lost) &&
	    may_have_changed(fast_path))
		fast_path->in_sync = false;
	if (!fast_path->in_sync && !loop_timer_running(fast_path->timer) && fast_path->networks.len)
		loop_timer_start(fast_path->timer, RETRY_FIRST_MS);
}

/* ---- Life cycle -------------------------------------------------------------------------- */

static int open_kernel(struct fast_path *fast_path, struct loop *loop, struct err *err)
{
	static const unsigned groups[] = { NFNLGRP_NFTABLES, 0 };

	if (nl_open_netfilter(&fast_path->nl, err) < 0 ||
	    nl_open_netfilter(&fast_path->events, err) < 0 ||
	    nl_listen(fast_path->events, groups, err) < 0)
		return -1;
	fast_path->event = loop_fd(loop, nl_fd(fast_path->events), LOOP_READ, on_events, fast_path);
	return fast_path->event ? 0 : err_nomem(err, "the fast path");
}

int fast_path_new(struct loop *loop, bool enabled, struct fast_path **fast_path_out,
		  struct err *err)
{
	struct fast_path *fast_path = calloc(1, sizeof(*fast_path));

	if (fast_path)
		fast_path->timer = loop_timer(loop, on_timer, fast_path);
	if (!fast_path || !fast_path->timer) {
		fast_path_free(fast_path);
		return err_nomem(err, "the fast path");
	}
	fast_path->enabled = enabled;
	fast_path->retry = (struct retry){ .first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS };
	if (open_kernel(fast_path, loop, err) < 0) {
		log_state_fail(&fast_path->error, err->text);
		loop_event_free(fast_path->event);
		nl_free(fast_path->events);
		nl_free(fast_path->nl);
		fast_path->event = NULL;
		fast_path->nl = fast_path->events = NULL;
	} else if (!enabled) {
		reconcile(fast_path);
	}
	*fast_path_out = fast_path;
	return 0;
}

void fast_path_free(struct fast_path *fast_path)
{
	if (!fast_path)
		return;
	loop_event_free(fast_path->event);
	loop_event_free(fast_path->timer);
	nl_free(fast_path->events);
	nl_free(fast_path->nl);
	for (size_t i = 0; i < fast_path->networks.len; i++)
		flow_devices_free(&fast_path->networks.at[i].devices);
	flow_networks_free(&fast_path->networks);
	flow_devices_free(&fast_path->installed);
	free(fast_path);
}
