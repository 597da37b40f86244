/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/lease/lease_client.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/jitter.h"
#include "common/log.h"
#include "common/log_state.h"
#include "common/retry.h"
#include "daemon/io/loop.h"
#include "daemon/lease/lease.h"
#include "daemon/lease/lease_choose.h"
#include "daemon/lease/lease_message.h"
#include "daemon/store/store.h"
#include "ipam/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define RETRY_FIRST_MS 200
#define RETRY_MAX_MS 10000
#define REFUSALS_MAX 3
#define PUBLISHED_MAX 4

struct lease_client {
	struct store *store;
	struct lease_self self;
	const struct lease_client_owner *owner;
	void *ctx;
	struct loop_event *timer; /* LEASE_HELD: the next keepalive; else: the next attempt */
	enum lease_state state;
	struct lease_choice claim;    /* being put, or held */
	struct prefix held[FAMILIES]; /* the last lease that was held; unset: none */
	struct lease put;             /* the value of the last put */
	/*
	 * Public addresses of the last put and of those before it, as far as the store may have
	 * them.
	 */
	struct ipaddr published[PUBLISHED_MAX][FAMILIES];
	uint64_t etcd_lease;           /* granted or attached; 0: none */
	uint32_t granted_ttl_s;        /* TTL requested for etcd_lease */
	uint64_t replaced_etcd_lease;  /* to be revoked when no key uses it; 0: none */
	uint64_t keepalive_etcd_lease; /* of the last keepalive request */
	bool repeat;      /* the key replaced another one, and has to be put once more */
	bool unconfirmed; /* the key seems missing or replaced; the next list decides */
	bool lost;        /* another node has the subnet in held, and nothing is held now */
	char claimant[STORE_KEY_SIZE]; /* from the last put that failed; or "" */
	struct lease_choice refused;   /* by the store */
	unsigned refusals;             /* of it, in a row */
	uint32_t ttl_s;
	uint64_t renewed_at;
	uint64_t renewals, renewals_failed;
	struct retry retry;
	struct log_state failure;
};

static void report_error(struct lease_client *client, const char *text)
{
	if (log_state_fail(&client->failure, text))
		log_warn("lease error", "network", client->self.network, "error", text);
}

static void report_success(struct lease_client *client)
{
	retry_reset(&client->retry);
	log_state_clear(&client->failure);
}

/* At most a third of the TTL, so that the lease does not expire between two attempts. */
static uint64_t retry_ms(struct lease_client *client)
{
	uint64_t third = (uint64_t)client->ttl_s * 1000 / 3;

	client->retry.max_ms = third && third < RETRY_MAX_MS ? third : RETRY_MAX_MS;
	return retry_next_ms(&client->retry);
}

/* Requests a list later, which calls lease_client_update and so makes the next attempt. */
static void retry_later(struct lease_client *client, const char *error)
{
	report_error(client, error);
	if (client->state == LEASE_GRANTING || client->state == LEASE_PUTTING)
		client->state = LEASE_NONE;
	loop_timer_start(client->timer, retry_ms(client));
}

static uint64_t keepalive_ms(const struct lease_client *client)
{
	uint64_t third_ms = (uint64_t)client->ttl_s * 1000 / 3;

	return jitter_ms(third_ms ? third_ms : RETRY_FIRST_MS);
}

static void on_cleanup_done(void *ctx, const struct store_reply *reply, const struct err *err)
{
	(void)ctx, (void)reply;
	if (err)
		log_debug("cannot clean up the store", "error", err->text);
}

static bool has_held(const struct lease_client *client)
{
	return prefix_is_set(&client->held[FAMILY_V4]) || prefix_is_set(&client->held[FAMILY_V6]);
}

/* Excludes a subnet that the store refuses although no lease in the table contains it. */
static void avoid_subnet(struct lease_client *client)
{
	const struct prefix *subnet = client->claim.subnet;
	struct prefix *list = client->self.avoid;
	bool second = client->claimant[0] || !prefix_is_set(&subnet[FAMILY_V4]);

	memmove(&list[1], list, (LEASE_AVOID_MAX - 1) * sizeof(*list));
	list[0] = subnet[second ? FAMILY_V6 : FAMILY_V4];
	client->refusals = 0;
}

