/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notifications of the service manager, by the protocol of sd_notify(3): a datagram of lines
 * such as "READY=1" to the Unix socket that the variable NOTIFY_SOCKET names.
 */
#pragma once

#include <stdint.h>

struct err;

struct notify;

/*
 * path: the value of NOTIFY_SOCKET, a path or, with '@' for the leading zero byte, an abstract
 * name; NULL or "": there is no service manager, and *notify_out is NULL. ERR_CONFIG if it is
 * neither.
 */
int notify_open(const char *path, struct notify **notify_out, struct err *err);
void notify_free(struct notify *notify);

/*
 * Sends the lines; does not block. A failure is not reported to the caller, who could do nothing
 * about it: it is logged once. NULL is allowed.
 */
void notify_send(struct notify *notify, const char *lines);

/*
 * Returns after how many milliseconds "WATCHDOG=1" is to be sent, half of WATCHDOG_USEC; 0: never.
 * get returns the value of an environment variable, or NULL.
 */
uint64_t notify_watchdog_ms(const char *(*get)(const char *name));
