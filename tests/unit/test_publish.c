/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/publish.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/state.h"
#include "tests/unit/samples.h"
#include "tests/unit/tempdir.h"

#include <sys/stat.h>

static const char env_text[] = "FLANNEL_NETWORK=10.5.0.0/16\n"
			       "FLANNEL_SUBNET=10.5.1.1/24\n"
			       "FLANNEL_MTU=1450\n"
			       "FLANNEL_IPMASQ=false\n";

static struct state_network sample_network(void)
{
	return (struct state_network){
		.name = "default",
		.vni = 1,
		.bridge = "weft-br1",
		.vxlan = "weft-vx1",
		.mtu = 1450,
		.family = { { sample_prefix("10.5.0.0/16"), sample_prefix("10.5.1.0/24"),
			      sample_addr("10.5.1.1") } },
		.family_len = 1,
	};
}

/* A path in the test's directory; up to four are valid at once. */
static const char *path_of(const char *name)
{
	static char paths[4][128];
	static size_t next;
	char *path = paths[next++ % ARRAY_LEN(paths)];

	snprintf(path, sizeof(paths[0]), "%s/%s", tempdir_path, name);
	return path;
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void assert_holds(const char *path, const char *text)
{
	char buf[1024];
	FILE *file = fopen(path, "r");
	size_t size;

	assert_non_null(file);
	size = fread(buf, 1, sizeof(buf) - 1, file);
	buf[size] = '\0';
	fclose(file);
	assert_string_equal(buf, text);
}

static struct stat stat_of(const char *path)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	return status;
}

static void the_subnet_file_has_the_format_of_flannel(void **state)
{
	struct state_network network = sample_network();
	char text[PUBLISH_SUBNET_SIZE];

	(void)state;
	assert_string_equal(publish_subnet_text(&network, false, text), env_text);
}

static void both_files_are_written_with_their_directories(void **state)
{
	struct state_network network = sample_network(), again;
	const char *run = path_of("a/run"), *file = path_of("b/c/subnet.env");
	struct err err = ERR_INIT;

	(void)state;
	umask(0077);
	assert_good(publish_network(run, file, &network, false, &err), err);
	umask(0022);
	assert_holds(file, env_text);
	assert_int_equal(stat_of(file).st_mode & 07777, 0644);
	assert_int_equal(state_read_network(run, "default", &again, &err), 1);
	assert_memory_equal(&again, &network, sizeof(network));
}

static void only_a_difference_is_written(void **state)
{
	struct state_network network = sample_network();
	const char *run = path_of("run"), *file = path_of("subnet.env");
	const char *json = path_of("run/networks/default.json");
	struct err err = ERR_INIT;
	ino_t env_inode, json_inode;

	(void)state;
	assert_good(publish_network(run, file, &network, false, &err), err);
	env_inode = stat_of(file).st_ino;
	json_inode = stat_of(json).st_ino;
	assert_good(publish_network(run, file, &network, false, &err), err);
	assert_int_equal(stat_of(file).st_ino, env_inode);
	assert_int_equal(stat_of(json).st_ino, json_inode);
	network.lease_lost = true; /* not in flannel's file */
	assert_good(publish_network(run, file, &network, false, &err), err);
	assert_int_equal(stat_of(file).st_ino, env_inode);
	assert_int_not_equal(stat_of(json).st_ino, json_inode);
	network.mtu = 1400;
	assert_good(publish_network(run, file, &network, false, &err), err);
	assert_int_not_equal(stat_of(file).st_ino, env_inode);
}

static void files_of_other_programs_are_replaced(void **state)
{
	static const char *const texts[] = { "", "FLANNEL_MTU=1", "longer", NULL };
	struct state_network network = sample_network();
	const char *file = path_of("subnet.env");
	char longer[1024];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	for (size_t i = 0; texts[i]; i++) {
		struct err err = ERR_INIT;

		write_text(file, strcmp(texts[i], "longer") == 0 ? longer : texts[i]);
		assert_good(publish_network(path_of("run"), file, &network, false, &err), err);
		assert_holds(file, env_text);
	}
}

