/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CNI_ARGS (CNI 1.1.0, "Parameters"): per-container arguments of the runtime, as
 * KEY=VALUE;KEY=VALUE. Pure. Unknown keys are ignored, whether or not IgnoreUnknown is set.
 */
#pragma once

#include "common/ipaddr.h"
#include "ipam/pod.h"

struct err;

struct cni_args {
	struct mac mac;        /* MAC; zero: not set */
	struct ipaddr ip;      /* IP, without its prefix length; unset: none */
	struct pod pod;        /* K8S_POD_NAMESPACE, K8S_POD_NAME, K8S_POD_UID */
	const char *pod_fault; /* the key of an invalid one, which is left out; NULL: none */
};

/* Parses text, which may be NULL. Returns 0, or -1 with ERR_ENV, which names the pair. */
int cni_args_parse(const char *text, struct cni_args *args_out, struct err *err);
