/* SPDX-License-Identifier: Apache-2.0 */
#include "http.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "http_private.h"
#include "loop.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define IDLE_CONNECTIONS_MAX 4L
#define WARN_EVERY_MS 60000

static void call_free(struct http_call *call)
{
	if (call->slot) {
		*call->slot = call->next;
		if (call->next)
			call->next->slot = call->slot;
	}
	if (call->easy) {
		curl_multi_remove_handle(call->http->multi, call->easy);
		curl_easy_cleanup(call->easy);
	}
	curl_slist_free_all(call->headers);
	http_body_free(&call->body);
	free(call);
}
AUTO_DEFINE(call, struct http_call, call_free);

/* ---- What arrives -------------------------------------------------------- */

static bool on_line(void *ctx, const char *line, size_t size)
{
	struct http_call *call = ctx;

	return call->post.line(call->post.ctx, line, size) && !call->over;
}

static unsigned status_of(const struct http_call *call)
{
	long status = 0;

	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	return (unsigned)status;
}

static bool is_stream(const struct http_call *call)
{
	return call->post.line && status_of(call) == 200;
}

static size_t on_data(char *data, size_t one, size_t size, void *arg)
{
	struct http_call *call = arg;

	(void)one; /* always 1 */
	if (call->over)
		return CURL_WRITEFUNC_ERROR;
	call->state = is_stream(call) ? http_body_add_lines(&call->body, data, size) :
					http_body_add(&call->body, data, size);
	return call->state == HTTP_BODY_FLOWING ? size : CURL_WRITEFUNC_ERROR;
}

/* ---- The end ------------------------------------------------------------- */

static void finish(struct http_call *call, CURLcode code)
{
	struct err err = ERR_INIT;
	bool good;

	/* First, so that a request made in done finds the connection free. */
	curl_multi_remove_handle(call->http->multi, call->easy);
	if (!call->over && code == CURLE_OK && is_stream(call))
		call->state = http_body_end_lines(&call->body);
	good = code == CURLE_OK || call->state == HTTP_BODY_ENDED;
	if (!good)
		http_call_describe(call, code, &err);
	if (!call->over)
		call->post.done(call->post.ctx, status_of(call),
				call->body.buf ? call->body.buf : "", call->body.len,
				good ? NULL : &err);
	call->over = true;
}

/* curl takes no request inside its own callbacks: those made there begin now. */
static void begin_those_waiting(struct http *http)
{
	struct http_call *call = http->calls;

	while (call) {
		if (call->begun || call->over) {
			call = call->next;
			continue;
		}
		call->begun = true;
		if (curl_multi_add_handle(http->multi, call->easy) != CURLM_OK)
			finish(call, CURLE_OUT_OF_MEMORY);
		call = http->calls; /* done may have made another */
	}
}

static void free_those_over(struct http *http)
{
	struct http_call *next;

	for (struct http_call *call = http->calls; call; call = next) {
		next = call->next;
		if (call->over)
			call_free(call);
	}
}

static void pump(struct http *http, curl_socket_t fd, int ready)
{
	CURLMsg *msg;
	int left;

	http->busy = true;
	curl_multi_socket_action(http->multi, fd, ready, &left);
	while ((msg = curl_multi_info_read(http->multi, &left))) {
		CURLcode code = msg->data.result;
		char *call = NULL;

		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &call);
		finish((struct http_call *)(void *)call, code);
	}
	begin_those_waiting(http);
	http->busy = false;
	free_those_over(http);
}

/* ---- curl on the loop ---------------------------------------------------- */

