/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dataplane/uplink_choose.h"

#include "common/err.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#define LOWER_UP 0x10000 /* IFF_LOWER_UP of linux/if.h, which conflicts with net/if.h */

/* ---- Devices ----------------------------------------------------------------------------- */

const struct link *uplink_link(const struct uplink_host *host, uint32_t index)
{
	for (size_t i = 0; i < host->links.len; i++)
		if (host->links.at[i].index == index)
			return &host->links.at[i];
	return NULL;
}

bool uplink_is_ours(const struct link *link)
{
	return (link->kind == LINK_KIND_BRIDGE || link->kind == LINK_KIND_VXLAN) &&
	       !strncmp(link->name, "weft-", 5);
}

static bool is_alive(const struct link *link)
{
	return link && link->flags & IFF_UP && link->flags & LOWER_UP;
}

/* Whether a bridge connects the host, not only its containers. */
static bool has_uplink_port(const struct uplink_host *host, const struct link *bridge)
{
	for (size_t i = 0; i < host->links.len; i++) {
		const struct link *port = &host->links.at[i];

		if (port->master == bridge->index && port->kind == LINK_KIND_OTHER)
			return true;
	}
	return false;
}

/* The order in which a device is considered if no route names one; -1: never. */
static int rank_of(const struct uplink_host *host, const struct link *link)
{
	if (!is_alive(link) || uplink_is_ours(link))
		return -1;
	if (link->flags & IFF_LOOPBACK)
		return 3;
	if (link->kind == LINK_KIND_VETH)
		return 2;
	if (link->kind == LINK_KIND_BRIDGE)
		return has_uplink_port(host, link) ? 1 : -1;
	return 0;
}

/* ---- Addresses --------------------------------------------------------------------------- */

static bool has_subnet(const struct addr *addr)
{
	return addr->prefix.len < ipaddr_bits(&addr->prefix.addr);
}

static bool is_tentative(const struct addr *addr)
{
	return addr->flags & IFA_F_TENTATIVE && !(addr->flags & IFA_F_OPTIMISTIC);
}

bool uplink_prefers(const struct addr *a, const struct addr *b)
{
	const bool v6 = a->prefix.addr.family == AF_INET6;
	/* IFA_F_TEMPORARY of IPv6 is IFA_F_SECONDARY of IPv4. */
	const int orders[][2] = {
		{ a->flags & IFA_F_DEPRECATED, b->flags & IFA_F_DEPRECATED },
		{ is_tentative(a), is_tentative(b) },
		{ v6 ? a->flags & IFA_F_TEMPORARY : 0, v6 ? b->flags & IFA_F_TEMPORARY : 0 },
		{ a->scope, b->scope },
		{ !has_subnet(a), !has_subnet(b) },
		{ a->flags & IFA_F_NOPREFIXROUTE, b->flags & IFA_F_NOPREFIXROUTE },
		{ a->flags & IFA_F_SECONDARY, b->flags & IFA_F_SECONDARY },
		{ !(a->flags & IFA_F_PERMANENT), !(b->flags & IFA_F_PERMANENT) },
	};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		if (orders[i][0] != orders[i][1])
			return orders[i][0] < orders[i][1];
	return ipaddr_cmp(&a->prefix.addr, &b->prefix.addr) < 0;
}

/* Whether the address can be chosen without having been named. */
static bool is_usable(const struct addr *addr)
{
	return !(addr->flags & IFA_F_DADFAILED) && !ipaddr_is_special(&addr->prefix.addr);
}

/* The host's address with that value, on a device that is alive rather than on another. */
static const struct addr *find_address(const struct uplink_host *host, const struct ipaddr *value)
{
	const struct addr *found = NULL;

	for (size_t i = 0; ipaddr_is_set(value) && i < host->addrs.len; i++) {
		const struct addr *addr = &host->addrs.at[i];
		const struct link *link = uplink_link(host, addr->index);

		if (!link || uplink_is_ours(link) || addr->flags & IFA_F_DADFAILED ||
		    !ipaddr_equal(&addr->prefix.addr, value))
			continue;
		if (!found || (!is_alive(uplink_link(host, found->index)) && is_alive(link)))
			found = addr;
	}
	return found;
}

