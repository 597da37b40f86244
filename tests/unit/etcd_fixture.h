/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of the etcd store with a real etcd, which runs until the end of the test group: data on
 * a tmpfs, in the network namespace of the test.
 */
#pragma once

#include "tests/unit/fake_server.h"
#include "tests/unit/store_recorder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- etcd ---------------------------------------------------------------- */

/* Fixed ports: the network namespace belongs to the test. */
void etcd_start(const char *client_url);
void etcd_stop(void);

/* Waits until the server has started; the wait ends early if the server exits. */
void etcdctl(const char *endpoint, const char *verb, const char *a, const char *b);
int group_set_up(void **state);
int group_tear_down(void **state);

/* ---- One store after another --------------------------------------------- */

int set_up(void **state);
int tear_down(void **state);
bool has_ended(struct recorder *r);
bool has_ended_again(struct recorder *r);
void list(struct recorder *r);
void put(struct recorder *r, const char *key, const char *value, uint64_t lease,
	 uint64_t if_revision);
bool has_entry(struct recorder *r);
bool has_gone(struct recorder *r);
