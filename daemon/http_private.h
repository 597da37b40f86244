/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the HTTP client, shared by http.c (requests on the loop) and http_call.c
 * (what curl is told about one, and what its failure means). Nobody else includes it.
 */
#pragma once

#include "http.h"
#include "http_body.h"
#include "tls_files.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop_event;

#define HTTP_SOCKETS_MAX 64 /* that http_disconnect knows of */

struct http {
	struct loop *loop;
	CURLM *multi;
	struct loop_event *timer;
	struct http_call *calls;
	int sockets[HTTP_SOCKETS_MAX]; /* open ones, and 0 */
	bool busy; /* inside curl, or between its messages: its handles stay as they are */
	struct tls_files tls;
	uint64_t tls_warned_ms, tls_held; /* log_limit */
	char *proxy;                      /* "": none */
};

struct http_call {
	struct http *http;
	struct http_call *next, **slot;
	CURL *easy;
	struct curl_slist *headers;
	struct http_post post; /* its url, body and headers are curl's, and NULL here */
	char where[320];
	char detail[CURL_ERROR_SIZE];
	struct http_body body;
	enum http_body_state state; /* of body */
	bool begun;                 /* curl has it */
	bool over;                  /* cancelled or done: freed as soon as nobody is inside it */
};

typedef size_t http_data_fn(char *data, size_t one, size_t size, void *call);

/* Tells curl all about the request; what its answer holds goes to on_data. */
int http_call_configure(struct http_call *call, const struct http_post *post, http_data_fn *on_data,
			struct err *err);
/* What went wrong, for people. */
void http_call_describe(const struct http_call *call, CURLcode code, struct err *err);
