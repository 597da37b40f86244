/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collects networks that change within a short time, so that the packet rules of all of them are
 * installed by one attempt: a replacement of the rules contains those of every network of the node.
 * Used by firewall.c, which decides which networks wait.
 */
#pragma once

#include "daemon/io/debounce.h"

#include <stdbool.h>

struct loop;
struct loop_event;

/* Zero-initialized. Do not use the members elsewhere. */
struct gather {
	struct loop_event *timer;
	struct debounce debounce;   /* of attempts */
	void (*attempt)(void *ctx); /* installs the rules of all networks, and calls gather_end */
	void *ctx;
	void (*done)(void *ctx); /* networks may continue; NULL: no network waits */
	void *done_ctx;
	bool pending;  /* a network waits that no attempt has included */
	bool waiting;  /* networks wait, also after an attempt that has failed */
	bool released; /* networks may continue, and done is due */
};

/*
 * attempt is called 20 ms after gather_add, or up to 250 ms while attempts follow each other.
 * Returns false if out of memory.
 */
bool gather_init(struct gather *gather, struct loop *loop, void (*attempt)(void *ctx), void *ctx);
void gather_free(struct gather *gather);

/* A network waits for the next attempt: the timer's, or one that the caller makes at once. */
void gather_add(struct gather *gather);

/*
 * An attempt has ended. released: networks may continue; waiting: others still wait. Calls done
 * from the event loop if networks that gather_add was called for may continue.
 */
void gather_end(struct gather *gather, bool released, bool waiting);
