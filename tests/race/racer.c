/* SPDX-License-Identifier: Apache-2.0 */
/*
 * racer NUMBER DIRECTORY ENDPOINT...: a node that has a lease but no devices: weftd's store, lease
 * table, lease client, HTTP client and loop. Fifty of them race for subnets in
 * tests/system/nodes_race_for_subnets.bats. DIRECTORY contains a replacement of node.json.
 *
 * Prints each change of its lease state on a line, for check.py:
 *
 *   MICROSECONDS NUMBER began - 0
 *   MICROSECONDS NUMBER held KEY REVISION
 *   MICROSECONDS NUMBER lost KEY 0
 *   MICROSECONDS NUMBER full - 0
 */
#include "common/err.h"
#include "common/log.h"
#include "daemon/io/http.h"
#include "daemon/io/loop.h"
#include "daemon/lease/lease_choose.h"
#include "daemon/lease/lease_client.h"
#include "daemon/lease/lease_table.h"
#include "daemon/store/etcd/store_etcd.h"
#include "ipam/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct racer {
	unsigned number;
	char node[LEASE_NODE_SIZE];
	char last_path[512];
	struct ipaddr public_ip;
	struct store *store;
	struct lease_client *lease;
	struct lease_table known;
	struct config config;
	bool configured, listed, full;
	struct err err;
};

static _Noreturn void die(const struct err *err)
{
	fprintf(stderr, "racer: %s\n", err->text);
	exit(1);
}

/* In a single write, so that a kill leaves no partial line. */
static void say(const struct racer *racer, const char *what, const char *key, uint64_t revision)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	dprintf(STDOUT_FILENO, "%" PRIu64 " %u %s %s %" PRIu64 "\n",
		(uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000, racer->number, what,
		key, revision);
}

/* ---- Replacement of node.json --------------------------------------------------------------- */

static void save(const struct racer *racer, const struct prefix *subnet)
{
	char fresh[sizeof(racer->last_path) + 4], text[PREFIX_TEXT_SIZE];
	FILE *file;

	snprintf(fresh, sizeof(fresh), "%s.new", racer->last_path);
	file = fopen(fresh, "we");
	if (!file || fprintf(file, "%s\n", prefix_text(subnet, text)) < 0 || fclose(file) ||
	    rename(fresh, racer->last_path)) {
		perror(racer->last_path);
		exit(1);
	}
}

static void restore(const struct racer *racer, struct prefix *subnet_out)
{
	FILE *file = fopen(racer->last_path, "re");
	char text[PREFIX_TEXT_SIZE] = "";
	struct err err;

	if (!file)
		return;
	if (fgets(text, sizeof(text), file)) {
		text[strcspn(text, "\n")] = '\0';
		if (prefix_parse(text, subnet_out, &err) < 0)
			die(&err);
	}
	fclose(file);
}

/* ---- The lease ------------------------------------------------------------------------------ */

static void fill(void *ctx, struct lease *peer)
{
	const struct racer *racer = ctx;

	peer->public_ip[FAMILY_V4] = racer->public_ip;
	peer->vtep_mac[FAMILY_V4] = (struct mac){ { 0x0e, 0, 0, 0, 0, (uint8_t)racer->number } };
	peer->vni[FAMILY_V4] = 1;
	peer->mtu = 1450;
	snprintf(peer->node, sizeof(peer->node), "%s", racer->node);
	snprintf(peer->name, sizeof(peer->name), "racer%u", racer->number);
}

static void changed(void *ctx)
{
	struct racer *racer = ctx;
	struct lease_client_view view = lease_client_view(racer->lease);
	char key[LEASE_KEY_SIZE];

	if (view.state == LEASE_HELD) {
		save(racer, &view.subnet[FAMILY_V4]);
		say(racer, "held", lease_key(view.subnet, key), view.revision);
	} else if (view.state == LEASE_LOST) {
		say(racer, "lost", lease_key(view.subnet, key), 0);
	}
	racer->full = false;
}

static void dropped(void *ctx, const struct lease *peer)
{
	(void)ctx, (void)peer;
}

/* weftd delays the removal of peers; a racer has no peers. */
static void update(struct racer *racer)
{
	bool full;

	if (!racer->configured || !racer->listed || racer->known.listing)
		return;
	lease_table_drop_vanished(&racer->known, dropped, racer);
	lease_client_update(racer->lease, &racer->config, &racer->known.current.leases);
	full = strstr(lease_client_view(racer->lease).error, "no free subnet") != NULL;
	if (full && !racer->full)
		say(racer, "full", "-", 0);
	racer->full = full;
}