static const struct addr *best_of_device(const struct uplink_host *host, uint32_t index,
					 enum family f)
{
	const struct addr *best = NULL;

	for (size_t i = 0; i < host->addrs.len; i++) {
		const struct addr *addr = &host->addrs.at[i];

		if (addr->index == index && ipaddr_family(&addr->prefix.addr) == f &&
		    is_usable(addr) && (!best || uplink_prefers(addr, best)))
			best = addr;
	}
	return best;
}

/* ---- What the operator named ------------------------------------------------------------- */

/* What one of --iface and the like selects. */
struct selection {
	uint32_t index;                /* device; 0: none */
	struct ipaddr named[FAMILIES]; /* unset: the device's best */
	bool pair;                     /* both addresses were named: no other one is used */
};

bool uplink_is_selective(const struct uplink_options *options)
{
	return (options->iface && *options->iface) || (options->regex && *options->regex) ||
	       ipaddr_is_set(&options->can_reach);
}

/* Parses "A4", "A6" or "A4,A6". Returns false for a device name. */
static bool parse_addresses(const char *text, struct selection *selection)
{
	char part[2 * IPADDR_TEXT_SIZE], *rest = part, *one;
	struct ipaddr addr;
	struct err ignored;

	if (strlen(text) >= sizeof(part))
		return false;
	memcpy(part, text, strlen(text) + 1);
	selection->pair = strchr(text, ',') != NULL;
	while ((one = strsep(&rest, ","))) {
		if (ipaddr_parse(one, &addr, &ignored) < 0)
			return false;
		selection->named[ipaddr_family(&addr)] = addr;
	}
	return true;
}

/* Returns whether the host has what the text names. */
static bool select_named(const struct uplink_host *host, const char *text,
			 struct selection *selection_out)
{
	struct selection selection = { .index = 0 };

	if (parse_addresses(text, &selection)) {
		for (enum family f = FAMILIES; f-- > 0;) {
			const struct addr *addr = find_address(host, &selection.named[f]);

			if (addr)
				selection.index = addr->index;
		}
	} else {
		selection = (struct selection){ .index = 0 };
		for (size_t i = 0; i < host->links.len; i++)
			if (!strcmp(host->links.at[i].name, text))
				selection.index = host->links.at[i].index;
	}
	if (!selection.index)
		return false;
	*selection_out = selection;
	return true;
}

static bool is_match(const regex_t *regex, const char *text)
{
	return regexec(regex, text, 0, NULL, 0) == 0;
}

/* As flannel: the addresses of all devices first, then the names. */
static void match_regex(const struct uplink_host *host, const regex_t *regex,
			struct selection *selection)
{
	const struct addr *best = NULL;
	char text[IPADDR_TEXT_SIZE];

	for (size_t i = 0; i < host->addrs.len; i++) {
		const struct addr *addr = &host->addrs.at[i];
		const struct link *link = uplink_link(host, addr->index);

		if (!link || uplink_is_ours(link) || !is_usable(addr) ||
		    !is_match(regex, ipaddr_text(&addr->prefix.addr, text)))
			continue;
		if (!best || addr->index < best->index ||
		    (addr->index == best->index && uplink_prefers(addr, best)))
			best = addr;
	}
	if (best) {
		selection->index = best->index;
		selection->named[ipaddr_family(&best->prefix.addr)] = best->prefix.addr;
		return;
	}
	for (size_t i = 0; i < host->links.len; i++) {
		const struct link *link = &host->links.at[i];

		if (!uplink_is_ours(link) && is_match(regex, link->name) &&
		    (best_of_device(host, link->index, FAMILY_V4) ||
		     best_of_device(host, link->index, FAMILY_V6)) &&
		    (!selection->index || link->index < selection->index))
			selection->index = link->index;
	}
}

