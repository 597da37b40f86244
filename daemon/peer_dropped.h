/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why one family of a peer is not used while the other one is (peers_judge says nothing of it): for
 * people. Called by status. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct config;
struct peer;
struct peer_self;
struct peers;

/*
 * Whether the lease that the usable peer stands for has a subnet of another family, which is not
 * used; if so, reason_out says why.
 */
bool peer_dropped(const struct peers *known, const struct peer *usable, const struct config *config,
		  const struct peer_self *self, char *reason_out, size_t size);
