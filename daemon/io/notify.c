/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/notify.h"

#include "common/err.h"
#include "common/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct notify {
	int fd;
	struct sockaddr_un to;
	socklen_t to_len;
	bool failed; /* and that has been logged */
};

int notify_open(const char *path, struct notify **notify_out, struct err *err)
{
	struct notify *notify;
	size_t len = path ? strlen(path) : 0;

	*notify_out = NULL;
	if (!len)
		return 0;
	if ((path[0] != '/' && path[0] != '@') || len < 2 || len >= sizeof(notify->to.sun_path))
		return err_set(err, ERR_CONFIG,
			       "NOTIFY_SOCKET is not the path of a Unix socket: %s",
			       ERR_SHOW(path));
	notify = calloc(1, sizeof(*notify));
	if (!notify)
		return err_nomem(err, "the service manager's socket");
	notify->to.sun_family = AF_UNIX;
	memcpy(notify->to.sun_path, path, len);
	if (path[0] == '@')
		notify->to.sun_path[0] = '\0';
	/* An abstract name has no terminator. */
	notify->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (notify->fd < 0) {
		free(notify);
		return err_sys(err, ERR_IO, errno, "cannot create a socket for NOTIFY_SOCKET");
	}
	*notify_out = notify;
	return 0;
}

void notify_free(struct notify *notify)
{
	if (!notify)
		return;
	close(notify->fd);
	free(notify);
}

void notify_send(struct notify *notify, const char *lines)
{
	ssize_t sent;

	if (!notify)
		return;
	sent = sendto(notify->fd, lines, strlen(lines), MSG_NOSIGNAL,
		      (const struct sockaddr *)&notify->to, notify->to_len);
	if (sent < 0 && !notify->failed)
		log_warn("cannot notify the service manager", "error", strerror(errno));
	notify->failed = sent < 0;
}

uint64_t notify_watchdog_ms(const char *(*get)(const char *name))
{
	const char *period = get("WATCHDOG_USEC"), *pid = get("WATCHDOG_PID");

	if (!period || (pid && strtoull(pid, NULL, 10) != (unsigned long long)getpid()))
		return 0;
	return strtoull(period, NULL, 10) / 2000;
}
