/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/subnet.h"

#include "common/err.h"

/* The limits of one family, in prefix lengths. */
struct family_rule {
	uint8_t usual;       /* a subnet's default length */
	uint8_t usual_until; /* longest network length for which usual applies */
	uint8_t longest;
	uint8_t network_longest;
	const char *network, *len, *min, *max; /* configuration keys, for errors */
};

static const struct family_rule rule_v4 = {
	24, 22, 30, 28, "Network", "SubnetLen", "SubnetMin", "SubnetMax",
};
static const struct family_rule rule_v6 = {
	64, 62, 126, 124, "IPv6Network", "IPv6SubnetLen", "IPv6SubnetMin", "IPv6SubnetMax",
};

static const struct family_rule *rule_of(const struct prefix *network)
{
	return network->addr.family == AF_INET6 ? &rule_v6 : &rule_v4;
}

/* log2 of the addresses in one subnet. */
static unsigned host_bits(const struct subnet_pool *pool)
{
	return ipaddr_bits(&pool->network.addr) - pool->len;
}

static struct prefix subnet_of_base(const struct subnet_pool *pool, const struct ipaddr *base)
{
	return (struct prefix){ .addr = *base, .len = pool->len };
}

/* base + n subnets: adds n above the host bits, of which there may be more than 64. */
static struct ipaddr step(const struct subnet_pool *pool, const struct ipaddr *base, uint64_t n)
{
	unsigned shift = host_bits(pool) % 8;
	struct ipaddr addr = *base;
	unsigned carry = (unsigned)(n << shift & 0xff);

	n >>= 8 - shift;
	for (size_t i = sizeof(addr.be) - host_bits(pool) / 8; i-- > 0; n >>= 8) {
		carry += addr.be[i];
		addr.be[i] = (uint8_t)carry;
		carry = (carry >> 8) + (unsigned)(n & 0xff);
	}
	return addr;
}

/* (high - low) in subnets, at most UINT64_MAX. */
static uint64_t steps_between(const struct subnet_pool *pool, const struct ipaddr *low,
			      const struct ipaddr *high)
{
	unsigned bits = host_bits(pool), bytes = bits / 8;
	struct ipaddr a = *low, b = *high;
	uint64_t distance;

	/* Both are aligned to the subnet's length: drop the bytes that hold host bits only. */
	for (size_t i = sizeof(a.be); i-- > 0;) {
		a.be[i] = i >= bytes ? low->be[i - bytes] : 0;
		b.be[i] = i >= bytes ? high->be[i - bytes] : 0;
	}
	distance = ipaddr_distance(&a, &b);
	return distance == UINT64_MAX ? distance : distance >> bits % 8;
}

static int check_bound(const struct subnet_pool *pool, const char *name, const struct ipaddr *bound,
		       struct err *err)
{
	char text[IPADDR_TEXT_SIZE], network[PREFIX_TEXT_SIZE];
	struct prefix subnet = subnet_of_base(pool, bound);
	struct prefix masked = prefix_masked(&subnet);

	if (!prefix_has(&pool->network, bound))
		return err_set(err, ERR_CONFIG, "%s: %s is not in the network %s", name,
			       ipaddr_text(bound, text), prefix_text(&pool->network, network));
	if (!ipaddr_equal(&masked.addr, bound))
		return err_set(err, ERR_CONFIG, "%s: %s is not the first address of a /%u subnet",
			       name, ipaddr_text(bound, text), pool->len);
	return 0;
}

static int check_lengths(const struct subnet_pool *pool, struct err *err)
{
	const struct family_rule *rule = rule_of(&pool->network);
	char text[PREFIX_TEXT_SIZE];

	if (pool->network.len > rule->network_longest)
		return err_set(err, ERR_CONFIG, "%s: %s is too small: /%u or larger is required",
			       rule->network, prefix_text(&pool->network, text),
			       rule->network_longest);
	if (pool->len < pool->network.len + 2 || pool->len > rule->longest)
		return err_set(err, ERR_CONFIG,
			       "%s: %u is not from %u to %u, as network %s requires", rule->len,
			       pool->len, pool->network.len + 2, rule->longest,
			       prefix_text(&pool->network, text));
	return 0;
}

