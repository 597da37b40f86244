/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one ADD asks for beyond the configuration of its network: by capability
 * (runtimeConfig), in args.cni, or in CNI_ARGS (CNI CONVENTIONS.md). Pure.
 *
 *   "runtimeConfig":{"mac":"0a:00:00:00:00:01","ips":["10.5.1.7/24"],
 *     "ipRanges":[[{"subnet":"10.5.1.0/24","rangeStart":"10.5.1.9","rangeEnd":"10.5.1.20"}]],
 *     "dns":{"servers":["10.0.0.53"],"searches":["example.org"],"options":["ndots:2"]}}
 *   "args":{"cni":{"ips":["10.5.1.7"],"mac":"0a:00:00:00:00:01"}}
 *   "ipam":{"ranges":...}     as ipRanges, which wins over it
 *
 * Of MACs, that of runtimeConfig wins over that of args, and this one over CNI_ARGS;
 * the addresses of all three are asked for together.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/state.h"
#include "ipam/pool.h"
#include "plugin/args.h"

#include <stddef.h>

struct err;
struct netconf;

#define REQUEST_IPS 8

struct request {
	struct args args; /* with the MAC that counts */
	struct ipaddr ips[REQUEST_IPS];
	size_t ip_len;
	char *dns; /* JSON text as in a result; NULL: none */
};

/* cni_args: the variable, or NULL. ERR_CONFIG, ERR_ENV. The caller frees with request_free. */
int request_read(const struct netconf *netconf, const char *cni_args, struct request *request_out,
		 struct err *err);

/* An all-zero struct is allowed. */
void request_free(struct request *request);
#define AUTO_REQUEST __attribute__((cleanup(request_free)))

#define REQUEST_CHOICES 2 /* one of each family of the network */

/*
 * From which addresses the pool is to choose: all of the node's subnets, or of the ranges that
 * are configured. Answers one choice for each family. request may be NULL. ERR_CONFIG names
 * the range, ERR_ADDRESS the addresses that were asked for and that a container here
 * cannot have.
 */
int request_choose(const struct netconf *netconf, const struct request *request,
		   const struct state_network *network,
		   struct pool_choice choices_out[static REQUEST_CHOICES], struct err *err);
