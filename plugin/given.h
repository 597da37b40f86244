/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A result that another plugin has given, in the form of any version of the specification: the
 * prevResult of a list, or what a plugin that gives addresses answers. Pure.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/vec.h"
#include "plugin/netconf.h"

#include <stdint.h>

struct err;

#define GIVEN_NO_INTERFACE UINT32_MAX

struct given_ip {
	struct prefix address; /* with its host bits */
	struct ipaddr gateway; /* unset: none */
	uint32_t interface;    /* its number in interfaces, or GIVEN_NO_INTERFACE */
};

VEC_DEFINE(given_ips, struct given_ip);
VEC_DEFINE(given_texts, char *);

struct given {
	struct given_texts interfaces; /* JSON text of each */
	struct given_ips ips;
	struct netconf_routes routes; /* as netconf's */
	char *dns;                    /* JSON text; NULL: none, or an empty one */
};

/*
 * what names the document in errors. A result's own cniVersion, where it has one, must be one that
 * is known; the form is told by its keys. ERR_DECODE, ERR_VERSION. The caller frees with
 * given_free.
 */
int given_parse(const char *text, const char *what, struct given *given_out, struct err *err);

/* An all-zero struct is allowed. */
void given_free(struct given *given);
#define AUTO_GIVEN __attribute__((cleanup(given_free)))