int subnet_pool_make(const struct prefix *network, uint8_t len, const struct ipaddr *min,
		     const struct ipaddr *max, struct subnet_pool *pool_out, struct err *err)
{
	struct subnet_pool pool = { .network = prefix_masked(network), .len = len };
	const struct family_rule *rule = rule_of(network);
	struct ipaddr last = prefix_last(&pool.network);
	struct prefix last_subnet;

	if (!pool.len)
		pool.len = network->len <= rule->usual_until ? rule->usual :
							       (uint8_t)(network->len + 2);
	if (check_lengths(&pool, err) < 0)
		return -1;
	last_subnet = subnet_of_base(&pool, &last);
	last_subnet = prefix_masked(&last_subnet);
	pool.min = ipaddr_is_set(min) ? *min : step(&pool, &pool.network.addr, 1);
	pool.max = ipaddr_is_set(max) ? *max : last_subnet.addr;
	if (check_bound(&pool, rule->min, &pool.min, err) < 0 ||
	    check_bound(&pool, rule->max, &pool.max, err) < 0)
		return -1;
	if (ipaddr_cmp(&pool.min, &pool.max) > 0) {
		char low[IPADDR_TEXT_SIZE], high[IPADDR_TEXT_SIZE];

		return err_set(err, ERR_CONFIG, "%s: %s is below %s %s", rule->max,
			       ipaddr_text(&pool.max, high), rule->min,
			       ipaddr_text(&pool.min, low));
	}
	*pool_out = pool;
	return 0;
}

uint64_t subnet_count(const struct subnet_pool *pool)
{
	uint64_t steps = steps_between(pool, &pool->min, &pool->max);

	return steps == UINT64_MAX ? steps : steps + 1;
}

bool subnet_valid(const struct subnet_pool *pool, const struct prefix *subnet)
{
	struct prefix masked = prefix_masked(subnet);

	if (pool->any)
		return prefix_equal(&masked, subnet) && prefix_covers(&pool->network, subnet);
	return subnet->len == pool->len && subnet->addr.family == pool->network.addr.family &&
	       prefix_equal(&masked, subnet) && ipaddr_cmp(&subnet->addr, &pool->min) >= 0 &&
	       ipaddr_cmp(&subnet->addr, &pool->max) <= 0;
}

uint32_t subnet_index(const struct subnet_pool *pool, const struct prefix *subnet)
{
	struct prefix base = subnet_of_base(pool, &subnet->addr);

	base = prefix_masked(&base);
	return (uint32_t)steps_between(pool, &pool->network.addr, &base.addr);
}

/* The index of the subnet of addr, counted from min. */
static uint64_t number_of(const struct subnet_pool *pool, const struct ipaddr *addr)
{
	struct prefix subnet = subnet_of_base(pool, addr);
	struct ipaddr base = prefix_first(&subnet);

	return steps_between(pool, &pool->min, &base);
}

/* The first free subnet with an index in [from, to). 1 / 0. */
static int pick_between(const struct subnet_pool *pool, uint64_t from, uint64_t to,
			const struct prefix *taken, size_t taken_len, struct prefix *subnet_out)
{
	size_t next = 0;

	for (uint64_t n = from, past; n < to; n = past + 1) {
		struct ipaddr base = step(pool, &pool->min, n);
		struct prefix subnet = subnet_of_base(pool, &base);
		struct ipaddr last;

		/*
		 * Prefixes nest or are disjoint, and an enclosing one sorts first: the first that
		 * does not end before this subnet is the only one that can overlap it.
		 */
		while (next < taken_len) {
			last = prefix_last(&taken[next]);
			if (ipaddr_cmp(&last, &base) >= 0)
				break;
			next++;
		}
		if (next == taken_len || !prefix_overlaps(&taken[next], &subnet)) {
			*subnet_out = subnet;
			return 1;
		}
		/* Skip the whole taken prefix, which may cover millions of subnets. */
		past = number_of(pool, &last);
		if (past >= to)
			return 0;
	}
	return 0;
}

int subnet_pick(const struct subnet_pool *pool, uint64_t seed, const struct prefix *taken,
		size_t taken_len, struct prefix *subnet_out)
{
	uint64_t count = subnet_count(pool);
	uint64_t start = seed % count;

	if (pick_between(pool, start, count, taken, taken_len, subnet_out))
		return 1;
	return pick_between(pool, 0, start, taken, taken_len, subnet_out);
}

struct ipaddr subnet_gateway(const struct prefix *subnet)
{
	struct prefix masked = prefix_masked(subnet);

	return ipaddr_add(&masked.addr, 1);
}