static void on_refused(struct lease_client *client, const struct store_reply *reply)
{
	const struct lease_choice *claim = &client->claim;
	char text[320], key[LEASE_KEY_SIZE];

	memcpy(client->claimant, reply->claimant, sizeof(client->claimant));
	if (memcmp(client->refused.subnet, claim->subnet, sizeof(claim->subnet)))
		client->refusals = 0;
	client->refused = *claim;
	if (claim->action == LEASE_CREATE && ++client->refusals == REFUSALS_MAX)
		avoid_subnet(client);
	snprintf(text, sizeof(text), "lost the race for subnet %s to another node%s%s",
		 lease_key(claim->subnet, key), reply->claimant[0] ? ": " : "", reply->claimant);
	retry_later(client, text);
}

static void on_repeated(void *ctx, const struct store_reply *reply, const struct err *err)
{
	struct lease_client *client = ctx;

	if (err) {
		client->repeat = true; /* with the next list */
		return;
	}
	/* If it did not succeed, the next list has the cause. */
	if (reply->succeeded && client->state == LEASE_HELD &&
	    reply->mod_revision > client->claim.if_revision)
		client->claim.if_revision = reply->mod_revision;
}

/*
 * flannel before 0.21.5 reads only the first event of a revision. Of a replacement, that is the
 * deletion of the old key. The value is put once more, in a revision of its own; nothing changes
 * for all others. A node that is killed before puts its key when it starts.
 */
static void repeat_put(struct lease_client *client)
{
	struct store_put put = { .lease = client->claim.reserved ? 0 : client->etcd_lease,
				 .if_revision = client->claim.if_revision };
	AUTO(free) char *value = NULL;
	char key[LEASE_KEY_SIZE];
	struct err err;

	client->repeat = lease_value(&client->put, &value, &err) < 0;
	if (client->repeat)
		return;
	put.key = lease_key(client->held, key);
	put.value = value;
	client->store->ops->put(client->store, &put, on_repeated, client);
}

/* The store has what was acknowledged last, or a later value whose acknowledgement was lost. */
static void record_published(struct lease_client *client)
{
	struct ipaddr(*published)[FAMILIES] = client->published;

	for (enum family f = 0; f < FAMILIES; f++) {
		if (ipaddr_equal(&published[0][f], &client->put.public_ip[f]))
			continue;
		memmove(&published[1], &published[0], (PUBLISHED_MAX - 1) * sizeof(*published));
		memcpy(published[0], client->put.public_ip, sizeof(published[0]));
		return;
	}
}

static void confirm_published(struct lease_client *client)
{
	for (size_t i = 1; i < PUBLISHED_MAX; i++)
		memcpy(client->published[i], client->published[0], sizeof(client->published[0]));
}

static void on_put(void *ctx, const struct store_reply *reply, const struct err *err)
{
	struct lease_client *client = ctx;
	bool acquired = memcmp(client->held, client->claim.subnet, sizeof(client->held)) != 0;
	char key[LEASE_KEY_SIZE];

	if (err) {
		if (err->sys_errno == ENOENT)
			client->etcd_lease = 0; /* the etcd lease expired before the put */
		retry_later(client, err->text);
		return;
	}
	if (!reply->succeeded) {
		on_refused(client, reply);
		return;
	}
	client->state = LEASE_HELD;
	client->lost = false;
	client->refusals = 0;
	client->unconfirmed = false;
	client->claim.if_revision = reply->mod_revision;
	client->repeat = client->claim.instead_revision != 0;
	memcpy(client->held, client->claim.subnet, sizeof(client->held));
	client->renewed_at = (uint64_t)time(NULL);
	confirm_published(client);
	report_success(client);
	if (client->claim.reserved)
		loop_timer_stop(client->timer);
	else
		loop_timer_start(client->timer, keepalive_ms(client));
	if (client->replaced_etcd_lease && client->replaced_etcd_lease != client->etcd_lease)
		client->store->ops->revoke(client->store, client->replaced_etcd_lease,
					   on_cleanup_done, client);
	client->replaced_etcd_lease = 0;
	log_info(acquired ? "lease acquired" : "lease key updated in the store", "network",
		 client->self.network, "key", lease_key(client->held, key), "ttl_s",
		 LOG_NUM(client->ttl_s), "reserved", client->claim.reserved ? "yes" : "no");
	if (client->repeat)
		repeat_put(client);
	client->owner->changed(client->ctx);
}

