/* SPDX-License-Identifier: Apache-2.0 */
#include "lease.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "config.h"
#include "lease_words.h"
#include "loop.h"
#include "peer.h"
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define RETRY_FIRST_MS 200
#define RETRY_MAX_MS 10000
#define REFUSALS_MAX 3

struct lease {
	struct store *store;
	struct lease_self self;
	const struct lease_owner *owner;
	void *ctx;
	struct loop_event *timer; /* HELD: the next keepalive; else: the next try */
	enum lease_state state;
	struct lease_choice claim;      /* what is being put, or is held */
	struct prefix held[FAMILIES];   /* the last ones that were held; unset: none */
	struct ipaddr put_ip[FAMILIES]; /* our public addresses, as we put them last */
	uint64_t id;                    /* etcd's lease, granted or attached; 0: none */
	uint32_t asked_ttl_s;           /* of it, when it was granted */
	uint64_t outgrown; /* the one before it, which no key needs any more; 0: none */
	uint64_t keeping;  /* the one that the last keepalive was for */
	bool doubted;      /* the key may be gone: who does not find it next is believed */
	bool lost;         /* what was held is another's, and nothing is held now */
	char claimant[STORE_KEY_SIZE]; /* of the last put that did not succeed; or "" */
	struct lease_choice refused;   /* what the store did not give */
	unsigned refusals;             /* of that, in a row */
	uint32_t ttl_s;
	uint64_t renewed_at;
	unsigned attempt; /* failures in a row */
	char trouble[ERR_TEXT_SIZE];
};

/* Says a trouble once, not at every try. */
static void set_trouble(struct lease *lease, const char *text)
{
	if (*text && strcmp(lease->trouble, text))
		log_warn("lease in trouble", "reason", text);
	snprintf(lease->trouble, sizeof(lease->trouble), "%s", text);
}

/* Never so long that a lease could run out between two tries at a store that is back. */
static uint64_t retry_ms(struct lease *lease)
{
	uint64_t third = (uint64_t)lease->ttl_s * 1000 / 3;
	uint64_t longest = third && third < RETRY_MAX_MS ? third : RETRY_MAX_MS;

	return loop_backoff_ms(lease->attempt++, RETRY_FIRST_MS, longest);
}

/* Lists again later, which leads to lease_update and so to the next try. */
static void try_again(struct lease *lease, const char *why)
{
	set_trouble(lease, why);
	if (lease->state == LEASE_GRANTING || lease->state == LEASE_PUTTING)
		lease->state = LEASE_NONE;
	loop_timer_start(lease->timer, retry_ms(lease));
}

static uint64_t keepalive_ms(const struct lease *lease)
{
	uint64_t third_ms = (uint64_t)lease->ttl_s * 1000 / 3;

	return loop_backoff_ms(0, third_ms ? third_ms : RETRY_FIRST_MS, UINT32_MAX);
}

static void on_tidied(void *ctx, const struct store_reply *reply, const struct err *err)
{
	(void)ctx, (void)reply;
	if (err)
		log_debug("left in the store for now", "reason", err->text);
}

static bool has_held(const struct lease *lease)
{
	return prefix_is_set(&lease->held[FAMILY_V4]) || prefix_is_set(&lease->held[FAMILY_V6]);
}

/* Takes no subnet for a while that no known key has, and that is refused all the same. */
static void avoid(struct lease *lease)
{
	const struct prefix *subnet = lease->claim.subnet;
	struct prefix *list = lease->self.avoid;
	bool second = lease->claimant[0] || !prefix_is_set(&subnet[FAMILY_V4]);

	memmove(&list[1], list, (LEASE_AVOID_MAX - 1) * sizeof(*list));
	list[0] = subnet[second ? FAMILY_V6 : FAMILY_V4];
	lease->refusals = 0;
}

static void refused(struct lease *lease, const struct store_reply *reply)
{
	const struct lease_choice *claim = &lease->claim;
	char text[192];

	memcpy(lease->claimant, reply->claimant, sizeof(lease->claimant));
	if (memcmp(lease->refused.subnet, claim->subnet, sizeof(claim->subnet)))
		lease->refusals = 0;
	lease->refused = *claim;
	if (claim->verdict == LEASE_CREATE && ++lease->refusals == REFUSALS_MAX)
		avoid(lease);
	snprintf(text, sizeof(text), "another node was quicker to take the subnet%s%s",
		 reply->claimant[0] ? ": " : "", reply->claimant);
	try_again(lease, text);
}

