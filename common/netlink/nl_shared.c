/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The requests of this socket discard all copies, because not all of them lead to an event at once:
 * a device that is down has none for its alias or group, and an IPv6 address has its event after
 * the acknowledgement. The queue of events, read before each use of a copy, has the changes of
 * others. A small receive buffer suffices: an overrun is a change, too.
 */
#include "common/err.h"
#include "common/netlink/nl_socket.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define COPIES 16                          /* different dumps */
#define COPY_MAX ((size_t)4 * 1024 * 1024) /* bytes of one; a larger dump is not kept */
#define EVENTS_BUFFER (16 * 1024)

/* The messages of one dump, each aligned. */
struct copy {
	struct nlmsghdr *request; /* NULL: unused */
	char *data;
	size_t len, cap;
};

struct nl_shared {
	struct nl *events;
	void (*filled)(void *ctx);
	void *ctx;
	struct copy copies[COPIES];
	size_t used;
};

static void free_copy(struct copy *copy)
{
	free(copy->request);
	free(copy->data);
	*copy = (struct copy){ .request = NULL };
}

static void clear(struct nl_shared *cache)
{
	for (size_t i = 0; i < cache->used; i++)
		free_copy(&cache->copies[i]);
	cache->used = 0;
}

void nl_shared_free(struct nl_shared *cache)
{
	if (!cache)
		return;
	clear(cache);
	nl_free(cache->events);
	free(cache);
}
AUTO_DEFINE(nl_shared, struct nl_shared, nl_shared_free);

int nl_shared_open(struct nl *nl, void (*filled)(void *ctx), void *ctx, struct err *err)
{
	static const unsigned groups[] = { RTNLGRP_LINK,        RTNLGRP_IPV4_IFADDR,
					   RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
					   RTNLGRP_IPV6_ROUTE,  0 };
	AUTO(nl_shared) struct nl_shared *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return err_nomem(err, "copies of netlink dumps");
	cache->filled = filled;
	cache->ctx = ctx;
	if (nl_open(&cache->events, err) < 0 || nl_listen(cache->events, groups, err) < 0)
		return -1;
	nl_set_buffer(cache->events, EVENTS_BUFFER);
	nl_shared_free(nl->cache);
	nl->cache = take_ptr(cache);
	return 0;
}

void nl_shared_close(struct nl *nl)
{
	nl_shared_free(take_ptr(nl->cache));
}

void nl_shared_clear(struct nl *nl)
{
	if (nl->cache)
		clear(nl->cache);
}

/*
 * Reads and discards the pending events. Returns whether there was one, or they cannot be read:
 * what was copied before is stale.
 */
static bool discard_events(struct nl_shared *cache)
{
	bool changed = false;
	int error;

	while ((error = nl_read(cache->events, MSG_DONTWAIT)) != EAGAIN) {
		changed = true;
		if (error && error != ENOBUFS && error != EMSGSIZE)
			break;
	}
	return changed;
}

/* ---- Copies ------------------------------------------------------------------------------ */

static bool is_same(const struct nlmsghdr *a, const struct nlmsghdr *b)
{
	return a->nlmsg_type == b->nlmsg_type && a->nlmsg_len == b->nlmsg_len &&
	       !memcmp((const char *)a + NLMSG_HDRLEN, (const char *)b + NLMSG_HDRLEN,
		       a->nlmsg_len - NLMSG_HDRLEN);
}

static const struct copy *find(const struct nl_shared *cache, const struct nlmsghdr *request)
{
	for (size_t i = 0; i < cache->used; i++)
		if (is_same(cache->copies[i].request, request))
			return &cache->copies[i];
	return NULL;
}

static int replay(const struct copy *copy, const struct nl_dump *dump, struct err *err)
{
	size_t at = 0;

	while (at < copy->len) {
		const struct nlmsghdr *header = (const void *)(copy->data + at);

		if (dump->object_size) {
			if (dump->visit_object(dump->ctx, copy->data + at, err))
				return -1;
			at += dump->object_size;
			continue;
		}
		if (dump->visit(dump->ctx, header, err))
			return -1;
		at += NLMSG_ALIGN((size_t)header->nlmsg_len);
	}
	return 0;
}

