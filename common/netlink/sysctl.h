/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sysctls of the calling thread's network namespace, by path below /proc/sys/
 * with '/' between parts, so that interface names with dots work
 * ("net/ipv4/conf/eth0.5/forwarding").
 */
#pragma once

struct err;

/*
 * Sets the directory that is used instead of /proc/sys, by all functions below: /proc/sys is
 * read-only in a container that is not privileged. dir is borrowed. For main, before anything else.
 */
void sysctl_set_dir(const char *dir);

/* Longer than any value that is compared. */
#define SYSCTL_VALUE_SIZE 256

/* Reads a value without its trailing newline. 0, or -1 (as sysctl_ensure). */
int sysctl_read(const char *path, char value_out[static SYSCTL_VALUE_SIZE], struct err *err);

/*
 * Sets the value. Reads first and writes only a difference, so that a read-only /proc is no failure
 * if the value is right. Returns 1 written, 0 unchanged, -1 failed (ERR_KERNEL; sys_errno ENOENT if
 * the kernel lacks the sysctl).
 */
int sysctl_ensure(const char *path, const char *value, struct err *err);

/* Writes the value without reading it. Returns 0, or -1 as sysctl_ensure. */
int sysctl_set(const char *path, const char *value, struct err *err);
