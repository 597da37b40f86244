/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of all faults of a document. Included by json.h. */
#pragma once

#include <stddef.h>

/* One fault of a document. Borrowed. */
struct json_fault {
	const char *path;    /* "Backend.VNI"; "": the document itself */
	const char *text;    /* without path and position */
	size_t line, column; /* of malformed JSON, in characters, from 1; else 0 */
};

/* A callback for each fault. The error has only the first one. */
struct json_report {
	void (*fault)(void *ctx, const struct json_fault *fault);
	void *ctx;
};
