/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/firewall.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/jitter.h"
#include "common/log.h"
#include "common/log_state.h"
#include "common/netlink/nl.h"
#include "common/netlink/sysctl.h"
#include "common/retry.h"
#include "common/spoof/spoof_table.h"
#include "daemon/firewall/bridge_table.h"
#include "daemon/firewall/firewall_apply.h"
#include "daemon/firewall/gather.h"
#include "daemon/firewall/ingress_table.h"
#include "daemon/firewall/router_chains.h"
#include "daemon/firewall/spoof_desired.h"
#include "daemon/io/debounce.h"
#include "daemon/io/loop.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>

#define DEBOUNCE_MS 5
#define DISTANCE_MAX_MS 250    /* between runs while changes keep coming */
#define QUIET_MS 1000          /* after so long without a run, the next one is not delayed */
#define PERIOD_MS (300 * 1000) /* +-25 % */
#define RETRY_FIRST_MS 200
#define RETRY_MAX_MS 30000
#define BRIDGE_NF_MS 10000
#define GRACE_MS 10000 /* for networks without a desired state yet */

typedef bool build_fn(const struct firewall_options *options,
		      const struct firewall_network *networks, size_t len,
		      struct firewall_table *table_out);

/*
 * In the order in which they are applied: each depends on what the kernel supports of the one
 * before.
 */
enum { INGRESS, INET, BRIDGE, SPOOF, TABLES };
static build_fn *const build_table[] = { ingress_table_build, firewall_table_build,
					 bridge_table_build };
static const struct {
	uint8_t family;
	const char *family_name, *name;
} table_id[TABLES] = {
	{ INGRESS_FAMILY, "netdev", FIREWALL_TABLE },
	{ FIREWALL_FAMILY, "inet", FIREWALL_TABLE },
	{ NFPROTO_BRIDGE, "bridge", FIREWALL_TABLE },
	{ SPOOF_FAMILY, "bridge", SPOOF_TABLE },
};

/* A table in the kernel. */
struct managed {
	struct firewall_table installed;
	bool own;     /* this weftd has installed it: it is not an earlier one's */
	bool in_sync; /* `installed` is in the kernel, unless dirty */
	bool dirty;   /* the kernel's table may differ from `installed` */
};

struct firewall {
	struct nl *nl, *events; /* NULL: the kernel has no nf_tables */
	struct loop_event *event;
	struct loop_event *debounce_timer, *period, *grace, *bridge_nf;
	struct firewall_options options;
	size_t expected;         /* networks */
	bool grace_over;         /* do not wait for the missing ones any longer */
	struct gather gather;    /* the networks for which firewall_set_network returned false */
	bool other_chains_dirty; /* other programs' chains may differ from `other_chains` */
	bool events_failed;      /* and that has been logged */
	bool checked;            /* the last periodic check succeeded, at this generation */
	uint32_t generation;     /* of the kernel's rule set */
	uint64_t restored;       /* tables that another program had changed */
	unsigned refused_before; /* unsupported parts that have been logged */
	uint64_t replacements;
	struct retry retry;
	struct debounce debounce;
	struct firewall_networks networks;
	struct managed tables[TABLES];
	struct log_state error;
	struct other_chains other_chains;
};

static void table_free(struct firewall_table *table)
{
	firewall_table_free(table);
}
AUTO_DEFINE_VALUE(table, struct firewall_table, table_free);

/* The kernel supports none of it. */
static bool is_absent(const struct firewall_table *table)
{
	return !table->name;
}

/* ---- Reconciling ------------------------------------------------------------------------- */

static void set_installed(struct managed *managed, struct firewall_table *table)
{
	firewall_table_free(&managed->installed);
	/* Kept until the next change. */
	firewall_rules_shrink(&table->rules);
	managed->installed = *table;
	*table = (struct firewall_table){ .name = NULL };
	managed->own = managed->in_sync = true;
}

