/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a network, shared by network.c (coming up, passes, publishing),
 * network_store.c (what the store tells), network_stale.c (what is done without it),
 * network_kernel.c (what the kernel tells) and network_rules.c (what packet rules need to know).
 * Nobody else includes it.
 */
#pragma once

#include "common/err.h"
#include "device.h"
#include "known.h"
#include "network.h"
#include "store.h"
#include "strays.h"

struct loop_event;
struct watch;
struct watch_owner;

/* A known lease that came, went or changed: its key, and what was known before. */
struct network_change {
	struct prefix subnet[FAMILIES];
	bool was_known;
	struct peer was;
};

VEC_DEFINE(network_change_list, struct network_change);

/* What a pass has to look at: these leases, or all. */
struct network_changes {
	struct network_change_list list;
	bool all;
};

struct network {
	struct network_env env;
	char name[STATE_NETWORK_NAME_SIZE];
	struct store *store;
	struct lease *lease; /* NULL until there is a configuration and an uplink */
	struct sync *sync;
	struct loop_event *wait; /* for what is not there yet */

	/* What the store told. */
	bool connected;
	uint64_t connected_since;
	char endpoint[256];
	char store_error[ERR_TEXT_SIZE];
	bool listed; /* all of it, once */
	bool configured;
	struct config config;
	char *config_text; /* what it was parsed from; may be NULL */
	bool stale; /* all of this is from the state directory: the store has told nothing yet */
	struct prefix subnet[FAMILIES]; /* ours, while it is stale */
	struct loop_event *save;        /* what is known, into the state directory */
	struct offload *saving;         /* under way; NULL: none */
	uint64_t save_began_ms, save_rest_ms;
	uint64_t saved; /* lastgood_write */
	char config_error[ERR_TEXT_SIZE];
	struct known known;             /* every lease, ours too */
	struct network_changes changes; /* of the known leases since the last pass */
	bool lacked;              /* before this start, peers stayed that a restored store lacked */
	struct loop_event *grace; /* until what has vanished goes */
	bool wiped;               /* the store was, and the grace is long */
	char wiped_why[160];
	uint64_t wiped_until;              /* seconds since the epoch */
	char restored[160];                /* why the list under way is of a restored store; "" */
	uint64_t warned_ms, warnings_held; /* log_limit */

	/* What the node is. */
	struct uplink uplink; /* index 0: none yet */
	bool outer[FAMILIES]; /* the families that the tunnel's packets have */
	char uplink_error[ERR_TEXT_SIZE];
	struct loop_event *uplink_timer; /* the next look for it */
	struct watch *watch;
	struct mac vtep_mac;

	bool leaving; /* our key is going, or has gone, as weftctl asked */
	network_left_fn *left;
	void *left_ctx;

	struct strays strays;              /* containers with addresses of a subnet that we lost */
	struct prefix strays_of[FAMILIES]; /* what we held when they were looked for */
	bool strays_busy;                  /* a record could not be read: again soon, by */
	struct loop_event *strays_timer;

	/* What was done. */
	struct device_want device; /* of the last pass */
	bool clashes;              /* of peers with one another, as of the last pass for all */
	bool masquerades;          /* packet rules do, for what leaves the cluster */
	bool published;
	char publish_error[ERR_TEXT_SIZE];
	enum network_state state;
	char reason[ERR_TEXT_SIZE];
	uint64_t since;
};

/* Reckons state and reason anew, and logs a change. */
void network_judge(struct network *network);

/* The store's content, or the configuration, is another: all of it may be. */
void network_store_changed(struct network *network);
/* Only of the leases that network_lease_changes was told of. */
void network_leases_changed(struct network *network);

/* Before a known lease changes, or is taken away (network_peers.c). */
void network_lease_changes(struct network *network, const struct prefix subnet[static FAMILIES]);
/* What should stand for peers, as the sync asks for it. */
int network_peers(void *ctx, bool all, struct sync_peers *peers_out, struct err *err);
/* This node, as its peers must not be. */
struct peer_self network_self(const struct network *network);

/* Whether other containers than before have addresses of a subnet that is not ours any more. */
bool network_strays_look(struct network *network, const struct prefix own[static FAMILIES]);

void network_strays_again(void *ctx); /* a pass, and so another look */

/* The store cannot be reached: comes up from the last known good, unless it is up. */
void network_come_up_stale(struct network *network);
/* Where the store was when what is kept was kept, or nowhere; and whether it was restored then. */
struct store_point network_seen_before(struct network *network);
/* The list under way is of a store that was restored: what it lacks may have been known before. */
void network_recall(struct network *network);
/* Uses this configuration from now on. */
void network_config_take(struct network *network, const struct config *config, const char *text);
/* Keeps what is known, in a while; and now. */
void network_save_soon(struct network *network);
void network_save(void *ctx);
/* Not any more: what is being written is not either. */
void network_save_stop(struct network *network);

/* Whether the new configuration can take the place of the one in use. ERR_CONFIG: why not. */
int network_check_config(const struct network *network, const struct config *config,
			 struct err *err);

/* The addresses that we publish. */
void network_public_ip(const struct network *network, struct ipaddr public_ip[static FAMILIES]);

/* Looks at the way to the other nodes again (network_kernel.c). */
void network_find_uplink(void *ctx);
extern const struct watch_owner network_watch_owner;

/* Tells the packet rules of the peers that a pass is about (network_rules.c). */
void network_tell_rules(struct network *network, const struct sync_peers *peers);

/* The time that a wiped store had to tell everything again is over (network_store.c). */
void network_grace_over(void *ctx);

/* Whether those beside it let it have this configuration. ERR_CONFIG: why not. */
int network_admit(const struct network *network, const struct config *config, struct err *err);

/* There is no usable configuration: says why, and looks again later. */
void network_config_missing(struct network *network, const char *why);
