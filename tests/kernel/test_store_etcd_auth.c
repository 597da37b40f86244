/* SPDX-License-Identifier: Apache-2.0 */
/* fake: server */
#include "daemon/store/etcd/store_etcd_auth.h"

#include "common/array.h"
#include "common/log.h"
#include "daemon/io/http.h"
#include "daemon/io/loop.h"
#include "tests/unit/fake_server.h"
#include "tests/unit/samples.h"
#include "tests/unit/tempdir.h"

#include <errno.h>
#include <stdlib.h>

#define WAIT_MS 10000
#define WRONG                                                                                      \
	"{\"error\":\"etcdserver: authentication failed, invalid user ID or password\",\"code\":3}"
#define NO_USERS "{\"error\":\"etcdserver: authentication is not enabled\",\"code\":9}"
#define BUSY "{\"error\":\"etcdserver: request timed out\",\"code\":14}"

/* The response depends on the password, so that the order of requests does not matter. */
static bool gateway(const struct fake_server_request *request)
{
	unsigned n = atomic_fetch_add(&request->shared->counts[0], 1);
	char token[64];

	snprintf(request->shared->kept, sizeof(request->shared->kept), "%s %s", request->path,
		 request->body);
	snprintf(token, sizeof(token), "{\"token\":\"token.%u\"}", n);
	if (strstr(request->body, "\"right\""))
		fake_server_answer(request->fd, 200, token);
	else if (strstr(request->body, "\"useless\""))
		fake_server_answer(request->fd, 400, NO_USERS);
	else if (strstr(request->body, "\"busy\""))
		fake_server_answer(request->fd, 503, BUSY);
	else if (strstr(request->body, "\"header\""))
		fake_server_answer(request->fd, 200, "{\"token\":\"a\\r\\nX-Evil: b\"}");
	else
		fake_server_answer(request->fd, 400, WRONG);
	return true;
}

struct scene {
	struct fake_server server;
	struct loop *loop;
	struct http *http;
	struct loop_event *deadline;
	struct store_etcd_auth *auth;
	char url[64];
	unsigned told, wanted;
	char why[ERR_TEXT_SIZE]; /* of the last; "": good */
	struct store_etcd_auth_waiter waiter[3];
};

static void on_deadline(void *ctx)
{
	(void)ctx;
	fail_msg("nothing came");
}

static void on_ready(void *ctx, const struct err *err)
{
	struct scene *scene = ctx;

	snprintf(scene->why, sizeof(scene->why), "%s", err ? err->text : "");
	if (++scene->told == scene->wanted)
		loop_stop(scene->loop);
}

static int setup(void **state)
{
	struct scene *scene = test_calloc(1, sizeof(*scene));
	struct err err = ERR_INIT;

	if (tempdir_make(state))
		return -1;
	scene->server = fake_server_start(gateway);
	snprintf(scene->url, sizeof(scene->url), "http://127.0.0.1:%u", scene->server.port);
	assert_good(loop_new(&scene->loop, &err), err);
	assert_good(http_new(scene->loop, &scene->http, &err), err);
	scene->deadline = loop_timer(scene->loop, on_deadline, scene);
	for (size_t i = 0; i < ARRAY_LEN(scene->waiter); i++) {
		scene->waiter[i].ready = on_ready;
		scene->waiter[i].ctx = scene;
	}
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	store_etcd_auth_free(scene->auth);
	loop_event_free(scene->deadline);
	http_free(scene->http);
	loop_free(scene->loop);
	fake_server_stop(&scene->server);
	test_free(scene);
	return tempdir_remove(state);
}

#define auth_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void with(struct scene *scene, const char *username, const char *password, const char *file)
{
	store_etcd_auth_free(scene->auth);
	scene->auth = store_etcd_auth_new(scene->loop, scene->http, username, password, file);
	assert_non_null(scene->auth);
}

/* Adds count waiters and waits until all of them are called. Returns the error of the last. */
static const char *get(struct scene *scene, size_t waiters)
{
	scene->told = 0;
	scene->wanted = (unsigned)waiters;
	for (size_t i = 0; i < waiters; i++)
		store_etcd_auth_wait(scene->auth, scene->url, &scene->waiter[i]);
	assert_int_equal(scene->told, 0); /* the callback is never called within the function */
	loop_timer_start(scene->deadline, WAIT_MS);
	loop_run(scene->loop);
	loop_timer_stop(scene->deadline);
	assert_int_equal(scene->told, waiters);
	return scene->why;
}

static unsigned asked(const struct scene *scene)
{
	return scene->server.shared->counts[0];
}

static void without_a_user_name_no_request_waits(void **state)
{
	struct scene *scene = *state;

	with(scene, NULL, NULL, NULL);
	assert_false(store_etcd_auth_needs_token(scene->auth));
	assert_null(store_etcd_auth_header(scene->auth));
	assert_false(store_etcd_auth_reject(scene->auth, store_etcd_auth_token_id(scene->auth)));
}