static int build(const struct firewall *firewall, size_t i, struct firewall_table *table_out,
		 struct err *err)
{
	if (i == SPOOF)
		return spoof_desired_build(firewall->nl, &firewall->options, table_out, err);
	return build_table[i](&firewall->options, firewall->networks.at, firewall->networks.len,
			      table_out) ?
		       0 :
		       err_nomem(err, "packet rules");
}

/*
 * Leaves out each part that the kernel does not support. A part that it did not support before is
 * tried again from time to time: then the kernel may have what remains already.
 */
static int replace_table(struct firewall *firewall, size_t i, uint32_t generation,
			 struct firewall_table *table, struct err *err)
{
	enum firewall_part unsupported;
	bool same = false;

	while (!is_absent(table) &&
	       firewall_apply_table(firewall->nl, table, generation, &unsupported, err) < 0) {
		unsigned bit = 1U << unsupported;

		if (unsupported == FIREWALL_WHOLE || firewall->options.unsupported & bit)
			return -1;
		if (!(firewall->refused_before & bit) && FIREWALL_SUBSTITUTED & bit)
			log_info("packet rules: not supported by the kernel, replaced by others",
				 "part", firewall_part_name[unsupported], "error", err->text);
		else if (!(firewall->refused_before & bit))
			log_warn("packet rules: not supported by the kernel, left out", "part",
				 firewall_part_name[unsupported], "error", err->text);
		firewall->options.unsupported |= bit;
		firewall_table_free(table);
		if (build(firewall, i, table, err) < 0)
			return -1;
		if (firewall->refused_before && !is_absent(table) &&
		    firewall_apply_check(firewall->nl, table, generation, &same, err) < 0)
			return -1;
		if (same)
			return 0;
	}
	if (is_absent(table))
		return 0;
	firewall->replacements++;
	log_info("packet rules installed", "family", table_id[i].family_name, "table", table->name,
		 "chains", LOG_NUM(table->chains.len), "rules", LOG_NUM(table->rules.len));
	return 0;
}

/* Returns 1 if the kernel has the table now; 0 if it must be read. */
static int update_table(struct firewall *firewall, size_t i, struct err *err)
{
	AUTO(table) struct firewall_table want = { .name = NULL };
	struct managed *managed = &firewall->tables[i];

	if (!managed->in_sync || managed->dirty)
		return 0;
	/* Read from many files, and changed by events only. */
	if (i == SPOOF)
		return 1;
	if (build(firewall, i, &want, err) < 0)
		return -1;
	managed->in_sync = false;
	if (!firewall_table_same_shape(&managed->installed, &want))
		return 0;
	if (firewall_apply_elements(firewall->nl, &managed->installed, &want, err) < 0)
		return -1;
	set_installed(managed, &want);
	return 1;
}

struct table_of {
	struct firewall *firewall;
	size_t i;
	bool known; /* the kernel had the table as installed before */
};

/* ADD and DEL change records and elements of SPOOF at any time. An nft_change_fn. */
static int check_table(void *ctx, uint32_t generation, struct err *err)
{
	const struct table_of *of = ctx;
	struct firewall *firewall = of->firewall;
	struct managed *managed = &firewall->tables[of->i];
	AUTO(table) struct firewall_table want = { .name = NULL };
	bool same = false;

	managed->in_sync = false;
	if (build(firewall, of->i, &want, err) < 0)
		return -1;
	if (!is_absent(&want) &&
	    firewall_apply_check(firewall->nl, &want, generation, &same, err) < 0)
		return -1;
	/* Until it is replaced, BRIDGE does not rely on it. */
	if (of->i == INET)
		firewall->options.inet_missing = !same;
	if (!same && replace_table(firewall, of->i, generation, &want, err) < 0)
		return -1;
	if (of->i == INET)
		firewall->options.inet_missing = false;
	/* Unchanged since it was installed; the kernel has removed deleted devices from its own. */
	if (of->known && of->i != INGRESS && !same && !is_absent(&want) &&
	    firewall_table_same_shape(&managed->installed, &want))
		firewall->restored++;
	managed->dirty = false;
	set_installed(managed, &want);
	return 0;
}

