/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/hash.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX 256
#define SALT "weft machine" /* so that it is nobody else's hash of the same */

void machine_id(char id[static MACHINE_ID_SIZE])
{
	static const char *const files[] = { "/etc/machine-id", "/sys/class/dmi/id/product_uuid" };
	uint64_t hash = hash_add(HASH_INIT, SALT, strlen(SALT));
	bool any = false;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		AUTO_FREE char *text = NULL;
		struct err ignored;
		size_t size;

		if (fs_read(AT_FDCWD, files[i], FILE_MAX, &text, &size, &ignored) <= 0 || !*text)
			continue;
		hash = hash_add(hash, text, size);
		any = true;
	}
	snprintf(id, MACHINE_ID_SIZE, "%016" PRIx64, hash);
	if (!any)
		id[0] = '\0';
}
