/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/health.h"

#include "daemon/network/network.h"

#include <stdio.h>
#include <stdlib.h>

static const char *first_text(const char *text, const char *otherwise)
{
	return text && *text ? text : otherwise;
}

static const char *find_reason(const struct network_view *view)
{
	if (view->lease.state != LEASE_HELD)
		return first_text(view->lease.error, first_text(view->reason, "no lease"));
	if (!view->schedule.good)
		return first_text(view->schedule.error, "not reconciled yet");
	if (!view->reconciler.devices)
		return first_text(view->reason, "no devices");
	if (!view->published)
		return first_text(view->reason, "not published");
	return "";
}

bool health_network(const struct network_view *view, const char **reason_out)
{
	*reason_out = find_reason(view);
	return !**reason_out;
}

bool health_text(const struct network_view *views, size_t len, char **text_out)
{
	size_t size = 0;
	bool ready = true;
	FILE *file;

	*text_out = NULL;
	file = open_memstream(text_out, &size);
	for (size_t i = 0; i < len; i++) {
		const char *reason;

		ready &= health_network(&views[i], &reason);
		if (file)
			fprintf(file, "%s: %s\n", views[i].name, *reason ? reason : "ready");
	}
	if (file && fclose(file) != 0) {
		free(*text_out);
		*text_out = NULL;
	}
	return ready;
}