/* Reads the kernel's table only if it may differ from `installed`. */
static int reconcile_table(struct firewall *firewall, size_t i, struct err *err)
{
	struct table_of of = { firewall, i, firewall->tables[i].in_sync };
	int updated = update_table(firewall, i, err);

	return updated ? updated : nft_change(firewall->nl, check_table, &of, err);
}

/* A failure of one table does not keep the others from being applied; err is the first one's. */
static int reconcile_tables(struct firewall *firewall, struct err *err)
{
	int result = 0;

	for (size_t i = 0; i < TABLES; i++) {
		struct err next = ERR_INIT;

		if (reconcile_table(firewall, i, &next) >= 0)
			continue;
		if (result == 0)
			*err = next;
		result = -1;
	}
	return result;
}

static bool in_sync(const struct firewall *firewall)
{
	for (size_t i = 0; i < TABLES; i++)
		if (!firewall->tables[i].in_sync)
			return false;
	return true;
}

static bool is_dirty(const struct firewall *firewall)
{
	for (size_t i = 0; i < TABLES; i++)
		if (firewall->tables[i].dirty)
			return true;
	return false;
}

static void set_dirty(struct firewall *firewall)
{
	for (size_t i = 0; i < TABLES; i++)
		firewall->tables[i].dirty = true;
	firewall->other_chains_dirty = true;
}

static void report(struct firewall *firewall, int rc, const struct err *err)
{
	if (rc < 0 && log_state_fail(&firewall->error, err->text))
		log_error("cannot install packet rules, retrying", "error", err->text);
	else if (rc == 0 && log_state_clear(&firewall->error))
		log_info("packet rules installed again");
}

/* The table of an earlier weftd has rules of networks without a desired state yet. */
static bool must_wait(const struct firewall *firewall)
{
	return !firewall->networks.len ||
	       (firewall_networks_served(&firewall->networks) < firewall->expected &&
		!firewall->grace_over && firewall_keeps_earlier(firewall));
}

/* Reads whether bridged packets pass connection tracking. Returns whether that has changed. */
static bool read_bridge_nf(struct firewall *firewall)
{
	static const char *const paths[FAMILIES] = {
		[FAMILY_V4] = "net/bridge/bridge-nf-call-iptables",
		[FAMILY_V6] = "net/bridge/bridge-nf-call-ip6tables",
	};
	bool changed = false;

	for (enum family f = 0; f < FAMILIES; f++) {
		char value[SYSCTL_VALUE_SIZE];
		struct err unused = ERR_INIT;
		bool on = sysctl_read(paths[f], value, &unused) == 0 && strcmp(value, "0") != 0;

		changed |= on != firewall->options.bridge_nf[f];
		firewall->options.bridge_nf[f] = on;
	}
	return changed;
}

static void end_wait(struct firewall *firewall, bool installed)
{
	bool waiting = false;
	bool released = firewall_networks_end_wait(&firewall->networks, installed, &waiting);

	gather_end(&firewall->gather, released, waiting);
}

static void reconcile(struct firewall *firewall)
{
	struct err err = ERR_INIT;
	int rc;

	if (!firewall->nl || must_wait(firewall)) {
		end_wait(firewall, true);
		return;
	}
	read_bridge_nf(firewall);
	rc = reconcile_tables(firewall, &err);
	end_wait(firewall, rc == 0 || firewall->grace_over);
	if (rc == 0 && firewall->other_chains_dirty) {
		rc = other_chains_scan(&firewall->other_chains, firewall->nl, &firewall->options,
				       firewall->networks.at, firewall->networks.len, &err);
		firewall->other_chains_dirty = rc < 0;
	}
	report(firewall, rc, &err);
	if (rc == 0)
		retry_reset(&firewall->retry);
	loop_timer_start(firewall->period,
			 rc == 0 ? jitter_ms(PERIOD_MS) : retry_next_ms(&firewall->retry));
}

