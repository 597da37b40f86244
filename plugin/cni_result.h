/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CNI result (CNI 1.1.0, "Result Types"), parsed from and printed as the JSON of any supported
 * version: prevResult, the output of a delegated IPAM plugin, and weft's own output of ADD.
 * Also prints the other documents of standard output: errors and versions. Pure: main writes
 * them.
 *
 *             0.1.0 0.2.0    0.3.0 0.3.1 0.4.0       1.0.0             1.1.0
 *   interfaces  -            name mac sandbox        the same          and mtu
 *   addresses   ip4 ip6      ips, with version       ips               ips
 *   routes      inside them  dst gw                  dst gw            and mtu advmss priority
 *                                                                      table scope
 *   dns         always       always                  if there is any   if there is any
 *
 * The older forms are those that the reference library (containernetworking/cni, pkg/types)
 * converts to.
 */
#pragma once

#include "common/auto.h"
#include "common/ipaddr.h"
#include "common/vec.h"
#include "plugin/netconf.h"
#include "plugin/version.h"

#include <stdint.h>

struct err;
struct json;

/* name and sandbox are not owned: those of a parsed result lie in its document. */
struct cni_interface {
	const char *name;
	const char *sandbox; /* NULL: in the host */
	struct mac mac;      /* zero: none, or not a MAC of six bytes */
	uint32_t mtu;
	char *text; /* JSON text of a parsed interface, printed unchanged; owned. NULL: none */
};

#define CNI_NO_INTERFACE UINT32_MAX

struct cni_ip {
	struct prefix address; /* with its host bits */
	struct ipaddr gateway; /* unset: none */
	uint32_t interface;    /* index in interfaces, or CNI_NO_INTERFACE */
};

VEC_DEFINE(cni_interfaces, struct cni_interface);
VEC_DEFINE(cni_ips, struct cni_ip);

/* All zero bytes: an empty result. */
struct cni_result {
	struct cni_interfaces interfaces;
	struct cni_ips ips;
	struct netconf_routes routes; /* members as in struct netconf */
	char *dns;                    /* JSON text, owned; NULL: none, or an empty one */
	struct json *json;            /* the document that was parsed; NULL: none */
};

/*
 * Parses a result of any supported version; the keys present decide its form. what names the
 * document in errors. Returns 0, or -1 with ERR_DECODE, or ERR_VERSION for an unsupported
 * cniVersion. Free with cni_result_free.
 */
int cni_result_parse(const char *text, const char *what, struct cni_result *result_out,
		     struct err *err);

/*
 * As cni_result_parse, for the prevResult of CHECK, which later plugins may have extended: only
 * what CHECK compares must be valid. Of a route, dst, gw and table are read; an index may lead to
 * no interface; cniVersion is ignored.
 */
int cni_result_parse_check(const char *text, const char *what, struct cni_result *result_out,
			   struct err *err);

/* Frees the members and empties the result. */
void cni_result_free(struct cni_result *result);
AUTO_DEFINE_VALUE(cni_result, struct cni_result, cni_result_free);

/*
 * Prints a successful ADD's result. *text_out is malloc'ed and the caller's. Returns 0, or -1 with
 * ERR_CONFIG: versions 0.1.0 and 0.2.0 hold one address per family.
 */
int cni_result_text(enum version version, const struct cni_result *result, char **text_out,
		    struct err *err);

/* Prints an error document (CNI 1.1.0, "Error"). *text_out as above. Returns 0 or -1. */
int cni_result_error_text(enum version version, const struct err *what, char **text_out,
			  struct err *err);

/* Prints the supported versions (CNI 1.1.0, "VERSION"). *text_out as above. Returns 0 or -1. */
int cni_result_versions_text(enum version version, char **text_out, struct err *err);
