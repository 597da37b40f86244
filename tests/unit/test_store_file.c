/* SPDX-License-Identifier: Apache-2.0 */
/* The file store with real files, changed in all the ways that users and programs use. */
#include "daemon/store/file/store_file.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/fs.h"
#include "common/fs_lock.h"
#include "daemon/store/file/store_file_doc.h"
#include "daemon/store/file/store_file_ops.h"
#include "tests/unit/deny.h"
#include "tests/unit/samples.h"
#include "tests/unit/store_recorder.h"
#include "tests/unit/tempdir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONFIG "\"config\":{\"Network\":\"10.5.0.0/16\"}"
#define ONE "{" CONFIG ",\"subnets\":{\"1\":{\"a\":1}}}"
#define TWO "{" CONFIG ",\"subnets\":{\"1\":{\"a\":1},\"2\":{\"a\":2}}}"
#define LISTED "up [ config={\"Network\":\"10.5.0.0/16\"} +1 ]"

static char path[128];

static void start(struct recorder *r, const char *name)
{
	const struct store_file_options options = { .path = path, .network = "default" };
	struct err err = ERR_INIT;

	snprintf(path, sizeof(path), "%s/%s", tempdir_path, name);
	assert_int_equal(loop_new(&r->loop, &err), 0);
	assert_int_equal(http_new(r->loop, &r->http, &err), 0);
	assert_int_equal(store_file_new(r->loop, &options, &recorder_listener, r, &r->store, &err),
			 0);
	assert_int_equal(r->store->ops->start(r->store, NULL, &err), 0);
}

static void put_file(const char *name, const char *text)
{
	struct err err = ERR_INIT;

	assert_int_equal(fs_write(tempdir, name, 0644, text, strlen(text), FS_REPLACE, &err), 0);
}

