/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of a store's list of endpoints. Pure. */
#pragma once

/*
 * Copies a NULL-ended list with its texts, as one allocation that the caller frees. Returns NULL
 * when out of memory.
 */
char **endpoint_list_copy(const char *const *list);
