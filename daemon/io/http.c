/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/http.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/vec.h"
#include "daemon/io/http_body.h"
#include "daemon/io/loop.h"
#include "daemon/io/tls_files.h"

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
#define WARN_EVERY_MS 60000
#define RECEIVE_SIZE (32L * 1024)
#define RECEIVE_SIZE_STREAM (8L * 1024) /* each network has one or two for as long as weftd runs */

/*
 * TCP keepalive detects a dead peer of a stream, which may be idle for long and has no timeout:
 * a probe after 10 s idle, then every 5 s; a connection without an acknowledgement for
 * 20 s is closed (tcp(7), TCP_USER_TIMEOUT).
 */
#define KEEPALIVE_IDLE_S 10L
#define KEEPALIVE_INTERVAL_S 5L
#define UNACKED_MAX_MS 20000u

VEC_DEFINE(sockets, int);

struct http {
	struct loop *loop;
	CURLM *multi;
	struct loop_event *timer;
	struct http_call *calls;
	struct sockets sockets; /* the open ones */
	bool busy; /* libcurl is running or its messages are read: handles must not be freed */
	struct tls_files tls;
	uint64_t tls_warned_ms, tls_held; /* log_limit */
	char *proxy;                      /* "": none */
};

struct http_call {
	struct http *http;
	struct http_call *next, **slot;
	CURL *easy;
	struct curl_slist *headers;
	struct http_request request; /* its texts are NULL: libcurl has copies */
	char endpoint[320];          /* "host:port", for errors */
	bool tls;
	char detail[CURL_ERROR_SIZE];
	struct http_body body;
	enum http_body_state state; /* of body */
	bool started;               /* added to the multi handle */
	bool over;                  /* cancelled or done: freed when http is no longer busy */
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
	curl_slist_free_all(call->headers);
	http_body_free(&call->body);
	free(call);
}
AUTO_DEFINE(call, struct http_call, call_free);

/* ---- Errors -------------------------------------------------------------- */

static const char *file_name(const struct tls_file *file, const char *absent)
{
	if (file->path)
		return file->path;
	return file->data ? "(embedded)" : absent;
}

/* Names the options and files that the failed step of TLS depends on. */
static void describe_tls(const struct http_call *call, CURLcode code, const char *text,
			 struct err *err)
{
	const struct tls_files *tls = &call->http->tls;
	const struct tls_file *ca = &tls->file[TLS_CA], *cert = &tls->file[TLS_CERT];
	const struct tls_file *key = &tls->file[TLS_KEY];

	if (code == CURLE_SSL_CERTPROBLEM)
		err_set(err, ERR_STORE, "%s: %s %s or %s %s: %s", call->endpoint, cert->option,
			file_name(cert, ""), key->option, file_name(key, ""), text);
	else if (code == CURLE_SSL_CACERT_BADFILE)
		err_set(err, ERR_STORE, "%s: %s %s: %s", call->endpoint, ca->option,
			file_name(ca, "(system CAs)"), text);
	else
		err_set(err, ERR_STORE, "%s: the server's certificate is rejected: %s (%s %s)",
			call->endpoint, text, ca->option, file_name(ca, "is not set"));
}

/* Whether the server responds in HTTP/2, or accepts nothing else (RFC 7301 section 3.2). */
static bool is_http2_only(const char *text)
{
	return strstr(text, "HTTP/0.9") || strstr(text, "no application protocol");
}

/* The URL has the wrong scheme for the port, as far as the failure shows. */
static const char *scheme_hint(const struct http_call *call, CURLcode code)
{
	if (call->tls)
		return code == CURLE_SSL_CONNECT_ERROR ? " (a port without TLS? use http://)" : "";
	return code == CURLE_GOT_NOTHING ? " (a port for TLS? use https://)" : "";
}