/* Like an editor that writes to the existing file. */
static void write_in_place(const char *name, const char *text)
{
	AUTO(close) int fd = openat(tempdir, name, O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static const char *awaited;

static bool is_told(struct recorder *r)
{
	return !strcmp(r->log, awaited);
}

/* Waits until exactly these events were reported since the last call. */
static void wait_reported(struct recorder *r, const char *words)
{
	awaited = words;
	recorder_wait(r, is_told);
	r->log[0] = '\0';
}

static uint64_t until_ms;

static bool is_over(struct recorder *r)
{
	(void)r;
	return loop_now_ms() >= until_ms;
}

/* Runs the loop for a while; the next wait of the test shows that it was long enough. */
static void run_for(struct recorder *r, uint64_t ms)
{
	until_ms = loop_now_ms() + ms;
	recorder_wait(r, is_over);
}

/* ---- Reading ----------------------------------------------------------------------------- */

static void all_kinds_of_changes_are_detected(void **state)
{
	struct recorder r = { .begun = 0 };

	(void)state;
	put_file("f", ONE);
	start(&r, "f");
	wait_reported(&r, LISTED);
	assert_string_equal(r.endpoint + strlen("file:"), path);
	write_in_place("f", TWO);
	wait_reported(&r, "+2");
	put_file("f", ONE);
	wait_reported(&r, "-2");
	assert_int_equal(unlinkat(tempdir, "f", 0), 0);
	put_file("f", TWO);
	wait_reported(&r, "+2");
	assert_int_equal(renameat(tempdir, "f", tempdir, "old"), 0);
	wait_reported(&r, "down");
	assert_non_null(strstr(r.why, "/f does not exist"));
	put_file("f", ONE);
	wait_reported(&r, "up -2");
	r.store->ops->refresh(r.store);
	wait_reported(&r, &LISTED[strlen("up ")]);
	recorder_stop(&r);
}

static void file_and_directory_may_be_created_later(void **state)
{
	struct recorder r = { .begun = 0 };

	(void)state;
	start(&r, "a/b/f");
	wait_reported(&r, "down");
	assert_int_equal(mkdirat(tempdir, "a", 0755), 0);
	assert_int_equal(mkdirat(tempdir, "a/b", 0755), 0);
	put_file("a/b/f", ONE);
	wait_reported(&r, LISTED);
	/* Another directory gets the directory's name. */
	assert_int_equal(mkdirat(tempdir, "a/c", 0755), 0);
	put_file("a/c/f", TWO);
	assert_int_equal(renameat(tempdir, "a/b", tempdir, "a/old"), 0);
	assert_int_equal(renameat(tempdir, "a/c", tempdir, "a/b"), 0);
	wait_reported(&r, "+2");
	recorder_stop(&r);
}

/* A ConfigMap update of Kubernetes: one rename of a link that is part of the paths of all files. */
static void changed_symbolic_links_are_detected(void **state)
{
	struct recorder r = { .begun = 0 };

	(void)state;
	assert_int_equal(mkdirat(tempdir, "..1", 0755), 0);
	assert_int_equal(mkdirat(tempdir, "..2", 0755), 0);
	put_file("..1/f", ONE);
	put_file("..2/f", TWO);
	assert_int_equal(symlinkat("..1", tempdir, "..data"), 0);
	assert_int_equal(symlinkat("..data/f", tempdir, "f"), 0);
	start(&r, "f");
	wait_reported(&r, LISTED);
	assert_int_equal(symlinkat("..2", tempdir, "..tmp"), 0);
	assert_int_equal(renameat(tempdir, "..tmp", tempdir, "..data"), 0);
	wait_reported(&r, "+2");
	write_in_place("..2/f", ONE);
	wait_reported(&r, "-2");
	recorder_stop(&r);
}

/* On a node, the programs of root can have taken all inotify instances. */
static void a_file_that_cannot_be_watched_is_polled(void **state)
{
	struct recorder r = { .begun = 0 };

	(void)state;
	deny_syscall(SYS_inotify_init1, EMFILE);
	put_file("f", ONE);
	start(&r, "f");
	wait_reported(&r, LISTED);
	write_in_place("f", TWO);
	wait_reported(&r, "+2");
	recorder_stop(&r);
}

static void an_invalid_file_changes_nothing(void **state)
{
	static const char *const damaged[] = { "", "{", "{\"config\":{}", "[]", "\xff", "[1]" };
	struct recorder r = { .begun = 0 };

	(void)state;
	put_file("f", ONE);
	start(&r, "f");
	wait_reported(&r, LISTED);
	for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
		write_in_place("f", damaged[i]);
		wait_reported(&r, "down");
		assert_non_null(strstr(r.why, path));
		write_in_place("f", ONE);
		wait_reported(&r, "up");
	}
	write_in_place("f", "{\n \"config\": {},\n \"subnets\": {\"1\":}\n}");
	wait_reported(&r, "down");
	assert_non_null(strstr(r.why, "/f: line 3, column 18: "));
	/* A different error is reported, too. */
	write_in_place("f", "{\n \"config\": {");
	wait_reported(&r, "down");
	assert_non_null(strstr(r.why, "line 2, column 13: "));
	assert_int_equal(r.gone, 0);
	recorder_stop(&r);
}

static void a_half_written_file_is_not_reported(void **state)
{
	struct recorder r = { .begun = 0 };
	AUTO(close) int fd = -1;

	(void)state;
	put_file("f", ONE);
	start(&r, "f");
	wait_reported(&r, LISTED);
	fd = openat(tempdir, "f", O_WRONLY | O_TRUNC);
	assert_true(write(fd, TWO, 20) == 20);
	run_for(&r, 60); /* the file is read meanwhile */
	assert_true(write(fd, &TWO[20], strlen(TWO) - 20) > 0);
	wait_reported(&r, "+2"); /* and no error is reported */
	recorder_stop(&r);
}

static void other_file_types_are_reported(void **state)
{
	struct recorder r = { .begun = 0 };

	(void)state;
	assert_int_equal(mkdirat(tempdir, "f", 0755), 0);
	start(&r, "f");
	wait_reported(&r, "down");
	assert_non_null(strstr(r.why, "is not a regular file"));
	recorder_stop(&r);
	assert_int_equal(unlinkat(tempdir, "f", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("f", tempdir, "f"), 0);
	start(&r, "f");
	wait_reported(&r, "down");
	assert_non_null(strstr(r.why, "Too many levels"));
	recorder_stop(&r);
}

/* ---- Writing ----------------------------------------------------------------------------- */

static void put(struct recorder *r, const char *key, const char *value, uint64_t if_revision)
{
	r->store->ops->put(
		r->store,
		&(struct store_put){ .key = key, .value = value, .if_revision = if_revision },
		recorder_done, r);
	recorder_wait_reply(r);
}

static void assert_file(const char *name, const char *text)
{
	AUTO(free) char *data = NULL;
	struct err err = ERR_INIT;
	size_t size;

	assert_int_equal(fs_read(tempdir, name, 1 << 20, &data, &size, &err), 1);
	assert_string_equal(data, text);
}

/* Compares regardless of layout. */
static void assert_content(const char *name, const char *text)
{
	AUTO(free) char *data = NULL;
	struct err err = ERR_INIT;
	size_t size;

	assert_int_equal(fs_read(tempdir, name, 1 << 20, &data, &size, &err), 1);
	strip_blanks(data);
	assert_string_equal(data, text);
}

static ino_t inode_of(const char *name)
{
	struct stat info;

	assert_int_equal(fstatat(tempdir, name, &info, AT_SYMLINK_NOFOLLOW), 0);
	return info.st_ino;
}

static void a_key_is_put_if_its_conditions_hold(void **state)
{
	struct recorder r = { .begun = 0 };
	uint64_t revision;

	(void)state;
	put_file("f", "{" CONFIG "}");
	start(&r, "f");
	wait_reported(&r, "up [ config={\"Network\":\"10.5.0.0/16\"} ]");
	put(&r, "1", "{\"a\":1}", 0);
	assert_true(r.reply.succeeded);
	revision = r.reply.mod_revision;
	assert_true(revision && revision == r.mod_revision);
	assert_content("f", ONE);
	wait_reported(&r, "+1");
	/* The key exists now. */
	put(&r, "1", "{\"a\":2}", 0);
	assert_int_equal(r.err.code, ERR_NONE);
	assert_false(r.reply.succeeded);
	/* Another writer changed the file, and the event has not been reported yet. */
	put_file("f", "{" CONFIG ",\"subnets\":{\"1\":{\"a\":7}}}");
	put(&r, "1", "{\"a\":2}", revision);
	assert_false(r.reply.succeeded);
	wait_reported(&r, "+1");
	put(&r, "1", "{\"a\":1}", r.mod_revision);
	assert_true(r.reply.succeeded && r.reply.mod_revision > revision);
	assert_content("f", ONE);
	r.store->ops->remove(r.store, "1", revision, recorder_done, &r);
	recorder_wait_reply(&r);
	assert_false(r.reply.succeeded);
	r.store->ops->remove(r.store, "1", r.mod_revision, recorder_done, &r);
	recorder_wait_reply(&r);
	assert_true(r.reply.succeeded);
	assert_content("f", "{" CONFIG ",\"subnets\":{}}");
	wait_reported(&r, "+1 -1");
	recorder_stop(&r);
}

/* A file that cannot be written, such as that of a ConfigMap, is sufficient if it has the key. */
static void an_unchanged_key_is_not_written(void **state)
{
	struct recorder r = { .begun = 0 };
	ino_t inode;

	(void)state;
	put_file("f", "{" CONFIG ", \"subnets\": {\"1\": { \"a\" : 1 }}}");
	inode = inode_of("f");
	start(&r, "f");
	wait_reported(&r, LISTED);
	put(&r, "1", "{\"a\":1}", r.mod_revision);
	assert_true(r.reply.succeeded);
	assert_int_equal(r.reply.mod_revision, r.mod_revision);
	assert_int_equal(inode_of("f"), inode);
	assert_int_equal(tempdir_count(tempdir_path), 1); /* no lock file either */
	recorder_stop(&r);
}

static void a_put_waits_for_the_lock(void **state)
{
	struct recorder r = { .begun = 0 };
	struct err err = ERR_INIT;
	int lock;

	(void)state;
	put_file("f", "{" CONFIG "}");
	start(&r, "f");
	wait_reported(&r, "up [ config={\"Network\":\"10.5.0.0/16\"} ]");
	assert_int_equal(fs_lock(tempdir, "f.lock", 0, &lock, &err), 0);
	r.store->ops->put(r.store, &(struct store_put){ .key = "1", .value = "{\"a\":1}" },
			  recorder_done, &r);
	run_for(&r, 100);
	assert_int_equal(r.replies, 0);
	put_file("f", "{" CONFIG ",\"subnets\":{\"2\":{\"a\":2}}}"); /* the reason for the lock */
	close(lock);
	recorder_wait_reply(&r);
	assert_true(r.reply.succeeded);
	assert_content("f", "{" CONFIG ",\"subnets\":{\"2\":{\"a\":2},\"1\":{\"a\":1}}}");
	recorder_stop(&r);
}

#define RACERS 4
#define PRIZES 6

static bool is_listed(struct recorder *r)
{
	return r->ended > 0;
}

/*
 * Puts keys of its own, and keys that all processes try to put. Returns how many of the latter it
 * put; on errors a larger number, because a child cannot use assertions.
 */
static int race(unsigned me)
{
	struct recorder r = { .count_only = true };
	int won = 0, faults = 0;

	start(&r, "f");
	recorder_wait(&r, is_listed);
	for (unsigned i = 0; i < PRIZES; i++) {
		char key[32], value[32];

		snprintf(value, sizeof(value), "{\"a\":%u}", me);
		snprintf(key, sizeof(key), "own-%u-%u", me, i);
		put(&r, key, value, 0);
		faults += !r.reply.succeeded;
		snprintf(key, sizeof(key), "prize-%u", i);
		put(&r, key, value, 0);
		faults += r.err.code != ERR_NONE;
		won += r.reply.succeeded;
	}
	recorder_stop(&r);
	return faults ? PRIZES + faults : won;
}

/* No put is lost, and one put of each shared key succeeds. */
static void concurrent_writers_lose_no_key(void **state)
{
	const struct store_file_part part = { "default", false };
	struct store_file_doc doc = { .revision = 0 }, none = { .revision = 0 };
	struct err err = ERR_INIT;
	pid_t racers[RACERS];
	int won = 0;

	(void)state;
	put_file("f", "{\n\t" CONFIG "\n}\n");
	for (unsigned i = 0; i < RACERS; i++) {
		racers[i] = fork();
		assert_true(racers[i] >= 0);
		if (!racers[i])
			_exit(race(i));
	}
	for (unsigned i = 0; i < RACERS; i++) {
		int status;

		assert_int_equal(waitpid(racers[i], &status, 0), racers[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= PRIZES);
		won += WEXITSTATUS(status);
	}
	assert_int_equal(won, PRIZES);
	snprintf(path, sizeof(path), "%s/f", tempdir_path);
	assert_int_equal(store_file_read(path, &part, &none, &doc, &err), 0);
	assert_int_equal(doc.entries.len, (RACERS + 1) * PRIZES);
	store_file_doc_free(&doc);
}

static void the_file_keeps_its_path_and_mode(void **state)
{
	struct recorder r = { .begun = 0 };
	struct stat info;

	(void)state;
	assert_int_equal(mkdirat(tempdir, "d", 0755), 0);
	put_file("d/f", "{" CONFIG "}");
	assert_int_equal(fchmodat(tempdir, "d/f", 0640, 0), 0);
	/* The temporary file of a killed writer, and one of another file. */
	put_file("d/.f.7.01234567.tmp", "{");
	put_file("d/.g.7.01234567.tmp", "{");
	assert_int_equal(symlinkat("d/f", tempdir, "f"), 0);
	start(&r, "f");
	wait_reported(&r, "up [ config={\"Network\":\"10.5.0.0/16\"} ]");
	put(&r, "1", "{\"a\":1}", 0);
	assert_true(r.reply.succeeded);
	assert_content("d/f", ONE);
	assert_int_equal(fstatat(tempdir, "f", &info, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(info.st_mode));
	assert_int_equal(fstatat(tempdir, "d/f", &info, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(info.st_mode & 07777, 0640);
	assert_int_equal(faccessat(tempdir, "d/.f.7.01234567.tmp", F_OK, 0), -1);
	assert_int_equal(faccessat(tempdir, "d/.g.7.01234567.tmp", F_OK, 0), 0);
	recorder_stop(&r);
}

static void a_damaged_file_is_not_written(void **state)
{
	static const char *const damaged[] = { "{" CONFIG ",", "",
					       "{\"subnets\":{\"\\u0031\":1,}}" };
	struct recorder r = { .begun = 0 };

	(void)state;
	put_file("f", ONE);
	start(&r, "f");
	wait_reported(&r, LISTED);
	for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
		put_file("f", damaged[i]);
		put(&r, "2", "{\"a\":2}", 0);
		assert_false(r.reply.succeeded);
		assert_non_null(strstr(r.err.text, "line 1, column "));
		assert_file("f", damaged[i]);
	}
	assert_int_equal(unlinkat(tempdir, "f", 0), 0);
	put(&r, "2", "{\"a\":2}", 0);
	assert_non_null(strstr(r.err.text, "does not exist"));
	assert_int_equal(faccessat(tempdir, "f", F_OK, 0), -1);
	recorder_stop(&r);
}

static void a_key_written_with_escapes_is_replaced(void **state)
{
	struct recorder r = { .begun = 0 };

	(void)state;
	put_file("f", "{" CONFIG ",\"subnets\":{\"\\u0031\":{\"a\":7}}}");
	start(&r, "f");
	wait_reported(&r, LISTED);
	put(&r, "1", "{\"a\":1}", r.mod_revision);
	assert_true(r.reply.succeeded);
	assert_content("f", ONE);
	recorder_stop(&r);
}

static void leases_do_not_expire(void **state)
{
	struct recorder r = { .begun = 0 };

	(void)state;
	put_file("f", ONE);
	start(&r, "f");
	r.store->ops->grant(r.store, 30, recorder_done, &r);
	recorder_wait_reply(&r);
	assert_int_equal(r.err.code, ERR_NONE);
	assert_int_equal(r.reply.lease, 0);
	r.store->ops->keepalive(r.store, 7, recorder_done, &r);
	recorder_wait_reply(&r);
	assert_int_equal(r.reply.ttl_s, 0);
	r.store->ops->revoke(r.store, 7, recorder_done, &r);
	recorder_wait_reply(&r);
	assert_true(r.reply.succeeded);
	/* Operations in progress are dropped. */
	r.store->ops->put(r.store, &(struct store_put){ .key = "2", .value = "{}" }, recorder_done,
			  &r);
	r.store->ops->remove(r.store, "1", 1, recorder_done, &r);
	r.store->ops->reconnect(r.store);
	recorder_stop(&r);
	assert_content("f", ONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMPDIR_TEST(all_kinds_of_changes_are_detected),
		TEMPDIR_TEST(file_and_directory_may_be_created_later),
		TEMPDIR_TEST(changed_symbolic_links_are_detected),
		TEMPDIR_TEST(an_invalid_file_changes_nothing),
		TEMPDIR_TEST(a_half_written_file_is_not_reported),
		TEMPDIR_TEST(other_file_types_are_reported),
		TEMPDIR_TEST(a_key_is_put_if_its_conditions_hold),
		TEMPDIR_TEST(an_unchanged_key_is_not_written),
		TEMPDIR_TEST(a_put_waits_for_the_lock),
		TEMPDIR_TEST(concurrent_writers_lose_no_key),
		TEMPDIR_TEST(the_file_keeps_its_path_and_mode),
		TEMPDIR_TEST(a_damaged_file_is_not_written),
		TEMPDIR_TEST(a_key_written_with_escapes_is_replaced),
		TEMPDIR_TEST(leases_do_not_expire),
		/* The last one: it denies a system call. */
		TEMPDIR_TEST(a_file_that_cannot_be_watched_is_polled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
