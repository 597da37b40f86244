/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leases, and what was made of them, for people. Part of out_text.
 */
#pragma once

#include "out.h"

out_fn out_leases, out_reserved, out_released;
/* What leave and cleanup took away. */
out_fn out_removed;