static void on_put(void *ctx, const struct store_reply *reply, const struct err *err)
{
	struct lease *lease = ctx;
	bool anew = memcmp(lease->held, lease->claim.subnet, sizeof(lease->held)) != 0;
	char key[PEER_KEY_SIZE];

	if (err) {
		if (err->sys_errno == ENOENT)
			lease->id = 0; /* granted too long ago: it has expired unused */
		try_again(lease, err->text);
		return;
	}
	if (!reply->succeeded) {
		refused(lease, reply);
		return;
	}
	lease->state = LEASE_HELD;
	lease->lost = false;
	lease->refusals = 0;
	lease->doubted = false;
	lease->claim.if_revision = reply->mod_revision;
	memcpy(lease->held, lease->claim.subnet, sizeof(lease->held));
	lease->renewed_at = (uint64_t)time(NULL);
	lease->attempt = 0;
	set_trouble(lease, "");
	if (lease->claim.reserved)
		loop_timer_stop(lease->timer);
	else
		loop_timer_start(lease->timer, keepalive_ms(lease));
	if (lease->outgrown && lease->outgrown != lease->id)
		lease->store->ops->revoke(lease->store, lease->outgrown, on_tidied, lease);
	lease->outgrown = 0;
	log_info(anew ? "lease acquired" : "lease put again", "key", peer_key(lease->held, key),
		 "ttl_s", LOG_NUM(lease->ttl_s), "reserved", lease->claim.reserved ? "yes" : "no");
	lease->owner->changed(lease->ctx);
}

static void put_claim(struct lease *lease)
{
	const struct lease_choice *claim = &lease->claim;
	struct store_put put = { .lease = claim->reserved ? 0 : lease->id,
				 .if_revision = claim->if_revision,
				 .instead_revision = claim->instead_revision };
	struct peer peer = { .lease = lease->id };
	char key[PEER_KEY_SIZE], old[PEER_KEY_SIZE];
	AUTO_FREE char *value = NULL;
	struct err err;

	memcpy(peer.subnet, lease->claim.subnet, sizeof(peer.subnet));
	lease->owner->fill(lease->ctx, &peer);
	if (peer_value(&peer, &value, &err) < 0) {
		try_again(lease, err.text);
		return;
	}
	memcpy(lease->put_ip, peer.public_ip, sizeof(lease->put_ip));
	lease->state = LEASE_PUTTING;
	put.key = peer_key(peer.subnet, key);
	put.value = value;
	if (put.instead_revision)
		put.instead_of = peer_key(claim->instead_of, old);
	if (lease->claimant[0])
		put.absent = lease->claimant;
	lease->store->ops->put(lease->store, &put, on_put, lease);
	lease->claimant[0] = '\0';
}

static void on_granted(void *ctx, const struct store_reply *reply, const struct err *err)
{
	struct lease *lease = ctx;

	if (err) {
		try_again(lease, err->text);
		return;
	}
	lease->id = reply->lease;
	lease->ttl_s = (uint32_t)reply->ttl_s;
	/* A store without leases that end: what is put there stays. */
	lease->claim.reserved = lease->claim.reserved || !lease->id;
	put_claim(lease);
}

static void say_full(struct lease *lease, const struct config *config, enum family full)
{
	char text[ERR_TEXT_SIZE], why[LEASE_WORDS_SIZE];

	/* There may have been more where nothing was avoided. */
	memset(lease->self.avoid, 0, sizeof(lease->self.avoid));
	lease_words_full(&config->plan[full], why);
	snprintf(text, sizeof(text), "%.240s%s%.240s", lease->lost ? lease->trouble : "",
		 lease->lost ? "; " : "", why);
	try_again(lease, text);
}

/* A grant that a lost race left unused serves the next try. */
static void claim(struct lease *lease, const struct config *config,
		  const struct lease_choice *choice)
{
	char text[LEASE_WORDS_SIZE];

	if (choice->verdict == LEASE_COPY) {
		lease_words_copy(choice->subnet, text);
		try_again(lease, text); /* it came before us, and is left in peace */
		return;
	}
	if (choice->verdict == LEASE_FULL) {
		say_full(lease, config, choice->full);
		return;
	}
	lease->claim = *choice;
	loop_timer_stop(lease->timer);
	if (choice->reserved || lease->id) {
		put_claim(lease);
		return;
	}
	lease->state = LEASE_GRANTING;
	lease->asked_ttl_s = config->lease_ttl_s;
	lease->store->ops->grant(lease->store, config->lease_ttl_s, on_granted, lease);
}

