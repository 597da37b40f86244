/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The version that --version prints. WEFT_VERSION is the version alone; the commit is compiled into
 * build_version.c only, so that a new commit recompiles one file.
 */
#pragma once

/*
 * Twelve hexadecimal digits, with "-dirty" if the sources had uncommitted changes; "" if unknown.
 */
extern const char build_commit[];

/* "0.1.0 (commit 02400ae3f2c1)", or without a commit "0.1.0". */
extern const char build_version[];
