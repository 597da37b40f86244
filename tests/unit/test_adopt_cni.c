/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/adopt_cni.h"

#include "common/array.h"
#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RESULT(id, list, addr)                                                                     \
	"{\"kind\":\"cniCacheV1\",\"containerId\":\"" id "\",\"ifName\":\"eth0\","                 \
	"\"networkName\":\"" list "\",\"config\":\"e30=\",\"result\":{\"cniVersion\":\"0.3.1\","   \
	"\"interfaces\":[{\"name\":\"cni0\",\"mac\":\"0e:00:00:00:00:01\"},"                       \
	"{\"name\":\"veth1234abcd\",\"mac\":\"0e:00:00:00:00:02\"},"                               \
	"{\"name\":\"eth0\",\"mac\":\"0e:00:00:00:00:03\",\"sandbox\":\"/run/netns/x\"}],"         \
	"\"ips\":[{\"version\":\"4\",\"interface\":2,\"address\":\"" addr "/24\","                 \
	"\"gateway\":\"10.5.7.1\"}]}}"

static int parse(const char *text, struct adopt_container *container, struct err *err)
{
	struct prefix subnet[FAMILIES] = { { .len = 0 } };

	assert_int_equal(prefix_parse("10.5.7.0/24", &subnet[FAMILY_V4], err), 0);
	return adopt_cni_result(text, strlen(text), subnet, container, err);
}

static void test_result(void **state)
{
	struct adopt_container container;
	char addr[IPADDR_TEXT_SIZE];
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(parse(RESULT("c1", "cbr0", "10.5.7.2"), &container, &err), 1);
	assert_string_equal(container.id, "c1");
	assert_string_equal(container.ifname, "eth0");
	assert_string_equal(container.list, "cbr0");
	assert_string_equal(container.veth, "veth1234abcd");
	assert_string_equal(container.netns, "/run/netns/x");
	assert_int_equal(container.mac.octet[5], 3);
	assert_int_equal(container.addr_len, 1);
	assert_string_equal(ipaddr_text(&container.addr[0], addr), "10.5.7.2");
}

static void test_other_results(void **state)
{
	struct adopt_container container;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(parse("{}", &container, &err), 0);
	assert_int_equal(parse("[]", &container, &err), 0);
	assert_int_equal(parse("{\"cniVersion\":\"1.0.0\"}", &container, &err), 0);
	assert_int_equal(parse(RESULT("c1", "cbr0", "10.6.7.2"), &container, &err), 0);
}

/* The files are another program's: a name from them becomes a path. */
static void test_invalid_results(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		RESULT("../c1", "cbr0", "10.5.7.2"),
		RESULT(".c1", "cbr0", "10.5.7.2"),
		RESULT("", "cbr0", "10.5.7.2"),
		RESULT("c1", "a/b", "10.5.7.2"),
		RESULT("c1", "..", "10.5.7.2"),
		RESULT("c1", "cbr0", "10.5.7"),
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"c1\"}",
		("{\"kind\":\"cniCacheV1\",\"containerId\":\"c1\",\"ifName\":\"eth0\","
		 "\"networkName\":\"a\",\"result\":[]}"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct adopt_container container;
		struct err err = ERR_INIT;

		if (parse(texts[i], &container, &err) != -1)
			fail_msg("accepted: %s", texts[i]);
		assert_int_not_equal(err.code, ERR_NONE);
	}
}

static void check_list(const char *text, const char *run_dir, const char *network, const char *want)
{
	struct err err = ERR_INIT;
	char *list = NULL;

	assert_int_equal(adopt_cni_list(text, strlen(text), run_dir, network, &list, &err), 1);
	for (char *from = list, *to = list;; from++) { /* without indentation */
		if (*from != '\n' && *from != '\t' && *from != ' ')
			*to++ = *from;
		if (!*from)
			break;
	}
	assert_string_equal(list, want);
	free(list);
}