static void on_kept(void *ctx, const struct store_reply *reply, const struct err *err)
{
	struct lease *lease = ctx;

	if (lease->state != LEASE_HELD || lease->id != lease->keeping)
		return;
	if (err) {
		set_trouble(lease, err->text);
		loop_timer_start(lease->timer, retry_ms(lease));
		return;
	}
	lease->attempt = 0;
	set_trouble(lease, "");
	if (!reply->ttl_s) {
		set_trouble(lease, "it has expired in the store, and is being taken again");
		lease->id = 0;
		lease->doubted = true;
		lease->store->ops->refresh(lease->store);
		return;
	}
	lease->ttl_s = (uint32_t)reply->ttl_s;
	lease->renewed_at = (uint64_t)time(NULL);
	loop_timer_start(lease->timer, keepalive_ms(lease));
}

static void on_timer(void *ctx)
{
	struct lease *lease = ctx;

	if (lease->state == LEASE_HELD && lease->id) {
		lease->keeping = lease->id;
		lease->store->ops->keepalive(lease->store, lease->id, on_kept, lease);
	} else {
		lease->store->ops->refresh(lease->store);
	}
}

/* The key of a node with our id that is not us: a copy, with which this node must not fight. */
static bool is_copy(const struct lease *lease, const struct peer *owner)
{
	return !strcmp(owner->node, lease->self.node);
}

static void lose(struct lease *lease, const struct peer *owner)
{
	char text[LEASE_WORDS_SIZE];

	lease_words_lost(owner, is_copy(lease, owner), text);
	if (!lease->lost)
		log_error("lease lost: no new container gets an address from it", "reason", text);
	snprintf(lease->trouble, sizeof(lease->trouble), "%s", text);
	lease->state = LEASE_NONE;
	lease->id = 0;
	loop_timer_stop(lease->timer);
	if (lease->lost)
		return;
	lease->lost = true;
	lease->owner->changed(lease->ctx);
}

/*
 * Whether the key that we held is somebody's who is not us. We put it with our public address,
 * the present one or the one before, so our id with another one is a clone of this node, which
 * must not be fought with.
 */
static bool is_anothers(const struct lease *lease, const struct peer *peer)
{
	if (peer->unreadable)
		return false;
	if (peer->node[0] && strcmp(peer->node, lease->self.node))
		return true;
	for (enum family f = 0; f < FAMILIES; f++)
		if (!ipaddr_equal(&peer->public_ip[f], &lease->self.public_ip[f]) &&
		    !ipaddr_equal(&peer->public_ip[f], &lease->put_ip[f]))
			return true;
	return false;
}

/*
 * A list that was made before our put may be told after it was answered: a key that is missing, or
 * older than our put. But so looks a store that was wiped or restored, which counts its revisions
 * anew: what the next list says is believed.
 */
static bool is_stale(struct lease *lease, const struct peer *peer)
{
	if (lease->state != LEASE_HELD || lease->doubted)
		return false;
	if (peer && peer->mod_revision >= lease->claim.if_revision)
		return false;
	lease->doubted = true;
	lease->store->ops->refresh(lease->store);
	return true;
}

/* Whether the key's value is what we would put now. */
static bool is_current(const struct lease *lease, const struct peer *peer)
{
	AUTO_FREE char *there = NULL;
	AUTO_FREE char *ours = NULL;
	struct peer wanted = { .unreadable = false };
	struct err unused;

	memcpy(wanted.subnet, peer->subnet, sizeof(wanted.subnet));
	lease->owner->fill(lease->ctx, &wanted);
	return peer_value(peer, &there, &unused) == 0 && peer_value(&wanted, &ours, &unused) == 0 &&
	       !strcmp(there, ours);
}

/* Held as it should be: the store has what we put, attached to what we keep alive. */
static bool is_kept(const struct lease *lease, const struct config *config, const struct peer *peer)
{
	return lease->state == LEASE_HELD && !peer->unreadable && is_current(lease, peer) &&
	       (lease->claim.reserved || (lease->id && peer->lease == lease->id &&
					  lease->asked_ttl_s == config->lease_ttl_s));
}

/* A lease's time is fixed when it is granted: another time takes another lease. */
static void outgrow(struct lease *lease, const struct config *config)
{
	if (!lease->id || lease->asked_ttl_s == config->lease_ttl_s)
		return;
	lease->outgrown = lease->id;
	lease->id = 0;
}

