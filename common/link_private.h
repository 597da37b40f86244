/* SPDX-License-Identifier: Apache-2.0 */
/* What the link*.c files share and nobody else sees. */
#pragma once

#include "link.h"

/* Appends a port's flags (IFLA_BRPORT_*), all of them; the caller has opened what they lie in. */
void link_put_port(struct nl_msg *msg, const struct link_port *port);