static bool select_regex(const struct uplink_host *host, const char *pattern,
			 struct selection *selection_out)
{
	struct selection selection = { .index = 0 };
	regex_t regex;

	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	match_regex(host, &regex, &selection);
	regfree(&regex);
	if (!selection.index)
		return false;
	*selection_out = selection;
	return true;
}

static bool regex_admits(const char *pattern, const struct link *link, const struct addr *addr)
{
	char text[IPADDR_TEXT_SIZE];
	regex_t regex;
	bool match;

	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	match = is_match(&regex, ipaddr_text(&addr->prefix.addr, text)) ||
		is_match(&regex, link->name);
	regfree(&regex);
	return match;
}

/* Whether one text of --iface admits an address that is in use. */
static bool name_admits(const struct uplink_host *host, const char *text, const struct addr *addr)
{
	enum family f = ipaddr_family(&addr->prefix.addr);
	struct selection selection;

	if (!select_named(host, text, &selection))
		return false;
	if (ipaddr_is_set(&selection.named[f]) || selection.pair)
		return ipaddr_equal(&selection.named[f], &addr->prefix.addr);
	return selection.index == addr->index;
}

/* Whether the operator's options permit an address that is in use. */
static bool is_admitted(const struct uplink_host *host, const struct uplink_search *search,
			const struct addr *addr)
{
	const struct uplink_options *options = search->options;
	const struct link *link = uplink_link(host, addr->index);

	if (!uplink_is_selective(options))
		return is_usable(addr);
	for (const char *const *text = options->iface; text && *text; text++)
		if (name_admits(host, *text, addr))
			return true;
	for (const char *const *pattern = options->regex; pattern && *pattern; pattern++)
		if (regex_admits(*pattern, link, addr))
			return true;
	if (!ipaddr_is_set(&options->can_reach))
		return false;
	/* While weftd runs, a route that moves does not move the uplink. */
	if (search->current->index || host->to_wanted.source.family != addr->prefix.addr.family)
		return search->current->index || host->to_wanted.index == addr->index;
	return ipaddr_equal(&host->to_wanted.source, &addr->prefix.addr);
}

static bool select_any(const struct uplink_host *host, const struct uplink_options *options,
		       struct selection *selection_out)
{
	for (const char *const *text = options->iface; text && *text; text++)
		if (select_named(host, *text, selection_out))
			return true;
	for (const char *const *pattern = options->regex; pattern && *pattern; pattern++)
		if (select_regex(host, *pattern, selection_out))
			return true;
	if (!ipaddr_is_set(&options->can_reach) || !host->to_wanted.index)
		return false;
	*selection_out = (struct selection){ .index = host->to_wanted.index };
	if (find_address(host, &host->to_wanted.source))
		selection_out->named[ipaddr_family(&host->to_wanted.source)] =
			host->to_wanted.source;
	return true;
}

static int no_selection(const struct uplink_options *options, struct err *err)
{
	const char *text = options->iface ? *options->iface : NULL;
	struct selection selection = { .index = 0 };
	char addr[IPADDR_TEXT_SIZE];

	if (text && parse_addresses(text, &selection))
		return err_set(err, ERR_CONFIG, "no uplink: no interface has the address %s", text);
	if (text)
		return err_set(err, ERR_CONFIG, "no uplink: interface %s does not exist", text);
	if (options->regex && *options->regex)
		return err_set(err, ERR_CONFIG,
			       "no uplink: no address and no interface matches --iface-regex %s",
			       *options->regex);
	return err_set(err, ERR_CONFIG, "no uplink: there is no route to %s (--iface-can-reach)",
		       ipaddr_text(&options->can_reach, addr));
}

/* ---- The choice -------------------------------------------------------------------------- */

