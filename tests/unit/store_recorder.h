/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of stores: a loop with a store whose listener records events as text: "[" a list
 * begins, "]" it ends, "!" it fails, "config=TEXT", "+KEY", "-KEY", "up", "down". And functions
 * that wait for events.
 */
#pragma once

#include "common/err.h"
#include "daemon/io/http.h"
#include "daemon/io/loop.h"
#include "daemon/store/etcd/store_etcd.h"
#include "daemon/store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Some tests wait for many writers, which wait for each other and for a disk. */
#define RECORDER_WAIT_MS 60000

struct recorder {
	struct loop *loop;
	struct http *http;
	struct store *store;
	bool count_only; /* keys are counted, not recorded */
	char log[4096];
	unsigned begun, ended, failed, entries, gone;
	char last_key[128], last_value[128], why[ERR_TEXT_SIZE], endpoint[64];
	uint64_t mod_revision, lease;         /* of the last entry or removal */
	uint64_t newest;                      /* mod_revision of all */
	void (*at_entry)(struct recorder *r); /* once */
	void (*at_end)(struct recorder *r);   /* once */
	void (*at_up)(struct recorder *r);    /* once */
	struct store_reply reply;
	struct err err;
	unsigned replies;
	bool (*until)(struct recorder *r);
	uint64_t deadline_ms;
	struct loop_event *tick;
};

extern const struct store_listener recorder_listener;

/* A store_done_fn. */
void recorder_done(void *ctx, const struct store_reply *reply, const struct err *err);
void recorder_start(struct recorder *r, const char *const *endpoints);
void recorder_stop(struct recorder *r);

/* Runs the loop until the condition is met. */
void recorder_wait(struct recorder *r, bool (*until)(struct recorder *r));

/* Waits for the one reply that is due, and discards it. */
void recorder_wait_reply(struct recorder *r);
