/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/request.h"

#include "common/array.h"
#include "common/err.h"
#include "common/json/json.h"
#include "plugin/netconf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 4095

void request_free(struct request *request)
{
	free(request->dns);
	*request = (struct request){ .dns = NULL };
}

/* ---- Requested values --------------------------------------------------------------------- */

/* An address requested by two sources counts once. */
static void add_ip(struct request *request, const struct jr *at, const struct ipaddr *addr)
{
	for (size_t i = 0; i < request->ip_len; i++) {
		if (ipaddr_equal(&request->ips[i], addr))
			return;
	}
	if (request->ip_len == REQUEST_IPS)
		jr_fault(at, NULL, "requests more than %d addresses", REQUEST_IPS);
	else
		request->ips[request->ip_len++] = *addr;
}

/* ["10.5.1.7", "10.5.1.7/24"]; the prefix length is ignored. */
static void read_ips(const struct jr *from, struct request *request)
{
	struct jr list = jr_arr_opt(from, "ips"), at;

	for (size_t i = 0; jr_each(&list, &i, &at);) {
		const bool has_len = strchr(jr_str(&at, NULL, TEXT_MAX), '/');
		const struct ipaddr addr = has_len ? jr_prefix(&at, NULL).addr :
						     jr_ipaddr(&at, NULL);

		add_ip(request, &at, &addr);
	}
}

static void read_mac(const struct jr *from, struct request *request)
{
	struct mac mac;

	if (!*jr_str_opt(from, "mac", TEXT_MAX, ""))
		return;
	mac = jr_mac(from, "mac");
	if (!mac_is_unicast(&mac))
		jr_fault(from, "mac", "\"%s\" is not a unicast address",
			 ERR_SHOW(jr_str(from, "mac", TEXT_MAX)));
	request->args.mac = mac;
}

/* The keys of runtimeConfig differ from those of a result. */
static int read_dns(const struct jr *from, struct request *request, struct err *err)
{
	static const char *const keys[][2] = { { "servers", "nameservers" },
					       { "searches", "search" },
					       { "options", "options" } };
	struct jr dns = jr_obj_opt(from, "dns"), at;
	AUTO(jb) struct jb *jb = NULL;

	if (jr_len(&dns) == 0)
		return 0;
	jb = jb_new();
	if (!jb)
		return err_nomem(err, "dns");
	for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
		struct jr list = jr_arr_opt(&dns, keys[k][0]);
		struct jb_at copy;

		if (jr_is_absent(&list))
			continue;
		copy = jb_arr(jb_root(jb), keys[k][1]);
		for (size_t i = 0; jr_each(&list, &i, &at);)
			jb_str(copy, NULL, jr_str(&at, NULL, TEXT_MAX));
	}
	return jb_text(jb, &request->dns, err);
}

int request_read(const struct netconf *netconf, const char *cni_args, struct request *request_out,
		 struct err *err)
{
	AUTO(request) struct request request = { .dns = NULL };
	struct jr root = jr_root(netconf->json);
	struct jr args = jr_obj_opt(&root, "args");
	struct jr cni = jr_is_absent(&args) ? args : jr_obj_opt(&args, "cni");
	struct jr runtime = jr_obj_opt(&root, "runtimeConfig");

	if (cni_args_parse(cni_args, &request.args, err) < 0)
		return -1;
	if (ipaddr_is_set(&request.args.ip))
		add_ip(&request, &root, &request.args.ip);
	if (!jr_is_absent(&cni)) {
		read_ips(&cni, &request);
		read_mac(&cni, &request);
	}
	if (!jr_is_absent(&runtime)) {
		read_ips(&runtime, &request);
		read_mac(&runtime, &request);
		if (read_dns(&runtime, &request, err) < 0)
			return -1;
	}
	if (jr_done(netconf->json, ERR_CONFIG, err) < 0)
		return -1;
	*request_out = request;
	request = (struct request){ .dns = NULL };
	return 0;
}

/* ---- Ranges to choose from ---------------------------------------------------------------- */

/* The choices under construction. */
struct builder {
	const struct state_network *network;
	struct pool_choice choices[REQUEST_CHOICES];
	struct range whole[REQUEST_CHOICES];
	/* A requested address may be any of the network, not only of this node's range. */
	bool anywhere;
};

/* The network's family whose subnet contains addr, or NULL with a fault at at. */
static const struct state_family *family_of(const struct builder *builder, const struct jr *at,
					    const struct ipaddr *addr)
{
	char text[IPADDR_TEXT_SIZE], subnet[PREFIX_TEXT_SIZE];
	const struct state_network *network = builder->network;

	for (size_t i = 0; i < network->family_len; i++) {
		if (prefix_has(&network->family[i].subnet, addr))
			return &network->family[i];
	}
	jr_fault(at, NULL, "%s is not in this node's subnet %s", ipaddr_text(addr, text),
		 prefix_text(&network->family[0].subnet, subnet));
	return NULL;
}

