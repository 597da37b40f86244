/* SPDX-License-Identifier: Apache-2.0 */
#include "common/auto.h"
#include "common/err.h"
#include "http_private.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_SIZE (32L * 1024)

/*
 * A peer that is gone without a word is found out by TCP's own probes: a stream
 * may be silent for long, and has no deadline. 10 s idle, then a probe every 5 s;
 * nothing acknowledged for 20 s ends the connection (tcp(7), TCP_USER_TIMEOUT).
 */
#define KEEPALIVE_IDLE_S 10L
#define KEEPALIVE_INTERVAL_S 5L
#define UNACKED_MAX_MS 20000u

AUTO_DEFINE(curlu, CURLU, curl_url_cleanup);
AUTO_DEFINE(curl_string, char, curl_free);

/* ---- Failures ------------------------------------------------------------ */

/* Where TLS fails, the files that decide about it are named: the key and value to mend. */
static void describe_tls(const struct http_call *call, CURLcode code, const char *text,
			 struct err *err)
{
	const struct tls_files *tls = &call->http->tls;
	const char *ca = tls->file[TLS_CA].path;

	if (code == CURLE_SSL_CERTPROBLEM)
		err_set(err, ERR_STORE, "%s: --etcd-certfile %s or --etcd-keyfile %s: %s",
			call->where, tls->file[TLS_CERT].path, tls->file[TLS_KEY].path, text);
	else if (code == CURLE_SSL_CACERT_BADFILE)
		err_set(err, ERR_STORE, "%s: --etcd-cafile %s: %s", call->where,
			ca ? ca : "(the system's)", text);
	else
		err_set(err, ERR_STORE, "%s: the server's certificate is refused: %s (%s%s)",
			call->where, text, ca ? "--etcd-cafile " : "no --etcd-cafile is given",
			ca ? ca : "");
}

void http_call_describe(const struct http_call *call, CURLcode code, struct err *err)
{
	const char *text = *call->detail ? call->detail : curl_easy_strerror(code);
	long os_errno = 0;

	curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &os_errno);
	if (call->state == HTTP_BODY_TOO_LARGE) {
		err_set(err, ERR_STORE, "%s: the answer is larger than %zu bytes", call->where,
			call->post.max_size);
		err->sys_errno = EMSGSIZE;
	} else if (call->state == HTTP_BODY_NO_MEMORY) {
		err_set(err, ERR_STORE, "%s: out of memory for the answer", call->where);
		err->sys_errno = EAGAIN;
	} else if (code == CURLE_COULDNT_CONNECT && os_errno > 0) {
		err_sys(err, ERR_STORE, (int)os_errno, "%s: cannot connect", call->where);
	} else if (code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE ||
		   code == CURLE_PEER_FAILED_VERIFICATION) {
		describe_tls(call, code, text, err);
	} else if (strstr(text, " alert ")) {
		err_set(err, ERR_STORE, "%s: the server refuses %s: %s", call->where,
			call->http->tls.file[TLS_CERT].path ?
				"the certificate of --etcd-certfile" :
				"a client without a certificate (--etcd-certfile)",
			text);
	} else {
		err_set(err, ERR_STORE, "%s: %s", call->where, text);
		err->sys_errno = code == CURLE_OPERATION_TIMEDOUT ? ETIMEDOUT : EAGAIN;
	}
}

/* ---- Sockets ------------------------------------------------------------- */

static void replace_socket(struct http *http, int old, int new)
{
	for (size_t i = 0; i < HTTP_SOCKETS_MAX; i++) {
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

/* ---- What curl is told --------------------------------------------------- */

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

static bool set_request(struct http_call *call, const struct http_post *post, http_data_fn *on_data)
{
	CURL *easy = call->easy;
	unsigned failed = 0;

	failed |= curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	failed |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->detail);
	failed |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
	failed |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	failed |= curl_easy_setopt(easy, CURLOPT_URL, post->url);
	failed |= curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, post->body);
	failed |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
	failed |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	failed |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	failed |= curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_SIZE);
	failed |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, curl_ms(post->timeout_ms));
	failed |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, curl_ms(post->connect_ms));
	failed |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	return !failed;
}

static bool set_connection(struct http_call *call)
{
	CURL *easy = call->easy;
	unsigned failed = 0;

	/* A look-up that hangs must not hold the loop while its call is cancelled. */
	failed |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	failed |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	failed |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	failed |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
	failed |= curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_new_socket);
	failed |= curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, call->http);
	failed |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_old_socket);
	failed |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, call->http);
	/* Neither a proxy nor an exception from the environment. */
	failed |= curl_easy_setopt(easy, CURLOPT_PROXY, call->http->proxy);
	failed |= curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	/* A tunnel, as a proxy that reads along would hold back what a stream tells. */
	failed |= curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
	return !failed;
}

static CURLcode set_blob(CURL *easy, CURLoption option, const struct tls_file *file)
{
	struct curl_blob blob = { file->text, file->size, CURL_BLOB_COPY };

	return file->text ? curl_easy_setopt(easy, option, &blob) : CURLE_OK;
}

/*
 * What the files held when they were read last, so that a connection made with
 * other ones is not taken for this request.
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
	/* Who names a CA trusts nobody else: not those that the system knows, too. */
	if (tls->file[TLS_CA].text)
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

static bool make_headers(struct http_call *call, const char *const *more)
{
	bool good = add_header(call, "Content-Type: application/json") &&
		    add_header(call, "Expect:");

	while (good && more && *more)
		good = add_header(call, *more++);
	return good;
}

int http_call_configure(struct http_call *call, const struct http_post *post, http_data_fn *on_data,
			struct err *err)
{
	if (name_endpoint(call, post->url, err) < 0)
		return -1;
	call->easy = curl_easy_init();
	if (!call->easy || !make_headers(call, post->headers) ||
	    !set_request(call, post, on_data) || !set_connection(call) || !set_tls(call))
		return err_nomem(err, "a request");
	return 0;
}