static void on_debounce(void *ctx)
{
	struct firewall *firewall = ctx;

	reconcile(firewall);
	debounce_ran(&firewall->debounce, loop_now_ms());
}

/* A module may have been loaded since the kernel refused a part: all parts are tried again. */
static bool retry_unsupported(struct firewall *firewall)
{
	if (!firewall->options.unsupported || must_wait(firewall))
		return false;
	firewall->refused_before |= firewall->options.unsupported;
	firewall->options.unsupported = 0;
	return true;
}

/*
 * An unchanged generation means unchanged rules: one request instead of a dump of all elements.
 * After a failure the rules are not the desired ones, whatever the generation.
 */
static void on_period(void *ctx)
{
	struct firewall *firewall = ctx;
	uint32_t generation = 0;
	struct err unused = ERR_INIT;
	bool has_generation = firewall->nl &&
			      nft_generation(firewall->nl, &generation, &unused) == 0;
	bool changed = read_bridge_nf(firewall);

	changed |= firewall->nl && retry_unsupported(firewall);
	if (!changed && has_generation && firewall->checked && generation == firewall->generation &&
	    !firewall->error.error[0]) {
		loop_timer_start(firewall->period, jitter_ms(PERIOD_MS));
		return;
	}
	set_dirty(firewall);
	reconcile(firewall);
	firewall->checked = has_generation && !is_dirty(firewall) &&
			    !firewall->other_chains_dirty && !firewall->error.error[0];
	firewall->generation = generation;
}

/* No event reports the sysctl: docker, kubelet and others set it when they start. */
static void on_bridge_nf(void *ctx)
{
	struct firewall *firewall = ctx;

	loop_timer_start(firewall->bridge_nf, jitter_ms(BRIDGE_NF_MS));
	if (read_bridge_nf(firewall))
		reconcile(firewall);
}

static void on_grace(void *ctx)
{
	struct firewall *firewall = ctx;

	firewall->grace_over = true;
	reconcile(firewall);
}

static void attempt(void *ctx)
{
	reconcile(ctx);
}

/* ---- Desired state of a network ---------------------------------------------------------- */

/* After GRACE_MS, the table of an earlier weftd is replaced, and no network waits for its rules. */
static void start_grace(struct firewall *firewall)
{
	if ((firewall->gather.waiting ||
	     firewall_networks_served(&firewall->networks) < firewall->expected) &&
	    !firewall->grace_over && !loop_timer_running(firewall->grace))
		loop_timer_start(firewall->grace, GRACE_MS);
}

/* The kernel removes deleted devices without an event: each full state reads the table again. */
static void check_ingress(struct firewall *firewall, const struct firewall_network *current,
			  const struct firewall_network *network)
{
	if (network->change)
		return;
	firewall->tables[INGRESS].dirty = true;
	if (current && !nft_devices_equal(&current->arrivals, &network->arrivals))
		firewall->options.unsupported &= ~(1U << FIREWALL_INGRESS);
}

/* With a single network there are no others to wait for. */
static enum firewall_wait choose_wait(const struct firewall *firewall, bool is_new,
				      bool rules_changed)
{
	if (!firewall->gather.done || !firewall->nl || must_wait(firewall))
		return FIREWALL_WAIT_NONE;
	if (is_new && !firewall->grace_over)
		return FIREWALL_WAIT_INSTALLED;
	return (is_new || rules_changed) && firewall_networks_served(&firewall->networks) > 1 ?
		       FIREWALL_WAIT_ATTEMPT :
		       FIREWALL_WAIT_NONE;
}

static bool is_unchanged(const struct firewall_network *current,
			 const struct firewall_network *network)
{
	return current && !current->wait && !network->change &&
	       firewall_network_equal(current, network);
}