/* ---- Events of the store -------------------------------------------------------------------- */

static void on_list_begin(void *ctx)
{
	lease_table_list_begin(&((struct racer *)ctx)->known);
}

static void ignore(void *ctx, const char *path, const char *what)
{
	(void)ctx, (void)path, (void)what;
}

static void on_config(void *ctx, const char *text, size_t size)
{
	struct racer *racer = ctx;

	if (text && config_parse(text, size, ignore, NULL, &racer->config, &racer->err) < 0)
		die(&racer->err);
	racer->configured = text != NULL;
	update(racer);
}

static void on_entry(void *ctx, const struct store_entry *entry)
{
	struct racer *racer = ctx;

	if (lease_table_put(&racer->known, entry, &racer->err) < 0)
		die(&racer->err);
	update(racer);
}

static const struct prefix *held(const struct racer *racer, struct lease_client_view *view)
{
	*view = lease_client_view(racer->lease);
	return view->state == LEASE_HELD ? view->subnet : NULL;
}

static void on_list_end(void *ctx)
{
	struct racer *racer = ctx;
	struct lease_client_view view;

	lease_table_list_end(&racer->known, held(racer, &view));
	racer->listed = true;
	update(racer);
}

static void on_list_failed(void *ctx)
{
	lease_table_list_failed(&((struct racer *)ctx)->known);
}

static void on_gone(void *ctx, const char *key, uint64_t mod_revision)
{
	struct racer *racer = ctx;
	struct lease_client_view view;

	lease_table_delete(&racer->known, key, mod_revision, held(racer, &view));
	update(racer);
}

static void on_link(void *ctx, bool connected, const char *endpoint, const struct err *why)
{
	(void)ctx, (void)connected, (void)endpoint, (void)why;
}

static const struct store_listener listener = {
	.list_begin = on_list_begin,
	.config = on_config,
	.entry = on_entry,
	.list_end = on_list_end,
	.list_failed = on_list_failed,
	.gone = on_gone,
	.link = on_link,
};

/* ---- Running -------------------------------------------------------------------------------- */

static void setup(struct racer *racer, const char *number, const char *directory)
{
	char address[IPADDR_TEXT_SIZE];

	racer->number = (unsigned)strtoul(number, NULL, 10);
	snprintf(racer->node, sizeof(racer->node), "00000000-0000-4000-8000-%012u", racer->number);
	snprintf(racer->last_path, sizeof(racer->last_path), "%s/racer%u", directory,
		 racer->number);
	snprintf(address, sizeof(address), "172.20.0.%u", racer->number & 0xff);
	if (ipaddr_parse(address, &racer->public_ip, &racer->err) < 0)
		die(&racer->err);
}

int main(int argc, char *argv[])
{
	static const struct lease_client_owner owner = { fill, changed };
	struct racer racer = { .err = ERR_INIT };
	struct store_etcd_options options = { .prefix = "/race", .network = "default" };
	struct lease_self self = { .node = racer.node, .machine = "" };
	struct loop *loop = NULL;
	struct http *http = NULL;

	if (argc < 4) {
		fprintf(stderr, "usage: racer NUMBER DIRECTORY ENDPOINT...\n");
		return 2;
	}
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	setup(&racer, argv[1], argv[2]);
	restore(&racer, &self.last[FAMILY_V4]);
	self.public_ip[FAMILY_V4] = racer.public_ip;
	self.seed = racer.number % 8; /* so that all racers try the same subnet */
	options.endpoints = (const char *const *)&argv[3];
	if (loop_new(&loop, &racer.err) < 0 || http_new(loop, &http, &racer.err) < 0 ||
	    store_etcd_new(loop, http, &options, &listener, &racer, &racer.store, &racer.err) < 0 ||
	    lease_client_new(loop, racer.store, &self, &owner, &racer, &racer.lease, &racer.err) <
		    0 ||
	    racer.store->ops->start(racer.store, NULL, &racer.err) < 0)
		die(&racer.err);
	say(&racer, "began", "-", 0);
	loop_run(loop); /* runs until it is killed */
	return 1;
}
