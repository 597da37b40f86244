/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake_nl.h"

#include "common/array.h"
#include "common/err.h"
#include "common/netlink/nl_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The real functions, renamed and static in this file, so that the fake can call them. */
#define REAL(name) static __typeof__(name) real_##name
REAL(nl_open);
REAL(nl_free);
REAL(nl_message);
REAL(nl_request);
REAL(nl_query);
REAL(nl_dump_all);
REAL(nl_batch_open);
REAL(nl_batch_add);
REAL(nl_batch_flush);
REAL(nl_batch_close);
REAL(nl_listen);
REAL(nl_fd);
REAL(nl_read_events);

#define nl_open real_nl_open
#define nl_free real_nl_free
#define nl_message real_nl_message
#define nl_request real_nl_request
#define nl_query real_nl_query
#define nl_dump_all real_nl_dump_all
#define nl_batch_open real_nl_batch_open
#define nl_batch_add real_nl_batch_add
#define nl_batch_flush real_nl_batch_flush
#define nl_batch_close real_nl_batch_close
#define nl_listen real_nl_listen
#define nl_fd real_nl_fd
#define nl_read_events real_nl_read_events
/* NOLINTBEGIN(bugprone-suspicious-include) */
#include "common/netlink/nl.c"
#include "common/netlink/nl_batch.c"
#include "common/netlink/nl_event.c"
#include "common/netlink/nl_message.c"
#include "common/netlink/nl_shared.c"
/* NOLINTEND(bugprone-suspicious-include) */
#undef nl_open
#undef nl_free
#undef nl_message
#undef nl_request
#undef nl_query
#undef nl_dump_all
#undef nl_batch_open
#undef nl_batch_add
#undef nl_batch_flush
#undef nl_batch_close
#undef nl_listen
#undef nl_fd
#undef nl_read_events

struct messages {
	struct nlmsghdr **at;
	size_t len;
};

struct fault {
	unsigned countdown; /* 0: none is planned */
	struct nl_ack ack;
};

struct refusal {
	uint64_t tag;
	struct nl_ack ack;
};

static struct {
	bool stand_in, faulted, lose;
	struct messages sent, answers; /* in answers, NULL ends an answer */
	size_t answered;
	unsigned interrupts;
	struct fault call, refuse, memory;
	struct refusal refusals[64];
	size_t refusals_len;
} fake;

static void push(struct messages *list, struct nlmsghdr *message)
{
	struct nlmsghdr **grown = reallocarray(list->at, list->len + 1, sizeof(*grown));

	if (!grown)
		abort();
	list->at = grown;
	list->at[list->len++] = message;
}

static void forget(struct messages *list)
{
	for (size_t i = 0; i < list->len; i++)
		free(list->at[i]);
	free(list->at);
}

static struct nlmsghdr *copy(const struct nlmsghdr *message)
{
	struct nlmsghdr *copied = malloc(message->nlmsg_len);

	if (!copied)
		abort();
	return memcpy(copied, message, message->nlmsg_len);
}

/* Whether the planned fault is due now. */
static bool strikes(struct fault *fault)
{
	if (!fault->countdown || --fault->countdown)
		return false;
	fake.faulted = true;
	return true;
}

static void plan(struct fault *fault, unsigned nth, int sys_errno, const char *text)
{
	fault->countdown = nth;
	fault->ack.sys_errno = sys_errno;
	snprintf(fault->ack.text, sizeof(fault->ack.text), "%s", text);
	fake.faulted = false;
}

void fake_nl_reset(void)
{
	forget(&fake.sent);
	forget(&fake.answers);
	memset(&fake, 0, sizeof(fake));
}

void fake_nl_stand_in(void)
{
	fake.stand_in = true;
}

size_t fake_nl_sent(void)
{
	return fake.sent.len;
}

const struct nlmsghdr *fake_nl_request(size_t i)
{
	return i < fake.sent.len ? fake.sent.at[i] : NULL;
}

void fake_nl_fail(unsigned nth, int sys_errno, const char *text)
{
	plan(&fake.call, nth, sys_errno, text);
}

void fake_nl_refuse(unsigned nth, int sys_errno, const char *text)
{
	plan(&fake.refuse, nth, sys_errno, text);
}

void fake_nl_exhaust(unsigned nth)
{
	plan(&fake.memory, nth, ENOMEM, "");
}

bool fake_nl_faulted(void)
{
	return fake.faulted;
}

void fake_nl_answer(struct nl_msg *msg)
{
	AUTO(nlmsg) struct nl_msg *owned = msg;

	push(&fake.answers, owned ? copy(nlmsg_hdr(owned)) : NULL);
}

void fake_nl_interrupt(unsigned times)
{
	fake.interrupts = times;
}

void fake_nl_lose(void)
{
	fake.lose = true;
}

static const struct nlmsghdr *next_answer(void)
{
	return fake.answered < fake.answers.len ? fake.answers.at[fake.answered++] : NULL;
}

/* Records the request. Returns 0 to continue with it; -1 with err set and the request freed. */
static int enter(struct nl_msg *msg, const char *what, struct err *err)
{
	AUTO(nlmsg) struct nl_msg *owned = msg;

	if (owned)
		push(&fake.sent, copy(nlmsg_hdr(owned)));
	if (strikes(&fake.call))
		return nl_ack_error(err, what, &fake.call.ack);
	if (!owned)
		return err_nomem(err, what);
	(void)take_ptr(owned);
	return 0;
}

