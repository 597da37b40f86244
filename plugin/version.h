/* SPDX-License-Identifier: Apache-2.0 */
/* The versions of the CNI specification that the plugin speaks, in their order. Pure. */
#pragma once

#include <stddef.h>

struct err;

enum version {
	VERSION_0_1_0,
	VERSION_0_2_0,
	VERSION_0_3_0,
	VERSION_0_3_1,
	VERSION_0_4_0,
	VERSION_1_0_0,
	VERSION_1_1_0,
	VERSIONS, /* how many there are */
	VERSION_LATEST = VERSIONS - 1
};

/* "" is 0.1.0, the version of those that had no such key. ERR_VERSION with details. */
int version_parse(const char *text, enum version *version_out, struct err *err);

const char *version_text(enum version version);