/* An uplink under construction. */
struct choice {
	const struct uplink_host *host;
	const struct uplink_search *search;
	const struct addr *address[FAMILIES]; /* NULL: none yet */
	uint32_t out; /* the device of the route by which the first was chosen; 0: none */
	bool provisional;
};

static bool is_found(const struct choice *choice)
{
	return choice->address[FAMILY_V4] || choice->address[FAMILY_V6];
}

/* The address in use, if it can stay. */
static const struct addr *kept(const struct uplink_host *host, const struct uplink_search *search,
			       enum family f)
{
	const struct ipaddr *value = search->current->index ? &search->current->address[f] :
							      &search->previous[f];
	const struct addr *addr = find_address(host, value);

	if (!addr || addr->flags & IFA_F_DEPRECATED || !is_alive(uplink_link(host, addr->index)) ||
	    !is_admitted(host, search, addr))
		return NULL;
	return addr;
}

static void take_public(struct choice *choice)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		const struct addr *addr = find_address(choice->host,
						       &choice->search->options->public_ip[f]);

		if (addr)
			choice->address[f] = addr;
	}
}

static void take_kept(struct choice *choice)
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (!choice->address[f])
			choice->address[f] = kept(choice->host, choice->search, f);
}

/* The address for packets by a route: its source, the device's best, or what the kernel takes. */
static const struct addr *address_of_route(const struct uplink_host *host,
					   const struct route *route, enum family f)
{
	const struct route *lookup = &host->to_public[f];
	const struct addr *addr = find_address(host, &route->source);

	if (!addr || ipaddr_family(&addr->prefix.addr) != f || !is_usable(addr) ||
	    addr->flags & IFA_F_DEPRECATED)
		addr = best_of_device(host, route->index, f);
	if (!addr && lookup->index == route->index)
		addr = find_address(host, &lookup->source);
	return addr && is_usable(addr) ? addr : NULL;
}

/* A device with carrier first, then the one in use, then by metric, then by index. */
static bool is_better_route(const struct choice *choice, const struct route *a,
			    const struct route *b)
{
	const uint32_t current = choice->search->current->index;
	const bool a_alive = is_alive(uplink_link(choice->host, a->index)),
		   b_alive = is_alive(uplink_link(choice->host, b->index));

	if (a_alive != b_alive)
		return a_alive;
	if (current && (a->index == current) != (b->index == current))
		return a->index == current;
	return a->metric != b->metric ? a->metric < b->metric : a->index < b->index;
}

static bool by_default_route(struct choice *choice, enum family f)
{
	const struct uplink_host *host = choice->host;
	const struct route *best = NULL;

	for (size_t i = 0; i < host->defaults.len; i++) {
		const struct route *route = &host->defaults.at[i];
		const struct link *link = uplink_link(host, route->index);

		if (ipaddr_family(&route->dst.addr) != f || !link || uplink_is_ours(link) ||
		    !address_of_route(host, route, f))
			continue;
		if (!best || is_better_route(choice, route, best))
			best = route;
	}
	if (!best)
		return false;
	choice->address[f] = address_of_route(host, best, f);
	choice->out = best->index;
	return true;
}

/* Policy routing: the default route is in another table. */
static bool by_lookup(struct choice *choice, enum family f)
{
	const struct route *route = &choice->host->to_public[f];
	const struct link *link = uplink_link(choice->host, route->index);
	const struct addr *addr = find_address(choice->host, &route->source);

	if (!link || uplink_is_ours(link) || link->flags & IFF_LOOPBACK)
		return false;
	if (!addr || !is_usable(addr))
		addr = best_of_device(choice->host, link->index, f);
	if (!addr)
		return false;
	choice->address[f] = addr;
	choice->out = link->index;
	return true;
}

static bool by_route(struct choice *choice, enum family f)
{
	return by_default_route(choice, f) || by_lookup(choice, f);
}