/* The state file means "ready": it must not exist if the other file could not be written. */
static void after_a_failure_the_state_is_not_published(void **state)
{
	struct state_network network = sample_network(), read;
	const char *run = path_of("run");
	struct err err = ERR_INIT;

	(void)state;
	write_text(path_of("file"), "a file");
	assert_int_equal(publish_network(run, path_of("file/subnet.env"), &network, false, &err),
			 -1);
	assert_says(err.text, "file");
	assert_int_equal(state_read_network(run, "default", &read, &err), 0);
	assert_int_equal(mkdir(path_of("directory"), 0755), 0);
	assert_int_equal(publish_network(run, path_of("directory"), &network, false, &err), -1);
	assert_int_equal(state_read_network(run, "default", &read, &err), 0);
	assert_int_equal(
		publish_network(path_of("file"), path_of("subnet.env"), &network, false, &err), -1);
}

static void a_run_directory_is_created_and_checked(void **state)
{
	AUTO(close) int lock = -1;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(publish_take_dir(path_of("a/run"), &lock, &err), err);
	assert_int_equal(tempdir_count(path_of("a/run")), 1);
	assert_int_equal(access(path_of("a/run/weftd.lock"), F_OK), 0);
	close(take_fd(&lock));
	write_text(path_of("file"), "a file");
	assert_int_equal(publish_take_dir(path_of("file"), &lock, &err), -1);
	assert_says(err.text, path_of("file"));
	assert_int_equal(publish_take_dir(path_of("file/run"), &lock, &err), -1);
	assert_int_equal(publish_take_dir("/proc/self", &lock, &err), -1);
	assert_says(err.text, "run directory /proc/self");
	assert_int_equal(lock, -1);
}

static void a_run_directory_has_one_owner(void **state)
{
	int lock = -1, second = -1;
	struct err err = ERR_INIT;

	(void)state;
	assert_good(publish_take_dir(path_of("run"), &lock, &err), err);
	assert_int_equal(publish_take_dir(path_of("run"), &second, &err), -1);
	assert_int_equal(err.code, ERR_AGAIN);
	assert_says(err.text, "another weftd is running with the run directory");
	assert_says(err.text, path_of("run"));
	assert_int_equal(second, -1);
	close(lock);
	assert_good(publish_take_dir(path_of("run"), &second, &err), err);
	close(second);
}

static void assert_retired(const char *run_dir, const char *name, bool retired)
{
	struct state_network network;
	struct err err = ERR_INIT;

	assert_int_equal(state_read_network(run_dir, name, &network, &err), 1);
	assert_int_equal(network.retired, retired);
}

static void networks_no_longer_configured_are_marked(void **state)
{
	const char *const names[] = { "red", "default" }, *run_dir = path_of("run");
	struct state_network network = sample_network();
	struct err err = ERR_INIT;
	char place[256];

	(void)state;
	publish_retire(run_dir, names, 2); /* the directory is empty */
	assert_good(publish_network(run_dir, NULL, &network, false, &err), err);
	snprintf(network.name, sizeof(network.name), "blue");
	assert_good(publish_network(run_dir, NULL, &network, false, &err), err);
	for (size_t i = 0; i < 3; i++) {
		static const char *const others[] = { ".json", "blue.txt", "bad.json" };

		snprintf(place, sizeof(place), "%s/networks/%s", run_dir, others[i]);
		write_text(place, "x");
	}
	publish_retire(run_dir, names, 2);
	assert_retired(run_dir, "default", false);
	assert_retired(run_dir, "blue", true);
	snprintf(place, sizeof(place), "%s/networks/bad.json", run_dir);
	assert_holds(place, "x");
	assert_good(publish_network(run_dir, NULL, &network, false, &err), err);
	assert_retired(run_dir, "blue", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_subnet_file_has_the_format_of_flannel),
		TEMPDIR_TEST(both_files_are_written_with_their_directories),
		TEMPDIR_TEST(only_a_difference_is_written),
		TEMPDIR_TEST(files_of_other_programs_are_replaced),
		TEMPDIR_TEST(after_a_failure_the_state_is_not_published),
		TEMPDIR_TEST(a_run_directory_is_created_and_checked),
		TEMPDIR_TEST(a_run_directory_has_one_owner),
		TEMPDIR_TEST(networks_no_longer_configured_are_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
