/* SPDX-License-Identifier: Apache-2.0 */
/* The etcd store with a faulty gateway. */
/* fake: server */
#include "common/array.h"
#include "common/base64.h"
#include "daemon/store/etcd/store_etcd_wire.h"
#include "tests/unit/fake_server.h"
#include "tests/unit/store_recorder.h"

#include <errno.h>
#include <stdlib.h>

#define HEAD(revision)                                                                             \
	"\"header\":{\"cluster_id\":\"9\",\"revision\":\"" revision "\",\"raft_term\":\"2\"}"
/* /w/subnets/a, b, c; of one key the base64 is 16 bytes */
#define KEY_A "L3cvc3VibmV0cy9h"
#define KEY_B "L3cvc3VibmV0cy9i"
#define KEY_C "L3cvc3VibmV0cy9j"
#define KV(key) "{\"key\":\"" key "\",\"mod_revision\":\"3\",\"value\":\"e30=\"}"

#define NO_CONFIG "{" HEAD("7") "}"
#define NO_KEYS "{" HEAD("8") "}"
#define ALL_KEYS "{" HEAD("8") ",\"kvs\":[" KV(KEY_A) "," KV(KEY_B) "]}"
#define FIRST_KEY "{" HEAD("8") ",\"kvs\":[" KV(KEY_A) "],\"more\":true}"
#define SECOND_KEY "{" HEAD("8") ",\"kvs\":[" KV(KEY_B) "]}"
#define COMPACTED "{\"error\":\"compacted\",\"message\":\"compacted\",\"code\":11}"

#define CREATED "{\"result\":{" HEAD("8") ",\"created\":true}}\n"
#define ANOTHER_CLUSTER                                                                            \
	"{\"result\":{\"header\":{\"cluster_id\":\"8\",\"revision\":\"9\",\"raft_term\":\"2\"},"   \
	"\"created\":true}}\n"
#define PROGRESS(revision) "{\"result\":{" HEAD(revision) "}}\n"
#define EVENT(head, revision, more)                                                                \
	"{\"result\":{" HEAD(head) more ",\"events\":[{\"kv\":{\"key\":\"" KEY_A                   \
					"\",\"mod_revision\":\"" revision "\"}}]}}\n"

/* ---- The gateway --------------------------------------------------------- */

enum how { WHOLE, HOLD, END, CUT, HUGE, MANY }; /* HOLD, END, CUT: how a stream ends */

/* The n-th request of a path gets the n-th answer of the path, later requests the last one. */
struct answer {
	const char *path;
	unsigned status;
	const char *body;
	enum how how;
};

static const struct answer *script; /* ended by a NULL path; set before the server starts */

static const char *const paths[] = { "/v3/kv/range", "/v3/watch", "/v3/kv/txn" };

static const struct answer *answer_of(const char *path, unsigned n)
{
	const struct answer *last = NULL;

	for (const struct answer *at = script; at->path; at++) {
		if (strcmp(at->path, path) != 0)
			continue;
		last = at;
		if (!n--)
			break;
	}
	return last;
}

static unsigned count(const struct fake_server_request *request)
{
	size_t i = 0;

	while (i < ARRAY_LEN(paths) && strcmp(paths[i], request->path) != 0)
		i++;
	strncat(request->shared->kept, request->body,
		sizeof(request->shared->kept) - 1 - strlen(request->shared->kept));
	return atomic_fetch_add(&request->shared->counts[i], 1);
}

static void answer_huge(int fd)
{
	char block[65536];

	memset(block, ' ', sizeof(block));
	fake_server_stream(fd);
	for (int i = 0; i < 300; i++)
		fake_server_chunk(fd, block, sizeof(block));
	fake_server_chunk(fd, "", 0);
}

/* More keys by one than a list may have. */
static void answer_many(int fd)
{
	fake_server_send(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{%s,\"kvs\":[",
			 HEAD("8"));
	for (int i = 0; i <= 100000; i++) {
		char key[32];
		char *text;

		snprintf(key, sizeof(key), "/w/subnets/%06d", i);
		text = base64_encode(key, strlen(key));
		fake_server_send(fd, "%s{\"key\":\"%s\",\"mod_revision\":\"3\"}", i ? "," : "",
				 text);
		free(text);
	}
	fake_server_send(fd, "]}");
}

static bool gateway(const struct fake_server_request *request)
{
	const struct answer *answer = answer_of(request->path, count(request));
	int fd = request->fd;

	if (!answer) {
		fake_server_answer(fd, 404, "Not Found\n");
		return true;
	}
	switch (answer->how) {
	case WHOLE:
		fake_server_answer(fd, answer->status, answer->body);
		return true;
	case HUGE:
		answer_huge(fd);
		return true;
	case MANY:
		answer_many(fd);
		return false;
	case HOLD:
	case END:
	case CUT:
		break;
	}
	fake_server_stream(fd);
	fake_server_chunk(fd, answer->body, strlen(answer->body));
	if (answer->how == HOLD)
		fake_server_wait(fd);
	else if (answer->how == END)
		fake_server_chunk(fd, "", 0);
	return answer->how == END;
}

#define RANGE(status, body)                                                                        \
	{                                                                                          \
		paths[0], status, body, WHOLE                                                      \
	}
#define WATCH(how, body)                                                                           \
	{                                                                                          \
		paths[1], 200, body, how                                                           \
	}
#define SCRIPT(...)                                                                                \
	(const struct answer[])                                                                    \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			NULL, 0, NULL, WHOLE                                                       \
		}                                                                                  \
	}

