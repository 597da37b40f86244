/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/cni_install.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/log.h"
#include "common/state.h"
#include "daemon/io/loop.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PLUGIN "CNI weft plugin v1\n"
#define LIST "net.d/10-weft.conflist"

static char dir[] = "/tmp/weft-test-cni.XXXXXX"; /* created for every test */
static char bin_dir[64], conf_dir[64], run_dir[64];
static struct loop *loop;
static struct cni_install *install;

static const char *below(char buf[static 128], const char *name)
{
	snprintf(buf, 128, "%s/%s", dir, name);
	return buf;
}

static void put(const char *name, const char *text)
{
	char path[128];
	struct err err = ERR_INIT;

	assert_int_equal(fs_write(AT_FDCWD, below(path, name), 0755, text, strlen(text), FS_REPLACE,
				  &err),
			 0);
}

/* The content; NULL when absent. */
static char *get(const char *name)
{
	char path[128], *data = NULL;
	size_t size;
	struct err err = ERR_INIT;

	assert_in_range(fs_read(AT_FDCWD, below(path, name), 4096, &data, &size, &err), 0, 1);
	return data;
}

static bool exists(const char *name)
{
	char path[128];
	struct stat unused;

	return lstat(below(path, name), &unused) == 0;
}

static void publish(bool lease_lost)
{
	struct state_network network = {
		.name = "default",
		.vni = 1,
		.bridge = "weft-br1",
		.vxlan = "weft-vx1",
		.mtu = 1450,
		.lease_lost = lease_lost,
		.family_len = 1,
	};
	struct err err = ERR_INIT;

	assert_int_equal(prefix_parse("10.5.0.0/16", &network.family[0].cluster, &err), 0);
	assert_int_equal(prefix_parse("10.5.1.0/24", &network.family[0].subnet, &err), 0);
	assert_int_equal(ipaddr_parse("10.5.1.1", &network.family[0].gateway, &err), 0);
	assert_int_equal(state_write_network(run_dir, &network, &err), 1);
}

static void start(void)
{
	const struct cni_install_options options = {
		.bin_dir = bin_dir,
		.conf_dir = conf_dir,
		.run_dir = run_dir,
		.network = "default",
	};
	struct err err = ERR_INIT;

	assert_int_equal(cni_install_new(loop, &options, &install, &err), 0);
}

static void stop(void)
{
	cni_install_free(install);
	install = NULL;
}

static void the_list_exists_while_add_can_be_served(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	put("bin/weft", PLUGIN);
	start();
	assert_false(exists(LIST));
	publish(false);
	cni_install_update(install);
	assert_true(exists(LIST));
	assert_true(cni_install_view(install).installed);
	publish(true);
	cni_install_update(install);
	assert_false(exists(LIST));
	publish(false);
	cni_install_update(install);
	assert_true(exists(LIST));
	assert_int_equal(state_remove_network(run_dir, "default", &err), 1);
	cni_install_update(install);
	assert_false(exists(LIST));
	assert_string_equal(cni_install_view(install).error, "");
}

static void a_restart_keeps_the_list_and_a_boot_removes_it(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	put("bin/weft", PLUGIN);
	publish(false);
	start();
	assert_true(exists(LIST));
	stop();
	assert_true(exists(LIST));
	start();
	assert_true(exists(LIST));
	stop();
	/* The run directory is on a tmpfs. */
	assert_int_equal(state_remove_network(run_dir, "default", &err), 1);
	start();
	assert_false(exists(LIST));
}

static void a_node_that_leaves_has_no_list_any_more(void **state)
{
	(void)state;
	put("bin/weft", PLUGIN);
	publish(false);
	start();
	assert_true(exists(LIST));
	cni_install_withdraw(install);
	assert_false(exists(LIST));
	cni_install_update(install);
	assert_false(exists(LIST));
	assert_true(exists("bin/weft"));
}

static void a_missing_or_changed_list_is_restored(void **state)
{
	char path[128];
	AUTO(free) char *text = NULL, *again = NULL;

	(void)state;
	put("bin/weft", PLUGIN);
	publish(false);
	start();
	text = get(LIST);
	assert_int_equal(unlink(below(path, LIST)), 0);
	cni_install_update(install);
	assert_true(exists(LIST));
	put(LIST, "{\"managedBy\":\"weftd\",\"plugins\":[]}");
	cni_install_update(install);
	again = get(LIST);
	assert_string_equal(again, text);
	put("bin/portmap", "");
	cni_install_update(install);
	auto_free(&again);
	again = get(LIST);
	assert_non_null(strstr(again, "\"portmap\""));
}

