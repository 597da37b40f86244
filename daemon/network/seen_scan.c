/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/seen_scan.h"

#include "common/err.h"
#include "common/log.h"
#include "common/netlink/nl.h"
#include "daemon/io/loop.h"
#include "ipam/config.h"

#define FIRST_MS 100
#define PERIOD_MS 5000
#define SHARE 20 /* a scan is followed by so many times its duration without one */

/* Returns whether it succeeded. */
static bool scan_now(struct seen_scan *scan)
{
	const struct config *config = scan->config;
	const struct prefix networks[FAMILIES] = { config->pool[FAMILY_V4].network,
						   config->pool[FAMILY_V6].network };
	const struct bridge_scan_want want = { config->bridge, scan->network, networks,
					       scan->range };
	const uint64_t start_us = loop_now_us();
	struct err err = ERR_INIT;
	uint64_t pause_ms, delay_ms;
	bool good;

	good = (scan->nl || nl_open(&scan->nl, &err) == 0) &&
	       bridge_scan(scan->nl, &want, &scan->result, &err) == 0;
	if (!good && log_state_fail(&scan->failure, err.text))
		log_warn("the bridge's containers cannot be read", "network", scan->network,
			 "bridge", config->bridge, "error", err.text);
	if (good && log_state_clear(&scan->failure))
		log_info("the bridge's containers can be read again", "network", scan->network,
			 "bridge", config->bridge);
	scan->known |= good;
	pause_ms = FIRST_MS + SHARE * (loop_now_us() - start_us) / 1000;
	delay_ms = retry_next_ms(&scan->pace);
	scan->earliest_ms = loop_now_ms() + pause_ms;
	loop_timer_start(scan->timer, delay_ms > pause_ms ? delay_ms : pause_ms);
	return good;
}

static void on_timer(void *ctx)
{
	struct seen_scan *scan = ctx;

	if (scan_now(scan))
		scan->done(scan->ctx);
}

int seen_scan_init(struct seen_scan *scan, struct loop *loop, struct err *err)
{
	scan->pace = (struct retry){ .first_ms = FIRST_MS, .max_ms = PERIOD_MS };
	scan->timer = loop_timer(loop, on_timer, scan);
	return scan->timer ? 0 : err_nomem(err, "the scan of the bridge");
}

void seen_scan_free(struct seen_scan *scan)
{
	loop_event_free(scan->timer);
	nl_free(scan->nl);
	bridge_scan_free(&scan->result);
}

void seen_scan_run(struct seen_scan *scan, const struct config *config)
{
	const uint64_t now_ms = loop_now_ms();

	scan->config = config;
	retry_reset(&scan->pace);
	if (now_ms >= scan->earliest_ms)
		(void)scan_now(scan);
	else
		loop_timer_start(scan->timer, scan->earliest_ms - now_ms);
}

void seen_scan_stop(struct seen_scan *scan)
{
	loop_timer_stop(scan->timer);
	bridge_scan_free(&scan->result);
	scan->known = false;
}
