/* SPDX-License-Identifier: Apache-2.0 */
#include "http.h"

#include "common/auto.h"
#include "common/err.h"
#include "http_body.h"
#include "loop.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_CONNECTIONS_MAX 4L
#define SOCKETS_MAX 64 /* that http_disconnect knows of */
#define RECEIVE_SIZE (32L * 1024)

/*
 * A peer that is gone without a word is found out by TCP's own probes: a stream
 * may be silent for long, and has no deadline. 10 s idle, then a probe every 5 s;
 * nothing acknowledged for 20 s ends the connection (tcp(7), TCP_USER_TIMEOUT).
 */
#define KEEPALIVE_IDLE_S 10L
#define KEEPALIVE_INTERVAL_S 5L
#define UNACKED_MAX_MS 20000u

struct http {
	struct loop *loop;
	CURLM *multi;
	struct loop_event *timer;
	struct curl_slist *headers;
	struct http_call *calls;
	int sockets[SOCKETS_MAX]; /* open ones, and 0 */
	bool busy; /* inside curl, or between its messages: its handles stay as they are */
};

struct http_call {
	struct http *http;
	struct http_call *next, **slot;
	CURL *easy;
	struct http_post post; /* its url and body are curl's, and NULL here */
	char where[320];
	char detail[CURL_ERROR_SIZE];
	struct http_body body;
	enum http_body_state state; /* of body */
	bool begun;                 /* curl has it */
	bool over;                  /* cancelled or done: freed as soon as nobody is inside it */
};

AUTO_DEFINE(curlu, CURLU, curl_url_cleanup);
AUTO_DEFINE(curl_string, char, curl_free);

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

static void describe(const struct http_call *call, CURLcode code, struct err *err)
{
	long os_errno = 0;

	curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &os_errno);
	if (call->state == HTTP_BODY_TOO_LARGE) {
		err_set(err, ERR_STORE, "%s: the answer is larger than %zu bytes", call->where,
			call->post.max_size);
		err->sys_errno = EMSGSIZE;
	} else if (call->state == HTTP_BODY_NO_MEMORY) {
		err_set(err, ERR_STORE, "%s: out of memory for the answer", call->where);
	} else if (code == CURLE_COULDNT_CONNECT && os_errno > 0) {
		err_sys(err, ERR_STORE, (int)os_errno, "%s: cannot connect", call->where);
	} else {
		err_set(err, ERR_STORE, "%s: %s", call->where,
			*call->detail ? call->detail : curl_easy_strerror(code));
	}
}

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
		describe(call, code, &err);
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

static void replace_socket(struct http *http, int old, int new)
{
	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		if (http->sockets[i] == old) {
			http->sockets[i] = new;
			return;
		}
	}
}

static int on_new_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
	unsigned unacked_ms = UNACKED_MAX_MS;

	(void)purpose;
	replace_socket(ctx, 0, fd);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked_ms, sizeof(unacked_ms));
	return CURL_SOCKOPT_OK;
}

static int on_old_socket(void *ctx, curl_socket_t fd)
{
	replace_socket(ctx, fd, 0);
	return close(fd);
}

/* curl finds them ended, those of requests and those that it keeps for the next ones. */
void http_disconnect(struct http *http)
{
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		if (http->sockets[i])
			shutdown(http->sockets[i], SHUT_RDWR);
}

static bool add_header(struct http *http, const char *line)
{
	struct curl_slist *longer = curl_slist_append(http->headers, line);

	if (longer)
		http->headers = longer;
	return longer;
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
	return add_header(http, "Content-Type: application/json") && add_header(http, "Expect:");
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
	curl_slist_free_all(http->headers);
	free(http);
	curl_global_cleanup();
}

/* ---- Requests ------------------------------------------------------------ */

static int name_endpoint(struct http_call *call, const char *url, struct err *err)
{
	AUTO(curlu) CURLU *parsed = curl_url();
	AUTO(curl_string) char *host = NULL;
	AUTO(curl_string) char *port = NULL;

	if (!parsed)
		return err_nomem(err, "a request");
	if (curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    curl_url_get(parsed, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    curl_url_get(parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
		return err_set(err, ERR_STORE, "'%s' is not a URL of the form http://host:port/",
			       url);
	snprintf(call->where, sizeof(call->where), "%s:%s", host, port);
	return 0;
}

static long curl_ms(uint64_t ms)
{
	return ms < LONG_MAX ? (long)ms : LONG_MAX;
}

static bool configure(struct http_call *call, const struct http_post *post)
{
	CURL *easy = call->easy;
	unsigned failed = 0;

	failed |= curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	failed |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->detail);
	failed |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
	failed |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	failed |= curl_easy_setopt(easy, CURLOPT_URL, post->url);
	failed |= curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, post->body);
	failed |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->http->headers);
	failed |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	failed |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	failed |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
	failed |= curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_SIZE);
	failed |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, curl_ms(post->timeout_ms));
	failed |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, curl_ms(post->connect_ms));
	failed |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* A look-up that hangs must not hold the loop while its call is cancelled. */
	failed |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	failed |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	failed |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	failed |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
	failed |= curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_new_socket);
	failed |= curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, call->http);
	failed |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_old_socket);
	failed |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, call->http);
	return !failed;
}

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
	call->http = http;
	call->post = *post;
	call->post.url = call->post.body = NULL;
	call->body = (struct http_body){ post->max_size, on_line, call, NULL, 0, 0 };
	if (name_endpoint(call, post->url, err) < 0)
		return NULL;
	call->easy = curl_easy_init();
	if (!call->easy || !configure(call, post)) {
		err_nomem(err, "a request");
		return NULL;
	}
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
