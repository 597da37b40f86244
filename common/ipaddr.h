/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses, prefixes and MACs: parsing, formatting, comparison, and arithmetic on sixteen
 * big-endian bytes, so that one code path serves IPv4 and IPv6. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct err;

/*
 * An IPv4 address lies in the last four bytes, the others zero. family is
 * AF_INET, AF_INET6, or AF_UNSPEC (0) for "no address": an all-zero struct.
 */
struct ipaddr {
	uint8_t be[16];
	uint8_t family;
};

struct prefix {
	struct ipaddr addr; /* host bits may be set: an interface address */
	uint8_t len;        /* 0 to 32, or 0 to 128 */
};

struct mac {
	uint8_t octet[6];
};

/* The two families as the indices of an array: IPv4 first, as in flannel's keys. */
enum family { FAMILY_V4, FAMILY_V6, FAMILIES };

#define IPADDR_TEXT_SIZE 46 /* INET6_ADDRSTRLEN */
#define PREFIX_TEXT_SIZE 50
#define MAC_TEXT_SIZE 18

/* Dotted quad without leading zeros, or RFC 4291 text; no zone, no brackets. ERR_DECODE. */
int ipaddr_parse(const char *text, struct ipaddr *addr_out, struct err *err);
/* Formats as in RFC 5952; "" for AF_UNSPEC. Returns buf. */
const char *ipaddr_text(const struct ipaddr *addr, char buf[static IPADDR_TEXT_SIZE]);
/* Returns the 4 or 16 bytes in network order, inside *addr; *size_out is their number. */
const void *ipaddr_wire(const struct ipaddr *addr, size_t *size_out);
/* Converts 4 or 16 bytes in network order. Returns 0, or -1 with ERR_DECODE for another size. */
int ipaddr_from_wire(const void *bytes, size_t size, struct ipaddr *addr_out, struct err *err);

/* Order by family, then by value. */
int ipaddr_cmp(const struct ipaddr *a, const struct ipaddr *b);
bool ipaddr_equal(const struct ipaddr *a, const struct ipaddr *b);
bool ipaddr_is_set(const struct ipaddr *addr);
/* The index of the address's family; FAMILY_V4 for AF_UNSPEC. */
enum family ipaddr_family(const struct ipaddr *addr);
/* 32, 128, or 0 for AF_UNSPEC. */
unsigned ipaddr_bits(const struct ipaddr *addr);
/* addr + n, modulo the family's size. */
struct ipaddr ipaddr_add(const struct ipaddr *addr, uint64_t n);
/* high - low, of one family with low <= high; at most UINT64_MAX. */
uint64_t ipaddr_distance(const struct ipaddr *low, const struct ipaddr *high);
bool ipaddr_is_multicast(const struct ipaddr *addr);
/*
 * Whether addr cannot be a node's: loopback, multicast, link-local, broadcast, IPv4-mapped, unset.
 */
bool ipaddr_is_special(const struct ipaddr *addr);

/* "address/len". ERR_DECODE. Host bits are kept. */
int prefix_parse(const char *text, struct prefix *prefix_out, struct err *err);
const char *prefix_text(const struct prefix *prefix, char buf[static PREFIX_TEXT_SIZE]);
/* The prefix with its host bits cleared. */
struct prefix prefix_masked(const struct prefix *prefix);
/* The lowest and the highest address. */
struct ipaddr prefix_first(const struct prefix *prefix);
struct ipaddr prefix_last(const struct prefix *prefix);
bool prefix_has(const struct prefix *prefix, const struct ipaddr *addr);
/* Whether inner lies in outer or equals it. */
bool prefix_covers(const struct prefix *outer, const struct prefix *inner);
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);
/* Order by address, then by length. */
int prefix_cmp(const struct prefix *a, const struct prefix *b);
bool prefix_equal(const struct prefix *a, const struct prefix *b);
bool prefix_is_set(const struct prefix *prefix);

/* Six pairs of hex digits with colons, any case. ERR_DECODE. */
int mac_parse(const char *text, struct mac *mac_out, struct err *err);
const char *mac_text(const struct mac *mac, char buf[static MAC_TEXT_SIZE]);
int mac_cmp(const struct mac *a, const struct mac *b);
bool mac_is_zero(const struct mac *mac);
/* Not zero and not a group address (IEEE 802, the lowest bit of the first octet). */
bool mac_is_unicast(const struct mac *mac);
/* Makes six bytes a locally administered unicast address. */
struct mac mac_local(const uint8_t bytes[static 6]);
/*
 * Derives the MAC of a container with address addr: 0a:58 and the IPv4 address, or 0a:58 and a hash
 * of the IPv6 address, so that a reused address keeps its MAC.
 */
struct mac mac_of_address(const struct ipaddr *addr);
/* Whether the MAC has the prefix 0a:58 of derived MACs, which no VTEP may have. */
bool mac_is_derived(const struct mac *mac);
/* Derives the link-local address of a device with this MAC (RFC 4291 section 2.5.6, appendix A). */
struct ipaddr ipaddr_link_local(const struct mac *mac);