/* Whose the subnet is that we held, or a part of it; NULL: nobody's but ours. */
static const struct peer *find_owner(const struct lease *lease, const struct peers *known)
{
	const struct peer *peer = peers_find(known, lease->held);

	if (peer && is_anothers(lease, peer))
		return peer;
	return peer && !peer->vanished ? NULL : lease_rival(known, &lease->self, lease->held);
}

/* Another subnet, or the one that was lost, if it is free before another is taken. */
static void update_lost(struct lease *lease, const struct config *config, const struct peers *known)
{
	const struct peer *owner = find_owner(lease, known);
	struct lease_self self = lease->self;
	struct lease_choice choice;

	if (owner)
		lose(lease, owner);
	if (owner && is_copy(lease, owner))
		return;
	memcpy(self.last, lease->held, sizeof(self.last));
	choice = lease_choose(known, config, &self);
	claim(lease, config, &choice);
}

static void remove_surplus(struct lease *lease, const struct peers *known)
{
	const struct peer *peer = lease_surplus(known, &lease->self, lease->held, lease->id);
	char key[PEER_KEY_SIZE];

	if (peer)
		lease->store->ops->remove(lease->store, peer_key(peer->subnet, key),
					  peer->mod_revision, on_tidied, lease);
}

/* What became of the subnet that we held. */
static void update_held(struct lease *lease, const struct config *config, const struct peers *known)
{
	const struct peer *peer = peers_find(known, lease->held);
	struct lease_choice choice = { .verdict = LEASE_CREATE };

	memcpy(choice.subnet, lease->held, sizeof(choice.subnet));
	if (peer && peer->vanished && !is_anothers(lease, peer))
		peer = NULL; /* what is remembered of it is no key any more */
	if (is_stale(lease, peer))
		return;
	lease->doubted = false;
	if (find_owner(lease, known)) {
		update_lost(lease, config, known);
		return;
	}
	if (peer && is_kept(lease, config, peer)) {
		remove_surplus(lease, known);
		return;
	}
	outgrow(lease, config);
	if (peer) {
		choice.verdict = LEASE_ADOPT;
		choice.if_revision = peer->mod_revision;
		choice.reserved = peer->lease == 0 && !peer->unreadable;
	} else {
		/* Expired or deleted: its etcd lease may live, but that is not known. */
		lease->id = 0;
	}
	claim(lease, config, &choice);
}

void lease_update(struct lease *lease, const struct config *config, const struct peers *known)
{
	struct lease_choice choice;

	if (lease->state == LEASE_GRANTING || lease->state == LEASE_PUTTING)
		return;
	if (lease->lost) {
		update_lost(lease, config, known);
		return;
	}
	if (has_held(lease) && lease_is_whole(config, lease->held)) {
		update_held(lease, config, known);
		return;
	}
	choice = lease_choose(known, config, &lease->self);
	claim(lease, config, &choice);
}

int lease_new(struct loop *loop, struct store *store, const struct lease_self *self,
	      const struct lease_owner *owner, void *ctx, struct lease **lease_out, struct err *err)
{
	struct lease *lease = calloc(1, sizeof(*lease));

	if (!lease)
		return err_nomem(err, "the lease");
	lease->store = store;
	lease->self = *self;
	lease->owner = owner;
	lease->ctx = ctx;
	lease->timer = loop_timer(loop, on_timer, lease);
	if (!lease->timer) {
		free(lease);
		return err_nomem(err, "the lease's timer");
	}
	*lease_out = lease;
	return 0;
}

void lease_free(struct lease *lease)
{
	if (!lease)
		return;
	loop_event_free(lease->timer);
	free(lease);
}

void lease_readdress(struct lease *lease, const struct ipaddr public_ip[static FAMILIES])
{
	memcpy(lease->self.public_ip, public_ip, sizeof(lease->self.public_ip));
}

struct lease_view lease_view(const struct lease *lease)
{
	return (struct lease_view){
		.state = lease->lost ? LEASE_LOST : lease->state,
		.subnet = { lease->held[FAMILY_V4], lease->held[FAMILY_V6] },
		.id = lease->id,
		.revision = lease->claim.if_revision,
		.ttl_s = lease->ttl_s,
		.renewed_at = lease->renewed_at,
		.reserved = lease->claim.reserved,
		.trouble = lease->trouble,
	};
}