struct nl_msg *nl_message(uint16_t type, uint16_t flags, const void *header, size_t size,
			  size_t payload)
{
	return strikes(&fake.memory) ? NULL : real_nl_message(type, flags, header, size, payload);
}

int nl_open(struct nl **nl_out, struct err *err)
{
	struct nl *nl;

	if (strikes(&fake.call))
		return nl_ack_error(err, "netlink socket", &fake.call.ack);
	if (!fake.stand_in)
		return real_nl_open(nl_out, err);
	nl = calloc(1, sizeof(*nl));
	if (!nl)
		return err_nomem(err, "netlink socket");
	nl->fd = -1;
	*nl_out = nl;
	return 0;
}

void nl_free(struct nl *nl)
{
	if (nl && nl->fd < 0)
		free(nl);
	else
		real_nl_free(nl);
}

int nl_request(struct nl *nl, struct nl_msg *msg, const char *what, struct err *err)
{
	if (enter(msg, what, err))
		return -1;
	if (!fake.stand_in)
		return real_nl_request(nl, msg, what, err);
	nlmsg_free(msg);
	return 0;
}

int nl_query(struct nl *nl, struct nl_msg *msg, const char *what, nl_visit_fn *visit, void *ctx,
	     struct err *err)
{
	const struct nlmsghdr *answer;

	if (enter(msg, what, err)) {
		int error = err->sys_errno;

		return error == ENODEV || error == ENOENT || error == ESRCH ? 0 : -1;
	}
	if (!fake.stand_in)
		return real_nl_query(nl, msg, what, visit, ctx, err);
	nlmsg_free(msg);
	answer = next_answer();
	if (!answer)
		return 0;
	return visit(ctx, answer, err) ? -1 : 1;
}

int nl_dump_all(struct nl *nl, const struct nl_dump *dump, struct err *err)
{
	size_t start = fake.answered;
	const struct nlmsghdr *answer;
	struct nl_msg *msg;

	msg = dump->build(dump->ctx);
	if (enter(msg, dump->what, err))
		return -1;
	nlmsg_free(msg);
	if (!fake.stand_in)
		return real_nl_dump_all(nl, dump, err);
	for (;;) {
		while ((answer = next_answer())) {
			if (dump->visit(dump->ctx, answer, err))
				return -1;
		}
		if (!fake.interrupts)
			return 0;
		fake.interrupts--;
		fake.answered = start;
		if (dump->restart)
			dump->restart(dump->restart_ctx ? dump->restart_ctx : dump->ctx);
	}
}

int nl_batch_open(struct nl *nl, nl_failed_fn *failed, void *ctx, struct nl_batch **batch_out,
		  struct err *err)
{
	if (strikes(&fake.call))
		return nl_ack_error(err, "netlink batch", &fake.call.ack);
	return real_nl_batch_open(nl, failed, ctx, batch_out, err);
}

int nl_batch_add(struct nl_batch *batch, struct nl_msg *msg, uint64_t tag, struct err *err)
{
	if (enter(msg, "netlink request", err))
		return -1;
	if (strikes(&fake.refuse)) {
		if (fake.refusals_len == ARRAY_LEN(fake.refusals))
			abort();
		fake.refusals[fake.refusals_len++] = (struct refusal){ tag, fake.refuse.ack };
	} else if (!fake.stand_in) {
		return real_nl_batch_add(batch, msg, tag, err);
	}
	nlmsg_free(msg);
	return 0;
}

int nl_batch_flush(struct nl_batch *batch, struct err *err)
{
	size_t len = fake.refusals_len;

	if (strikes(&fake.call)) {
		batch->len = 0;
		batch->size = 0;
		return nl_ack_error(err, "send of netlink requests", &fake.call.ack);
	}
	fake.refusals_len = 0;
	for (size_t i = 0; i < len; i++) {
		const struct refusal *refusal = &fake.refusals[i];

		batch->failed(batch->ctx, refusal->tag, refusal->ack.sys_errno, refusal->ack.text);
	}
	return real_nl_batch_flush(batch, err);
}

void nl_batch_close(struct nl_batch *batch)
{
	real_nl_batch_close(batch);
}

int nl_listen(struct nl *nl, const unsigned groups[], struct err *err)
{
	if (strikes(&fake.call))
		return nl_ack_error(err, "netlink groups", &fake.call.ack);
	return fake.stand_in ? 0 : real_nl_listen(nl, groups, err);
}

int nl_fd(const struct nl *nl)
{
	return real_nl_fd(nl);
}

int nl_read_events(struct nl *nl, nl_visit_fn *visit, void *ctx, bool *lost_out, struct err *err)
{
	const struct nlmsghdr *event;

	if (strikes(&fake.call))
		return nl_ack_error(err, "netlink events", &fake.call.ack);
	if (!fake.stand_in)
		return real_nl_read_events(nl, visit, ctx, lost_out, err);
	while ((event = next_answer())) {
		if (visit && visit(ctx, event, err))
			return -1;
	}
	*lost_out = fake.lose;
	fake.lose = false;
	return 0;
}
