/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/version.h"

#include "common/err.h"

#include <stdio.h>
#include <string.h>

static const char *const texts[VERSIONS] = {
	[VERSION_0_1_0] = "0.1.0", [VERSION_0_2_0] = "0.2.0", [VERSION_0_3_0] = "0.3.0",
	[VERSION_0_3_1] = "0.3.1", [VERSION_0_4_0] = "0.4.0", [VERSION_1_0_0] = "1.0.0",
	[VERSION_1_1_0] = "1.1.0",
};

const char *version_text(enum version version)
{
	return texts[version];
}

int version_parse(const char *text, enum version *version_out, struct err *err)
{
	char all[VERSIONS * 8 + 1] = "";
	size_t len = 0;

	for (int i = 0; i < VERSIONS; i++) {
		if (strcmp(*text ? text : texts[VERSION_0_1_0], texts[i]) == 0) {
			*version_out = (enum version)i;
			return 0;
		}
	}
	for (int i = 0; i < VERSIONS; i++)
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", i ? " " : "",
					texts[i]);
	err_set(err, ERR_VERSION, "incompatible CNI versions");
	return err_details(err, "config is \"%s\", plugin supports [%s]", ERR_SHOW(text), all);
}
