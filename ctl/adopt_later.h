/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The containers that weft has attached since it took the node over: --undo gives them to flannel's
 * plugins, as if these had attached them.
 */
#pragma once

#include "ctl/adopt.h"

struct err;

/*
 * Adds them to node->containers, by their records. Returns 0, or -1; ERR_STATE if a record is
 * damaged, or if host-local cannot have its addresses: more than two, or assigned by another IPAM
 * plugin.
 */
int adopt_add_later(const struct adopt_weft *weft, struct adopt_node *node, struct err *err);
