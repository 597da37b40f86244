/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

#include "common/err.h"
#include "common/log.h"
#include "common/nl.h"
#include "loop.h"
#include "rules_apply.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>

#define DEBOUNCE_MS 5
#define DISTANCE_MS 250        /* between looks while somebody keeps changing things */
#define QUIET_MS 1000          /* without one, the next comes at once */
#define PERIOD_MS (300 * 1000) /* +-25 % */
#define RETRY_FIRST_MS 200
#define RETRY_MAX_MS 30000
#define LEGACY_MS 10000 /* between looks where there is a table of iptables-legacy */
#define OTHERS_MS 10000 /* for those networks that have not told of themselves */

VEC_DEFINE(rules_networks, struct rules_network);

struct rules {
	struct nl *nl, *events; /* NULL: the kernel has no nf_tables */
	struct loop_event *event;
	struct loop_event *look, *period, *others;
	struct loop_event *poll; /* running only while there is a table of iptables-legacy */
	struct rules_options options;
	size_t expected;  /* networks */
	bool waited;      /* long enough for them */
	bool doubt;       /* the table may be other than it should */
	bool foreign_due; /* so may others' chains */
	bool legacy_due;
	bool deaf; /* events are not read, and it was said */
	bool seen; /* the last look by the period went well, and the packet filter was then at */
	uint32_t generation;
	unsigned attempt;
	uint64_t looked_ms;
	struct rules_networks networks;
	struct rules_table stands; /* what was put there */
	bool whole;                /* and is there, as far as we know */
	char error[ERR_TEXT_SIZE];
	struct rules_foreign foreign;
	struct rules_legacy legacy;
};

static void table_free(struct rules_table *table)
{
	rules_table_free(table);
}

#define AUTO_TABLE __attribute__((cleanup(table_free)))

/* ---- Bringing the kernel to it ----------------------------------------------------------- */

static void take(struct rules *rules, struct rules_table *table)
{
	rules_table_free(&rules->stands);
	rules->stands = *table;
	*table = (struct rules_table){ .counters = false };
	rules->whole = true;
}

/* Without one part after the other, as the kernel refuses them. */
static int put_whole(struct rules *rules, struct rules_table *table, struct err *err)
{
	enum rules_part refused;

	while (rules_apply_whole(rules->nl, table, &refused, err) < 0) {
		unsigned bit = 1U << refused;

		if (refused == RULES_WHOLE || rules->options.lacking & bit)
			return -1;
		log_warn("the kernel cannot do all that packet rules are for; the rest is done",
			 "without", rules_part_name[refused], "reason", err->text);
		rules->options.lacking |= bit;
		rules_table_free(table);
		if (!rules_table_make(&rules->options, rules->networks.at, rules->networks.len,
				      table))
			return err_nomem(err, "packet rules");
	}
	log_info("packet rules set", "chains", LOG_NUM(table->chains.len), "rules",
		 LOG_NUM(table->rules.len));
	return 0;
}

/* Asks the kernel, unless what stands is known. */
static int bring(struct rules *rules, struct err *err)
{
	AUTO_TABLE struct rules_table want = { .counters = false };
	bool same = false;

	if (!rules_table_make(&rules->options, rules->networks.at, rules->networks.len, &want))
		return err_nomem(err, "packet rules");
	if (rules->whole && !rules->doubt && rules_table_alike(&rules->stands, &want)) {
		rules->whole = false;
		if (rules_apply_elements(rules->nl, &rules->stands, &want, err) < 0)
			return -1;
		take(rules, &want);
		return 0;
	}
	rules->whole = false;
	if (rules_apply_check(rules->nl, &want, &same, err) < 0 ||
	    (!same && put_whole(rules, &want, err) < 0))
		return -1;
	rules->doubt = false;
	take(rules, &want);
	return 0;
}

/* Says a failure when it begins and when it changes, and its end. */
static void note(struct rules *rules, int rc, const struct err *err)
{
	const char *text = rc < 0 ? err->text : "";

	if (rc < 0 && strcmp(rules->error, text))
		log_error("packet rules cannot be set, trying again", "reason", text);
	else if (rc == 0 && rules->error[0])
		log_info("packet rules set again");
	snprintf(rules->error, sizeof(rules->error), "%s", text);
}

/* A table of an earlier weftd has rules of networks that have not told of themselves yet. */
static bool must_wait(const struct rules *rules)
{
	struct err unused;

	return !rules->networks.len ||
	       (rules->networks.len < rules->expected && !rules->waited && !rules->whole &&
		rules_apply_stands(rules->nl, &unused) > 0);
}