/* ---- The store ----------------------------------------------------------- */

struct fixture {
	struct recorder r;
	struct fake_server server[2];
	char url[2][64];
};

static int set_up(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	recorder_stop(&f->r);
	fake_server_stop(&f->server[0]);
	fake_server_stop(&f->server[1]);
	return 0;
}

/* A gateway, and a store with it as its only endpoint, or with two equal ones. */
static void begin(struct fixture *f, const struct answer *answers, size_t gateways)
{
	const char *endpoints[3] = { NULL };

	script = answers;
	for (size_t i = 0; i < gateways; i++) {
		f->server[i] = fake_server_start(gateway);
		snprintf(f->url[i], sizeof(f->url[i]), "http://127.0.0.1:%u", f->server[i].port);
		endpoints[i] = f->url[i];
	}
	recorder_start(&f->r, endpoints);
}

/* A store that has requested its list. */
static void start(struct fixture *f, const struct answer *answers, size_t gateways)
{
	struct err err = ERR_INIT;

	begin(f, answers, gateways);
	assert_int_equal(f->r.store->ops->start(f->r.store, NULL, &err), 0);
	assert_string_equal(f->r.log, "");
}

static bool listed(struct recorder *r)
{
	return r->ended == 1;
}

static bool listed_twice(struct recorder *r)
{
	return r->ended == 2;
}

static bool down(struct recorder *r)
{
	return strstr(r->log, "down");
}

static bool never(struct recorder *r)
{
	return loop_now_ms() + RECORDER_WAIT_MS - 800 >= r->deadline_ms;
}

static struct fixture *watched; /* what the next function checks and waits for */
static const char *watched_log;

static bool watched_again(struct recorder *r)
{
	return watched->server[0].shared->counts[1] == 2 && !strcmp(r->log, watched_log);
}

static void test_list_in_pages_of_one_revision(void **state)
{
	struct fixture *f = *state;
	const char *kept;

	start(f,
	      SCRIPT(RANGE(200, "{" HEAD("7") ",\"kvs\":[" KV("L3cvY29uZmln") "]}"),
		     RANGE(200, FIRST_KEY), RANGE(200, SECOND_KEY), WATCH(HOLD, CREATED)),
	      1);
	recorder_wait(&f->r, listed);
	assert_string_equal(f->r.log, "[ config={} +a +b ] up");
	assert_string_equal(f->r.endpoint, f->url[0]);
	kept = strstr(f->server[0].shared->kept, "\"key\":\"L3cvc3VibmV0cy8=\"");
	assert_non_null(kept);
	assert_non_null(strstr(kept, "\"revision\":\"7\""));
	kept = strstr(kept, "\"key\":\"L3cvc3VibmV0cy9hAA==\"");
	assert_non_null(kept);
	assert_non_null(strstr(kept, "\"revision\":\"7\""));
}

static void test_list_that_fails_midway_is_ignored(void **state)
{
	static const struct {
		unsigned status;
		const char *page;
		const char *log;
	} cases[] = {
		{ 400, COMPACTED, "[ config=none +a ! [ config=none +a +b ] up" },
		{ 200, "{" HEAD("8") ",\"kvs\":[{\"key\"",
		  "[ config=none +a ! down [ config=none" },
		{ 200, "", "[ config=none +a ! down [ config=none" },
		{ 503, "", "[ config=none +a ! down [ config=none" },
		{ 200, FIRST_KEY, "[ config=none +a ! down [ config=none" }, /* the same again */
		{ 200, "{" HEAD("8") ",\"more\":true}", "[ config=none +a ! down [ config=none" },
		{ 200, "{" HEAD("8") ",\"kvs\":[" KV(KEY_C) "," KV(KEY_B) "]}",
		  "[ config=none +a ! down [ config=none" }, /* not sorted: not reported */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture *f = *state;

		start(f,
		      SCRIPT(RANGE(200, NO_CONFIG), RANGE(200, FIRST_KEY),
			     RANGE(cases[i].status, cases[i].page), RANGE(200, NO_CONFIG),
			     RANGE(200, ALL_KEYS), WATCH(HOLD, CREATED)),
		      1);
		recorder_wait(&f->r, listed);
		assert_ptr_equal(strstr(f->r.log, cases[i].log), f->r.log);
		assert_non_null(strstr(f->r.log, "config=none +a +b ] up"));
		tear_down(state);
	}
}

