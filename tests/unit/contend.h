/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a function in many processes that start at once, for tests of files and locks. */
#pragma once

#define CONTEND_MAX 64

/* processes: at most CONTEND_MAX. Returns in how many of them work returned 0. */
int contend(int processes, int (*work)(void));
