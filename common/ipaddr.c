/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ipaddr.h"

#include "common/err.h"
#include "common/hash.h"
#include "common/parse.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define IPV4_AT 12 /* where an IPv4 address lies in ipaddr.be */

static uint32_t ipv4_of(const struct ipaddr *addr)
{
	const uint8_t *b = addr->be + IPV4_AT;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

int ipaddr_parse(const char *text, struct ipaddr *addr_out, struct err *err)
{
	struct ipaddr addr = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };
	size_t at = addr.family == AF_INET ? IPV4_AT : 0;

	if (inet_pton(addr.family, text, addr.be + at) != 1)
		return err_set(err, ERR_DECODE, "\"%s\" is not an IPv4 or IPv6 address",
			       ERR_SHOW(text));
	*addr_out = addr;
	return 0;
}

const char *ipaddr_text(const struct ipaddr *addr, char buf[static IPADDR_TEXT_SIZE])
{
	size_t size;
	const void *wire = ipaddr_wire(addr, &size);

	buf[0] = '\0';
	if (ipaddr_is_set(addr))
		inet_ntop(addr->family, wire, buf, IPADDR_TEXT_SIZE);
	return buf;
}

const void *ipaddr_wire(const struct ipaddr *addr, size_t *size_out)
{
	*size_out = ipaddr_bits(addr) / 8;
	return addr->family == AF_INET ? addr->be + IPV4_AT : addr->be;
}

int ipaddr_from_wire(const void *bytes, size_t size, struct ipaddr *addr_out, struct err *err)
{
	struct ipaddr addr = { .family = size == 4 ? AF_INET : AF_INET6 };

	if (size != 4 && size != sizeof(addr.be))
		return err_set(err, ERR_DECODE, "an address of %zu bytes: 4 or 16 are allowed",
			       size);
	memcpy(addr.be + sizeof(addr.be) - size, bytes, size);
	*addr_out = addr;
	return 0;
}

int ipaddr_cmp(const struct ipaddr *a, const struct ipaddr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->be, b->be, sizeof(a->be));
}

bool ipaddr_equal(const struct ipaddr *a, const struct ipaddr *b)
{
	return ipaddr_cmp(a, b) == 0;
}

bool ipaddr_is_set(const struct ipaddr *addr)
{
	return addr->family != AF_UNSPEC;
}

enum family ipaddr_family(const struct ipaddr *addr)
{
	return addr->family == AF_INET6 ? FAMILY_V6 : FAMILY_V4;
}

unsigned ipaddr_bits(const struct ipaddr *addr)
{
	return addr->family == AF_INET ? 32 : addr->family == AF_INET6 ? 128 : 0;
}

struct ipaddr ipaddr_add(const struct ipaddr *addr, uint64_t n)
{
	struct ipaddr sum = *addr;
	size_t first = sizeof(sum.be) - ipaddr_bits(addr) / 8;
	unsigned carry = 0;

	for (size_t i = sizeof(sum.be); i > first; i--) {
		carry += sum.be[i - 1] + (unsigned)(n & 0xff);
		sum.be[i - 1] = (uint8_t)carry;
		carry >>= 8;
		n >>= 8;
	}
	return sum;
}

uint64_t ipaddr_distance(const struct ipaddr *low, const struct ipaddr *high)
{
	uint8_t diff[sizeof(low->be)];
	uint64_t distance = 0;
	int borrow = 0;

	for (size_t i = sizeof(diff); i > 0; i--) {
		int d = high->be[i - 1] - low->be[i - 1] - borrow;

		borrow = d < 0;
		diff[i - 1] = (uint8_t)d;
	}
	for (size_t i = 0; i < sizeof(diff); i++) {
		if (distance >> 56)
			return UINT64_MAX;
		distance = distance << 8 | diff[i];
	}
	return distance;
}

static bool ipv4_is_special(uint32_t addr)
{
	return addr == INADDR_ANY || addr == INADDR_BROADCAST || addr >> 24 == 127 ||
	       addr >> 28 == 0xe || addr >> 16 == 0xa9fe;
}