static void test_list(void **state)
{
	(void)state;
	check_list("{\"name\":\"cbr0\",\"cniVersion\":\"0.3.1\",\"plugins\":["
		   "{\"type\":\"flannel\",\"delegate\":{\"hairpinMode\":true,"
		   "\"isDefaultGateway\":true}},"
		   "{\"type\":\"portmap\",\"capabilities\":{\"portMappings\":true}}]}",
		   STATE_RUN_DIR, "default",
		   "{\"name\":\"cbr0\",\"cniVersion\":\"0.3.1\",\"plugins\":["
		   "{\"type\":\"weft\",\"hairpinMode\":true},"
		   "{\"type\":\"portmap\",\"capabilities\":{\"portMappings\":true}}]}");
	check_list("{\"name\":\"n\",\"plugins\":[{\"type\":\"flannel\"}]}", "/x", "blue",
		   "{\"name\":\"n\",\"plugins\":[{\"type\":\"weft\",\"network\":\"blue\","
		   "\"runDir\":\"/x\",\"hairpinMode\":false}]}");
	/* A configuration of one plugin. */
	check_list("{\"cniVersion\":\"0.2.0\",\"name\":\"n\",\"type\":\"flannel\",\"delegate\":{}}",
		   STATE_RUN_DIR, "default",
		   "{\"cniVersion\":\"0.2.0\",\"name\":\"n\",\"plugins\":["
		   "{\"type\":\"weft\",\"hairpinMode\":false}]}");
}

static void test_other_lists(void **state)
{
	static const char *const texts[] = { "{\"name\":\"n\",\"type\":\"bridge\"}",
					     "{\"plugins\":[{\"type\":\"bridge\"}]}", "{}" };
	struct err err = ERR_INIT;
	char *list = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_int_equal(adopt_cni_list(texts[i], strlen(texts[i]), "/x", "default", &list,
						&err),
				 0);
	assert_int_equal(adopt_cni_list("{", 1, "/x", "default", &list, &err), -1);
	assert_null(list);
}

static void test_plugins(void **state)
{
	static const struct {
		const char *text;
		bool flannel, weft, of_weftd;
	} cases[] = {
		{ "{\"plugins\":[{\"type\":\"flannel\"},{\"type\":\"portmap\"}]}", true, false,
		  false },
		{ "{\"type\":\"flannel\"}", true, false, false },
		{ "{\"plugins\":[{\"type\":\"weft\"}]}", false, true, false },
		{ "{\"managedBy\":\"weftd\",\"plugins\":[{\"type\":\"weft\"}]}", false, true,
		  true },
		{ "{\"managedBy\":\"other\",\"plugins\":[{\"type\":\"bridge\"}]}", false, false,
		  false },
		{ "{}", false, false, false },
	};
	struct adopt_cni_plugins plugins;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *text = cases[i].text;

		assert_int_equal(adopt_cni_plugins(text, strlen(text), &plugins, &err), 0);
		assert_int_equal(plugins.flannel, cases[i].flannel);
		assert_int_equal(plugins.weft, cases[i].weft);
		assert_int_equal(plugins.of_weftd, cases[i].of_weftd);
	}
	assert_int_equal(adopt_cni_plugins("{", 1, &plugins, &err), -1);
	assert_int_equal(err.code, ERR_DECODE);
}

static void test_file(void **state)
{
	char name[ADOPT_FILE_SIZE];

	(void)state;
	assert_string_equal(adopt_cni_file("10-flannel.conflist", name), "10-weft.conflist");
	assert_string_equal(adopt_cni_file("10-flannel.conf", name), "10-weft.conflist");
	assert_string_equal(adopt_cni_file("05-net.conflist", name), "05-net.conflist");
}

