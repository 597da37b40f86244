/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the node serves its networks, for /readyz. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct network_view;

/*
 * Returns whether the network is ready: the lease is held, the last reconcile succeeded, the
 * devices exist as desired, and the network is published. A store that is unreachable does not
 * change that while the lease lasts. *reason_out: why it is not ready; "" otherwise. Valid as long
 * as the view.
 */
bool health_network(const struct network_view *view, const char **reason_out);

/*
 * Returns whether all networks are ready, and sets *text_out to the document, malloc'ed, the
 * caller's: a line "NAME: ready" or "NAME: REASON" for each network; NULL: out of memory.
 */
bool health_text(const struct network_view *views, size_t len, char **text_out);
