/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bridge's addresses: the gateway of each family, for IPv6 a link-local one, and the
 * route to the subnet that comes with each. A part of device.c, which alone calls it.
 */
#pragma once

struct device_have;
struct device_want;
struct err;
struct nl;

/*
 * Makes the bridge of *have hold what is wanted and nothing else of a family that is wanted;
 * sets have->changed where it wrote.
 */
int device_address_ensure(struct nl *nl, const struct device_want *want, struct device_have *have,
			  struct err *err);
