/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP client for tests, linked in the place of daemon/http.c by a test that names http in its
 * `fake:` line (see the Makefile). Nothing goes out: what was asked is counted by its path, and the
 * test answers when it likes. One client at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* How many requests to URLs with this end there were, and how many of them wait. */
unsigned fake_http_asked(const char *path);
unsigned fake_http_waiting(const char *path);

/* What the oldest that waits has sent; there has to be one. Lives until it is answered. */
const char *fake_http_body(const char *path);

/* To the oldest that waits; there has to be one. The request is over then. */
void fake_http_answer(const char *path, const char *body); /* of status 200 */
void fake_http_refuse(const char *path, unsigned status, const char *body);
void fake_http_fail(const char *path, int sys_errno);
/* A line of a stream's. What the client answered: whether it wants more. */
bool fake_http_line(const char *path, const char *line);

/* Other certificates were read. */
void fake_http_renew(void);