static void test_page_that_is_too_large_is_requested_in_smaller_ones(void **state)
{
	struct fixture *f = *state;

	start(f,
	      SCRIPT(RANGE(200, NO_CONFIG), { paths[0], 200, NULL, HUGE }, RANGE(200, ALL_KEYS),
		     WATCH(HOLD, CREATED)),
	      1);
	recorder_wait(&f->r, listed);
	assert_string_equal(f->r.log, "[ config=none +a +b ] up");
	assert_non_null(strstr(f->server[0].shared->kept, "\"limit\":\"250\""));
	assert_non_null(strstr(f->server[0].shared->kept, "\"limit\":\"63\""));
}

static void test_too_many_keys(void **state)
{
	struct fixture *f = *state;

	f->r.count_only = true;
	start(f, SCRIPT(RANGE(200, NO_CONFIG), { paths[0], 200, NULL, MANY }), 1);
	recorder_wait(&f->r, down);
	assert_string_equal(f->r.log, "[ config=none ! down");
	assert_non_null(strstr(f->r.why, "more than 100000 keys below /w/subnets/"));
}

static void test_old_etcd_is_reported(void **state)
{
	struct fixture *f = *state;
	char wanted[256];

	start(f, SCRIPT({ "/v2", 200, "", WHOLE }), 1);
	recorder_wait(&f->r, down);
	snprintf(wanted, sizeof(wanted),
		 "%s: does not serve /v3 (HTTP 404): " STORE_ETCD_WIRE_GATEWAY, f->url[0]);
	assert_string_equal(f->r.why, wanted);
	assert_string_equal(f->r.log, "down");
}

static void test_next_endpoint_is_used_after_a_dead_one(void **state)
{
	struct fixture *f = *state;

	start(f, SCRIPT(RANGE(200, NO_CONFIG), RANGE(200, ALL_KEYS), WATCH(HOLD, CREATED)), 2);
	fake_server_stop(&f->server[0]);
	recorder_wait(&f->r, listed);
	assert_string_equal(f->r.log, "down [ config=none +a +b ] up");
	assert_string_equal(f->r.endpoint, f->url[1]);
}

/* ---- The watch ----------------------------------------------------------- */