static void put_claim(struct lease_client *client)
{
	const struct lease_choice *claim = &client->claim;
	struct store_put put = { .lease = claim->reserved ? 0 : client->etcd_lease,
				 .if_revision = claim->if_revision,
				 .instead_revision = claim->instead_revision };
	struct lease lease = { .etcd_lease = client->etcd_lease };
	char key[LEASE_KEY_SIZE], old[LEASE_KEY_SIZE];
	AUTO(free) char *value = NULL;
	struct err err;

	memcpy(lease.subnet, client->claim.subnet, sizeof(lease.subnet));
	client->owner->fill(client->ctx, &lease);
	if (lease_value(&lease, &value, &err) < 0) {
		retry_later(client, err.text);
		return;
	}
	client->put = lease;
	record_published(client);
	client->state = LEASE_PUTTING;
	put.key = lease_key(lease.subnet, key);
	put.value = value;
	if (put.instead_revision)
		put.instead_of = lease_key(claim->instead_of, old);
	if (client->claimant[0])
		put.absent = client->claimant;
	client->store->ops->put(client->store, &put, on_put, client);
	client->claimant[0] = '\0';
}

static void on_granted(void *ctx, const struct store_reply *reply, const struct err *err)
{
	struct lease_client *client = ctx;

	if (err) {
		retry_later(client, err->text);
		return;
	}
	client->etcd_lease = reply->lease;
	client->ttl_s = (uint32_t)reply->ttl_s;
	/* A store without expiring leases: the key is a reservation. */
	client->claim.reserved = client->claim.reserved || !client->etcd_lease;
	put_claim(client);
}

static void report_full(struct lease_client *client, const struct config *config, enum family full)
{
	char text[ERR_TEXT_SIZE], why[LEASE_MESSAGE_SIZE];

	/* A subnet in avoid may be free now. */
	memset(client->self.avoid, 0, sizeof(client->self.avoid));
	lease_message_full(&config->pool[full], why);
	snprintf(text, sizeof(text), "%.240s%s%.240s", client->lost ? client->failure.error : "",
		 client->lost ? "; " : "", why);
	retry_later(client, text);
}

static const char unreserved[] = "no subnet is reserved for this node (weftctl reserve), and the "
				 "network configuration has ReservedOnly";

/* An etcd lease that is unused after a lost race is used for the next attempt. */
static void claim(struct lease_client *client, const struct config *config,
		  const struct lease_choice *choice)
{
	char text[LEASE_MESSAGE_SIZE];

	if (choice->action == LEASE_CLONE) {
		lease_message_clone(choice->subnet, text);
		retry_later(client, text); /* the other machine keeps it */
		return;
	}
	if (choice->action == LEASE_UNSUITABLE) {
		lease_message_unsuitable(config, choice->subnet, text);
		retry_later(client, text);
		return;
	}
	if (choice->action == LEASE_UNRESERVED) {
		retry_later(client,
			    client->store->unreserved ? client->store->unreserved : unreserved);
		return;
	}
	if (choice->action == LEASE_FULL) {
		report_full(client, config, choice->full);
		return;
	}
	client->claim = *choice;
	loop_timer_stop(client->timer);
	if (choice->reserved || client->etcd_lease) {
		put_claim(client);
		return;
	}
	client->state = LEASE_GRANTING;
	client->granted_ttl_s = config->lease_ttl_s;
	client->store->ops->grant(client->store, config->lease_ttl_s, on_granted, client);
}

static void on_keepalive(void *ctx, const struct store_reply *reply, const struct err *err)
{
	struct lease_client *client = ctx;

	if (client->state != LEASE_HELD || client->etcd_lease != client->keepalive_etcd_lease)
		return;
	if (err || !reply->ttl_s)
		client->renewals_failed++;
	else
		client->renewals++;
	if (err) {
		report_error(client, err->text);
		loop_timer_start(client->timer, retry_ms(client));
		return;
	}
	report_success(client);
	if (!reply->ttl_s) {
		report_error(client, "lease expired in the store, acquiring it again");
		client->etcd_lease = 0;
		client->unconfirmed = true;
		client->store->ops->refresh(client->store);
		return;
	}
	client->ttl_s = (uint32_t)reply->ttl_s;
	client->renewed_at = (uint64_t)time(NULL);
	loop_timer_start(client->timer, keepalive_ms(client));
}

static void on_timer(void *ctx)
{
	struct lease_client *client = ctx;

	if (client->state == LEASE_HELD && client->etcd_lease) {
		client->keepalive_etcd_lease = client->etcd_lease;
		client->store->ops->keepalive(client->store, client->etcd_lease, on_keepalive,
					      client);
	} else {
		client->store->ops->refresh(client->store);
	}
}

/* The owner has this node's id: a clone, with which this node does not compete. */
static bool is_clone(const struct lease_client *client, const struct lease *owner)
{
	return !strcmp(owner->node, client->self.node);
}