/* Reads one range of a set, and adds it to the choice of its family. */
static void read_range(struct builder *builder, const struct jr *at, uint8_t *set_family)
{
	const struct prefix subnet = jr_prefix_opt(at, "subnet");
	const struct ipaddr gateway = jr_ipaddr_opt(at, "gateway");
	struct ipaddr first = jr_ipaddr_opt(at, "rangeStart"), last = jr_ipaddr_opt(at, "rangeEnd");
	const struct ipaddr *any = ipaddr_is_set(&first) ? &first :
				   ipaddr_is_set(&last)  ? &last :
							   &subnet.addr;
	const struct state_family *family = family_of(builder, at, any);
	struct err why = ERR_INIT;
	char text[PREFIX_TEXT_SIZE];
	struct ipaddr low, high;
	struct range range;
	size_t i;

	if (!family)
		return;
	i = (size_t)(family - builder->network->family);
	range = builder->whole[i];
	if (*set_family && *set_family != any->family)
		jr_fault(at, NULL, "is not of the address family of the preceding ranges");
	if (!*set_family && builder->choices[i].set.len)
		jr_fault(
			at, NULL,
			"is in a second set of its address family: a container gets one address per family");
	*set_family = any->family;
	if (ipaddr_is_set(&gateway) && !ipaddr_equal(&gateway, &family->gateway))
		jr_fault(at, "gateway", "is not this node's address in the network");
	if (prefix_is_set(&subnet)) {
		const struct prefix masked = prefix_masked(&subnet);

		if (!prefix_equal(&masked, &subnet))
			jr_fault(at, "subnet", "has host bits set; the network is %s",
				 prefix_text(&masked, text));
		if (!prefix_covers(&family->subnet, &subnet))
			jr_fault(at, "subnet", "is not part of this node's subnet");
		low = prefix_first(&subnet);
		high = prefix_last(&subnet);
		if (!ipaddr_is_set(&first) && ipaddr_cmp(&low, &range.first) > 0)
			first = low;
		if (!ipaddr_is_set(&last) && ipaddr_cmp(&high, &range.last) < 0)
			last = high;
	}
	if (range_narrow(&range, &first, &last, &why) < 0 ||
	    range_set_add(&builder->choices[i].set, &range, &why) < 0)
		jr_fault(at, NULL, "%s", why.text);
}

/* [[{...}, ...], ...] */
static void read_sets(struct builder *builder, const struct jr *sets)
{
	struct jr set, at;

	for (size_t i = 0; jr_each(sets, &i, &set);) {
		struct jr list = jr_arr(&set, NULL);
		uint8_t family = AF_UNSPEC;

		for (size_t j = 0; jr_each(&list, &j, &at);)
			read_range(builder, &at, &family);
	}
}

/* In an L2 network, a container can move to another node with its address. */
static bool is_elsewhere(const struct builder *builder, size_t choice, const struct ipaddr *addr)
{
	const struct state_family *family = &builder->network->family[choice];
	struct range all;
	struct err unused;

	return builder->anywhere &&
	       range_of(&family->cluster, &family->gateway, &all, &unused) == 0 &&
	       range_has(&all, addr);
}

/* Stores each requested address in the choice that contains it; -1 if any is left over. */
static int set_wanted(struct builder *builder, const struct request *request, struct err *err)
{
	char text[IPADDR_TEXT_SIZE], left[ERR_DETAILS_SIZE] = "", from[RANGE_TEXT_SIZE];
	size_t len = 0;

	for (size_t i = 0; i < request->ip_len; i++) {
		bool placed = false;

		for (size_t c = 0; !placed && c < builder->network->family_len; c++) {
			struct pool_choice *choice = &builder->choices[c];

			placed = !ipaddr_is_set(&choice->wanted) &&
				 (range_set_has(&choice->set, &request->ips[i]) ||
				  is_elsewhere(builder, c, &request->ips[i]));
			if (placed)
				choice->wanted = request->ips[i];
		}
		if (!placed && len < sizeof(left))
			len += (size_t)snprintf(left + len, sizeof(left) - len, "%s%s",
						len ? ", " : "",
						ipaddr_text(&request->ips[i], text));
	}
	if (!len)
		return 0;
	return err_set(err, ERR_ADDRESS,
		       "cannot assign requested address %s: a container gets one address of each "
		       "of %s%s%s, except the network, gateway and broadcast addresses",
		       left, range_set_text(&builder->choices[0].set, from),
		       builder->network->family_len > 1 ? " and " : "",
		       builder->network->family_len > 1 ?
			       range_set_text(&builder->choices[1].set,
					      (char[RANGE_TEXT_SIZE]){ 0 }) :
			       "");
}

int request_choose(const struct netconf *netconf, const struct request *request,
		   const struct state_network *network,
		   struct pool_choice choices_out[static REQUEST_CHOICES], struct err *err)
{
	struct builder builder = { .network = network };
	struct jr root = jr_root(netconf->json), ranges;
	struct jr runtime = jr_obj_opt(&root, "runtimeConfig");
	struct jr ipam = jr_obj_opt(&root, "ipam");

	for (size_t i = 0; i < network->family_len; i++) {
		if (range_of(&network->family[i].subnet, &network->family[i].gateway,
			     &builder.whole[i], err) < 0)
			return -1;
	}
	ranges = jr_is_absent(&runtime) ? runtime : jr_arr_opt(&runtime, "ipRanges");
	if (jr_len(&ranges) == 0 && !jr_is_absent(&ipam))
		ranges = jr_arr_opt(&ipam, "ranges");
	builder.anywhere = network->l2 && jr_len(&ranges) == 0;
	read_sets(&builder, &ranges);
	if (jr_done(netconf->json, ERR_CONFIG, err) < 0)
		return -1;
	for (size_t i = 0; i < network->family_len; i++) {
		struct range_set *set = &builder.choices[i].set;

		if (!set->len && range_set_add(set, &builder.whole[i], err) < 0)
			return -1;
	}
	if (request && set_wanted(&builder, request, err) < 0)
		return -1;
	memcpy(choices_out, builder.choices, sizeof(builder.choices));
	return 0;
}
