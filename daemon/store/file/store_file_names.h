/* SPDX-License-Identifier: Apache-2.0 */
/* The names of the networks in a store's file (store_names.h): read again when the file changes. */
#pragma once

#include "daemon/store/store_names.h"

struct loop;

struct store_file_names;

/* path, absolute, is copied; loop and listener must outlive the result. ERR_NOMEM, ERR_IO. */
int store_file_names_new(struct loop *loop, const char *path,
			 const struct store_names_listener *listener, void *ctx,
			 struct store_file_names **names_out, struct err *err);
/* NULL is allowed. */
void store_file_names_free(struct store_file_names *file);