static void describe(const struct http_call *call, CURLcode code, struct err *err)
{
	const char *text = *call->detail ? call->detail : curl_easy_strerror(code);
	const struct tls_file *cert = &call->http->tls.file[TLS_CERT];
	long os_errno = 0;

	curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &os_errno);
	if (call->state == HTTP_BODY_TOO_LARGE) {
		err_set(err, ERR_STORE, "%s: the response is larger than %zu bytes", call->endpoint,
			call->request.max_size);
		err->sys_errno = EMSGSIZE;
	} else if (call->state == HTTP_BODY_NO_MEMORY) {
		err_set(err, ERR_STORE, "%s: out of memory for the response", call->endpoint);
		err->sys_errno = EAGAIN;
	} else if (code == CURLE_COULDNT_CONNECT && os_errno > 0) {
		err_sys(err, ERR_STORE, (int)os_errno, "%s: cannot connect", call->endpoint);
	} else if (code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE ||
		   code == CURLE_PEER_FAILED_VERIFICATION) {
		describe_tls(call, code, text, err);
	} else if (is_http2_only(text)) {
		err_set(err, ERR_STORE,
			"%s: the server does not speak HTTP/1.1 (a port for HTTP/2 or gRPC only?): %s",
			call->endpoint, text);
		err->sys_errno = EPROTO;
	} else if (strstr(text, " alert ")) {
		err_set(err, ERR_STORE, "%s: the server rejects %s %s: %s", call->endpoint,
			cert->data ? "the certificate of" : "a client without a certificate, see",
			cert->option, text);
	} else {
		err_set(err, ERR_STORE, "%s: %s%s", call->endpoint, text, scheme_hint(call, code));
		err->sys_errno = code == CURLE_OPERATION_TIMEDOUT ? ETIMEDOUT : EAGAIN;
	}
}

/* ---- Responses ----------------------------------------------------------- */

static bool on_line(void *ctx, const char *line, size_t size)
{
	struct http_call *call = ctx;

	return call->request.line(call->request.ctx, line, size) && !call->over;
}

static unsigned status_of(const struct http_call *call)
{
	long status = 0;

	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	return (unsigned)status;
}

static bool is_stream(const struct http_call *call)
{
	return call->request.line && status_of(call) == 200;
}

static enum http_body_state deliver(struct http_call *call, char *data, size_t size)
{
	if (is_stream(call))
		return http_body_add_lines(&call->body, data, size);
	if (!call->request.data || status_of(call) != 200)
		return http_body_add(&call->body, data, size);
	return call->request.data(call->request.ctx, data, size) && !call->over ?
		       HTTP_BODY_CONTINUES :
		       HTTP_BODY_ENDED;
}

static size_t on_data(char *data, size_t one, size_t size, void *arg)
{
	struct http_call *call = arg;

	(void)one; /* always 1 */
	if (call->over)
		return CURL_WRITEFUNC_ERROR;
	call->state = deliver(call, data, size);
	return call->state == HTTP_BODY_CONTINUES ? size : CURL_WRITEFUNC_ERROR;
}

/* ---- Completion ---------------------------------------------------------- */

static void finish(struct http_call *call, CURLcode code)
{
	struct err err = ERR_INIT;
	bool good;

	/* Before done, so that a request made in done can reuse the connection. */
	curl_multi_remove_handle(call->http->multi, call->easy);
	if (!call->over && code == CURLE_OK && is_stream(call))
		call->state = http_body_end_lines(&call->body);
	good = code == CURLE_OK || call->state == HTTP_BODY_ENDED;
	if (!good)
		describe(call, code, &err);
	if (!call->over)
		call->request.done(call->request.ctx, status_of(call),
				   call->body.buf ? call->body.buf : "", call->body.len,
				   good ? NULL : &err);
	call->over = true;
}

/* libcurl accepts no request within its own callbacks: those made there are started here. */
static void start_pending(struct http *http)
{
	struct http_call *call = http->calls;

	while (call) {
		if (call->started || call->over) {
			call = call->next;
			continue;
		}
		call->started = true;
		if (curl_multi_add_handle(http->multi, call->easy) != CURLM_OK)
			finish(call, CURLE_OUT_OF_MEMORY);
		call = http->calls; /* done may have added another */
	}
}

static void free_finished(struct http *http)
{
	struct http_call *next;

	for (struct http_call *call = http->calls; call; call = next) {
		next = call->next;
		if (call->over)
			call_free(call);
	}
}

static void run_curl(struct http *http, curl_socket_t fd, int ready)
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
	start_pending(http);
	http->busy = false;
	free_finished(http);
}

