/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP client for tests, linked instead of daemon/io/http.c by a test that lists http in its
 * `fake:` line (see the Makefile). Sends nothing: requests are counted by path, and the test
 * provides the responses. One client at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The number of requests to URLs that end with path, and the number of pending ones. */
unsigned fake_http_asked(const char *path);
unsigned fake_http_waiting(const char *path);

/* The body of the oldest pending request, which must exist. Valid until it gets a response. */
const char *fake_http_body(const char *path);

/* Responds to the oldest pending request, which must exist, and ends it. */
void fake_http_respond(const char *path, const char *body); /* with status 200 */
void fake_http_refuse(const char *path, unsigned status, const char *body);
void fake_http_fail(const char *path, int sys_errno);
/* Delivers a line of a stream. Returns what the client returned: whether it continues. */
bool fake_http_line(const char *path, const char *line);

/* Delivers a piece of a response. Returns what the client returned. */
bool fake_http_data(const char *path, const char *data, size_t size);
/* The method of the oldest pending request. */
const char *fake_http_method(const char *path);
/* Sets Retry-After of all responses; 0: none. */
void fake_http_set_retry_after(uint32_t seconds);

/* Makes http_send fail, as without memory. */
void fake_http_set_broken(bool broken);

/* Reports that new certificates were read. */
void fake_http_renew(void);
