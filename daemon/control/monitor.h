/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The documents for probes and for Prometheus, over HTTP (--healthz-ip, --healthz-port):
 *
 *   /healthz   200 while the event loop runs
 *   /readyz    200 if all networks are ready, else 503 with the reasons (health.h)
 *   /metrics   the metrics (metrics.h)
 *
 * Everything else is 404. The documents are made when they are requested; /metrics not in each of
 * many requests in a short time (struct metrics_cache).
 */
#pragma once

#include <stdint.h>

struct err;
struct ipaddr;
struct loop;
struct nl;
struct status_self;

struct monitor;

/* All borrowed. */
struct monitor_env {
	struct loop *loop;
	struct nl *nl;
	const char *run_dir;
	const struct ipaddr *address; /* of the server; only used during monitor_new */
	uint16_t port;
};

/* self is borrowed. Returns 0, or -1 as http_server_new. */
int monitor_new(const struct monitor_env *env, const struct status_self *self,
		struct monitor **monitor_out, struct err *err);
/* NULL is allowed. */
void monitor_free(struct monitor *monitor);
