/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one ADD requests beyond the network configuration: by capability (runtimeConfig), in
 * args.cni, or in CNI_ARGS (containernetworking/cni, CONVENTIONS.md). Pure.
 *
 *   "runtimeConfig":{"mac":"0a:00:00:00:00:01","ips":["10.5.1.7/24"],
 *     "ipRanges":[[{"subnet":"10.5.1.0/24","rangeStart":"10.5.1.9","rangeEnd":"10.5.1.20"}]],
 *     "dns":{"servers":["10.0.0.53"],"searches":["example.org"],"options":["ndots:2"]}}
 *   "args":{"cni":{"ips":["10.5.1.7"],"mac":"0a:00:00:00:00:01"}}
 *   "ipam":{"ranges":...}     as ipRanges, which takes precedence
 *
 * The MAC of runtimeConfig takes precedence over that of args, and this one over CNI_ARGS. The
 * addresses of all three are requested together.
 */
#pragma once

#include "common/auto.h"
#include "common/ipaddr.h"
#include "common/state.h"
#include "ipam/pool.h"
#include "plugin/cni_args.h"

#include <stddef.h>

struct err;
struct netconf;

#define REQUEST_IPS 8

struct request {
	struct cni_args args; /* its mac is the one that takes precedence */
	struct ipaddr ips[REQUEST_IPS];
	size_t ip_len;
	char *dns; /* JSON text in the form of a result; NULL: none */
};

/*
 * Reads the requests. cni_args is the variable, or NULL. Returns 0, or -1 with ERR_CONFIG or
 * ERR_ENV. Free with request_free.
 */
int request_read(const struct netconf *netconf, const char *cni_args, struct request *request_out,
		 struct err *err);

/* Frees the members. An all-zero struct is allowed. */
void request_free(struct request *request);
AUTO_DEFINE_VALUE(request, struct request, request_free);

#define REQUEST_CHOICES 2 /* one per family of the network */

/*
 * Computes from which addresses the pool chooses: the node's subnets, or the configured ranges of
 * them. choices_out gets one choice per family of the network, in its order. request may be NULL.
 * Returns 0, or -1: ERR_CONFIG names an invalid range, ERR_ADDRESS the requested addresses that
 * are not assignable here.
 */
int request_choose(const struct netconf *netconf, const struct request *request,
		   const struct state_network *network,
		   struct pool_choice choices_out[static REQUEST_CHOICES], struct err *err);
