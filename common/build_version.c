/* SPDX-License-Identifier: Apache-2.0 */
#include "common/build_version.h"

/* The Makefile defines it for this file only; static analysis does not. */
#ifdef WEFT_COMMIT
const char build_commit[] = WEFT_COMMIT;
const char build_version[] = WEFT_VERSION " (commit " WEFT_COMMIT ")";
#else
const char build_commit[] = "";
const char build_version[] = WEFT_VERSION;
#endif
