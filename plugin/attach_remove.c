/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RTM_DELLINK is answered when the kernel has freed the device, some 20 ms after it has gone
 * from the host (rcu_barrier in netdev_run_todo); that it is gone is told to the listeners
 * after 1 ms. So a child makes the request, and the parent waits for the news:
 *
 *   parent                     child                 kernel
 *     | listen, fork            |                      |
 *     |------------------------>| RTM_DELLINK          |
 *     |                         |--------------------->| unlists the pair
 *     | event RTM_DELLINK       |                      |
 *     |<-----------------------------------------------|
 *     | returns                 |                      | waits for RCU, frees
 *                               | answer               |
 *                               |<---------------------|
 *                               | ends
 *
 * An answer that comes before the event is told by the child through a pipe.
 */
#include "plugin/attach.h"

#include "common/err.h"
#include "common/link.h"
#include "common/log.h"
#include "common/nl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the child says at its end. */
struct answer {
	int result;
	struct err err;
};

/* The descriptor that the child keeps, beside the standard ones. */
#define ANSWER_FD 3

/*
 * Lets go of everything but the pipe: of the streams, whose end the runtime waits for, and of
 * the locks, which would be held for as long as this process lives.
 */
static void let_go(int pipe)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd < ANSWER_FD; fd++)
		dup2(null, fd);
	if (pipe != ANSWER_FD)
		dup2(pipe, ANSWER_FD);
	close_range(ANSWER_FD + 1, ~0U, 0);
	signal(SIGPIPE, SIG_IGN);
}

static _Noreturn void delete_in_child(uint32_t index, int pipe)
{
	struct answer answer = { .result = -1, .err = ERR_INIT };
	struct nl *nl = NULL;

	let_go(pipe);
	if (nl_open(&nl, &answer.err) == 0)
		answer.result = link_del(nl, index, &answer.err);
	(void)!write(ANSWER_FD, &answer, sizeof(answer));
	_exit(0);
}

/* The device that is awaited to go. */
struct wait {
	uint32_t index;
	bool gone;
};

static int look_for_end(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	struct wait *wait = ctx;
	struct link link;

	if (header->nlmsg_type != RTM_DELLINK)
		return 0;
	if (link_parse(header, &link, err) < 0)
		return -1;
	/* That it left the bridge is told before, in a message of the same type. */
	if (link.index == wait->index && link.family == AF_UNSPEC)
		wait->gone = true;
	return 0;
}

/* News was lost: asks instead. */
static int ask(struct nl *host, struct wait *wait, struct err *err)
{
	struct link link;
	int found = link_get_index(host, wait->index, &link, err);

	if (found == 0)
		wait->gone = true;
	return found < 0 ? -1 : 0;
}

static int take_answer(int pipe, struct wait *wait, struct err *err)
{
	struct answer answer;
	ssize_t size;

	do
		size = read(pipe, &answer, sizeof(answer));
	while (size < 0 && errno == EINTR);
	if (size != sizeof(answer))
		return err_set(err, ERR_KERNEL, "the process that deletes device %u was killed",
			       wait->index);
	if (answer.result < 0) {
		*err = answer.err;
		return -1;
	}
	wait->gone = true;
	return 0;
}

static int await_end(struct nl *host, struct nl *news, int pipe, uint32_t index, struct err *err)
{
	struct wait wait = { .index = index };
	struct pollfd fds[] = { { .fd = nl_fd(news), .events = POLLIN },
				{ .fd = pipe, .events = POLLIN } };

	while (!wait.gone) {
		bool lost = false;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return err_sys(err, ERR_KERNEL, errno, "wait for the end of device %u",
				       index);
		if (nl_drain(news, look_for_end, &wait, &lost, err) < 0 ||
		    (lost && ask(host, &wait, err) < 0))
			return -1;
		if (!wait.gone && fds[1].revents && take_answer(pipe, &wait, err) < 0)
			return -1;
	}
	return 0;
}

static int remove_index(struct nl *host, uint32_t index, struct err *err)
{
	const unsigned groups[] = { RTNLGRP_LINK, 0 };
	AUTO(nl) struct nl *news = NULL;
	int pipes[2], result;
	pid_t pid;

	if (nl_open(&news, err) < 0 || nl_listen(news, groups, err) < 0)
		return -1;
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(err, ERR_IO, errno, "pipe");

	AUTO_CLOSE int from = pipes[0];
	AUTO_CLOSE int to = pipes[1];

	pid = fork();
	if (pid < 0)
		return link_del(host, index, err) < 0 ? -1 : 0; /* slower, but done */
	if (pid == 0)
		delete_in_child(index, to);
	close(take_fd(&to));
	result = await_end(host, news, from, index, err);
	(void)waitpid(pid, NULL, WNOHANG);
	return result;
}

int attach_remove(struct nl *host, const struct veth *veth, struct err *err)
{
	struct link link;
	int found = link_get(host, veth->name, &link, err);

	if (found <= 0)
		return found;
	if (!veth_is(veth, &link)) {
		log_warn("device is not weft's, left alone", "device", link.name, "alias",
			 link.alias);
		return 0;
	}
	return remove_index(host, link.index, err) < 0 ? -1 : 1;
}
