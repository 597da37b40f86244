/* SPDX-License-Identifier: Apache-2.0 */
#include "subnet.h"

#include "common/err.h"

/* The limits of one family, in prefix lengths. */
struct family_rule {
	uint8_t usual;       /* a subnet's length where the network leaves room */
	uint8_t usual_until; /* network lengths up to which that is so */
	uint8_t longest;
	uint8_t network_longest;
	const char *network, *len, *min, *max; /* the configuration's keys, for errors */
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
static unsigned host_bits(const struct subnet_plan *plan)
{
	return ipaddr_bits(&plan->network.addr) - plan->len;
}

static struct prefix subnet_of_base(const struct subnet_plan *plan, const struct ipaddr *base)
{
	return (struct prefix){ .addr = *base, .len = plan->len };
}

/* base + n subnets: adds n to the bytes above the host bits, whose number may pass 64. */
static struct ipaddr step(const struct subnet_plan *plan, const struct ipaddr *base, uint64_t n)
{
	unsigned shift = host_bits(plan) % 8;
	struct ipaddr addr = *base;
	unsigned carry = (unsigned)(n << shift & 0xff);

	n >>= 8 - shift;
	for (size_t i = sizeof(addr.be) - host_bits(plan) / 8; i-- > 0; n >>= 8) {
		carry += addr.be[i];
		addr.be[i] = (uint8_t)carry;
		carry = (carry >> 8) + (unsigned)(n & 0xff);
	}
	return addr;
}

/* (high - low) counted in subnets; UINT64_MAX where it does not fit. */
static uint64_t steps_between(const struct subnet_plan *plan, const struct ipaddr *low,
			      const struct ipaddr *high)
{
	unsigned bits = host_bits(plan), bytes = bits / 8;
	struct ipaddr a = *low, b = *high;
	uint64_t distance;

	/* Both are aligned on the subnet's length: drop the bytes that are all host. */
	for (size_t i = sizeof(a.be); i-- > 0;) {
		a.be[i] = i >= bytes ? low->be[i - bytes] : 0;
		b.be[i] = i >= bytes ? high->be[i - bytes] : 0;
	}
	distance = ipaddr_distance(&a, &b);
	return distance == UINT64_MAX ? distance : distance >> bits % 8;
}

static int check_bound(const struct subnet_plan *plan, const char *name, const struct ipaddr *bound,
		       struct err *err)
{
	char text[IPADDR_TEXT_SIZE], network[PREFIX_TEXT_SIZE];
	struct prefix subnet = subnet_of_base(plan, bound);
	struct prefix masked = prefix_masked(&subnet);