/* A dump that is copied while its messages are visited. */
struct recording {
	const struct nl_dump *dump;
	struct copy copy;
	bool incomplete; /* too large, or out of memory */
};

/* Returns size more bytes, or NULL. */
static char *extend(struct copy *copy, size_t size)
{
	size_t cap = copy->cap ? copy->cap : NL_DATA_SIZE;
	char *data;

	if (size > COPY_MAX - copy->len)
		return NULL;
	while (cap < copy->len + size)
		cap *= 2;
	if (cap != copy->cap) {
		data = realloc(copy->data, cap);
		if (!data)
			return NULL;
		copy->data = data;
		copy->cap = cap;
	}
	copy->len += size;
	return copy->data + copy->len - size;
}

static struct nl_msg *build(void *ctx)
{
	const struct recording *recording = ctx;

	return recording->dump->build(recording->dump->ctx);
}

/* The object is parsed where the copy has it; one that is not kept, on the heap. */
static int record_object(struct recording *recording, const struct nlmsghdr *header,
			 struct err *err)
{
	const struct nl_dump *dump = recording->dump;
	AUTO(free) char *single = NULL;
	char *object = recording->incomplete ? NULL : extend(&recording->copy, dump->object_size);

	if (!object) {
		recording->incomplete = true;
		single = malloc(dump->object_size);
		if (!single)
			return err_nomem(err, dump->what);
		object = single;
	}
	if (dump->parse(header, object, err))
		return -1;
	return dump->visit_object(dump->ctx, object, err);
}

static int record(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	const size_t size = NLMSG_ALIGN((size_t)header->nlmsg_len);
	struct recording *recording = ctx;
	char *place;

	if (recording->dump->object_size)
		return record_object(recording, header, err);
	place = recording->incomplete ? NULL : extend(&recording->copy, size);
	if (place)
		memcpy(place, header, header->nlmsg_len);
	else
		recording->incomplete = true;
	return recording->dump->visit(recording->dump->ctx, header, err);
}

static void restart(void *ctx)
{
	struct recording *recording = ctx;
	const struct nl_dump *dump = recording->dump;

	recording->copy.len = 0;
	if (dump->restart)
		dump->restart(dump->restart_ctx ? dump->restart_ctx : dump->ctx);
}

/* Takes the copy over, or frees it: events since the start of the dump make it stale. */
static void keep(struct nl_shared *cache, struct copy *copy, const struct nlmsghdr *request)
{
	const bool changed = discard_events(cache);

	if (changed)
		clear(cache);
	if (changed || cache->used == COPIES) {
		free_copy(copy);
		return;
	}
	copy->request = malloc(request->nlmsg_len);
	if (!copy->request) {
		free_copy(copy);
		return;
	}
	memcpy(copy->request, request, request->nlmsg_len);
	cache->copies[cache->used++] = *copy;
	if (cache->used == 1)
		cache->filled(cache->ctx);
}

int nl_shared_dump(struct nl *nl, const struct nl_dump *dump, struct err *err)
{
	AUTO(nlmsg) struct nl_msg *request = dump->build(dump->ctx);
	struct recording recording = { .dump = dump };
	const struct nl_dump recorded = {
		.what = dump->what,
		.build = build,
		.visit = record,
		.restart = restart,
		.ctx = &recording,
	};
	const struct copy *copy;
	int rc;

	if (!request)
		return err_nomem(err, dump->what);
	if (discard_events(nl->cache))
		clear(nl->cache);
	copy = find(nl->cache, nlmsg_hdr(request));
	if (copy)
		return replay(copy, dump, err);
	rc = nl_dump_kernel(nl, &recorded, err);
	if (rc < 0 || recording.incomplete)
		free_copy(&recording.copy);
	else
		keep(nl->cache, &recording.copy, nlmsg_hdr(request));
	return rc;
}