/* Whether an attempt to install the rules of all networks has failed, and another one follows. */
static bool is_retry_due(const struct firewall *firewall)
{
	return firewall->error.error[0] && loop_timer_running(firewall->period);
}

/* The other tables depend on the networks alone: with many, it takes long to build them again. */
static void reconcile_ingress(struct firewall *firewall)
{
	const unsigned unsupported = firewall->options.unsupported;
	struct err err = ERR_INIT;

	if (reconcile_table(firewall, INGRESS, &err) < 0) {
		report(firewall, -1, &err);
		loop_timer_start(firewall->period, retry_next_ms(&firewall->retry));
	}
	if (firewall->options.unsupported != unsupported) /* by rules of the other tables */
		reconcile(firewall);
}

/* Returns false if the network has to wait. */
static bool apply(struct firewall *firewall, struct firewall_network *network, bool is_new,
		  bool rules_changed)
{
	network->wait = choose_wait(firewall, is_new, rules_changed);
	if (!network->wait ||
	    firewall_networks_complete(&firewall->networks, firewall->expected, is_new))
		reconcile(firewall);
	else
		gather_add(&firewall->gather);
	start_grace(firewall);
	return !network->wait;
}

bool firewall_set_network(struct firewall *firewall, struct firewall_network *network)
{
	struct firewall_network *current = firewall_networks_find(&firewall->networks,
								  network->name);
	const bool is_new = !current || current->last_known ||
			    current->wait == FIREWALL_WAIT_INSTALLED;
	const bool rules_changed = is_new || current->wait ||
				   !firewall_network_same_rules(current, network);
	bool accepts_changed = !current || firewall_network_accepts_change(current, network);

	check_ingress(firewall, current, network);
	if (is_unchanged(current, network)) {
		if (in_sync(firewall))
			reconcile_ingress(firewall);
		else if (!is_retry_due(firewall))
			reconcile(firewall);
		return true;
	}
	if (!firewall_network_merge(current, network) ||
	    (!current && !firewall_networks_add(&firewall->networks, network))) {
		log_error("packet rules: out of memory");
		return true;
	}
	if (current) {
		firewall_network_free(current);
		*current = *network;
		memset(network->peers, 0, sizeof(network->peers));
		memset(network->gone, 0, sizeof(network->gone));
	}
	firewall->other_chains_dirty = firewall->other_chains_dirty || accepts_changed;
	current = firewall_networks_find(&firewall->networks, network->name);
	return !current || apply(firewall, current, is_new, rules_changed);
}

void firewall_gather(struct firewall *firewall, void (*done)(void *ctx), void *ctx)
{
	firewall->gather.done = done;
	firewall->gather.done_ctx = ctx;
}

void firewall_expect(struct firewall *firewall, size_t networks)
{
	firewall->expected = networks;
	reconcile(firewall);
}

void firewall_retire(struct firewall *firewall, const char *name)
{
	struct firewall_network *network = firewall_networks_find(&firewall->networks, name);

	if (!network)
		return;
	network->last_known = true;
	network->wait = FIREWALL_WAIT_NONE;
}

bool firewall_waits(const struct firewall *firewall, const char *name)
{
	const struct firewall_network *network = firewall_networks_find(&firewall->networks, name);

	return network && network->wait;
}

bool firewall_has_network(const struct firewall *firewall, const char *name)
{
	const struct firewall_network *network = firewall_networks_find(&firewall->networks, name);

	return network && !network->last_known;
}

bool firewall_keeps_earlier(const struct firewall *firewall)
{
	struct err unused;

	return firewall->nl && !firewall->tables[INET].own &&
	       firewall_apply_exists(firewall->nl, &unused) > 0;
}

