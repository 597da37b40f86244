/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Privileges: weftd needs CAP_NET_ADMIN and nothing else of root's. Given a user to run as, it
 * hands its directories over and becomes that user with this one capability, for good.
 * Used by main.c at the start, before anything is opened.
 */
#pragma once

#include <stddef.h>

struct err;

/*
 * Becomes the user. Afterwards neither this process nor what it may execute can have
 * another capability or user. dirs, len of them, are made where they are absent, and they, two
 * levels of directories in them and the regular files in all become the user's. ERR_CONFIG
 * when there is no such user, ERR_IO: some step failed, and the caller must end.
 */
int caps_become(const char *user, const char *const dirs[], size_t len, struct err *err);

/* Whether what the kernel is to be told can be told: ERR_CONFIG says what is missing. */
int caps_check(struct err *err);
