/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CNI_ARGS (CNI 1.1.0, "Parameters"): what a runtime asks of a plugin in the environment, as
 * KEY=VALUE;KEY=VALUE. Pure. Keys that weft does not know are other plugins', with
 * IgnoreUnknown or without.
 */
#pragma once

#include "common/ipaddr.h"
#include "ipam/attachment.h"

struct err;

struct args {
	struct mac mac;   /* MAC; zero: none */
	struct ipaddr ip; /* IP, of which a prefix length is left out; unset: none */
	/* K8S_POD_NAMESPACE, K8S_POD_NAME; "": none */
	char pod_namespace[ATTACHMENT_POD_SIZE], pod_name[ATTACHMENT_POD_SIZE];
};

/* text may be NULL. ERR_ENV names the pair. */
int args_parse(const char *text, struct args *args_out, struct err *err);
