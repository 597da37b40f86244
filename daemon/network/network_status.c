/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/network_status.h"

#include "common/log.h"
#include "daemon/network/publish.h"
#include "daemon/network/store_view.h"
#include "daemon/network/underlay.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void network_status_init(struct network_status *status)
{
	status->state = NETWORK_STARTING;
	status->since = (uint64_t)time(NULL);
	snprintf(status->reason, sizeof(status->reason), "%s", NETWORK_STATUS_STARTING);
}

static enum network_state state_of(const char *fault, bool published)
{
	if (!*fault)
		return NETWORK_READY;
	return published ? NETWORK_DEGRADED : NETWORK_STARTING;
}

/* The obstacles on the node; several are reported together. Uses buf, or returns a part's text. */
static const char *find_obstacle(const struct network_parts *parts, char buf[static ERR_TEXT_SIZE])
{
	const char *holder = parts->publication->holder;

	if (!parts->reconcile_error[0] && parts->publication->error[0])
		return parts->publication->error;
	if (!parts->reconcile_error[0] && parts->sysctl_fault[0])
		return parts->sysctl_fault;
	if (!parts->reconcile_error[0] || !holder[0])
		return parts->reconcile_error[0] ? parts->reconcile_error : holder;
	snprintf(buf, ERR_TEXT_SIZE, "%.255s; %.250s", parts->reconcile_error, holder);
	return buf;
}

static const char *find_fault(const struct network_parts *parts, char buf[static ERR_TEXT_SIZE])
{
	const struct store_connection *connection = &parts->view->connection;
	const char *obstacle = find_obstacle(parts, buf);

	if (!connection->connected)
		return connection->since ? connection->error : NETWORK_STATUS_STARTING;
	if (parts->view->config_error[0])
		return parts->view->config_error;
	if (parts->underlay->error[0])
		return parts->underlay->error;
	if (parts->lease.error[0])
		return parts->lease.error;
	if (parts->lease.state != LEASE_HELD)
		return NETWORK_STATUS_STARTING;
	if (obstacle[0])
		return obstacle;
	if (parts->underlay->limit[0])
		return parts->underlay->limit;
	return parts->publication->done ? "" : NETWORK_STATUS_STARTING;
}

bool network_status_update(struct network_status *status, const char *network,
			   const struct network_parts *parts)
{
	static const char *const names[] = {
		[NETWORK_STARTING] = "starting",
		[NETWORK_READY] = "ready",
		[NETWORK_DEGRADED] = "degraded",
	};
	char buf[ERR_TEXT_SIZE], stale[ERR_TEXT_SIZE];
	const char *fault = find_fault(parts, buf);
	enum network_state state;

	if (parts->view->stale) {
		snprintf(stale, sizeof(stale), "%.400s; running from the snapshot", fault);
		fault = stale;
	}
	state = state_of(fault, parts->publication->done);
	if (status->state == state && !strcmp(status->reason, fault))
		return false;
	if (state == NETWORK_READY)
		log_info("network ready", "network", network);
	else if (strcmp(fault, NETWORK_STATUS_STARTING) != 0)
		log_warn("network not ready", "network", network, "state", names[state], "error",
			 fault);
	if (status->state != state)
		status->since = (uint64_t)time(NULL);
	status->state = state;
	snprintf(status->reason, sizeof(status->reason), "%s", fault);
	return true;
}