static void one_request_serves_all_waiters(void **state)
{
	struct scene *scene = *state;

	with(scene, "weft", "right", NULL);
	assert_true(store_etcd_auth_needs_token(scene->auth));
	assert_string_equal(get(scene, 3), "");
	assert_int_equal(asked(scene), 1);
	assert_string_equal(scene->server.shared->kept,
			    "/v3/auth/authenticate {\"name\":\"weft\",\"password\":\"right\"}");
	assert_false(store_etcd_auth_needs_token(scene->auth));
	assert_string_equal(store_etcd_auth_header(scene->auth), "Authorization: token.0");
}

/* The rejection of an old token is ignored: another request has brought a new token. */
static void a_rejected_token_is_replaced_once(void **state)
{
	struct scene *scene = *state;
	uint64_t number;

	with(scene, "weft", "right", NULL);
	get(scene, 1);
	number = store_etcd_auth_token_id(scene->auth);
	assert_true(store_etcd_auth_reject(scene->auth, number));
	assert_true(store_etcd_auth_needs_token(scene->auth));
	assert_string_equal(get(scene, 1), "");
	assert_string_equal(store_etcd_auth_header(scene->auth), "Authorization: token.1");
	assert_true(store_etcd_auth_reject(scene->auth, number));
	assert_false(store_etcd_auth_needs_token(scene->auth));
}

static void write_password(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* Until the file changes: each attempt costs etcd time and is logged by it. */
static void a_rejected_password_is_retried_after_a_pause(void **state)
{
	struct scene *scene = *state;
	char path[128], expected[192];

	snprintf(path, sizeof(path), "%s/password", tempdir_path);
	write_password(path, "wrong\n");
	with(scene, "weft", NULL, path);
	assert_says(get(scene, 2), "invalid user ID or password");
	snprintf(expected, sizeof(expected), "user weft, password of %s", path);
	assert_says(scene->why, expected);
	assert_says(get(scene, 1), "etcd rejected user weft");
	assert_says(scene->why, scene->url);
	assert_int_equal(asked(scene), 1);
	write_password(path, "right\r\nand more\n");
	assert_string_equal(get(scene, 1), "");
	assert_int_equal(asked(scene), 2);
	assert_null(strstr(scene->why, "right"));
}

static void an_invalid_password_file_is_reported(void **state)
{
	struct scene *scene = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/password", tempdir_path);
	with(scene, "weft", NULL, path);
	assert_says(get(scene, 2), "does not exist");
	write_password(path, "\nright\n");
	assert_says(get(scene, 1), "begins with an empty line");
	assert_says(scene->why, path);
	assert_int_equal(asked(scene), 0);
	assert_true(store_etcd_auth_needs_token(scene->auth));
}

/* An error that does not concern the password does not reject it. */
static void other_failures_are_retried(void **state)
{
	struct scene *scene = *state;

	with(scene, "weft", "busy", NULL);
	for (unsigned i = 1; i <= 2; i++) {
		assert_says(get(scene, 1), "request timed out");
		assert_int_equal(asked(scene), i);
	}
	with(scene, "weft", "header", NULL); /* a token that would be two headers */
	assert_says(get(scene, 1), "is not a token");
	assert_null(store_etcd_auth_header(scene->auth));
	fake_server_stop(&scene->server);
	with(scene, "weft", "right", NULL);
	assert_says(get(scene, 1), "cannot connect");
	scene->server = fake_server_start(gateway);
}

static void an_etcd_without_authentication_needs_no_token(void **state)
{
	struct scene *scene = *state;

	with(scene, "weft", "useless", NULL);
	assert_string_equal(get(scene, 1), "");
	assert_false(store_etcd_auth_needs_token(scene->auth));
	assert_null(store_etcd_auth_header(scene->auth));
	/* the waiters have the token now */
	assert_true(store_etcd_auth_reject(scene->auth, store_etcd_auth_token_id(scene->auth)));
	assert_true(store_etcd_auth_needs_token(scene->auth));
}

static void a_cancelled_waiter_is_not_called(void **state)
{
	struct scene *scene = *state;

	with(scene, "weft", "right", NULL);
	store_etcd_auth_wait(scene->auth, scene->url, &scene->waiter[2]);
	store_etcd_auth_cancel_wait(&scene->waiter[2]);
	store_etcd_auth_cancel_wait(&scene->waiter[2]); /* it is no longer waiting */
	assert_string_equal(get(scene, 2), "");
	assert_int_equal(asked(scene), 1);
	assert_true(store_etcd_auth_reject(scene->auth, store_etcd_auth_token_id(scene->auth)));
	store_etcd_auth_wait(scene->auth, scene->url, &scene->waiter[0]);
	with(scene, "weft", "right", NULL); /* freed while a request waits */
	assert_null(scene->waiter[0].slot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		auth_test(without_a_user_name_no_request_waits),
		auth_test(one_request_serves_all_waiters),
		auth_test(a_rejected_token_is_replaced_once),
		auth_test(a_rejected_password_is_retried_after_a_pause),
		auth_test(an_invalid_password_file_is_reported),
		auth_test(other_failures_are_retried),
		auth_test(an_etcd_without_authentication_needs_no_token),
		auth_test(a_cancelled_waiter_is_not_called),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	fake_server_isolate();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