static bool ipv6_is_special(const uint8_t be[static 16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t zero[15] = { 0 };

	return be[0] == 0xff || (be[0] == 0xfe && (be[1] & 0xc0) == 0x80) ||
	       (memcmp(be, zero, sizeof(zero)) == 0 && be[15] <= 1) ||
	       memcmp(be, mapped, sizeof(mapped)) == 0;
}

bool ipaddr_is_multicast(const struct ipaddr *addr)
{
	return addr->family == AF_INET ? ipv4_of(addr) >> 28 == 0xe :
					 addr->family == AF_INET6 && addr->be[0] == 0xff;
}

bool ipaddr_is_special(const struct ipaddr *addr)
{
	if (addr->family == AF_INET)
		return ipv4_is_special(ipv4_of(addr));
	return addr->family != AF_INET6 || ipv6_is_special(addr->be);
}

static bool is_prefix(const char *text, struct prefix *prefix)
{
	struct err unused = ERR_INIT;
	char host[IPADDR_TEXT_SIZE];
	const char *slash = strchr(text, '/');
	uint32_t len;

	if (!slash || (size_t)(slash - text) >= sizeof(host))
		return false;
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	if (ipaddr_parse(host, &prefix->addr, &unused) < 0 ||
	    parse_u32(slash + 1, 0, ipaddr_bits(&prefix->addr), &len, &unused) < 0)
		return false;
	prefix->len = (uint8_t)len;
	return true;
}

int prefix_parse(const char *text, struct prefix *prefix_out, struct err *err)
{
	struct prefix prefix;

	if (!is_prefix(text, &prefix))
		return err_set(err, ERR_DECODE,
			       "\"%s\" is not an address and prefix length like \"10.5.0.0/16\" "
			       "or \"fd00:5::/48\"",
			       ERR_SHOW(text));
	*prefix_out = prefix;
	return 0;
}

const char *prefix_text(const struct prefix *prefix, char buf[static PREFIX_TEXT_SIZE])
{
	char host[IPADDR_TEXT_SIZE];

	buf[0] = '\0';
	if (prefix_is_set(prefix))
		snprintf(buf, PREFIX_TEXT_SIZE, "%s/%u", ipaddr_text(&prefix->addr, host),
			 prefix->len);
	return buf;
}

/* How many octets the prefix keeps whole, and which bits of the next one, if there is one. */
static size_t kept_octets(const struct prefix *prefix, uint8_t *mask_out)
{
	unsigned kept = 128 - ipaddr_bits(&prefix->addr) + prefix->len;

	*mask_out = (uint8_t)(0xff00 >> kept % 8);
	return kept < 128 ? kept / 8 : 16;
}

struct prefix prefix_masked(const struct prefix *prefix)
{
	struct prefix masked = *prefix;
	uint8_t mask, *be = masked.addr.be;
	size_t whole = kept_octets(prefix, &mask);

	if (whole < sizeof(masked.addr.be)) {
		be[whole] &= mask;
		memset(be + whole + 1, 0, sizeof(masked.addr.be) - whole - 1);
	}
	return masked;
}

struct ipaddr prefix_first(const struct prefix *prefix)
{
	return prefix_masked(prefix).addr;
}

struct ipaddr prefix_last(const struct prefix *prefix)
{
	struct ipaddr last = prefix->addr;
	uint8_t mask;
	size_t whole = kept_octets(prefix, &mask);

	if (whole < sizeof(last.be)) {
		last.be[whole] |= (uint8_t)~mask;
		memset(last.be + whole + 1, 0xff, sizeof(last.be) - whole - 1);
	}
	return last;
}

bool prefix_has(const struct prefix *prefix, const struct ipaddr *addr)
{
	const uint8_t *of = prefix->addr.be;
	uint8_t mask;
	size_t whole = kept_octets(prefix, &mask);

	if (!prefix_is_set(prefix) || prefix->addr.family != addr->family)
		return false;
	return !memcmp(of, addr->be, whole) &&
	       (whole == sizeof(addr->be) || !((of[whole] ^ addr->be[whole]) & mask));
}

bool prefix_covers(const struct prefix *outer, const struct prefix *inner)
{
	return outer->len <= inner->len && prefix_has(outer, &inner->addr);
}

bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return prefix_covers(a, b) || prefix_covers(b, a);
}

int prefix_cmp(const struct prefix *a, const struct prefix *b)
{
	int order = ipaddr_cmp(&a->addr, &b->addr);

	return order ? order : (a->len > b->len) - (a->len < b->len);
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return prefix_cmp(a, b) == 0;
}

bool prefix_is_set(const struct prefix *prefix)
{
	return ipaddr_is_set(&prefix->addr);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int mac_parse(const char *text, struct mac *mac_out, struct err *err)
{
	const char *c = text;
	struct mac mac;

	for (size_t i = 0; i < sizeof(mac.octet); i++, c += 3) {
		int high = hex_value(c[0]);
		int low = high < 0 ? -1 : hex_value(c[1]);

		if (low < 0 || c[2] != (i < 5 ? ':' : '\0'))
			return err_set(err, ERR_DECODE,
				       "\"%s\" is not a MAC address like \"0a:58:0a:05:01:02\"",
				       ERR_SHOW(text));
		mac.octet[i] = (uint8_t)(high << 4 | low);
	}
	*mac_out = mac;
	return 0;
}

const char *mac_text(const struct mac *mac, char buf[static MAC_TEXT_SIZE])
{
	const uint8_t *o = mac->octet;

	snprintf(buf, MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", o[0], o[1], o[2], o[3], o[4],
		 o[5]);
	return buf;
}

int mac_cmp(const struct mac *a, const struct mac *b)
{
	return memcmp(a->octet, b->octet, sizeof(a->octet));
}

bool mac_is_zero(const struct mac *mac)
{
	static const struct mac zero;

	return mac_cmp(mac, &zero) == 0;
}

bool mac_is_unicast(const struct mac *mac)
{
	return !mac_is_zero(mac) && !(mac->octet[0] & 1);
}

struct mac mac_local(const uint8_t bytes[static 6])
{
	struct mac mac;

	memcpy(mac.octet, bytes, sizeof(mac.octet));
	mac.octet[0] = (uint8_t)((mac.octet[0] | 2) & ~1);
	return mac;
}

struct mac mac_of_address(const struct ipaddr *addr)
{
	uint64_t hash = hash_add(HASH_INIT, addr->be, sizeof(addr->be));
	uint32_t low = addr->family == AF_INET6 ? (uint32_t)(hash >> 32 ^ hash) : ipv4_of(addr);

	return (struct mac){ { 0x0a, 0x58, (uint8_t)(low >> 24), (uint8_t)(low >> 16),
			       (uint8_t)(low >> 8), (uint8_t)low } };
}

bool mac_is_derived(const struct mac *mac)
{
	return mac->octet[0] == 0x0a && mac->octet[1] == 0x58;
}

struct ipaddr ipaddr_link_local(const struct mac *mac)
{
	const uint8_t *m = mac->octet;

	return (struct ipaddr){
		.be = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4],
			m[5] },
		.family = AF_INET6,
	};
}
