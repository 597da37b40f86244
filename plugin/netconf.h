/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network configuration that the runtime writes to standard input (CNI 1.1.0,
 * "Execution Protocol"), parsed and validated. Pure. Unknown keys belong to other plugins or
 * later versions and are ignored. Keys match as in Go's decoder: without regard to case, and
 * the last of duplicates counts.
 *
 *   {"cniVersion":"1.0.0","name":"weft","type":"weft",
 *    "network":"default","runDir":"/run/weft","isDefaultGateway":true,"hairpinMode":true,
 *    "portIsolation":false,"macSpoofCheck":false,"mtu":1400,
 *    "routes":[{"dst":"10.9.0.0/16","gw":"10.5.1.1","mtu":1300,"advmss":1260,"priority":7,
 *               "table":100,"scope":0}],
 *    "ipam":{"type":"host-local",...},"dns":{...},"prevResult":{...}}
 *
 * Requests for one container, such as runtimeConfig, are read by request.h.
 */
#pragma once

#include "common/auto.h"
#include "common/json/json.h"
#include "common/netlink/route.h"
#include "common/vec.h"
#include "plugin/version.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define NETCONF_MAX (1 << 20) /* bytes; prevResult and runtimeConfig included */

/* Set: dst, gateway (unset: the node's), metric, mtu, advmss, scope and table (0: main). */
VEC_DEFINE(netconf_routes, struct route);

struct netconf {
	enum version version;
	const char *name;    /* of the configuration list */
	const char *network; /* of weft */
	const char *run_dir; /* absolute */
	bool is_default_gateway;
	bool hairpin;
	bool isolated;    /* portIsolation */
	bool spoof_check; /* macSpoofCheck */
	uint32_t mtu;     /* 0: the network's */
	struct netconf_routes routes;
	char *dns;            /* JSON text of the object; NULL: none, or an empty one */
	char *prev_result;    /* JSON text; NULL: none */
	const char *ipam;     /* ipam.type, the IPAM plugin; "": weft's own pool */
	const char *data_dir; /* ipam.dataDir: of host-local, whose addresses are not assigned */
	char *text;           /* the whole configuration, for that plugin; NULL if none */
	struct json *json;    /* owns the const texts */
};

#define NETCONF_INIT ((struct netconf){ .version = VERSION_LATEST })

/*
 * Parses size bytes of text. *version_out is set as soon as the version has been parsed, also when
 * -1 follows, since the error is printed in that version. Returns 0, or -1 with ERR_DECODE,
 * ERR_VERSION, or ERR_CONFIG and the key's path. Free with netconf_free.
 */
int netconf_parse(const char *text, size_t size, enum version *version_out,
		  struct netconf *netconf_out, struct err *err);

struct jr;

/* Reads one route of a configuration or result. Faults are reported by jr_done of the document. */
void netconf_read_route(const struct jr *at, struct route *route_out);

/* Frees the members. NETCONF_INIT is allowed. */
void netconf_free(struct netconf *netconf);
AUTO_DEFINE_VALUE(netconf, struct netconf, netconf_free);
