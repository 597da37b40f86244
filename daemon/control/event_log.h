/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records what happens on this node for "weftctl events": each line of weftd's log of level info
 * and above, whatever --log-level is, in RUN/events (common/event_file.h). Of one event in one
 * network, at most EVENT_LOG_LINES are recorded in EVENT_LOG_MS; the others become one record,
 * "events omitted", with their number and the network, at the end of that time.
 */
#pragma once

#include <stdint.h>

struct err;
struct event_log;
struct loop;

#define EVENT_LOG_LINES 20
#define EVENT_LOG_MS 60000

/*
 * Opens the file and begins: there is one event log at a time, which is the tap of the log
 * (log_set_tap). Returns 0 or -1.
 */
int event_log_new(struct loop *loop, const char *run_dir, struct event_log **log_out,
		  struct err *err);
/* Records the omitted events, and ends. NULL is allowed. */
void event_log_free(struct event_log *log);