static void lose(struct lease_client *client, const struct lease *owner)
{
	char text[LEASE_MESSAGE_SIZE];

	lease_message_lost(owner, is_clone(client, owner), text);
	if (!client->lost)
		log_error("lease lost, no new addresses from its subnet", "network",
			  client->self.network, "error", text);
	log_state_fail(&client->failure, text);
	client->state = LEASE_NONE;
	client->etcd_lease = 0;
	loop_timer_stop(client->timer);
	if (client->lost)
		return;
	client->lost = true;
	client->owner->changed(client->ctx);
}

static bool is_published(const struct lease_client *client, enum family f,
			 const struct ipaddr *public_ip)
{
	for (size_t i = 0; i < PUBLISHED_MAX; i++)
		if (ipaddr_equal(public_ip, &client->published[i][f]))
			return true;
	return ipaddr_equal(public_ip, &client->self.public_ip[f]);
}

/*
 * Whether the key that was held is now another node's. This node put it with its present or a
 * previous public address: its id with any other address belongs to a clone.
 */
static bool is_taken(const struct lease_client *client, const struct lease *lease)
{
	if (lease->invalid)
		return false;
	if (lease->node[0] && strcmp(lease->node, client->self.node))
		return true;
	for (enum family f = 0; f < FAMILIES; f++)
		if (!is_published(client, f, &lease->public_ip[f]))
			return true;
	return false;
}

/*
 * A list or event that left the store before this node's put can arrive after the reply: the key is
 * missing, or older than the put. A wiped or restored store, which restarts its revisions, gives
 * the same result, so the next list decides.
 */
static bool is_stale(struct lease_client *client, const struct lease *lease)
{
	if (client->state != LEASE_HELD || client->unconfirmed)
		return false;
	if (lease && lease->mod_revision >= client->claim.if_revision)
		return false;
	client->unconfirmed = true;
	client->store->ops->refresh(client->store);
	return true;
}

/* Whether the key's value equals the one that this node would put now. */
static bool is_current(const struct lease_client *client, const struct lease *lease)
{
	AUTO(free) char *there = NULL;
	AUTO(free) char *own = NULL;
	struct lease wanted = { .invalid = false };
	struct err unused;

	memcpy(wanted.subnet, lease->subnet, sizeof(wanted.subnet));
	client->owner->fill(client->ctx, &wanted);
	return lease_value(lease, &there, &unused) == 0 &&
	       lease_value(&wanted, &own, &unused) == 0 && !strcmp(there, own);
}

/* The store has this node's value, attached to the etcd lease that is kept alive. */
static bool is_up_to_date(const struct lease_client *client, const struct config *config,
			  const struct lease *lease)
{
	return client->state == LEASE_HELD && !lease->invalid && is_current(client, lease) &&
	       (client->claim.reserved ||
		(client->etcd_lease && lease->etcd_lease == client->etcd_lease &&
		 client->granted_ttl_s == config->lease_ttl_s));
}

/*
 * The TTL of an etcd lease is fixed when granted: a changed LeaseTTL needs a new one. The replaced
 * one of an L2 network still has the keys of endpoints, which are put again one by one: it expires.
 */
static void replace_etcd_lease(struct lease_client *client, const struct config *config)
{
	if (!client->etcd_lease || client->granted_ttl_s == config->lease_ttl_s)
		return;
	client->replaced_etcd_lease = config->mode == CONFIG_ROUTED ? client->etcd_lease : 0;
	client->etcd_lease = 0;
}

/* Returns another node's lease for the subnet that was held, or for a part of it, or NULL. */
static const struct lease *find_owner(const struct lease_client *client,
				      const struct leases *leases)
{
	const struct lease *lease = leases_find(leases, client->held);

	if (lease && is_taken(client, lease))
		return lease;
	return lease && !lease->vanished ? NULL :
					   lease_find_conflict(leases, &client->self, client->held);
}

/* Claims another subnet, or the lost one if it is free by then. */
static void update_lost(struct lease_client *client, const struct config *config,
			const struct leases *leases)
{
	const struct lease *owner = find_owner(client, leases);
	struct lease_self self = client->self;
	struct lease_choice choice;

	if (owner)
		lose(client, owner);
	if (owner && is_clone(client, owner))
		return;
	memcpy(self.last, client->held, sizeof(self.last));
	choice = lease_choose(leases, config, &self);
	claim(client, config, &choice);
}

static void remove_duplicate(struct lease_client *client, const struct leases *leases)
{
	const struct lease *lease = lease_find_duplicate(leases, &client->self, client->held,
							 client->etcd_lease);
	char key[LEASE_KEY_SIZE];

	if (lease)
		client->store->ops->remove(client->store, lease_key(lease->subnet, key),
					   lease->mod_revision, on_cleanup_done, client);
}