	if (!prefix_has(&plan->network, bound))
		return err_set(err, ERR_CONFIG, "%s: %s is not in the network %s", name,
			       ipaddr_text(bound, text), prefix_text(&plan->network, network));
	if (!ipaddr_equal(&masked.addr, bound))
		return err_set(err, ERR_CONFIG, "%s: %s is not the first address of a /%u subnet",
			       name, ipaddr_text(bound, text), plan->len);
	return 0;
}

static int check_lengths(const struct subnet_plan *plan, struct err *err)
{
	const struct family_rule *rule = rule_of(&plan->network);
	char text[PREFIX_TEXT_SIZE];

	if (plan->network.len > rule->network_longest)
		return err_set(err, ERR_CONFIG, "%s: %s is too small: /%u or larger is needed",
			       rule->network, prefix_text(&plan->network, text),
			       rule->network_longest);
	if (plan->len < plan->network.len + 2 || plan->len > rule->longest)
		return err_set(err, ERR_CONFIG,
			       "%s: %u is not from %u to %u, as the network %s needs", rule->len,
			       plan->len, plan->network.len + 2, rule->longest,
			       prefix_text(&plan->network, text));
	return 0;
}

int subnet_plan_make(const struct prefix *network, uint8_t len, const struct ipaddr *min,
		     const struct ipaddr *max, struct subnet_plan *plan_out, struct err *err)
{
	struct subnet_plan plan = { .network = prefix_masked(network), .len = len };
	const struct family_rule *rule = rule_of(network);
	struct ipaddr last = prefix_last(&plan.network);
	struct prefix last_subnet;

	if (!plan.len)
		plan.len = network->len <= rule->usual_until ? rule->usual :
							       (uint8_t)(network->len + 2);
	if (check_lengths(&plan, err) < 0)
		return -1;
	last_subnet = subnet_of_base(&plan, &last);
	last_subnet = prefix_masked(&last_subnet);
	plan.min = ipaddr_is_set(min) ? *min : step(&plan, &plan.network.addr, 1);
	plan.max = ipaddr_is_set(max) ? *max : last_subnet.addr;
	if (check_bound(&plan, rule->min, &plan.min, err) < 0 ||
	    check_bound(&plan, rule->max, &plan.max, err) < 0)
		return -1;
	if (ipaddr_cmp(&plan.min, &plan.max) > 0) {
		char low[IPADDR_TEXT_SIZE], high[IPADDR_TEXT_SIZE];

		return err_set(err, ERR_CONFIG, "%s: %s is below %s %s", rule->max,
			       ipaddr_text(&plan.max, high), rule->min,
			       ipaddr_text(&plan.min, low));
	}
	*plan_out = plan;
	return 0;
}

uint64_t subnet_count(const struct subnet_plan *plan)
{
	uint64_t steps = steps_between(plan, &plan->min, &plan->max);

	return steps == UINT64_MAX ? steps : steps + 1;
}

bool subnet_valid(const struct subnet_plan *plan, const struct prefix *subnet)
{
	struct prefix masked = prefix_masked(subnet);

	return subnet->len == plan->len && subnet->addr.family == plan->network.addr.family &&
	       prefix_equal(&masked, subnet) && ipaddr_cmp(&subnet->addr, &plan->min) >= 0 &&
	       ipaddr_cmp(&subnet->addr, &plan->max) <= 0;
}

uint32_t subnet_index(const struct subnet_plan *plan, const struct prefix *subnet)
{
	struct prefix base = subnet_of_base(plan, &subnet->addr);

	base = prefix_masked(&base);
	return (uint32_t)steps_between(plan, &plan->network.addr, &base.addr);
}

/* The number of the subnet that addr lies in, counted from min. */
static uint64_t number_of(const struct subnet_plan *plan, const struct ipaddr *addr)
{
	struct prefix subnet = subnet_of_base(plan, addr);
	struct ipaddr base = prefix_first(&subnet);

	return steps_between(plan, &plan->min, &base);
}

/* The first free subnet whose number is in [from, to), or 0. */
static int pick_between(const struct subnet_plan *plan, uint64_t from, uint64_t to,
			const struct prefix *taken, size_t taken_len, struct prefix *subnet_out)
{
	size_t next = 0;

	for (uint64_t n = from, past; n < to; n = past + 1) {
		struct ipaddr base = step(plan, &plan->min, n);
		struct prefix subnet = subnet_of_base(plan, &base);
		struct ipaddr last;

		/*
		 * Prefixes either nest or are apart, and sorted, the enclosing one comes first:
		 * so the first that does not end before us is the only one that can overlap.
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
		/* Past all that is taken at once: one key may cover millions. */
		past = number_of(plan, &last);
		if (past >= to)
			return 0;
	}
	return 0;
}

int subnet_pick(const struct subnet_plan *plan, uint64_t seed, const struct prefix *taken,
		size_t taken_len, struct prefix *subnet_out)
{
	uint64_t count = subnet_count(plan);
	uint64_t start = seed % count;

	if (pick_between(plan, start, count, taken, taken_len, subnet_out))
		return 1;
	return pick_between(plan, 0, start, taken, taken_len, subnet_out);
}

struct ipaddr subnet_gateway(const struct prefix *subnet)
{
	struct prefix masked = prefix_masked(subnet);

	return ipaddr_add(&masked.addr, 1);
}
