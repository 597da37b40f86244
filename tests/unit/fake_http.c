/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake_http.h"

#include "common/err.h"
#include "daemon/io/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS_MAX 256

struct http {
	unsigned made; /* number of calls */
	uint64_t generation;
};

struct http_call {
	bool waits;
	char url[128], body[1024];
	struct http_request request;
};

static struct http client;
static struct http_call calls[CALLS_MAX];
static uint32_t retry_after_s; /* of all responses */

int http_new(struct loop *loop, struct http **http_out, struct err *err)
{
	(void)loop, (void)err;
	client = (struct http){ .made = 0 };
	*http_out = &client;
	return 0;
}

void http_free(struct http *http)
{
	(void)http;
}

int http_secure(struct http *http, const struct http_settings *settings, struct err *err)
{
	(void)http, (void)settings, (void)err;
	return 0;
}

uint64_t http_tls_generation(const struct http *http)
{
	return http->generation;
}

void fake_http_renew(void)
{
	client.generation++;
}

static bool is_broken;

void fake_http_set_broken(bool broken)
{
	is_broken = broken;
}

struct http_call *http_send(struct http *http, const struct http_request *request, struct err *err)
{
	struct http_call *call;

	if (is_broken) {
		err_nomem(err, "a request");
		return NULL;
	}
	call = &calls[http->made++];
	if (http->made > CALLS_MAX)
		abort();
	*call = (struct http_call){ .waits = true, .request = *request };
	snprintf(call->url, sizeof(call->url), "%s", request->url);
	snprintf(call->body, sizeof(call->body), "%s", request->body ? request->body : "");
	return call;
}

uint32_t http_retry_after_s(const struct http_call *call)
{
	(void)call;
	return retry_after_s;
}

void http_disconnect(struct http *http)
{
	(void)http;
}

void http_cancel(struct http_call *call)
{
	if (call)
		call->waits = false;
}

static bool is_to(const struct http_call *call, const char *path)
{
	size_t len = strlen(call->url), end = strlen(path);

	return len >= end && !strcmp(call->url + len - end, path);
}

unsigned fake_http_asked(const char *path)
{
	unsigned asked = 0;

	for (unsigned i = 0; i < client.made; i++)
		asked += is_to(&calls[i], path);
	return asked;
}

unsigned fake_http_waiting(const char *path)
{
	unsigned waiting = 0;

	for (unsigned i = 0; i < client.made; i++)
		waiting += calls[i].waits && is_to(&calls[i], path);
	return waiting;
}

static struct http_call *oldest(const char *path)
{
	for (unsigned i = 0; i < client.made; i++)
		if (calls[i].waits && is_to(&calls[i], path))
			return &calls[i];
	fprintf(stderr, "no pending request to %s\n", path);
	abort();
}

const char *fake_http_body(const char *path)
{
	return oldest(path)->body;
}

void fake_http_refuse(const char *path, unsigned status, const char *body)
{
	struct http_call *call = oldest(path);

	call->waits = false;
	call->request.done(call->request.ctx, status, body, strlen(body), NULL);
}

void fake_http_set_retry_after(uint32_t seconds)
{
	retry_after_s = seconds;
}

const char *fake_http_method(const char *path)
{
	const char *method = oldest(path)->request.method;

	return method ? method : "POST";
}

bool fake_http_data(const char *path, const char *data, size_t size)
{
	struct http_call *call = oldest(path);

	return call->request.data(call->request.ctx, data, size);
}

void fake_http_respond(const char *path, const char *body)
{
	fake_http_refuse(path, 200, body);
}

void fake_http_fail(const char *path, int sys_errno)
{
	struct http_call *call = oldest(path);
	struct err err = ERR_INIT;

	err_set(&err, ERR_STORE, "a failure");
	err.sys_errno = sys_errno;
	call->waits = false;
	call->request.done(call->request.ctx, 0, "", 0, &err);
}

bool fake_http_line(const char *path, const char *line)
{
	struct http_call *call = oldest(path);

	return call->request.line(call->request.ctx, line, strlen(line));
}
