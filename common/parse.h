/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict parsing of untrusted numbers, names and identifiers. Errors name the value and what is
 * allowed. All return 0, or -1 with the stated code. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;

/* Decimal digits only, no sign, no blank, no leading zero; min <= n <= max. ERR_DECODE. */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value_out, struct err *err);
int parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *value_out, struct err *err);

/* "true", "false", "1", "0", "t", "f" in any case (Go's strconv.ParseBool). ERR_DECODE. */
int parse_bool(const char *text, bool *value_out, struct err *err);

/* CNI 1.1.0 "Parameters": [a-zA-Z0-9][a-zA-Z0-9_.-]*. ERR_ENV. */
int parse_container_id(const char *text, struct err *err);

/* A network name, of the same form. ERR_CONFIG. */
int parse_network_name(const char *text, struct err *err);

/*
 * 1 to 15 bytes, not "." or "..", no '/', ':' or white space (the kernel's
 * dev_valid_name), no '%' (the kernel expands "eth%d"), not "all" or "default" (its
 * sysctl_dev_name_is_allowed). ERR_ENV.
 */
int parse_ifname(const char *text, struct err *err);

/* A UUID in its 8-4-4-4-12 lower-case form (RFC 9562). ERR_DECODE. */
int parse_uuid(const char *text, struct err *err);
