/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/observed.h"

#include "common/err.h"
#include "common/log.h"
#include "daemon/dataplane/foreign_scan.h"
#include "daemon/dataplane/ports.h"
#include "ipam/config.h"

#define RESCAN_MS 2000 /* after a scan of attachment records that was incomplete */

int observed_init(struct observed *observed, struct loop *loop, loop_timer_fn *rescan, void *ctx,
		  struct err *err)
{
	observed->rescan = loop_timer(loop, rescan, ctx);
	return observed->rescan ? 0 : err_nomem(err, "the network");
}

void observed_free(struct observed *observed)
{
	loop_event_free(observed->rescan);
	displaced_scan_free(&observed->displaced);
	foreign_free(&observed->foreign);
	foreign_macs_free(&observed->containers);
}

int observed_scan_foreign(struct observed *observed, struct nl *nl, const char *network,
			  bool *changed_out, struct err *err)
{
	int rc = foreign_scan(nl, network, &observed->foreign, changed_out, err);

	observed->foreign_stale = rc < 0;
	return rc;
}

/* Returns whether they differ from the last scan. */
static bool scan_again(struct observed *observed, const struct observed_source *source)
{
	struct err err = ERR_INIT;
	bool changed = false;

	if (observed_scan_foreign(observed, source->nl, source->network, &changed, &err) < 0)
		log_error("cannot read the node's addresses", "network", source->network, "error",
			  err.text);
	return changed;
}

bool observed_set_ports(struct observed *observed, const struct ports *ports)
{
	struct foreign_macs macs = { .len = 0 };
	bool changed;

	for (size_t i = 0; i < ports->len; i++) {
		const struct attachment_port *attached = &ports->at[i].attached;
		const struct foreign_mac entry = { .mac = attached->mac };

		if (!attached->known || !mac_is_unicast(&entry.mac) || mac_is_derived(&entry.mac))
			continue;
		if (!foreign_macs_push(&macs, &entry)) {
			log_error("no memory for the containers' MACs");
			break;
		}
	}
	foreign_macs_sort(&macs);
	changed = !foreign_macs_equal(&macs, &observed->containers);
	foreign_macs_free(&observed->containers);
	observed->containers = macs;
	return changed;
}

unsigned observed_scan(struct observed *observed, const struct observed_source *source, bool all)
{
	unsigned changed = 0;

	/* In an L2 network, every address of it is valid on every node. */
	if (source->config->mode == CONFIG_ROUTED &&
	    displaced_scan_run(&observed->displaced, source->run_dir, source->network,
			       source->config, source->own))
		changed |= OBSERVED_DISPLACED;
	if (observed->displaced.incomplete)
		loop_timer_start(observed->rescan, RESCAN_MS);
	if (!config_is_switch(source->config) && (observed->foreign_stale || all) &&
	    scan_again(observed, source))
		changed |= OBSERVED_FOREIGN;
	return changed;
}
