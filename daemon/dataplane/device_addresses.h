/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses of a network's bridge, and the routes that the kernel makes of them: added if
 * missing, others removed. Used by device.c.
 */
#pragma once

struct device_have;
struct device_want;
struct err;
struct nl;

/*
 * have: with the bridge's index and the refused sysctls; changed is set if something was changed.
 * ERR_KERNEL, ERR_NOMEM.
 */
int device_addresses_ensure(struct nl *nl, const struct device_want *want, struct device_have *have,
			    struct err *err);
