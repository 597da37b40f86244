/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sysctls of the calling thread's network namespace, by path below /proc/sys/
 * with '/' between parts, so that interface names with dots work
 * ("net/ipv4/conf/eth0.5/forwarding").
 */
#pragma once

struct err;

/*
 * Makes the value so: reads first, writes only a difference, so that a read-only
 * /proc does no harm when the value is right. 1 written, 0 was so already, -1 failed
 * (ERR_KERNEL; sys_errno ENOENT where the kernel has no such sysctl).
 */
int sysctl_ensure(const char *path, const char *value, struct err *err);
