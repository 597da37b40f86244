/* SPDX-License-Identifier: Apache-2.0 */
/* Results: what another plugin answers, what a runtime hands back as prevResult. */
#include "fuzz.h"

#include "common/err.h"
#include "plugin/given.h"
#include "plugin/prev.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct given given = { .dns = NULL };
	struct prev prev = { .mac = { { 0 } } };
	struct err err = ERR_INIT;

	if (given_parse(text, "prevResult", &given, &err) == 0) {
		for (size_t i = 0; i < given.ips.len; i++) {
			require(prefix_is_set(&given.ips.at[i].address));
			require(given.ips.at[i].interface == GIVEN_NO_INTERFACE ||
				given.ips.at[i].interface < given.interfaces.len);
		}
		given_free(&given);
	} else {
		require(*err.text);
	}
	if (prev_parse(text, "eth0", "/run/netns/c1", &prev, &err) == 0)
		prev_free(&prev);
	else
		require(*err.text);
	free(text);
	return 0;
}
