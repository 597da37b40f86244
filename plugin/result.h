/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the plugin answers, as JSON text in the form of each version of the specification
 * (CNI 1.1.0, "Result Types"; the older forms as the reference library converts to them).
 * Pure: who prints is main.
 *
 *             0.1.0 0.2.0    0.3.0 0.3.1 0.4.0       1.0.0             1.1.0
 *   interfaces  -            name mac sandbox        the same          and mtu
 *   addresses   ip4 ip6      ips, with version       ips               ips
 *   routes      inside them  dst gw                  dst gw            and mtu advmss priority
 *                                                                      table scope
 *   dns         always       always                  if there is any   if there is any
 *
 * What the plugins before weft have given comes first, as they gave it.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/route.h"
#include "plugin/version.h"

#include <stddef.h>
#include <stdint.h>

struct err;
struct given;

/* The order of the interfaces in a result, and so their indexes. */
enum result_place { RESULT_BRIDGE, RESULT_HOST, RESULT_CONTAINER, RESULT_INTERFACES };

struct result_interface {
	const char *name;
	struct mac mac;
	uint32_t mtu;
	const char *sandbox; /* NULL: it lies in the host */
};

struct result_ip {
	struct prefix address; /* with its host bits */
	struct ipaddr gateway;
};

struct result {
	struct result_interface interfaces[RESULT_INTERFACES];
	const struct given *before;  /* prevResult; NULL: weft is the first of its list */
	const struct result_ip *ips; /* of the container's interface */
	size_t ip_len;
	const struct route *routes;
	size_t route_len;
	const char *dns; /* JSON text; NULL: that of before, or none */
};

/*
 * The answer to a successful ADD. The text is malloc'ed, the caller's. ERR_CONFIG: 0.1.0 and 0.2.0
 * have room for one address of each family.
 */
int result_text(enum version version, const struct result *result, char **text_out,
		struct err *err);

/* The answer to any failure (CNI 1.1.0, "Error"). */
int result_error_text(enum version version, const struct err *what, char **text_out,
		      struct err *err);

/* The answer to VERSION (CNI 1.1.0, "VERSION"). */
int result_versions_text(enum version version, char **text_out, struct err *err);