/* Compares the store with the lease that was held, and acts on a difference. */
static void update_held(struct lease_client *client, const struct config *config,
			const struct leases *leases)
{
	const struct lease *lease = leases_find(leases, client->held);
	struct lease_choice choice = { .action = LEASE_CREATE };

	memcpy(choice.subnet, client->held, sizeof(choice.subnet));
	if (lease && lease->vanished && !is_taken(client, lease))
		lease = NULL; /* its key is absent from the store */
	if (is_stale(client, lease))
		return;
	client->unconfirmed = false;
	if (find_owner(client, leases)) {
		update_lost(client, config, leases);
		return;
	}
	if (lease && is_up_to_date(client, config, lease)) {
		if (client->repeat)
			repeat_put(client);
		remove_duplicate(client, leases);
		return;
	}
	replace_etcd_lease(client, config);
	if (lease) {
		choice.action = LEASE_ADOPT;
		choice.if_revision = lease->mod_revision;
		choice.reserved = lease->etcd_lease == 0 && !lease->invalid;
	} else {
		/* Expired or deleted: whether the etcd lease still exists is unknown. */
		client->etcd_lease = 0;
	}
	claim(client, config, &choice);
}

/* A reservation does not expire; any other lease is renewed. */
static void continue_renewal(struct lease_client *client)
{
	if (client->claim.reserved) {
		loop_timer_stop(client->timer);
		report_success(client);
	} else if (!loop_timer_running(client->timer)) {
		loop_timer_start(client->timer, keepalive_ms(client));
	}
}

/*
 * The configuration permits reserved subnets only: another reservation replaces the held subnet. A
 * lease from before that, which is no reservation, is kept while it is renewed.
 */
static void update_reserved(struct lease_client *client, const struct config *config,
			    const struct leases *leases)
{
	const struct lease_choice choice = lease_choose(leases, config, &client->self);
	const struct lease *lease = leases_find(leases, choice.subnet);

	if (choice.action == LEASE_ADOPT && lease && client->state == LEASE_HELD &&
	    !memcmp(choice.subnet, client->held, sizeof(client->held))) {
		if (is_stale(client, lease))
			return;
		client->unconfirmed = false;
		if (is_up_to_date(client, config, lease)) {
			continue_renewal(client);
			return;
		}
		replace_etcd_lease(client, config);
	}
	claim(client, config, &choice);
}

void lease_client_update(struct lease_client *client, const struct config *config,
			 const struct leases *leases)
{
	struct lease_choice choice;

	if (client->state == LEASE_GRANTING || client->state == LEASE_PUTTING)
		return;
	if (config->reserved_only) {
		update_reserved(client, config, leases);
		return;
	}
	if (client->lost) {
		update_lost(client, config, leases);
		return;
	}
	if (has_held(client) && lease_is_complete(config, client->held)) {
		update_held(client, config, leases);
		return;
	}
	choice = lease_choose(leases, config, &client->self);
	claim(client, config, &choice);
}

int lease_client_new(struct loop *loop, struct store *store, const struct lease_self *self,
		     const struct lease_client_owner *owner, void *ctx,
		     struct lease_client **client_out, struct err *err)
{
	struct lease_client *client = calloc(1, sizeof(*client));

	if (!client)
		return err_nomem(err, "the lease client");
	client->store = store;
	client->self = *self;
	client->owner = owner;
	client->retry = (struct retry){ .first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS };
	client->ctx = ctx;
	client->timer = loop_timer(loop, on_timer, client);
	if (!client->timer) {
		free(client);
		return err_nomem(err, "the lease timer");
	}
	*client_out = client;
	return 0;
}

void lease_client_free(struct lease_client *client)
{
	if (!client)
		return;
	loop_event_free(client->timer);
	free(client);
}

void lease_client_set_public_ip(struct lease_client *client,
				const struct ipaddr public_ip[static FAMILIES])
{
	memcpy(client->self.public_ip, public_ip, sizeof(client->self.public_ip));
}

struct lease_client_view lease_client_view(const struct lease_client *client)
{
	return (struct lease_client_view){
		.state = client->lost ? LEASE_LOST : client->state,
		.subnet = { client->held[FAMILY_V4], client->held[FAMILY_V6] },
		.etcd_lease = client->etcd_lease,
		.revision = client->claim.if_revision,
		.put = &client->put,
		.ttl_s = client->ttl_s,
		.renewed_at = client->renewed_at,
		.renewals = client->renewals,
		.renewals_failed = client->renewals_failed,
		.reserved = client->claim.reserved,
		.error = client->failure.error,
	};
}
