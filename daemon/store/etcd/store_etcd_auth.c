/* SPDX-License-Identifier: Apache-2.0 */
#include "store_etcd_auth.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/log.h"
#include "http.h"
#include "loop.h"
#include "store_etcd_call.h"
#include "store_etcd_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASSWORD_MAX 4096
#define ANSWER_MAX ((size_t)64 * 1024)
/* etcd takes a tenth of a second of work for each password, and locks nobody out. */
#define REFUSED_FIRST_MS 2000
#define REFUSED_MAX_MS 60000

struct store_etcd_auth {
	struct loop *loop;
	struct http *http;
	char *username, *password, *password_file;
	char *header; /* NULL: no token */
	uint64_t number;
	bool userless; /* etcd has no users, though we have a name */
	struct http_call *call;
	struct loop_event *fail; /* fires where there is no call */
	struct err why;          /* what it tells then */
	char *asked;             /* the password under way */
	char *refused;           /* the one that etcd does not take */
	uint64_t again_ms;       /* when that one may be tried again */
	unsigned attempt;
	struct store_etcd_auth_waiter *waiting;
};

static void forget(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(take_ptr(*secret));
}

/* ---- Those who wait ------------------------------------------------------ */

static void enlist(struct store_etcd_auth *auth, struct store_etcd_auth_waiter *waiter)
{
	waiter->slot = &auth->waiting;
	waiter->next = auth->waiting;
	if (waiter->next)
		waiter->next->slot = &waiter->next;
	auth->waiting = waiter;
}

void store_etcd_auth_leave(struct store_etcd_auth_waiter *waiter)
{
	if (!waiter->slot)
		return;
	*waiter->slot = waiter->next;
	if (waiter->next)
		waiter->next->slot = waiter->slot;
	waiter->slot = NULL;
}

/* Whoever comes to wait meanwhile is not meant: those of now get a list of their own. */
static void tell(struct store_etcd_auth *auth, const struct err *err)
{
	struct store_etcd_auth_waiter *told = take_ptr(auth->waiting);

	if (told)
		told->slot = &told;
	while (told) {
		struct store_etcd_auth_waiter *waiter = told;

		store_etcd_auth_leave(waiter);
		waiter->ready(waiter->ctx, err);
	}
}

static void on_fail(void *ctx)
{
	struct store_etcd_auth *auth = ctx;
	struct err why = auth->why;

	tell(auth, &why);
}

/* ---- The token ----------------------------------------------------------- */

static int take_token(struct store_etcd_auth *auth, const char *body, size_t size, struct err *err)
{
	AUTO_FREE char *token = NULL;
	char *header;

	if (store_etcd_wire_read_token(body, size, &token, err) < 0)
		return -1;
	if (asprintf(&header, "Authorization: %s", token) < 0)
		return err_nomem(err, "etcd's token");
	free(auth->header);
	auth->header = header;
	auth->number++;
	auth->attempt = 0;
	forget(&auth->refused);
	log_debug("token of etcd taken", "user", auth->username);
	return 0;
}

static void take_userless(struct store_etcd_auth *auth)
{
	auth->userless = true;
	auth->attempt = 0;
	log_warn("etcd has no users, and so no use for the name and the password", "user",
		 auth->username, "remedy", "etcdctl auth enable");
}

/* etcd has looked at the password, and did not like it. */
static void take_refusal(struct store_etcd_auth *auth, struct err *err)
{
	forget(&auth->refused);
	auth->refused = take_ptr(auth->asked);
	auth->again_ms = loop_now_ms() +
			 loop_backoff_ms(auth->attempt++, REFUSED_FIRST_MS, REFUSED_MAX_MS);
	err_wrap(err, "user %s, password of %s", auth->username,
		 auth->password_file ? auth->password_file : "--etcd-password");
}

static void on_answer(void *ctx, unsigned status, const char *body, size_t size,
		      const struct err *failed)
{
	struct store_etcd_auth *auth = ctx;
	struct err err = ERR_INIT;
	int got = -1;

	auth->call = NULL;
	if (failed) {
		err = *failed;
	} else if (status == 200) {
		got = take_token(auth, body, size, &err);
	} else {
		store_etcd_wire_error(status, body, size, &err);
		if (strstr(err.text, "authentication is not enabled")) {
			take_userless(auth);
			got = 0;
		} else if (err.sys_errno != EAGAIN) {
			take_refusal(auth, &err);
		}
	}
	forget(&auth->asked);
	tell(auth, got == 0 ? NULL : &err);
}

/* The first line of the file; or what was given otherwise. The caller's. */
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
			       found ? "begins with an empty line" : "is not there");
	}
	*password_out = text;
	return 0;
}

static int ask(struct store_etcd_auth *auth, const char *endpoint, struct err *err)
{
	AUTO_FREE char *body = NULL;
	AUTO_FREE char *url = NULL;
	struct http_post post = {
		.timeout_ms = STORE_ETCD_CALL_SHORT_MS,
		.connect_ms = STORE_ETCD_CALL_CONNECT_MS,
		.max_size = ANSWER_MAX,
		.ctx = auth,
		.done = on_answer,
	};

	forget(&auth->asked);
	if (get_password(auth, &auth->asked, err) < 0)
		return -1;
	if (auth->refused && !strcmp(auth->asked, auth->refused) && loop_now_ms() < auth->again_ms)
		return err_set(err, ERR_STORE,
			       "%s: etcd refuses the user %s, or the password of %s", endpoint,
			       auth->username,
			       auth->password_file ? auth->password_file : "--etcd-password");
	body = store_etcd_wire_authenticate(auth->username, auth->asked);
	if (!body || asprintf(&url, "%s/v3/auth/authenticate", endpoint) < 0) {
		url = NULL;
		return err_nomem(err, "a request to etcd");
	}
	post.url = url;
	post.body = body;
	auth->call = http_post(auth->http, &post, err);
	explicit_bzero(body, strlen(body));
	return auth->call ? 0 : -1;
}

/* ---- For requests -------------------------------------------------------- */

bool store_etcd_auth_is_due(const struct store_etcd_auth *auth)
{
	return auth->username && !auth->header && !auth->userless;
}

const char *store_etcd_auth_header(const struct store_etcd_auth *auth)
{
	return auth->header;
}

uint64_t store_etcd_auth_number(const struct store_etcd_auth *auth)
{
	return auth->number;
}

void store_etcd_auth_wait(struct store_etcd_auth *auth, const char *endpoint,
			  struct store_etcd_auth_waiter *waiter)
{
	struct err err = ERR_INIT;

	enlist(auth, waiter);
	if (auth->call || loop_timer_running(auth->fail) || ask(auth, endpoint, &err) == 0)
		return;
	auth->why = err;
	loop_timer_start(auth->fail, 0);
}

bool store_etcd_auth_refused(struct store_etcd_auth *auth, uint64_t number)
{
	if (number == auth->number) {
		forget(&auth->header);
		auth->userless = false;
	}
	return auth->username;
}

/* ---- Making one ---------------------------------------------------------- */

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
		store_etcd_auth_leave(auth->waiting);
	http_cancel(auth->call);
	loop_event_free(auth->fail);
	free(auth->username);
	free(auth->password_file);
	forget(&auth->password);
	forget(&auth->header);
	forget(&auth->asked);
	forget(&auth->refused);
	free(auth);
}
