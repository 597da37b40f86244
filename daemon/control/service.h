/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of weftd for the service manager (sd_notify(3)): when it counts as started, and the
 * line that `systemctl status weftd` shows. Pure; main.c sends the text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct network_view;

#define SERVICE_TEXT_SIZE 2048

/*
 * Returns whether what starts after weftd may start: the network that subnet.env describes is
 * published (bridge, state file, subnet.env), and each other network is published or has a fault.
 * A network that cannot come up does not delay the users of the other networks.
 */
bool service_is_ready(const struct network_view *views, size_t len);

/*
 * Writes the lines of a notification: READY=1 if ready, and STATUS= with the networks' states, or
 * with what is wrong: "default: starting: http://127.0.0.1:2379: connection refused". Returns buf.
 */
const char *service_text(const struct network_view *views, size_t len, bool ready,
			 char buf[static SERVICE_TEXT_SIZE]);
