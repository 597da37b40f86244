/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deny.h: a system call that fails, as on a kernel, or below a seccomp filter, that does not know
 * it.
 */
#pragma once

/*
 * The system call (SYS_...) fails with the errno from now on, in this process and its children.
 * Does nothing in an emulator without seccomp filters (qemu-user). Fails the test on any other
 * error.
 */
void deny_syscall(long number, int error);