/* ---- libcurl on the loop ------------------------------------------------- */

static void on_ready(void *ctx, int fd, unsigned ready)
{
	run_curl(ctx, fd,
		 (ready & LOOP_READ ? CURL_CSELECT_IN : 0) |
			 (ready & LOOP_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(void *ctx)
{
	run_curl(ctx, CURL_SOCKET_TIMEOUT, 0);
}

/* If out of memory for the event, the request ends with its timeout. */
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

/* libcurl detects the shutdown, of connections in use and of idle ones. */
void http_disconnect(struct http *http)
{
	for (size_t i = 0; i < http->sockets.len; i++)
		shutdown(http->sockets.at[i], SHUT_RDWR);
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
		return err_set(err, ERR_INTERNAL, "cannot initialise libcurl");
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
	sockets_free(&http->sockets);
	free(http->proxy);
	free(http);
	curl_global_cleanup();
}

/* ---- TLS ----------------------------------------------------------------- */

int http_secure(struct http *http, const struct http_settings *settings, struct err *err)
{
	const struct http_file *const source[TLS_FILES] = {
		[TLS_CA] = &settings->ca,
		[TLS_CERT] = &settings->cert,
		[TLS_KEY] = &settings->key,
	};
	char *proxy = strdup(settings->proxy ? settings->proxy : "");

	if (!proxy)
		return err_nomem(err, "the HTTP client");
	free(http->proxy);
	http->proxy = proxy;
	return tls_files_open(&http->tls, source, err);
}

static void refresh_tls(struct http *http)
{
	struct err err = ERR_INIT;
	int changed = tls_files_refresh(&http->tls, &err);

	if (changed > 0)
		log_info("TLS certificates reloaded");
	if (changed < 0 &&
	    log_limit(&http->tls_warned_ms, &http->tls_held, loop_now_ms(), WARN_EVERY_MS)) {
		log_warn("cannot reload TLS certificates, keeping the previous ones", "error",
			 err.text, "not_shown", LOG_NUM(http->tls_held));
		http->tls_held = 0;
	}
}

uint64_t http_tls_generation(const struct http *http)
{
	return http->tls.generation;
}

/* ---- Sockets ------------------------------------------------------------- */

/* Without memory for it, the request fails: http_disconnect would miss the socket. */
static int on_new_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
	struct http *http = ctx;
	unsigned unacked_ms = UNACKED_MAX_MS;

	(void)purpose;
	if (!sockets_push(&http->sockets, &fd))
		return CURL_SOCKOPT_ERROR;
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked_ms, sizeof(unacked_ms));
	return CURL_SOCKOPT_OK;
}

static int on_old_socket(void *ctx, curl_socket_t fd)
{
	struct sockets *sockets = &((struct http *)ctx)->sockets;

	for (size_t i = 0; i < sockets->len; i++) {
		if (sockets->at[i] == fd) {
			sockets->at[i] = sockets->at[--sockets->len];
			break;
		}
	}
	return close(fd);
}

/* ---- Configuring libcurl for a request ----------------------------------- */

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
	snprintf(call->endpoint, sizeof(call->endpoint), "%s:%s", host, port);
	call->tls = !strncmp(url, "https:", 6);
	return 0;
}

static long curl_ms(uint64_t ms)
{
	return ms < LONG_MAX ? (long)ms : LONG_MAX;
}

static bool set_request(struct http_call *call, const struct http_request *request)
{
	CURL *easy = call->easy;
	unsigned failed = 0;

	failed |= curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	failed |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->detail);
	failed |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
	failed |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	failed |= curl_easy_setopt(easy, CURLOPT_URL, request->url);
	if (request->body)
		failed |= curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body);
	if (request->method)
		failed |= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	failed |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
	failed |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	failed |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	failed |= curl_easy_setopt(easy, CURLOPT_BUFFERSIZE,
				   request->line ? RECEIVE_SIZE_STREAM : RECEIVE_SIZE);
	failed |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, curl_ms(request->timeout_ms));
	failed |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, curl_ms(request->connect_ms));
	failed |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	return !failed;
}

