/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sysctls that a network's devices need (Documentation/networking/ip-sysctl.rst). Called by
 * device.c, between creating the devices and adding their addresses.
 *
 * A sysctl that cannot be set, for example because /proc/sys is mounted read-only, is recorded and
 * the others are set: weftd reports it, and the network is otherwise complete.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct device_want;
struct err;
struct nl;

#define DEVICE_SYSCTL_NAME_SIZE 64
#define DEVICE_SYSCTL_TEXT_SIZE 48
#define DEVICE_SYSCTLS_MAX 16

/* A sysctl that does not have the wanted value and cannot be set. */
struct device_sysctl {
	char name[DEVICE_SYSCTL_NAME_SIZE]; /* as sysctl(8) accepts it */
	char value[8];                      /* wanted */
	char actual[16];                    /* "": unknown */
	char error[DEVICE_SYSCTL_TEXT_SIZE];
	bool essential; /* without it, packets of containers are not forwarded */
};

struct device_sysctls {
	size_t len;
	struct device_sysctl at[DEVICE_SYSCTLS_MAX]; /* the unused part is zero */
	char fault[192]; /* the first essential one, with its error; "": none */
	bool no_ipv6;    /* IPv6 is wanted, and disabled on the bridge or absent from the kernel */
};

/*
 * Sets the sysctls of the node and of the network's devices, which exist. Writes only differences;
 * *changed is set if it wrote one. -1 only if the kernel's routes cannot be read.
 */
int device_sysctls_ensure(struct nl *nl, const struct device_want *want,
			  struct device_sysctls *refused_out, bool *changed, struct err *err);

/*
 * Adds a sysctl that is not essential, by its path below /proc/sys, with the error of setting it.
 * Beyond DEVICE_SYSCTLS_MAX it is left out.
 */
void device_sysctls_refuse(struct device_sysctls *refused, const char *path, const char *value,
			   const struct err *why);