/* No route leads out, as while the device in use gets another address. */
static void by_current_device(struct choice *choice)
{
	const uint32_t index = choice->search->current->index;

	for (enum family f = 0; index && f < FAMILIES; f++)
		choice->address[f] = best_of_device(choice->host, index, f);
	choice->provisional = is_found(choice);
}

/* No route leads out: the first device that is most likely to be the host's. */
static bool by_device(struct choice *choice, enum family first)
{
	const struct uplink_host *host = choice->host;
	const enum family other = first == FAMILY_V4 ? FAMILY_V6 : FAMILY_V4;
	const struct link *best = NULL;
	int best_rank = -1;

	for (size_t i = 0; i < host->links.len; i++) {
		const struct link *link = &host->links.at[i];
		int rank = rank_of(host, link);

		if (rank < 0 || (!best_of_device(host, link->index, FAMILY_V4) &&
				 !best_of_device(host, link->index, FAMILY_V6)))
			continue;
		if (!best || rank < best_rank || (rank == best_rank && link->index < best->index)) {
			best = link;
			best_rank = rank;
		}
	}
	if (!best)
		return false;
	choice->address[first] = best_of_device(host, best->index, first);
	if (!choice->address[first])
		choice->address[other] = best_of_device(host, best->index, other);
	choice->out = best->index;
	choice->provisional = true;
	return true;
}

/* Adds the family that is missing, from the other one's device. */
static void add_other(struct choice *choice, enum family first)
{
	const enum family missing = choice->address[first] ?
					    (first == FAMILY_V4 ? FAMILY_V6 : FAMILY_V4) :
					    first;
	const struct addr *there = choice->address[missing == FAMILY_V4 ? FAMILY_V6 : FAMILY_V4];

	if (!there || choice->address[missing])
		return;
	choice->address[missing] = best_of_device(choice->host, there->index, missing);
	if (!choice->address[missing] && choice->out)
		choice->address[missing] = best_of_device(choice->host, choice->out, missing);
}

/* Why there is none, by what was in use or what lacks an address. */
static int no_choice(const struct choice *choice, struct err *err)
{
	const struct uplink *current = choice->search->current;
	const struct link *link = uplink_link(choice->host, current->index);
	char text[IPADDR_TEXT_SIZE];

	if (link && !(link->flags & IFF_UP))
		return err_set(err, ERR_CONFIG, "no uplink: %s is down", link->name);
	if (link && !is_alive(link))
		return err_set(err, ERR_CONFIG, "no uplink: %s has no carrier", link->name);
	if (current->index)
		return err_set(
			err, ERR_CONFIG, "no uplink: no interface has the address %s",
			ipaddr_text(&current->address[ipaddr_is_set(&current->address[FAMILY_V4]) ?
							      FAMILY_V4 :
							      FAMILY_V6],
				    text));
	for (size_t i = 0; i < choice->host->defaults.len; i++) {
		link = uplink_link(choice->host, choice->host->defaults.at[i].index);
		if (link)
			return err_set(err, ERR_CONFIG, "no uplink: %s has no address", link->name);
	}
	return err_set(
		err, ERR_CONFIG,
		"no uplink: no default route, and no interface with an address; set --iface");
}

/* Whether the address may be what is left while another one is being replaced. */
static bool is_doubtful(const struct addr *addr)
{
	const bool temporary = addr->prefix.addr.family == AF_INET6 &&
			       addr->flags & IFA_F_TEMPORARY;

	return !has_subnet(addr) || temporary || addr->flags & IFA_F_DEPRECATED ||
	       is_tentative(addr);
}

