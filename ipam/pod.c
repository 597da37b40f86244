/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/pod.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static bool is_valid(const char *value, size_t size)
{
	const size_t len = strlen(value);

	return len == 0 ||
	       (len < size && strspn(value, ALNUM) > 0 && strspn(value, ALNUM "_.-") == len);
}

bool pod_set(struct pod *pod, enum pod_part part, const char *value)
{
	const struct {
		char *at;
		size_t size;
	} parts[] = {
		[POD_NAMESPACE] = { pod->namespace, sizeof(pod->namespace) },
		[POD_NAME] = { pod->name, sizeof(pod->name) },
		[POD_UID] = { pod->uid, sizeof(pod->uid) },
	};
	const bool valid = is_valid(value, parts[part].size);

	snprintf(parts[part].at, parts[part].size, "%s", valid ? value : "");
	return valid;
}

const char *pod_text(const struct pod *pod, char buf[static POD_TEXT_SIZE])
{
	const char *slash = *pod->namespace && *pod->name ? "/" : "";

	snprintf(buf, POD_TEXT_SIZE, "%s%s%s", *slash ? pod->namespace : "", slash, pod->name);
	return buf;
}
