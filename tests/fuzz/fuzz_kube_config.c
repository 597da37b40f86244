/* SPDX-License-Identifier: Apache-2.0 */
/* A kubeconfig. What is accepted can be used: one server, absolute paths, one of each pair. */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "daemon/store/kube/kube_config.h"

static void check_pair(const char *file, const char *data)
{
	require(!file || !data);
	require(!file || *file == '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(kube_config) struct kube_config config = { .server = NULL };
	char *text = fuzz_text(data, size);
	struct err err = ERR_INIT;

	if (kube_config_parse(text, size, "/etc/k/config", &config, &err) < 0) {
		require(*err.text && !config.server);
	} else {
		require(!strncmp(config.server, "https://", 8) ||
			!strncmp(config.server, "http://", 7));
		require(config.server[strlen(config.server) - 1] != '/');
		check_pair(config.ca_file, config.ca_data);
		check_pair(config.cert_file, config.cert_data);
		check_pair(config.key_file, config.key_data);
		check_pair(config.token_file, config.token);
	}
	free(text);
	return 0;
}
