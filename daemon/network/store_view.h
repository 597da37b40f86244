/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The content of the store, as far as this node has read it: the network configuration in use,
 * all leases, what has changed among them, and whether the store can be relied on. Fed by
 * network.c with the store's events (store.h); calls only the store.
 *
 * Snapshot. What was read is kept in the state directory (snapshot.h), so that a node that boots
 * without the store starts from it: the view is stale until the first list is complete. It is
 * written by a child process, 5 s after a change.
 *
 * Grace period. Peers that vanish from a store that was wiped or restored stay for five minutes;
 * peers that go one by one, for 300 ms, since the store may be in the middle of being wiped.
 */
#pragma once

#include "common/err.h"
#include "daemon/lease/lease_table.h"
#include "daemon/network/lease_changes.h"
#include "ipam/config.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_event;
struct offload;
struct store;
struct store_entry;
struct store_point;

struct store_connection {
	bool connected;
	uint64_t since; /* seconds since the epoch; 0: neither yet */
	char endpoint[256];
	char error[ERR_TEXT_SIZE]; /* why it is not connected */
};

struct store_wipe {
	bool detected;  /* the store was wiped or restored, and the grace period runs */
	char why[160];  /* how that was seen */
	uint64_t until; /* the end of the grace period, seconds since the epoch */
	/* Of the list under way: why it comes from a restored store; "" */
	char list_restored[160];
	/* The snapshot was written during a grace period. */
	bool before_start;
};

struct snapshot_writer {
	struct loop *loop;
	struct loop_event *timer; /* the next write */
	struct offload *job;      /* the write under way; NULL: none */
	uint64_t began_ms, rest_ms;
	uint64_t hash; /* of what was written last (snapshot_write) */
	bool stopped;
};

struct store_view {
	const char *network, *state_dir; /* borrowed */
	struct store *store;             /* borrowed; NULL before the start */
	struct store_connection connection;
	bool configured;
	struct config config;             /* in use */
	char *config_text;                /* that it was parsed from; may be NULL */
	char *refused_text;               /* what does not fit the node or the peers now; NULL */
	char config_error[ERR_TEXT_SIZE]; /* why the configuration in the store is not used; "" */
	bool listed;                      /* a list was complete */
	bool stale;                       /* all of this is from the snapshot */
	struct lease_table leases;        /* all of them, this node's too */
	struct lease_changes changes;     /* since the kernel had the entries of all */
	struct store_wipe wipe;
	struct loop_event *grace; /* until vanished peers are removed */
	struct snapshot_writer writer;
	uint64_t warned_ms, warnings_held; /* log_limit */
};

#define STORE_VIEW_ABSENCE_SIZE 320

/*
 * Zero-initialized before. grace_over is called with ctx at the end of a grace period, and has to
 * call store_view_end_grace. ERR_NOMEM: store_view_free is still due.
 */
int store_view_init(struct store_view *view, struct loop *loop, const char *network,
		    const char *state_dir, void (*grace_over)(void *ctx), void *ctx,
		    struct err *err);
void store_view_free(struct store_view *view);

/* ---- Events of the store (store.h) ---- */

void store_view_on_link(struct store_view *view, bool connected, const char *endpoint,
			const struct err *why);
void store_view_on_list_begin(struct store_view *view);
void store_view_on_restored(struct store_view *view, const char *why);
void store_view_on_list_failed(struct store_view *view);
/* A key that is no lease is logged and leaves the lease that it was before. */
void store_view_on_entry(struct store_view *view, const struct store_entry *entry);
/* own: the subnets of the lease that this node holds; NULL: none. As in lease_table.h. */
void store_view_on_list_end(struct store_view *view, const struct prefix *own);
void store_view_on_gone(struct store_view *view, const char *key, uint64_t mod_revision,
			const struct prefix *own);

/* ---- Configuration ---- */

/* Whether this is the configuration in use. */
bool store_view_uses(const struct store_view *view, const struct config *config);
/*
 * Uses this configuration, parsed from text, from now on, and logs remarks on it; text is copied.
 */
void store_view_set_config(struct store_view *view, const struct config *config, const char *text);
/*
 * Records why the configuration in the store is not used; another may be in use and stay so. text:
 * copied, of a configuration that may become usable; NULL: none.
 */
void store_view_refuse_config(struct store_view *view, const char *why, const char *text);
/* Returns why the store has no configuration, or cannot read it, in buf. */
const char *store_view_absence(const struct store_view *view,
			       char buf[static STORE_VIEW_ABSENCE_SIZE]);
/* The configuration in the store is used. */
void store_view_accept_config(struct store_view *view);

/* ---- Leases ---- */

/*
 * The lease client has put this node's lease: the store's own event of it comes too, but perhaps
 * after events that are younger. A later one that came before the reply is kept.
 */
void store_view_put_own(struct store_view *view, const struct lease *own);

/*
 * Removes vanished peers. Returns false when the grace period continues, because a store that is
 * not connected has had no time to list them again.
 */
bool store_view_end_grace(struct store_view *view);

/* ---- Snapshot ---- */

/*
 * Whether a node that has held this subnet should start from the snapshot: no list was complete,
 * and the configuration in use, if there is one, contains the subnet.
 */
bool store_view_wants_snapshot(const struct store_view *view,
			       const struct prefix subnet[static FAMILIES]);
/* The point in the store's history that the snapshot was written at. */
struct store_point store_view_snapshot_point(struct store_view *view);
/*
 * Reads leases and configuration of the snapshot. Returns whether there is a usable one; the
 * caller frees *text_out. The view is not stale yet: the caller may refuse the configuration.
 */
bool store_view_read_snapshot(struct store_view *view, struct config *config_out, char **text_out);
/* Writes it some seconds from now, unless the view is stale. */
void store_view_schedule_snapshot(struct store_view *view);
/* Ends a write under way; nothing is written until store_view_resume_snapshots. */
void store_view_stop_snapshots(struct store_view *view);
void store_view_resume_snapshots(struct store_view *view);
