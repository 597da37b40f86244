/* SPDX-License-Identifier: Apache-2.0 */
/* CNI results, as output of an IPAM plugin and as prevResult. */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "plugin/cni_result.h"
#include "plugin/prev_result.h"

/* A parsed result can be printed, unless the version holds fewer addresses. */
static void check_result(const struct cni_result *result)
{
	for (int version = 0; version < VERSIONS; version++) {
		struct err err = ERR_INIT;
		char *text = NULL;

		if (cni_result_text((enum version)version, result, &text, &err) < 0)
			require(version < VERSION_0_3_0 && err.code == ERR_CONFIG);
		free(text);
	}
	for (size_t i = 0; i < result->ips.len; i++) {
		require(prefix_is_set(&result->ips.at[i].address));
		require(result->ips.at[i].interface == CNI_NO_INTERFACE ||
			result->ips.at[i].interface < result->interfaces.len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct cni_result result = { .dns = NULL };
	struct prev_result prev = { .mac = { { 0 } } };
	struct err err = ERR_INIT;

	if (cni_result_parse(text, "prevResult", &result, &err) == 0) {
		check_result(&result);
		cni_result_free(&result);
	} else {
		require(*err.text);
	}
	if (prev_result_parse(text, "eth0", "/run/netns/c1", &prev, &err) == 0)
		prev_result_free(&prev);
	else
		require(*err.text);
	free(text);
	return 0;
}