static void on_ready(void *ctx, int fd, unsigned ready)
{
	pump(ctx, fd,
	     (ready & LOOP_READ ? CURL_CSELECT_IN : 0) |
		     (ready & LOOP_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(void *ctx)
{
	pump(ctx, CURL_SOCKET_TIMEOUT, 0);
}

/* Without memory to wait for the socket, the request's deadline is what ends it. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
	struct http *http = arg;
	struct loop_event *event = NULL;

	(void)easy;
	loop_event_free(assigned);
	if (what != CURL_POLL_REMOVE)
		event = loop_fd(http->loop, fd,
				(what & CURL_POLL_IN ? LOOP_READ : 0u) |
					(what & CURL_POLL_OUT ? LOOP_WRITE : 0u),
				on_ready, http);
	curl_multi_assign(http->multi, fd, event);
	return 0;
}

static int on_timeout(CURLM *multi, long timeout_ms, void *arg)
{
	struct http *http = arg;

	(void)multi;
	if (timeout_ms < 0)
		loop_timer_stop(http->timer);
	else
		loop_timer_start(http->timer, (uint64_t)timeout_ms);
	return 0;
}

/* curl finds them ended, those of requests and those that it keeps for the next ones. */
void http_disconnect(struct http *http)
{
	for (size_t i = 0; i < HTTP_SOCKETS_MAX; i++)
		if (http->sockets[i])
			shutdown(http->sockets[i], SHUT_RDWR);
}

static bool set_up(struct http *http)
{
	http->timer = loop_timer(http->loop, on_timer, http);
	http->multi = curl_multi_init();
	if (!http->timer || !http->multi)
		return false;
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, IDLE_CONNECTIONS_MAX);
	http->proxy = strdup("");
	return http->proxy;
}

int http_new(struct loop *loop, struct http **http_out, struct err *err)
{
	struct http *http;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, ERR_INTERNAL, "libcurl cannot be initialised");
	http = calloc(1, sizeof(*http));
	if (!http) {
		curl_global_cleanup();
		return err_nomem(err, "the HTTP client");
	}
	http->loop = loop;
	if (!set_up(http)) {
		http_free(http);
		return err_nomem(err, "the HTTP client");
	}
	*http_out = http;
	return 0;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	while (http->calls)
		call_free(http->calls);
	curl_multi_cleanup(http->multi);
	loop_event_free(http->timer);
	tls_files_free(&http->tls);
	free(http->proxy);
	free(http);
	curl_global_cleanup();
}

/* ---- TLS ----------------------------------------------------------------- */

int http_secure(struct http *http, const struct http_settings *settings, struct err *err)
{
	const char *const path[TLS_FILES] = {
		[TLS_CA] = settings->ca_file,
		[TLS_CERT] = settings->cert_file,
		[TLS_KEY] = settings->key_file,
	};
	char *proxy = strdup(settings->proxy ? settings->proxy : "");

	if (!proxy)
		return err_nomem(err, "the HTTP client");
	free(http->proxy);
	http->proxy = proxy;
	return tls_files_open(&http->tls, path, err);
}

/* What is half-written now is whole at one of the next requests. */
static void refresh_tls(struct http *http)
{
	struct err err = ERR_INIT;
	int changed = tls_files_refresh(&http->tls, &err);

	if (changed > 0)
		log_info("certificates read again");
	if (changed < 0 &&
	    log_limit(&http->tls_warned_ms, &http->tls_held, loop_now_ms(), WARN_EVERY_MS)) {
		log_warn("those certificates that were read before stay in use", "reason",
			 err.text);
		http->tls_held = 0;
	}
}

uint64_t http_generation(const struct http *http)
{
	return http->tls.generation;
}

/* ---- Requests ------------------------------------------------------------ */

static void enlist(struct http_call *call)
{
	call->slot = &call->http->calls;
	call->next = call->http->calls;
	if (call->next)
		call->next->slot = &call->next;
	call->http->calls = call;
}

struct http_call *http_post(struct http *http, const struct http_post *post, struct err *err)
{
	AUTO(call) struct http_call *call = calloc(1, sizeof(*call));

	if (!call) {
		err_nomem(err, "a request");
		return NULL;
	}
	refresh_tls(http);
	call->http = http;
	call->post = *post;
	call->post.url = call->post.body = NULL;
	call->post.headers = NULL;
	call->body = (struct http_body){ post->max_size, on_line, call, NULL, 0, 0 };
	if (http_call_configure(call, post, on_data, err) < 0)
		return NULL;
	call->begun = !http->busy;
	if (call->begun && curl_multi_add_handle(http->multi, call->easy) != CURLM_OK) {
		err_nomem(err, "a request");
		return NULL;
	}
	enlist(call);
	return take_ptr(call);
}

void http_cancel(struct http_call *call)
{
	if (!call)
		return;
	call->over = true;
	if (!call->http->busy)
		call_free(call);
}