static int look_legacy(struct rules *rules, struct err *err)
{
	int rc = rules_legacy_look(&rules->legacy, &rules->options, rules->networks.at,
				   rules->networks.len, err);

	rules->legacy_due = rc < 0;
	if (rules->legacy.there)
		loop_timer_start(rules->poll, LEGACY_MS);
	else
		loop_timer_stop(rules->poll);
	return rc;
}

static void work(struct rules *rules)
{
	struct err err = ERR_INIT;
	int rc;

	if (!rules->nl || must_wait(rules))
		return;
	rc = bring(rules, &err);
	if (rc == 0 && rules->foreign_due) {
		rules->legacy_due = true;
		rc = rules_foreign_look(&rules->foreign, rules->nl, &rules->options,
					rules->networks.at, rules->networks.len, &err);
		rules->foreign_due = rc < 0;
	}
	if (rc == 0 && rules->legacy_due)
		rc = look_legacy(rules, &err);
	note(rules, rc, &err);
	if (rc == 0)
		rules->attempt = 0;
	loop_timer_start(rules->period,
			 rc == 0 ? loop_backoff_ms(0, PERIOD_MS, PERIOD_MS) :
				   loop_backoff_ms(rules->attempt++, RETRY_FIRST_MS, RETRY_MAX_MS));
}

static void on_look(void *ctx)
{
	struct rules *rules = ctx;

	work(rules);
	rules->looked_ms = loop_now_ms();
}

/* Of iptables-legacy there are no events. All else is not touched, unless this fails. */
static void on_poll(void *ctx)
{
	struct rules *rules = ctx;
	struct err unused = ERR_INIT;

	if (look_legacy(rules, &unused) < 0 || rules->error[0])
		work(rules);
}

/* Nobody has changed a rule since all were looked at: of 10,000 elements that is one question. */
static void on_period(void *ctx)
{
	struct rules *rules = ctx;
	uint32_t generation = 0;
	struct err unused = ERR_INIT;
	bool told = rules->nl && nft_generation(rules->nl, &generation, &unused) == 0;

	if (told && rules->seen && generation == rules->generation) {
		loop_timer_start(rules->period, loop_backoff_ms(0, PERIOD_MS, PERIOD_MS));
		on_poll(rules);
		return;
	}
	rules->doubt = true;
	rules->foreign_due = true;
	work(rules);
	rules->seen = told && !rules->doubt && !rules->foreign_due && !rules->error[0];
	rules->generation = generation;
}

static void on_others(void *ctx)
{
	struct rules *rules = ctx;

	rules->waited = true;
	work(rules);
}

/* ---- What networks tell ------------------------------------------------------------------ */

static struct rules_network *find(struct rules *rules, const char *name)
{
	for (size_t i = 0; i < rules->networks.len; i++)
		if (!strcmp(rules->networks.at[i].name, name))
			return &rules->networks.at[i];
	return NULL;
}

/* Makes the network's peers all that there are. False: out of memory. */
static bool complete(struct rules_network *known, struct rules_network *network)
{
	if (!known || !network->change)
		return true;
	for (enum family f = 0; f < FAMILIES; f++)
		if (!rules_elements_patch(&known->peers[f], &network->gone[f], &network->peers[f]))
			return false;
	for (enum family f = 0; f < FAMILIES; f++) {
		rules_elements_free(&network->peers[f]);
		network->peers[f] = known->peers[f];
		known->peers[f] = (struct rules_elements){ .len = 0 };
	}
	return true;
}

/* What others' chains are looked through for hangs on these. */
static bool has_moved(const struct rules_network *known, const struct rules_network *network)
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (!prefix_equal(&known->cluster[f], &network->cluster[f]))
			return true;
	return strcmp(known->bridge, network->bridge);
}

void rules_tell(struct rules *rules, struct rules_network *network)
{
	struct rules_network *known = find(rules, network->name);
	bool moved = !known || has_moved(known, network);

	if (!complete(known, network) ||
	    (!known && !rules_networks_push(&rules->networks, network))) {
		log_error("no memory for packet rules");
		return;
	}
	if (known) {
		rules_network_free(known);
		*known = *network;
	}
	/* It is ours now. */
	memset(network->peers, 0, sizeof(network->peers));
	memset(network->gone, 0, sizeof(network->gone));
	rules->foreign_due = rules->foreign_due || moved;
	if (rules->networks.len < rules->expected && !loop_timer_running(rules->others))
		loop_timer_start(rules->others, OTHERS_MS);
	work(rules);
}

bool rules_masquerade(const struct rules *rules)
{
	return rules->options.ip_masq && rules->whole &&
	       !(rules->options.lacking & 1U << RULES_MASQUERADE);
}

/* ---- What the kernel tells --------------------------------------------------------------- */