static void files_of_others_are_left_alone(void **state)
{
	AUTO(free) char *list = NULL, *plugin = NULL;
	char path[128], target[128];

	(void)state;
	publish(false);
	put("bin/weft", PLUGIN);
	put(LIST, "{\"name\":\"mine\"}");
	start();
	list = get(LIST);
	assert_string_equal(list, "{\"name\":\"mine\"}");
	assert_false(cni_install_view(install).installed);
	assert_non_null(strstr(cni_install_view(install).error, "was not written by weftd"));
	cni_install_withdraw(install);
	assert_true(exists(LIST));
	stop();

	assert_int_equal(unlink(below(path, LIST)), 0);
	put("bin/weft", "#!/bin/sh\n");
	start();
	plugin = get("bin/weft");
	assert_string_equal(plugin, "#!/bin/sh\n");
	assert_non_null(strstr(cni_install_view(install).error, "another program"));
	assert_false(exists(LIST));

	/* A link is not followed: neither read nor written. */
	put("bin/weft", PLUGIN);
	put("target", "kept");
	assert_int_equal(symlink(below(target, "target"), below(path, LIST)), 0);
	cni_install_update(install);
	auto_free(&list);
	list = get("target");
	assert_string_equal(list, "kept");
	assert_true(*cni_install_view(install).error != '\0');
}

static void without_a_plugin_there_is_no_list(void **state)
{
	(void)state;
	publish(false);
	start();
	assert_false(exists(LIST));
	assert_non_null(strstr(cni_install_view(install).error, "no plugin"));
	put("bin/weft", PLUGIN);
	cni_install_update(install);
	assert_true(exists(LIST));
	assert_string_equal(cni_install_view(install).error, "");
}

static void preferred_configurations_are_named_in_order(void **state)
{
	struct cni_install_view view;
	char path[128], name[32];

	(void)state;
	put("bin/weft", PLUGIN);
	publish(false);
	put("net.d/10-flannel.conflist", "{}");
	put("net.d/05-other.conf", "{}");
	put("net.d/99-last.conf", "{}");
	put("net.d/README", "");
	start();
	view = cni_install_view(install);
	assert_int_equal(view.preferred_len, 2);
	assert_string_equal(view.preferred[0], "05-other.conf");
	assert_string_equal(view.preferred[1], "10-flannel.conflist");
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "net.d/0%c.conf", 'a' + 19 - i);
		put(name, "{}");
	}
	cni_install_update(install);
	view = cni_install_view(install);
	assert_int_equal(view.preferred_len, CNI_INSTALL_PREFERRED);
	assert_string_equal(view.preferred[0], "05-other.conf");
	assert_string_equal(view.preferred[1], "0a.conf");
	assert_string_equal(view.preferred[7], "0g.conf");
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "net.d/0%c.conf", 'a' + i);
		assert_int_equal(unlink(below(path, name)), 0);
	}
	cni_install_update(install);
	assert_int_equal(cni_install_view(install).preferred_len, 2);
}

static int make_dir(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, open("/dev/null", O_WRONLY | O_CLOEXEC));
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	if (!mkdtemp(dir))
		return -1;
	snprintf(bin_dir, sizeof(bin_dir), "%s/bin", dir);
	snprintf(conf_dir, sizeof(conf_dir), "%s/net.d", dir);
	snprintf(run_dir, sizeof(run_dir), "%s/run", dir);
	if (mkdir(bin_dir, 0755) < 0 || mkdir(conf_dir, 0755) < 0 || mkdir(run_dir, 0755) < 0)
		return -1;
	return loop_new(&loop, &err);
}

static int remove_dir(void **state)
{
	char command[64];

	(void)state;
	stop();
	loop_free(loop);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

#define in_a_dir(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_a_dir(the_list_exists_while_add_can_be_served),
		in_a_dir(a_restart_keeps_the_list_and_a_boot_removes_it),
		in_a_dir(a_node_that_leaves_has_no_list_any_more),
		in_a_dir(a_missing_or_changed_list_is_restored),
		in_a_dir(files_of_others_are_left_alone),
		in_a_dir(without_a_plugin_there_is_no_list),
		in_a_dir(preferred_configurations_are_named_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
