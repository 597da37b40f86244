/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/service.h"

#include "common/utf8.h"
#include "daemon/network/network.h"

#include <stdio.h>
#include <string.h>

bool service_is_ready(const struct network_view *views, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool starting = !strcmp(views[i].reason, NETWORK_STATUS_STARTING);

		if (!views[i].published && (views[i].subnet_file || starting))
			return false;
	}
	return true;
}

/* A line break would end the line, and systemd ignores a line that is not UTF-8. */
static void append(char *buf, const char *text)
{
	size_t at = strlen(buf), left = strlen(text);

	while (left) {
		size_t len = utf8_len(text, left);
		bool shown = len && !utf8_is_control(text, len);

		if (at + (len ? len : 1) >= SERVICE_TEXT_SIZE)
			break;
		if (shown)
			memcpy(buf + at, text, len);
		else
			buf[at] = '?';
		at += shown ? len : 1;
		text += len ? len : 1;
		left -= len ? len : 1;
	}
	buf[at] = '\0';
}

static void append_network(char *buf, const struct network_view *view)
{
	static const char *const states[] = {
		[NETWORK_STARTING] = "starting",
		[NETWORK_READY] = "ready",
		[NETWORK_DEGRADED] = "degraded",
	};

	append(buf, view->name);
	append(buf, ": ");
	append(buf, states[view->state]);
	if (!*view->reason || !strcmp(view->reason, NETWORK_STATUS_STARTING))
		return;
	append(buf, ": ");
	append(buf, view->reason);
}

const char *service_text(const struct network_view *views, size_t len, bool ready,
			 char buf[static SERVICE_TEXT_SIZE])
{
	snprintf(buf, SERVICE_TEXT_SIZE, "%sSTATUS=", ready ? "READY=1\n" : "");
	for (size_t i = 0; i < len; i++) {
		append(buf, i ? "; " : "");
		append_network(buf, &views[i]);
	}
	return buf;
}
