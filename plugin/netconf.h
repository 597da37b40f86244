/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network configuration that the runtime writes to standard input (CNI 1.1.0,
 * "Execution Protocol"), checked. Pure. Keys that weft does not know are other
 * plugins' or later versions', and left alone; keys match as Go's decoder matches
 * them, without regard to case, and of a duplicate the last one counts.
 *
 *   {"cniVersion":"1.0.0","name":"weft","type":"weft",
 *    "network":"default","runDir":"/run/weft","isDefaultGateway":true,"hairpinMode":true,
 *    "portIsolation":false,"macSpoofCheck":false,"mtu":1400,
 *    "routes":[{"dst":"10.9.0.0/16","gw":"10.5.1.1","mtu":1300,"advmss":1260,"priority":7,
 *               "table":100,"scope":0}],
 *    "ipam":{"type":"host-local",...},"dns":{...},"prevResult":{...}}
 *
 * What asks for something for one container alone, as runtimeConfig does, is read by request.h.
 */
#pragma once

#include "common/auto.h"
#include "common/json.h"
#include "common/route.h"
#include "common/vec.h"
#include "plugin/version.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define NETCONF_MAX (1 << 20) /* bytes; prevResult and runtimeConfig included */

/* Only dst, gateway (unset: the node's), metric, mtu, advmss, scope and table (0: main) are set. */
VEC_DEFINE(netconf_routes, struct route);

struct netconf {
	enum version version;
	const char *name;    /* the list's; not weft's network */
	const char *network; /* weft's */
	const char *run_dir; /* absolute */
	bool is_default_gateway;
	bool hairpin;
	bool isolated;    /* portIsolation */
	bool spoof_check; /* macSpoofCheck */
	uint32_t mtu;     /* 0: the network's */
	struct netconf_routes routes;
	char *dns;         /* JSON text of the object; NULL: none, or an empty one */
	char *prev_result; /* JSON text; NULL: none */
	const char *ipam;  /* ipam.type: the plugin that gives addresses; "": weft itself */
	char *text;        /* the whole configuration, for that plugin; NULL where there is none */
	struct json *json; /* holds the texts */
};

#define NETCONF_INIT ((struct netconf){ .version = VERSION_LATEST })

/*
 * Parses size bytes of text. *version_out is set as soon as the version is known, also where
 * something else is wrong, since the error is told in it. ERR_DECODE, ERR_VERSION,
 * ERR_CONFIG with the key's path. The caller frees with netconf_free.
 */
int netconf_parse(const char *text, size_t size, enum version *version_out,
		  struct netconf *netconf_out, struct err *err);

struct jr;

/* One route of a configuration or result; jr_done of its document says whether all was well. */
void netconf_read_route(const struct jr *at, struct route *route_out);

/* NETCONF_INIT is allowed. */
void netconf_free(struct netconf *netconf);
#define AUTO_NETCONF __attribute__((cleanup(netconf_free)))
