/* SPDX-License-Identifier: Apache-2.0 */
/* The supported versions of the CNI specification, in ascending order. Pure. */
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

/*
 * "" is 0.1.0, whose configurations may lack the key. Returns 0, or -1 with ERR_VERSION and
 * details.
 */
int version_parse(const char *text, enum version *version_out, struct err *err);

const char *version_text(enum version version);
