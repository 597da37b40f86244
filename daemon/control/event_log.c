/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/event_log.h"

#include "common/err.h"
#include "common/event_file.h"
#include "common/fs_dir.h"
#include "common/log.h"
#include "common/state.h"
#include "daemon/io/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Between checks of the size: in it, the plugin can append EVENT_FILE_FULL - EVENT_FILE_REPLACE
 * bytes.
 */
#define SIZE_MS 30000
/*
 * Events and networks that are counted apart from each other; a further one takes the oldest limit.
 */
#define LIMITS 256

/* The limit of one event in one network. */
struct limit {
	char event[96];                        /* name, maybe cut; "": none */
	char network[STATE_NETWORK_NAME_SIZE]; /* "": of no network, or of all */
	uint64_t begun_ms;
	uint64_t lines, omitted;
};

struct event_log {
	int dir_fd, fd;
	struct loop_event *timer;      /* the end of the first period with omitted events */
	struct loop_event *size_timer; /* the next check of the size: the plugin appends, too */
	struct limit limits[LIMITS];
};

/* Before an append, which a full file would lose. A failure is repeated with the next one. */
static void replace_grown(struct event_log *log)
{
	struct err unused;

	event_file_replace_grown(log->dir_fd, &log->fd, &unused);
}

static void append(struct event_log *log, const char *json, size_t size)
{
	replace_grown(log);
	event_file_append(log->fd, json, size);
}

/* Ends the period of a limit. */
static void end_period(struct event_log *log, struct limit *limit)
{
	char json[LOG_JSON_SIZE];
	size_t size;

	if (limit->omitted) {
		/* Without a network, the list of fields ends earlier. */
		size = log_json(json, LOG_LEVEL_INFO, "events omitted", "of", limit->event, "count",
				LOG_NUM(limit->omitted), *limit->network ? "network" : NULL,
				limit->network, (char *)NULL);
		append(log, json, size);
	}
	*limit = (struct limit){ .lines = 0 };
}

static bool is_limit_of(const struct limit *limit, const char *event, const char *network)
{
	return strncmp(limit->event, event, sizeof(limit->event) - 1) == 0 &&
	       strncmp(limit->network, network, sizeof(limit->network) - 1) == 0;
}

static struct limit *find_limit(struct event_log *log, const char *event, const char *network)
{
	struct limit *oldest = &log->limits[0];

	for (size_t i = 0; i < LIMITS; i++) {
		struct limit *limit = &log->limits[i];

		if (is_limit_of(limit, event, network))
			return limit;
		if (!limit->event[0] || (oldest->event[0] && limit->begun_ms < oldest->begun_ms))
			oldest = limit;
	}
	end_period(log, oldest);
	snprintf(oldest->event, sizeof(oldest->event), "%s", event);
	snprintf(oldest->network, sizeof(oldest->network), "%s", network);
	oldest->begun_ms = loop_now_ms();
	return oldest;
}

static void end_old_periods(struct event_log *log, uint64_t now_ms)
{
	for (size_t i = 0; i < LIMITS; i++)
		if (log->limits[i].event[0] && now_ms - log->limits[i].begun_ms >= EVENT_LOG_MS)
			end_period(log, &log->limits[i]);
}

/* A log_tap_fn. */
static void on_event(void *ctx, const char *event, const char *network, const char *json,
		     size_t size)
{
	struct event_log *log = ctx;
	struct limit *limit;

	end_old_periods(log, loop_now_ms());
	limit = find_limit(log, event, network);
	if (limit->lines < EVENT_LOG_LINES) {
		limit->lines++;
		append(log, json, size);
		return;
	}
	limit->omitted++;
	if (!loop_timer_running(log->timer))
		loop_timer_start(log->timer, EVENT_LOG_MS);
}

static void on_timer(void *ctx)
{
	struct event_log *log = ctx;

	end_old_periods(log, loop_now_ms());
	for (size_t i = 0; i < LIMITS; i++)
		if (log->limits[i].omitted && !loop_timer_running(log->timer))
			loop_timer_start(log->timer, EVENT_LOG_MS);
}

static void on_size_timer(void *ctx)
{
	struct event_log *log = ctx;

	replace_grown(log);
	loop_timer_start(log->size_timer, SIZE_MS);
}

int event_log_new(struct loop *loop, const char *run_dir, struct event_log **log_out,
		  struct err *err)
{
	struct event_log *log = calloc(1, sizeof(*log));
	int found;

	if (!log)
		return err_nomem(err, "the events");
	log->dir_fd = log->fd = -1;
	log->timer = loop_timer(loop, on_timer, log);
	log->size_timer = loop_timer(loop, on_size_timer, log);
	found = fs_open_dir(run_dir, false, &log->dir_fd, err);
	if (found == 0)
		err_set(err, ERR_IO, "%s does not exist", run_dir);
	else if (found > 0 && event_file_open(log->dir_fd, &log->fd, err) < 0)
		err_wrap(err, "%s", run_dir);
	if (!log->timer || !log->size_timer)
		err_nomem(err, "the events");
	if (log->fd < 0 || !log->timer || !log->size_timer) {
		event_log_free(log);
		return -1;
	}
	on_size_timer(log);
	log_set_tap(on_event, log);
	*log_out = log;
	return 0;
}

void event_log_free(struct event_log *log)
{
	if (!log)
		return;
	log_set_tap(NULL, NULL);
	for (size_t i = 0; i < LIMITS && log->fd >= 0; i++)
		end_period(log, &log->limits[i]);
	loop_event_free(log->timer);
	loop_event_free(log->size_timer);
	if (log->fd >= 0)
		close(log->fd);
	if (log->dir_fd >= 0)
		close(log->dir_fd);
	free(log);
}
