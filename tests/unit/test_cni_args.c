/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cni_args.h"

#include "common/array.h"
#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void pairs_are_read(void **state)
{
	static const struct {
		const char *text, *ip, *mac, *pod;
	} cases[] = {
		{ NULL, "", "00:00:00:00:00:00", "" },
		{ "", "", "00:00:00:00:00:00", "" },
		{ "IgnoreUnknown=1;IP=10.5.1.7;MAC=0a:00:00:00:00:01", "10.5.1.7",
		  "0a:00:00:00:00:01", "" },
		{ "IP=10.5.1.7/24", "10.5.1.7", "00:00:00:00:00:00", "" },
		{ "IP=fd00::7", "fd00::7", "00:00:00:00:00:00", "" },
		{ "IP=;MAC=;", "", "00:00:00:00:00:00", "" },
		{ "UNKNOWN=x=y;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_UID=7", "",
		  "00:00:00:00:00:00", "default/web-0" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char ip[IPADDR_TEXT_SIZE], mac[MAC_TEXT_SIZE], pod[POD_TEXT_SIZE];
		struct err err = ERR_INIT;
		struct cni_args args;

		if (cni_args_parse(cases[i].text, &args, &err) < 0)
			fail_msg("%s", err.text);
		assert_string_equal(ipaddr_text(&args.ip, ip), cases[i].ip);
		assert_string_equal(mac_text(&args.mac, mac), cases[i].mac);
		assert_string_equal(pod_text(&args.pod, pod), cases[i].pod);
		assert_null(args.pod_fault);
	}
}

/* A container is not refused for its name. */
static void an_invalid_pod_name_is_left_out(void **state)
{
	static const struct {
		const char *text, *fault, *pod, *uid;
	} cases[] = {
		{ "K8S_POD_NAME=web 0;K8S_POD_UID=7", "K8S_POD_NAME", "", "7" },
		{ "K8S_POD_NAMESPACE=../x;K8S_POD_NAME=web-0", "K8S_POD_NAMESPACE", "web-0", "" },
		{ "K8S_POD_UID=\x1b[2J;K8S_POD_NAME=web-0", "K8S_POD_UID", "web-0", "" },
		{ "K8S_POD_NAME=web-0;K8S_POD_NAME=\n", "K8S_POD_NAME", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char pod[POD_TEXT_SIZE];
		struct err err = ERR_INIT;
		struct cni_args args;

		assert_int_equal(cni_args_parse(cases[i].text, &args, &err), 0);
		assert_string_equal(args.pod_fault, cases[i].fault);
		assert_string_equal(pod_text(&args.pod, pod), cases[i].pod);
		assert_string_equal(args.pod.uid, cases[i].uid);
	}
}

static void malformed_pairs_are_named(void **state)
{
	static const struct {
		const char *text, *names;
	} cases[] = {
		{ "IP", "\"IP\" is not KEY=VALUE" },
		{ "A=b;oops;C=d", "oops" },
		{ "IP=10.5.1", "10.5.1" },
		{ "IP=10.5.1.7/33", "10.5.1.7/33" },
		{ "MAC=0a:00", "0a:00" },
		{ "MAC=01:00:00:00:00:01", "unicast" },
		{ "MAC=00:00:00:00:00:00", "unicast" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cni_args args = { .pod = { .name = "kept" } };
		struct err err = ERR_INIT;

		assert_int_equal(cni_args_parse(cases[i].text, &args, &err), -1);
		assert_int_equal(err.code, ERR_ENV);
		assert_non_null(strstr(err.text, "CNI_ARGS"));
		assert_non_null(strstr(err.text, cases[i].names));
		assert_string_equal(args.pod.name, "kept");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_are_read),
		cmocka_unit_test(an_invalid_pod_name_is_left_out),
		cmocka_unit_test(malformed_pairs_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
