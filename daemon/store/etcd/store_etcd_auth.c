/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/etcd/store_etcd_auth.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/log.h"
#include "common/retry.h"
#include "daemon/io/http.h"
#include "daemon/io/loop.h"
#include "daemon/store/etcd/store_etcd_call.h"
#include "daemon/store/etcd/store_etcd_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASSWORD_MAX 4096
#define ANSWER_MAX ((size_t)64 * 1024)
/* Checking a password costs etcd 0.1 s of processor time, and it has no limit on attempts. */
#define REJECTED_FIRST_MS 2000
#define REJECTED_MAX_MS 60000

struct store_etcd_auth {
	struct loop *loop;
	struct http *http;
	char *username, *password, *password_file;
	char *header; /* NULL: no token */
	uint64_t token_id;
	bool disabled; /* authentication is not enabled in etcd */
	struct http_call *call;
	struct loop_event *fail; /* reports why when no call could be started */
	struct err why;
	char *pending;        /* the password of call */
	char *rejected;       /* the password that etcd rejected last */
	uint64_t retry_at_ms; /* when that one may be tried again */
	struct retry retry;
	struct store_etcd_auth_waiter *waiting;
};

static void erase(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(take_ptr(*secret));
}

/* ---- Waiters ------------------------------------------------------------- */

static void enlist(struct store_etcd_auth *auth, struct store_etcd_auth_waiter *waiter)
{
	waiter->slot = &auth->waiting;
	waiter->next = auth->waiting;
	if (waiter->next)
		waiter->next->slot = &waiter->next;
	auth->waiting = waiter;
}

void store_etcd_auth_cancel_wait(struct store_etcd_auth_waiter *waiter)
{
	if (!waiter->slot)
		return;
	*waiter->slot = waiter->next;
	if (waiter->next)
		waiter->next->slot = waiter->slot;
	waiter->slot = NULL;
}

/* Moves the waiters to a list of its own, so that those added meanwhile are not called. */
static void notify_waiters(struct store_etcd_auth *auth, const struct err *err)
{
	struct store_etcd_auth_waiter *first = take_ptr(auth->waiting);

	if (first)
		first->slot = &first;
	while (first) {
		struct store_etcd_auth_waiter *waiter = first;

		store_etcd_auth_cancel_wait(waiter);
		waiter->ready(waiter->ctx, err);
	}
}

static void on_fail(void *ctx)
{
	struct store_etcd_auth *auth = ctx;
	struct err why = auth->why;

	notify_waiters(auth, &why);
}

/* ---- The token ----------------------------------------------------------- */

static int store_token(struct store_etcd_auth *auth, const char *body, size_t size, struct err *err)
{
	AUTO(free) char *token = NULL;
	char *header;

	if (store_etcd_wire_read_token(body, size, &token, err) < 0)
		return -1;
	if (asprintf(&header, "Authorization: %s", token) < 0)
		return err_nomem(err, "etcd's token");
	free(auth->header);
	auth->header = header;
	auth->token_id++;
	retry_reset(&auth->retry);
	erase(&auth->rejected);
	log_debug("received an etcd token", "user", auth->username);
	return 0;
}

static void set_disabled(struct store_etcd_auth *auth)
{
	auth->disabled = true;
	retry_reset(&auth->retry);
	log_warn("authentication is not enabled in etcd, ignoring user name and password", "user",
		 auth->username, "remedy", "etcdctl auth enable");
}

/* etcd has checked the password and rejected it. */
static void set_rejected(struct store_etcd_auth *auth, struct err *err)
{
	erase(&auth->rejected);
	auth->rejected = take_ptr(auth->pending);
	auth->retry_at_ms = loop_now_ms() + retry_next_ms(&auth->retry);
	err_wrap(err, "user %s, password of %s", auth->username,
		 auth->password_file ? auth->password_file : "--etcd-password");
}

static void on_authenticated(void *ctx, unsigned status, const char *body, size_t size,
			     const struct err *failed)
{
	struct store_etcd_auth *auth = ctx;
	struct err err = ERR_INIT;
	int got = -1;

	auth->call = NULL;
	if (failed) {
		err = *failed;
	} else if (status == 200) {
		got = store_token(auth, body, size, &err);
	} else {
		store_etcd_wire_error(status, body, size, &err);
		if (strstr(err.text, "authentication is not enabled")) {
			set_disabled(auth);
			got = 0;
		} else if (err.sys_errno != EAGAIN) {
			set_rejected(auth, &err);
		}
	}
	erase(&auth->pending);
	notify_waiters(auth, got == 0 ? NULL : &err);
}