void firewall_set_last_known(struct firewall *firewall, struct firewall_network *networks,
			     size_t len)
{
	const size_t before = firewall->networks.len;

	firewall_networks_remove_last_known(&firewall->networks);
	for (size_t i = 0; i < len; i++) {
		networks[i].last_known = true;
		if (!firewall_networks_find(&firewall->networks, networks[i].name) &&
		    !firewall_networks_add(&firewall->networks, &networks[i]))
			log_error("packet rules: out of memory");
	}
	if (before == firewall->networks.len && !len)
		return;
	firewall->other_chains_dirty = true;
	start_grace(firewall);
	reconcile(firewall);
}

uint64_t firewall_replacements(const struct firewall *firewall)
{
	return firewall->replacements;
}

bool firewall_masquerade(const struct firewall *firewall)
{
	return firewall->options.ip_masq && firewall->tables[INET].in_sync &&
	       !(firewall->options.unsupported & 1U << FIREWALL_MASQUERADE);
}

/* ---- Events ------------------------------------------------------------------------------ */

static void trigger(struct firewall *firewall)
{
	if (!loop_timer_running(firewall->debounce_timer))
		loop_timer_start(firewall->debounce_timer,
				 debounce_next_ms(&firewall->debounce, loop_now_ms()));
}

static struct managed *find_table(struct firewall *firewall, const struct nft_event *event)
{
	for (size_t i = 0; i < TABLES; i++)
		if (event->family == table_id[i].family && !strcmp(event->table, table_id[i].name))
			return &firewall->tables[i];
	return NULL;
}

static int on_event(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	struct firewall *firewall = ctx;
	struct nft_event event;
	struct managed *managed;

	(void)err;
	if (!nft_event(header, &event) || event.port == nl_portid(firewall->nl))
		return 0;
	managed = find_table(firewall, &event);
	if (managed)
		managed->dirty = true;
	else if (other_chains_affected_by(&firewall->other_chains, &event))
		firewall->other_chains_dirty = true;
	return 0;
}

static void on_events(void *ctx, int fd, unsigned ready)
{
	struct firewall *firewall = ctx;
	bool lost = false;
	struct err err = ERR_INIT;
	int rc = nl_read_events(firewall->events, on_event, firewall, &lost, &err);

	(void)fd, (void)ready;
	if (rc < 0 && !firewall->events_failed)
		log_error("cannot read nftables events", "error", err.text);
	firewall->events_failed = rc < 0;
	if (rc < 0 || lost)
		set_dirty(firewall);
	if (is_dirty(firewall) || firewall->other_chains_dirty)
		trigger(firewall);
}

/* ---- Life cycle -------------------------------------------------------------------------- */

/* Without nf_tables in the kernel there are no rules; firewall_view reports the error. */
static void open_kernel(struct firewall *firewall, struct loop *loop)
{
	static const unsigned groups[] = { NFNLGRP_NFTABLES, 0 };
	struct err err = ERR_INIT;

	if (nl_open_netfilter(&firewall->nl, &err) == 0 &&
	    nl_open_netfilter(&firewall->events, &err) == 0 &&
	    nl_listen(firewall->events, groups, &err) == 0 &&
	    firewall_apply_exists(firewall->nl, &err) >= 0)
		firewall->event = loop_fd(loop, nl_fd(firewall->events), LOOP_READ, on_events,
					  firewall);
	if (firewall->event)
		return;
	snprintf(firewall->error.error, sizeof(firewall->error.error),
		 "nftables is not available: %.400s", err.text);
	log_error("no packet rules", "error", firewall->error.error);
	nl_free(firewall->events);
	nl_free(firewall->nl);
	firewall->nl = firewall->events = NULL;
}

int firewall_new(struct loop *loop, const struct firewall_options *options, size_t networks,
		 struct firewall **firewall_out, struct err *err)
{
	struct firewall *firewall = calloc(1, sizeof(*firewall));

