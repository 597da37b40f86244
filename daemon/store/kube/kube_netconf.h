/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flannel's net-conf.json, which a ConfigMap provides, as a network configuration: the same JSON as
 * in etcd, but its SubnetLen, SubnetMin and SubnetMax have no effect. Pure.
 */
#pragma once

#include "common/ipaddr.h"

#include <stdbool.h>
#include <stddef.h>

struct err;

#define KUBE_NETCONF_MAX (64 * 1024)

/*
 * Adds Weft.ReservedOnly to the configuration, and reads the families that it enables. *text_out is
 * malloc'ed, the caller's. ERR_DECODE, ERR_NOMEM.
 */
int kube_netconf(const char *text, size_t size, char **text_out, bool families_out[static FAMILIES],
		 struct err *err);