/* The first line of the password file, or the configured password; the caller's. */
static int get_password(const struct store_etcd_auth *auth, char **password_out, struct err *err)
{
	char *text = NULL;
	size_t size;
	int found;

	if (!auth->password_file) {
		*password_out = strdup(auth->password ? auth->password : "");
		return *password_out ? 0 : err_nomem(err, "the password");
	}
	found = fs_read(AT_FDCWD, auth->password_file, PASSWORD_MAX, &text, &size, err);
	if (found < 0)
		return err_wrap(err, "--etcd-password-file");
	if (found)
		text[strcspn(text, "\r\n")] = '\0';
	if (!found || !*text) {
		free(text);
		return err_set(err, ERR_CONFIG, "--etcd-password-file %s %s", auth->password_file,
			       found ? "begins with an empty line" : "does not exist");
	}
	*password_out = text;
	return 0;
}

static int authenticate(struct store_etcd_auth *auth, const char *endpoint, struct err *err)
{
	AUTO(free) char *body = NULL;
	AUTO(free) char *url = NULL;
	struct http_request post = {
		.timeout_ms = STORE_ETCD_CALL_SHORT_MS,
		.connect_ms = STORE_ETCD_CALL_CONNECT_MS,
		.max_size = ANSWER_MAX,
		.ctx = auth,
		.done = on_authenticated,
	};

	erase(&auth->pending);
	if (get_password(auth, &auth->pending, err) < 0)
		return -1;
	if (auth->rejected && !strcmp(auth->pending, auth->rejected) &&
	    loop_now_ms() < auth->retry_at_ms)
		return err_set(err, ERR_STORE, "%s: etcd rejected user %s or the password of %s",
			       endpoint, auth->username,
			       auth->password_file ? auth->password_file : "--etcd-password");
	body = store_etcd_wire_authenticate(auth->username, auth->pending);
	if (!body || asprintf(&url, "%s/v3/auth/authenticate", endpoint) < 0) {
		url = NULL;
		return err_nomem(err, "a request to etcd");
	}
	post.url = url;
	post.body = body;
	auth->call = http_send(auth->http, &post, err);
	explicit_bzero(body, strlen(body));
	return auth->call ? 0 : -1;
}

/* ---- For requests -------------------------------------------------------- */

bool store_etcd_auth_needs_token(const struct store_etcd_auth *auth)
{
	return auth->username && !auth->header && !auth->disabled;
}

const char *store_etcd_auth_header(const struct store_etcd_auth *auth)
{
	return auth->header;
}

uint64_t store_etcd_auth_token_id(const struct store_etcd_auth *auth)
{
	return auth->token_id;
}

void store_etcd_auth_wait(struct store_etcd_auth *auth, const char *endpoint,
			  struct store_etcd_auth_waiter *waiter)
{
	struct err err = ERR_INIT;

	enlist(auth, waiter);
	if (auth->call || loop_timer_running(auth->fail) || authenticate(auth, endpoint, &err) == 0)
		return;
	auth->why = err;
	loop_timer_start(auth->fail, 0);
}

bool store_etcd_auth_reject(struct store_etcd_auth *auth, uint64_t token_id)
{
	if (token_id == auth->token_id) {
		erase(&auth->header);
		auth->disabled = false;
	}
	return auth->username;
}

/* ---- Construction -------------------------------------------------------- */

static bool copy(char **copy_out, const char *text)
{
	*copy_out = text ? strdup(text) : NULL;
	return !text || *copy_out;
}

struct store_etcd_auth *store_etcd_auth_new(struct loop *loop, struct http *http,
					    const char *username, const char *password,
					    const char *password_file)
{
	struct store_etcd_auth *auth = calloc(1, sizeof(*auth));

	if (!auth)
		return NULL;
	auth->loop = loop;
	auth->http = http;
	auth->retry = (struct retry){ .first_ms = REJECTED_FIRST_MS, .max_ms = REJECTED_MAX_MS };
	auth->fail = loop_timer(loop, on_fail, auth);
	if (!auth->fail || !copy(&auth->username, username) || !copy(&auth->password, password) ||
	    !copy(&auth->password_file, password_file)) {
		store_etcd_auth_free(auth);
		return NULL;
	}
	return auth;
}

void store_etcd_auth_free(struct store_etcd_auth *auth)
{
	if (!auth)
		return;
	while (auth->waiting)
		store_etcd_auth_cancel_wait(auth->waiting);
	http_cancel(auth->call);
	loop_event_free(auth->fail);
	free(auth->username);
	free(auth->password_file);
	erase(&auth->password);
	erase(&auth->header);
	erase(&auth->pending);
	erase(&auth->rejected);
	free(auth);
}
