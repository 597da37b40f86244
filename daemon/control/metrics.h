/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document of /metrics. docs/operations.md lists all metrics. Pure: renders what monitor.c has
 * collected.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/log.h"
#include "common/netlink/link.h"
#include "daemon/probe/probe_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fast_path_view;
struct firewall_view;
struct network_view;
struct plugin_calls;

#define METRICS_DEVICES 3 /* a bridge and up to two vxlan devices */

struct metrics_device {
	char name[IF_NAMESIZE];
	bool tunnel; /* a vxlan device */
	struct link_stats stats;
};

/* What is read of a network for the document, in addition to its view. */
struct metrics_network {
	const struct network_view *view;
	size_t used[FAMILIES]; /* addresses of the pool */
	uint64_t size[FAMILIES];
	struct metrics_device devices[METRICS_DEVICES];
	size_t device_len;
	bool probe_failed, probe_open;    /* open: a socket of it, in one family or both */
	const struct probe_table *probes; /* NULL: the network is not probed */
	size_t probed[PROBE_STATES];      /* targets by state */
	const uint64_t *probe_refused;    /* PROBE_REFUSALS of them; NULL with probes */
};

struct metrics_source {
	const char *node_id, *node_name;
	const struct metrics_network *networks;
	size_t network_len;
	const struct firewall_view *firewall;   /* NULL: no packet rules */
	const struct fast_path_view *fast_path; /* NULL: none */
	size_t flows;                           /* in the fast path */
	const struct plugin_calls *calls;
	uint64_t now, started_at;                       /* seconds since the epoch */
	uint64_t cpu_us, resident_bytes;                /* of this process */
	uint64_t log_lines[LOG_LEVELS], log_suppressed; /* by enum log_level */
};

/*
 * The last document. It is served again for METRICS_REUSE times as long as it took to make, so
 * making it takes at most 5 % of weftd's time however often it is requested, but not longer than
 * METRICS_REUSE_MAX_US: a duration can be long because weftd was suspended. Zero-initialized: none.
 */
#define METRICS_REUSE 20
#define METRICS_REUSE_MAX_US 1000000
struct metrics_cache {
	char *text;                /* NULL: none */
	uint64_t made_us, took_us; /* CLOCK_MONOTONIC, and the duration */
};
bool metrics_cache_is_fresh(const struct metrics_cache *cache, uint64_t now_us);
/* Takes ownership of text, which may be NULL, and which was begun at begun_us. */
void metrics_cache_set(struct metrics_cache *cache, char *text, uint64_t begun_us, uint64_t now_us);

/* Returns the document, malloc'ed, the caller's; NULL: out of memory. */
char *metrics_text(const struct metrics_source *source);
