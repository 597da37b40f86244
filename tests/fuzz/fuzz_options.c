/* SPDX-License-Identifier: Apache-2.0 */
/* weftd's configuration file. */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "daemon/options.h"

static const char *no_environment(const char *name)
{
	(void)name;
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[] = "weftd", *argv[] = { name, NULL };
	char *text = fuzz_text(data, size);
	const struct options_file file = { "/etc/weft/weftd.json", text, size };
	struct options options;
	struct err err = ERR_INIT;

	if (options_parse(1, argv, no_environment, &file, &options, &err) == 0)
		require(options.endpoint[0] && options.etcd_prefix && options.run_dir);
	else
		require(err.code == ERR_CONFIG || err.code == ERR_DECODE);
	options_free(&options);
	free(text);
	return 0;
}
