/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/cni_conflist.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEAD                                                                                       \
	"{\"cniVersion\":\"1.0.0\",\"cniVersions\":[\"0.4.0\",\"1.0.0\",\"1.1.0\"],"               \
	"\"name\":\"weft\",\"managedBy\":\"weftd\",\"plugins\":["
#define PORTMAP ",{\"type\":\"portmap\",\"capabilities\":{\"portMappings\":true},\"snat\":true}"

static void the_list_contains_what_differs_from_the_defaults(void **state)
{
	static const struct {
		struct cni_conflist conflist;
		const char *text;
	} cases[] = {
		{ { "default", "/run/weft", false }, HEAD "{\"type\":\"weft\"}]}" },
		{ { "default", "/run/weft", true }, HEAD "{\"type\":\"weft\"}" PORTMAP "]}" },
		{ { "blue", "/run/weft", false },
		  HEAD "{\"type\":\"weft\",\"network\":\"blue\"}]}" },
		{ { "default", "/srv/\"run", false },
		  HEAD "{\"type\":\"weft\",\"runDir\":\"/srv/\\\"run\"}]}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *text = NULL;
		struct err err = ERR_INIT;

		assert_int_equal(cni_conflist_text(&cases[i].conflist, &text, &err), 0);
		assert_string_equal(text, cases[i].text);
		assert_true(cni_conflist_is_own(text, strlen(text)));
	}
}

static void a_list_without_the_mark_is_not_weftds(void **state)
{
	static const struct {
		const char *text;
		bool own;
	} cases[] = {
		{ "{\"managedBy\":\"weftd\"}", true },
		{ "{\"managedBy\":\"weftd\"", false },
		{ "{\"managedBy\":\"other\"}", false },
		{ "{\"managedBy\":[\"weftd\"]}", false },
		{ "{\"plugins\":[{\"type\":\"weft\",\"managedBy\":\"weftd\"}]}", false },
		{ "[\"managedBy\",\"weftd\"]", false },
		{ "\"weftd\"", false },
		{ "", false },
		{ "\xff", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(cni_conflist_is_own(cases[i].text, strlen(cases[i].text)),
				 cases[i].own);
}

static void configurations_that_sort_earlier_are_preferred(void **state)
{
	static const struct {
		const char *name;
		bool preferred;
	} cases[] = {
		{ "05-other.conflist", true },
		{ "10-flannel.conflist", true },
		{ "00.conf", true },
		{ "1.json", true },
		{ ".hidden.conflist", true },
		{ CNI_CONFLIST_NAME, false },
		{ "10-weft.conflist.bak", false },
		{ "10-xeft.conflist", false },
		{ "87-podman.conflist", false },
		{ "05-other", false },
		{ "05-other.CONF", false },
		{ "05-other.conflist~", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(cni_conf_is_preferred(cases[i].name), cases[i].preferred);
}

static void the_plugin_is_recognised_by_its_version_line(void **state)
{
	static const char plugin[] = "\x7f"
				     "ELF\0\0CNI weft plugin v%s\n\0";
	static const char other[] = "#!/bin/sh\necho weft\n";

	(void)state;
	assert_true(cni_plugin_is_own(plugin, sizeof(plugin)));
	assert_false(cni_plugin_is_own(plugin, 10));
	assert_false(cni_plugin_is_own(other, sizeof(other)));
	assert_false(cni_plugin_is_own("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_contains_what_differs_from_the_defaults),
		cmocka_unit_test(a_list_without_the_mark_is_not_weftds),
		cmocka_unit_test(configurations_that_sort_earlier_are_preferred),
		cmocka_unit_test(the_plugin_is_recognised_by_its_version_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