static void check_delegate(const char *list, const char *want)
{
	struct adopt_node node = { .bridge = "cni0" };
	struct err err = ERR_INIT;
	char *text = NULL;

	assert_int_equal(prefix_parse("10.5.7.1/24", &node.gateway[FAMILY_V4], &err), 0);
	assert_int_equal(prefix_parse("fd00:7::1/64", &node.gateway[FAMILY_V6], &err), 0);
	node.conflist_text = strdup(list);
	assert_non_null(node.conflist_text);
	if (adopt_cni_delegate(&node, &text, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(text, want);
	if (!adopt_cni_is_delegate(text, strlen(text)))
		fail_msg("%s", text);
	free(text);
	free(node.conflist_text);
}

#define IPAM                                                                                       \
	"\"ipam\":{\"type\":\"host-local\",\"ranges\":[[{\"subnet\":\"10.5.7.0/24\"}],"            \
	"[{\"subnet\":\"fd00:7::/64\"}]]}}"

static void test_delegate(void **state)
{
	(void)state;
	check_delegate("{\"name\":\"cbr0\",\"cniVersion\":\"0.3.1\",\"plugins\":["
		       "{\"type\":\"portmap\"},{\"type\":\"flannel\",\"delegate\":{"
		       "\"hairpinMode\":true,\"name\":\"x\",\"ipam\":{}}}]}",
		       "{\"name\":\"cbr0\",\"cniVersion\":\"0.3.1\",\"hairpinMode\":true,"
		       "\"type\":\"bridge\",\"bridge\":\"cni0\"," IPAM);
	check_delegate("{\"name\":\"n\",\"type\":\"flannel\","
		       "\"delegate\":{\"type\":\"ptp\",\"bridge\":\"br7\"}}",
		       "{\"name\":\"n\",\"type\":\"ptp\",\"bridge\":\"br7\"," IPAM);
	check_delegate("{\"name\":\"n\",\"type\":\"flannel\"}",
		       "{\"name\":\"n\",\"type\":\"bridge\",\"bridge\":\"cni0\"," IPAM);
}

static void test_other_delegates(void **state)
{
	static const char *const texts[] = { "",
					     "{",
					     "[]",
					     "7",
					     "{}",
					     "{\"type\":\"bridge\"}",
					     "{\"type\":7,\"name\":\"n\",\"ipam\":{}}" };
	static const char *const lists[] = {
		"{", "[]", "{\"type\":\"flannel\"}", "{\"name\":7}",
		"{\"name\":\"n\",\"type\":\"flannel\",\"delegate\":[]}"
	};
	struct err err = ERR_INIT;
	char *text = NULL, list[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_false(adopt_cni_is_delegate(texts[i], strlen(texts[i])));
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct adopt_node node = { .conflist_text = list };

		snprintf(list, sizeof(list), "%s", lists[i]);
		assert_int_equal(adopt_cni_delegate(&node, &text, &err), -1);
		assert_int_equal(err.code, ERR_DECODE);
		assert_null(text);
	}
}

static void check_list_name(const char *list, int want)
{
	char name[ADOPT_FILE_SIZE] = "unchanged";
	struct err err = ERR_INIT;

	assert_int_equal(adopt_cni_list_name(list, strlen(list), name, &err), want);
	assert_string_equal(name, want == 0 ? "cbr0" : "unchanged");
}

static void test_list_name(void **state)
{
	(void)state;
	check_list_name("{\"name\":\"cbr0\",\"plugins\":[]}", 0);
	check_list_name("{\"name\":\"../cbr0\"}", -1);
	check_list_name("{\"name\":\"\"}", -1);
	check_list_name("{\"name\":[]}", -1);
	check_list_name("{}", -1);
	check_list_name("{", -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_result),
		cmocka_unit_test(test_other_results),
		cmocka_unit_test(test_invalid_results),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_other_lists),
		cmocka_unit_test(test_plugins),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_delegate),
		cmocka_unit_test(test_other_delegates),
		cmocka_unit_test(test_list_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
