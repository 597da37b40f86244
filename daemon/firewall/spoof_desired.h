/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The desired table bridge weft-spoof (common/spoof/spoof_table.h), with the elements of all ports
 * with macSpoofCheck or portIsolation, from the records of attachments of all networks, served or
 * not.
 */
#pragma once

#include "daemon/firewall/firewall_table.h"

struct err;
struct nl;

/*
 * A record that is locked belongs to an ADD or DEL in progress: the kernel's elements of its port
 * are kept. *table_out has no name if there is no such port and the kernel has no such table,
 * without records, or if the kernel does not support it. The caller frees it. Returns 0 or -1.
 */
int spoof_desired_build(struct nl *nl, const struct firewall_options *options,
			struct firewall_table *table_out, struct err *err);
