/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/kube/kube_config.h"

#include "common/array.h"
#include "common/err.h"
#include "tests/unit/samples.h"

#include <stdio.h>
#include <string.h>

#define HEAD                                                                                       \
	"apiVersion: v1\nkind: Config\ncurrent-context: lab\n"                                     \
	"contexts:\n- name: other\n  context: {cluster: x, user: y}\n"                             \
	"- name: lab\n  context: {cluster: c, user: u}\n"
#define CLUSTER "clusters:\n- name: c\n  cluster:\n    server: https://10.0.0.1:6443/\n"
#define USER "users:\n- name: u\n  user:\n"

static int parse(const char *text, struct kube_config *config, struct err *err)
{
	return kube_config_parse(text, strlen(text), "/etc/k/config", config, err);
}

static void files_and_data_are_read(void **state)
{
	AUTO(kube_config) struct kube_config files = { .server = NULL };
	AUTO(kube_config) struct kube_config data = { .server = NULL };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(parse(HEAD CLUSTER
			       "    certificate-authority: pki/ca.crt\n" USER
			       "    client-certificate: /c.crt\n    client-key: c.key\n"
			       "    tokenFile: token\n    token: unused\n",
			       &files, &err),
			 0);
	assert_string_equal(files.server, "https://10.0.0.1:6443");
	assert_string_equal(files.ca_file, "/etc/k/pki/ca.crt");
	assert_string_equal(files.cert_file, "/c.crt");
	assert_string_equal(files.key_file, "/etc/k/c.key");
	assert_string_equal(files.token_file, "/etc/k/token");
	assert_null(files.token);
	assert_int_equal(parse(HEAD CLUSTER "    certificate-authority: unused\n"
					    "    certificate-authority-data: Y2E=\n" USER
					    "    client-certificate-data: Y2VydA==\n"
					    "    client-key-data: a2V5\n    token: secret\n",
			       &data, &err),
			 0);
	assert_null(data.ca_file);
	assert_string_equal(data.ca_data, "ca");
	assert_string_equal(data.cert_data, "cert");
	assert_string_equal(data.key_data, "key");
	assert_string_equal(data.token, "secret");
}

/* kubectl and kubeadm also write JSON and quoted texts. */
static void json_is_read(void **state)
{
	AUTO(kube_config) struct kube_config config = { .server = NULL };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
		parse("{\"current-context\":\"k\",\"contexts\":[{\"name\":\"k\",\"context\":"
		      "{\"cluster\":\"k\"}}],\"clusters\":[{\"name\":\"k\",\"cluster\":"
		      "{\"server\":\"http://127.0.0.1:8080\"}}]}",
		      &config, &err),
		0);
	assert_string_equal(config.server, "http://127.0.0.1:8080");
}

static void errors_name_file_and_member(void **state)
{
	static const char *const cases[][2] = {
		{ "", "current-context is not set" },
		{ "a: [", "/etc/k/config: line 2, column 1: " },
		{ "- a\n", "current-context is not set" },
		{ "current-context: lab\n", "context \"lab\" has no cluster" },
		{ HEAD, "cluster \"c\" has no server" },
		{ HEAD "clusters:\n- name: c\n  cluster: {server: 10.0.0.1}\n",
		  "server \"10.0.0.1\" is not a URL" },
		{ HEAD "clusters:\n- name: c\n  cluster: {server: 'https:///'}\n",
		  "server \"https:///\" is not a URL" },
		{ HEAD CLUSTER, "user \"u\" does not exist" },
		{ HEAD CLUSTER "    insecure-skip-tls-verify: true\n" USER, "insecure-skip-tls" },
		{ HEAD CLUSTER "    proxy-url: http://x\n" USER, "proxy-url" },
		{ HEAD CLUSTER "    certificate-authority-data: '*'\n" USER,
		  "certificate-authority-data is not base64" },
		{ HEAD CLUSTER USER "    exec: {command: aws}\n", "user \"u\" uses exec" },
		{ HEAD CLUSTER USER "    auth-provider: {name: gcp}\n", "uses auth-provider" },
		{ HEAD CLUSTER USER "    username: admin\n", "uses username" },
		{ HEAD CLUSTER USER "    client-key: k\n", "needs both client-certificate" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct kube_config config;
		struct err err = ERR_INIT;

		if (parse(cases[i][0], &config, &err) == 0)
			fail_msg("accepted: %s", cases[i][0]);
		assert_says(err.text, "/etc/k/config: ");
		assert_says(err.text, cases[i][1]);
	}
}

static void a_pod_has_a_service_account(void **state)
{
	AUTO(kube_config) struct kube_config config = { .server = NULL };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(kube_config_of_pod("fd00::1", "443", "/account", &config, &err), 0);
	assert_string_equal(config.server, "https://[fd00::1]:443");
	assert_string_equal(config.ca_file, "/account/ca.crt");
	assert_string_equal(config.token_file, "/account/token");
	assert_int_equal(kube_config_of_pod(NULL, "443", "/account", &config, &err), -1);
	assert_says(err.text, "--kubeconfig-file is required");
	assert_int_equal(kube_config_of_pod("10.0.0.1", "x", "/account", &config, &err), -1);
	assert_says(err.text, "KUBERNETES_SERVICE_PORT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_and_data_are_read),
		cmocka_unit_test(json_is_read),
		cmocka_unit_test(errors_name_file_and_member),
		cmocka_unit_test(a_pod_has_a_service_account),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
