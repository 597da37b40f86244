/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Privileges: weftd needs CAP_NET_ADMIN only. With --user, it changes the owner of its directories
 * and becomes that user with this capability. Used by main.c at the start.
 */
#pragma once

#include <stddef.h>

struct err;

/*
 * Becomes the user. Afterwards neither this process nor a program that it executes can get another
 * capability or user. Creates missing dirs (len of them); the directories, two levels of
 * subdirectories and their regular files get the user as owner. ERR_CONFIG: no such user. ERR_IO:
 * a step failed, and the caller must exit.
 */
int caps_become(const char *user, const char *const dirs[], size_t len, struct err *err);

/* Returns 0 if CAP_NET_ADMIN is effective, else -1 with ERR_CONFIG. */
int caps_check(struct err *err);
