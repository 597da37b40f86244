/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/nl_script.h"

int script_setup(void **state)
{
	struct script *script = test_calloc(1, sizeof(*script));
	const struct timeval soon = { .tv_usec = 20000 };
	const int size = 1 << 20;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)), 0);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	script->nl.fd = pair[0];
	script->nl.seq = 100;
	script->kernel = pair[1];
	*state = script;
	return 0;
}

int script_teardown(void **state)
{
	struct script *script = *state;

	close(script->nl.fd);
	close(script->kernel);
	test_free(script);
	return 0;
}

void say(const struct script *script, uint16_t type, uint16_t flags, uint32_t seq, const void *body,
	 size_t size)
{
	char bytes[512] = { 0 };
	struct nlmsghdr header = {
		.nlmsg_len = (uint32_t)NLMSG_LENGTH(size),
		.nlmsg_type = type,
		.nlmsg_flags = flags,
		.nlmsg_seq = seq,
	};

	memcpy(bytes, &header, sizeof(header));
	if (size)
		memcpy(bytes + NLMSG_HDRLEN, body, size);
	assert_int_equal(send(script->kernel, bytes, header.nlmsg_len, 0), header.nlmsg_len);
}

void say_verdict(const struct script *script, uint32_t seq, int sys_errno)
{
	const struct nlmsgerr body = { .error = -sys_errno };

	say(script, NLMSG_ERROR, NLM_F_CAPPED, seq, &body, sizeof(body));
}

void say_number(const struct script *script, uint32_t seq, uint16_t flags, uint32_t number)
{
	say(script, RTM_NEWROUTE, NLM_F_MULTI | flags, seq, &number, sizeof(number));
}

void say_done(const struct script *script, uint32_t seq, uint16_t flags, int sys_errno)
{
	int error = -sys_errno;

	say(script, NLMSG_DONE, NLM_F_MULTI | flags, seq, &error, sizeof(error));
}

struct nl_msg *small_message(void)
{
	const struct rtmsg info = { .rtm_family = AF_INET };

	return nl_message(RTM_GETROUTE, 0, &info, sizeof(info), 0);
}

static struct nl_msg *build_small(void *ctx)
{
	(void)ctx;
	return small_message();
}

int take_number(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	struct numbers *numbers = ctx;
	uint32_t number;

	memcpy(&number, nlmsg_data(header), sizeof(number));
	if (numbers->refuse && number == numbers->refuse)
		return err_set(err, ERR_CHECK, "no more");
	numbers->at[numbers->len++] = number;
	return 0;
}

void restart_numbers(void *ctx)
{
	struct numbers *numbers = ctx;

	numbers->len = 0;
	numbers->restarts++;
}

struct nl_dump dump_of(struct numbers *numbers)
{
	return (struct nl_dump){
		.what = "a dump",
		.build = build_small,
		.visit = take_number,
		.restart = restart_numbers,
		.ctx = numbers,
	};
}

int never_visited(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	(void)ctx;
	(void)header;
	(void)err;
	fail_msg("visited");
	return 0;
}
