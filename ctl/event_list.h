/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of the file of events (common/event_file.h), checked and selected. The user of weftd
 * can write anything into it: a line that is no event is skipped and counted. Pure.
 */
#pragma once

#include "common/json/json.h"

#include <stddef.h>

struct err;

struct event_selection {
	const char *network; /* only events of this network; NULL: all */
	size_t max;          /* the last ones */
};

/* Lines in chronological order: first those of events.1. */
struct event_texts {
	const char *text[2]; /* NULL: absent */
	size_t size[2];
};

/*
 * Appends the selected events to list, in the order of the lines, as objects: "time" (seconds since
 * the epoch), "milliseconds", "level" ("error", "warn", "info"), "event" (its name), "network" ("":
 * of the node), and "details", an object of texts. *damaged_out is the number of lines that are no
 * events, among those that were read. Returns 0, or -1 with ERR_NOMEM.
 */
int event_list(const struct event_texts *texts, const struct event_selection *selection,
	       struct jb_at list, size_t *damaged_out, struct err *err);