static bool set_connection(struct http_call *call)
{
	CURL *easy = call->easy;
	unsigned failed = 0;

	/* A name look-up in progress must not block the loop when its call is cancelled. */
	failed |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	failed |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	failed |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	failed |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
	failed |= curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_new_socket);
	failed |= curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, call->http);
	failed |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_old_socket);
	failed |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, call->http);
	/* Neither a proxy nor an exception comes from the environment. */
	failed |= curl_easy_setopt(easy, CURLOPT_PROXY, call->http->proxy);
	failed |= curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	/* A tunnel (CONNECT): a proxy that parses HTTP may buffer a stream. */
	failed |= curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
	return !failed;
}

static CURLcode set_blob(CURL *easy, CURLoption option, const struct tls_file *file)
{
	struct curl_blob blob = { file->data, file->size, CURL_BLOB_COPY };

	return file->data ? curl_easy_setopt(easy, option, &blob) : CURLE_OK;
}

/*
 * The contents as last read, not the paths: libcurl reuses a connection only for a request with
 * the same contents, so that a renewed certificate leads to a new connection.
 */
static bool set_tls(struct http_call *call)
{
	const struct tls_files *tls = &call->http->tls;
	CURL *easy = call->easy;
	unsigned failed = 0;

	failed |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	failed |= set_blob(easy, CURLOPT_CAINFO_BLOB, &tls->file[TLS_CA]);
	failed |= set_blob(easy, CURLOPT_SSLCERT_BLOB, &tls->file[TLS_CERT]);
	failed |= set_blob(easy, CURLOPT_SSLKEY_BLOB, &tls->file[TLS_KEY]);
	/* Without it OpenSSL prompts for the passphrase of an encrypted key on the terminal. */
	failed |= curl_easy_setopt(easy, CURLOPT_KEYPASSWD, "");
	/* A CA bundle replaces the system's CAs. */
	if (tls->file[TLS_CA].data)
		failed |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	return !failed;
}

static bool add_header(struct http_call *call, const char *line)
{
	struct curl_slist *longer = curl_slist_append(call->headers, line);

	if (longer)
		call->headers = longer;
	return longer;
}

static bool make_headers(struct http_call *call, const struct http_request *request)
{
	const char *const *more = request->headers;
	char type[128];
	bool good = add_header(call, "Expect:");

	snprintf(type, sizeof(type), "Content-Type: %s",
		 request->content_type ? request->content_type : "application/json");
	if (request->body)
		good = good && add_header(call, type);
	while (good && more && *more)
		good = add_header(call, *more++);
	return good;
}

static int configure(struct http_call *call, const struct http_request *request, struct err *err)
{
	if (name_endpoint(call, request->url, err) < 0)
		return -1;
	call->easy = curl_easy_init();
	if (!call->easy || !make_headers(call, request) || !set_request(call, request) ||
	    !set_connection(call) || !set_tls(call))
		return err_nomem(err, "a request");
	return 0;
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

struct http_call *http_send(struct http *http, const struct http_request *request, struct err *err)
{
	AUTO(call) struct http_call *call = calloc(1, sizeof(*call));

	if (!call) {
		err_nomem(err, "a request");
		return NULL;
	}
	refresh_tls(http);
	call->http = http;
	call->request = *request;
	call->request.url = call->request.body = call->request.content_type = NULL;
	call->request.headers = NULL;
	call->body = (struct http_body){ request->max_size, on_line, call, NULL, 0, 0 };
	if (configure(call, request, err) < 0)
		return NULL;
	call->started = !http->busy;
	if (call->started && curl_multi_add_handle(http->multi, call->easy) != CURLM_OK) {
		err_nomem(err, "a request");
		return NULL;
	}
	enlist(call);
	return take_ptr(call);
}

uint32_t http_retry_after_s(const struct http_call *call)
{
	curl_off_t wait_s = 0;

	curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &wait_s);
	return wait_s < 0 ? 0 : wait_s < INT32_MAX ? (uint32_t)wait_s : INT32_MAX;
}

void http_cancel(struct http_call *call)
{
	if (!call)
		return;
	call->over = true;
	if (!call->http->busy)
		call_free(call);
}