static int finish(const struct choice *choice, struct uplink *uplink_out, struct err *err)
{
	const struct uplink_options *options = choice->search->options;
	struct uplink uplink = {
		.provisional = choice->provisional,
		.doubtful = choice->provisional,
	};
	bool alive = false;

	for (enum family f = FAMILIES; f-- > 0;) {
		const struct addr *addr = choice->address[f];
		const struct link *link = addr ? uplink_link(choice->host, addr->index) : NULL;

		if (!link)
			continue;
		uplink.address[f] = uplink.public_ip[f] = addr->prefix.addr;
		uplink.device[f] = uplink.index = link->index;
		memcpy(uplink.name, link->name, sizeof(uplink.name));
		if (ipaddr_is_set(&options->public_ip[f]))
			uplink.public_ip[f] = options->public_ip[f];
		uplink.doubtful |= is_doubtful(addr);
		alive |= is_alive(link);
	}
	if (!uplink.index || (!alive && choice->search->current->index))
		return no_choice(choice, err);
	*uplink_out = uplink;
	return 0;
}

static int choose_selected(struct choice *choice, struct uplink *uplink_out, struct err *err)
{
	struct selection selection;
	const struct addr *there;
	const struct link *link;

	if (!select_any(choice->host, choice->search->options, &selection))
		return is_found(choice) ? finish(choice, uplink_out, err) :
					  no_selection(choice->search->options, err);
	there = choice->address[FAMILY_V4] ? choice->address[FAMILY_V4] :
					     choice->address[FAMILY_V6];
	if (there)
		selection.index = there->index;
	for (enum family f = 0; f < FAMILIES; f++) {
		const struct addr *addr = find_address(choice->host, &selection.named[f]);

		if (choice->address[f])
			continue;
		if (!addr && !selection.pair)
			addr = best_of_device(choice->host, selection.index, f);
		choice->address[f] = addr;
	}
	link = uplink_link(choice->host, selection.index);
	if (!is_found(choice))
		return err_set(err, ERR_CONFIG, "no uplink: %s has no address",
			       link ? link->name : "the interface");
	return finish(choice, uplink_out, err);
}

bool uplink_keep(const struct uplink_host *host, const struct uplink_search *search,
		 struct uplink *uplink_out)
{
	struct choice choice = { .host = host, .search = search };
	const struct uplink *current = search->current;
	struct err ignored;

	if (!current->index || current->provisional || !current->device[FAMILY_V4])
		return false;
	take_public(&choice);
	take_kept(&choice);
	for (enum family f = 0; f < FAMILIES; f++)
		if (ipaddr_is_set(&current->address[f]) && !choice.address[f])
			return false;
	if (uplink_is_selective(search->options))
		return choice.address[FAMILY_V6] && finish(&choice, uplink_out, &ignored) == 0;
	if (search->v6_first && !choice.address[FAMILY_V6])
		return false;
	add_other(&choice, FAMILY_V4);
	return finish(&choice, uplink_out, &ignored) == 0;
}

int uplink_choose(const struct uplink_host *host, const struct uplink_search *search,
		  struct uplink *uplink_out, struct err *err)
{
	struct choice choice = { .host = host, .search = search };
	const enum family first = search->v6_first ? FAMILY_V6 : FAMILY_V4;
	const enum family other = first == FAMILY_V4 ? FAMILY_V6 : FAMILY_V4;

	take_public(&choice);
	if (!search->current->provisional)
		take_kept(&choice);
	if (uplink_is_selective(search->options))
		return choose_selected(&choice, uplink_out, err);
	if (!choice.address[first])
		by_route(&choice, first);
	/* IPv4 identifies a node, whatever the tunnel uses. */
	add_other(&choice, first);
	if (!choice.address[FAMILY_V4] || !is_found(&choice))
		by_route(&choice, FAMILY_V4);
	if (!is_found(&choice))
		by_route(&choice, other);
	if (!is_found(&choice)) {
		take_kept(&choice);
		choice.provisional = is_found(&choice);
	}
	if (!is_found(&choice))
		by_current_device(&choice);
	if (!is_found(&choice) && (!search->current->index || search->current->provisional))
		by_device(&choice, first);
	add_other(&choice, first);
	return finish(&choice, uplink_out, err);
}
