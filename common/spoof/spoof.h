/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adds and removes the elements of a port in the table bridge weft-spoof (spoof_table.h), each in
 * one transaction, without contacting weftd. Used by ADD, and when an attachment is released.
 */
#pragma once

#include "common/spoof/spoof_table.h"

struct err;

/*
 * Permits the port to send with its addresses, and nothing else. The port need not exist yet.
 * Creates the table if it is absent. Returns 0, or -1 with ERR_KERNEL: nothing was changed; a
 * kernel without the required features, or an incomplete table, is named.
 */
int spoof_add(const struct spoof_port *port, struct err *err);

/*
 * Compares the kernel's rules with those of the table, and searches the elements of the port.
 * Returns 0, or -1: ERR_CHECK if something is absent or differs.
 */
int spoof_check(const struct spoof_port *port, struct err *err);

/*
 * Removes the elements of the port, whose device must no longer exist. Absent elements are no
 * error. Returns 0 or -1.
 */
int spoof_remove(const struct spoof_port *port, struct err *err);