	if (!firewall)
		return err_nomem(err, "packet rules");
	firewall->options = *options;
	firewall->options.inet_missing = true;
	read_bridge_nf(firewall);
	firewall->expected = networks;
	firewall->retry = (struct retry){ .first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS };
	firewall->debounce = (struct debounce){
		.first_ms = DEBOUNCE_MS,
		.max_ms = DISTANCE_MAX_MS,
		.quiet_ms = QUIET_MS,
	};
	set_dirty(firewall);
	firewall->debounce_timer = loop_timer(loop, on_debounce, firewall);
	firewall->period = loop_timer(loop, on_period, firewall);
	firewall->grace = loop_timer(loop, on_grace, firewall);
	firewall->bridge_nf = loop_timer(loop, on_bridge_nf, firewall);
	if (!firewall->debounce_timer || !firewall->period || !firewall->grace ||
	    !firewall->bridge_nf || !gather_init(&firewall->gather, loop, attempt, firewall)) {
		firewall_free(firewall);
		return err_nomem(err, "packet rules");
	}
	open_kernel(firewall, loop);
	loop_timer_start(firewall->bridge_nf, BRIDGE_NF_MS);
	*firewall_out = firewall;
	return 0;
}

void firewall_free(struct firewall *firewall)
{
	if (!firewall)
		return;
	loop_event_free(firewall->event);
	loop_event_free(firewall->debounce_timer);
	loop_event_free(firewall->period);
	loop_event_free(firewall->grace);
	gather_free(&firewall->gather);
	loop_event_free(firewall->bridge_nf);
	nl_free(firewall->events);
	nl_free(firewall->nl);
	for (size_t i = 0; i < firewall->networks.len; i++)
		firewall_network_free(&firewall->networks.at[i]);
	firewall_networks_free(&firewall->networks);
	for (size_t i = 0; i < TABLES; i++)
		firewall_table_free(&firewall->tables[i].installed);
	other_chains_free(&firewall->other_chains);
	free(firewall);
}

/* Returns a counter's packets; 0 if it cannot be read. */
static uint64_t read_counter(const struct firewall *firewall, size_t i, const char *name)
{
	uint64_t packets = 0, bytes = 0;
	struct err unused;

	if (firewall->nl)
		nft_counter_find(firewall->nl, table_id[i].family, table_id[i].name, name, &packets,
				 &bytes, &unused);
	return packets;
}

struct firewall_view firewall_view(const struct firewall *firewall)
{
	struct firewall_view view = {
		.installed = in_sync(firewall),
		.error = firewall->error.error,
		.unsupported = firewall->options.unsupported & ~FIREWALL_SUBSTITUTED,
		.ip_masq = firewall->options.ip_masq,
		.forward = firewall->options.forward,
		.guard = firewall->options.guard,
		.restored = firewall->restored,
		.other_chains = &firewall->other_chains,
	};

	view.vtep_filter_drops = read_counter(firewall, INET, FIREWALL_VTEP_FILTER_DROPS);
	view.injection_drops = read_counter(firewall, INET, FIREWALL_INJECTION_DROPS);
	view.isolation_drops = read_counter(firewall, INET, FIREWALL_ISOLATION_DROPS);
	view.router_drops = read_counter(firewall, INET, ROUTER_DROPS) +
			    read_counter(firewall, BRIDGE, ROUTER_DROPS);
	view.tunnel_drops = read_counter(firewall, BRIDGE, BRIDGE_TUNNEL_DROPS);
	view.flood_drops = read_counter(firewall, BRIDGE, BRIDGE_FLOOD_DROPS);
	view.probe_drops = read_counter(firewall, BRIDGE, BRIDGE_PROBE_DROPS);
	view.unflooded_drops = read_counter(firewall, BRIDGE, BRIDGE_UNFLOODED_DROPS);
	view.spoof_drops = read_counter(firewall, SPOOF, SPOOF_DROPS);
	view.port_isolation_drops = read_counter(firewall, SPOOF, SPOOF_ISOLATION_DROPS);
	return view;
}