/* A watch that ends, and the start revision of the next one. */
static void test_lost_watch_is_resumed(void **state)
{
	static const struct {
		enum how how;
		const char *lines;
		const char *log; /* after the revision of the list */
		const char *start;
	} cases[] = {
		{ CUT, CREATED, "", "8" },
		{ END, CREATED, "", "8" },
		{ CUT, CREATED EVENT("9", "9", ""), " +a", "10" },
		{ CUT, CREATED EVENT("30", "9", ""), " +a", "10" },
		{ CUT, CREATED EVENT("9", "9", ",\"fragment\":true"), " +a", "9" },
		{ CUT, CREATED EVENT("9", "9", "") PROGRESS("20"), " +a", "21" },
		{ CUT, CREATED PROGRESS("20") EVENT("9", "9", ""), " +a", "21" },
		{ CUT, CREATED "\n" EVENT("9", "9", "") "{\"result\":{", " +a", "10" },
		{ HOLD, CREATED "{\"error\":{\"grpc_code\":14,\"message\":\"no leader\"}}\n", "",
		  "8" },
		{ CUT, "", " down up", "8" },
		{ END, "", " down up", "8" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture *f = watched = *state;
		char log[128], first[64], second[64];
		const char *kept;

		start(f,
		      SCRIPT(RANGE(200, NO_CONFIG), RANGE(200, NO_KEYS),
			     WATCH(cases[i].how, cases[i].lines), WATCH(HOLD, CREATED)),
		      1);
		snprintf(log, sizeof(log), "[ config=none ] up%s", cases[i].log);
		watched_log = log;
		recorder_wait(&f->r, watched_again);
		snprintf(first, sizeof(first), "\"start_revision\":\"8\"");
		snprintf(second, sizeof(second), "\"start_revision\":\"%s\"", cases[i].start);
		kept = strstr(f->server[0].shared->kept, first);
		assert_non_null(kept);
		assert_non_null(strstr(kept + 1, second));
		assert_int_equal(f->server[0].shared->counts[0], 2); /* no other list */
		tear_down(state);
	}
}

static void test_stale_watch_leads_to_a_list(void **state)
{
	static const char *const lines[] = {
		CREATED
		"{\"result\":{" HEAD("8") ",\"canceled\":true,\"compact_revision\":\"7\"}}\n",
		CREATED "{\"error\":{\"grpc_code\":11,\"message\":\"compacted\"}}\n",
		CREATED "garbage\n",
		"{\"result\":{" HEAD("6") ",\"created\":true}}\n",
		ANOTHER_CLUSTER,
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct fixture *f = *state;

		start(f,
		      SCRIPT(RANGE(200, NO_CONFIG), RANGE(200, NO_KEYS), RANGE(200, NO_CONFIG),
			     RANGE(200, ALL_KEYS), WATCH(HOLD, lines[i]), WATCH(HOLD, CREATED)),
		      1);
		recorder_wait(&f->r, listed_twice);
		assert_string_equal(f->r.log, "[ config=none ] up [ config=none +a +b ]");
		tear_down(state);
	}
}

/*
 * Retries: immediately, after about 0.1 s, 0.3 s and, depending on the jitter, again before 0.8 s.
 */
static void test_repeated_failures_are_retried_with_backoff(void **state)
{
	const struct {
		const struct answer *script;
		unsigned once, each; /* the requests before the retries, and those of each retry */
	} cases[] = {
		{ SCRIPT(RANGE(500, "")), 0, 1 },
		{ SCRIPT(RANGE(200, NO_CONFIG), RANGE(400, COMPACTED)), 0, 1 },
		{ SCRIPT(RANGE(200, NO_CONFIG), RANGE(200, NO_KEYS), WATCH(END, CREATED)), 2, 1 },
		{ SCRIPT(RANGE(200, NO_CONFIG), RANGE(200, NO_KEYS), WATCH(CUT, "")), 2, 1 },
		{ SCRIPT(RANGE(200, NO_CONFIG), RANGE(200, NO_KEYS), WATCH(HOLD, "garbage\n")), 0,
		  3 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture *f = *state;
		unsigned requests;

		start(f, cases[i].script, 1);
		recorder_wait(&f->r, never);
		requests = f->server[0].shared->requests;
		assert_in_range(requests, cases[i].once + 2 * cases[i].each,
				cases[i].once + 4 * cases[i].each + (i == 1));
		tear_down(state);
	}
}

/* ---- Operations ---------------------------------------------------------- */

static void test_next_endpoint_is_used_after_a_failed_operation(void **state)
{
	static const struct {
		bool dead;
		unsigned status;
		const char *body;
		bool elsewhere;
		const char *error;
	} cases[] = {
		{ true, 200, "{" HEAD("9") ",\"succeeded\":true}", true, "cannot connect" },
		{ false, 503, "{\"message\":\"no leader\",\"code\":14}", true, "no leader" },
		{ false, 404, "{\"message\":\"no lease\",\"code\":5}", false, "no lease" },
		{ false, 200, "{\"succeeded\":true}", false, "header" },
		{ false, 200, "", false, "the text ends" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct answer txn = { paths[2], cases[i].status, cases[i].body, WHOLE };
		struct fixture *f = *state;
		struct recorder *r = &f->r;

		begin(f, SCRIPT(txn), 2);
		if (cases[i].dead)
			fake_server_stop(&f->server[0]);
		r->store->ops->put(r->store, &(struct store_put){ .key = "a", .value = "b" },
				   recorder_done, r);
		assert_int_equal(r->replies, 0);
		recorder_wait_reply(r);
		assert_int_equal(r->err.code, ERR_STORE);
		assert_non_null(strstr(r->err.text, cases[i].error));
		assert_non_null(strstr(r->err.text, "127.0.0.1:"));
		assert_int_equal(r->err.sys_errno == ENOENT, cases[i].status == 404);
		r->store->ops->remove(r->store, "a", 5, recorder_done, r);
		recorder_wait_reply(r);
		assert_int_equal(r->reply.succeeded, cases[i].dead);
		assert_int_equal(f->server[1].shared->requests, cases[i].elsewhere);
		assert_string_equal(r->log, "");
		tear_down(state);
	}
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_list_in_pages_of_one_revision),
		TEST(test_list_that_fails_midway_is_ignored),
		TEST(test_page_that_is_too_large_is_requested_in_smaller_ones),
		TEST(test_too_many_keys),
		TEST(test_old_etcd_is_reported),
		TEST(test_next_endpoint_is_used_after_a_dead_one),
		TEST(test_lost_watch_is_resumed),
		TEST(test_stale_watch_leads_to_a_list),
		TEST(test_repeated_failures_are_retried_with_backoff),
		TEST(test_next_endpoint_is_used_after_a_failed_operation),
	};

	fake_server_isolate();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