static void mark(struct rules *rules)
{
	bool busy = loop_now_ms() - rules->looked_ms < QUIET_MS && rules->looked_ms;

	if (!loop_timer_running(rules->look))
		loop_timer_start(rules->look, busy ? DISTANCE_MS : DEBOUNCE_MS);
}

static int take_event(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	struct rules *rules = ctx;
	struct nft_event event;

	(void)err;
	if (!nft_event(header, &event) || event.port == nl_port(rules->nl))
		return 0;
	if (event.family == RULES_FAMILY && !strcmp(event.table, RULES_TABLE))
		rules->doubt = true;
	else if (rules_foreign_concerns(&rules->foreign, &event))
		rules->foreign_due = true;
	return 0;
}

static void on_events(void *ctx, int fd, unsigned ready)
{
	struct rules *rules = ctx;
	bool lost = false;
	struct err err = ERR_INIT;
	int rc = nl_drain(rules->events, take_event, rules, &lost, &err);

	(void)fd, (void)ready;
	if (rc < 0 && !rules->deaf)
		log_error("events of the packet filter are not read", "reason", err.text);
	rules->deaf = rc < 0;
	if (rc < 0 || lost)
		rules->doubt = rules->foreign_due = true;
	if (rules->doubt || rules->foreign_due)
		mark(rules);
}

/* ---- Making one -------------------------------------------------------------------------- */

/* A kernel that has no nf_tables has no rules; whoever asks is told. */
static void open_kernel(struct rules *rules, struct loop *loop)
{
	static const unsigned groups[] = { NFNLGRP_NFTABLES, 0 };
	struct err err = ERR_INIT;

	if (nl_open_netfilter(&rules->nl, &err) == 0 &&
	    nl_open_netfilter(&rules->events, &err) == 0 &&
	    nl_listen(rules->events, groups, &err) == 0 && rules_apply_stands(rules->nl, &err) >= 0)
		rules->event = loop_fd(loop, nl_fd(rules->events), LOOP_READ, on_events, rules);
	if (rules->event)
		return;
	snprintf(rules->error, sizeof(rules->error),
		 "the kernel has no packet filter for us: %.400s", err.text);
	log_error("no packet rules", "reason", rules->error);
	nl_free(rules->events);
	nl_free(rules->nl);
	rules->nl = rules->events = NULL;
}

int rules_new(struct loop *loop, const struct rules_options *options, struct legacy *legacy,
	      size_t networks, struct rules **rules_out, struct err *err)
{
	struct rules *rules = calloc(1, sizeof(*rules));

	if (!rules)
		return err_nomem(err, "packet rules");
	rules->options = *options;
	rules->legacy.kernel = legacy;
	rules->expected = networks;
	rules->doubt = rules->foreign_due = true;
	rules->look = loop_timer(loop, on_look, rules);
	rules->period = loop_timer(loop, on_period, rules);
	rules->others = loop_timer(loop, on_others, rules);
	rules->poll = loop_timer(loop, on_poll, rules);
	if (!rules->look || !rules->period || !rules->others || !rules->poll) {
		rules_free(rules);
		return err_nomem(err, "packet rules");
	}
	open_kernel(rules, loop);
	*rules_out = rules;
	return 0;
}

void rules_free(struct rules *rules)
{
	if (!rules)
		return;
	loop_event_free(rules->event);
	loop_event_free(rules->look);
	loop_event_free(rules->period);
	loop_event_free(rules->others);
	loop_event_free(rules->poll);
	nl_free(rules->events);
	nl_free(rules->nl);
	for (size_t i = 0; i < rules->networks.len; i++)
		rules_network_free(&rules->networks.at[i]);
	rules_networks_free(&rules->networks);
	rules_table_free(&rules->stands);
	rules_foreign_free(&rules->foreign);
	rules_legacy_free(&rules->legacy);
	free(rules);
}

struct rules_view rules_view(const struct rules *rules)
{
	struct rules_view view = {
		.stands = rules->whole,
		.error = rules->error,
		.lacking = rules->options.lacking,
		.ip_masq = rules->options.ip_masq,
		.forward = rules->options.forward,
		.guard = rules->options.guard,
		.foreign = &rules->foreign,
		.legacy = &rules->legacy,
	};
	uint64_t bytes;
	struct err unused;

	if (rules->nl) {
		nft_counter_find(rules->nl, RULES_FAMILY, RULES_TABLE, RULES_GUARDED, &view.guarded,
				 &bytes, &unused);
		nft_counter_find(rules->nl, RULES_FAMILY, RULES_TABLE, RULES_APART, &view.apart,
				 &bytes, &unused);
	}
	return view;
}
