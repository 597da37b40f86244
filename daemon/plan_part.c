/* SPDX-License-Identifier: Apache-2.0 */
/* A few peers' part of what stands (plan.h): whether it can be told apart, and its replacement. */
#include "plan.h"
#include "plan_private.h"

#include <string.h>

/* ---- Whether it stands, as it was wanted ------------------------------------------------- */

static bool arps_stand(const struct plan_table *stand, const struct plan_table *was)
{
	for (size_t i = 0; i < was->arp.len; i++) {
		const struct neigh *there = plan_find_arp(stand, &was->arp.at[i]);

		if (!there || mac_cmp(&there->mac, &was->arp.at[i].mac) ||
		    there->index != was->arp.at[i].index)
			return false;
	}
	return true;
}

static bool fdbs_stand(const struct plan_table *stand, const struct plan_table *was)
{
	for (size_t i = 0; i < was->self.len; i++) {
		const struct neigh_fdb *there = plan_find_fdb(stand, &was->self.at[i].mac);

		if (!there || !ipaddr_equal(&there->vtep, &was->self.at[i].vtep) ||
		    there->index != was->self.at[i].index)
			return false;
	}
	return true;
}

static bool routes_stand(const struct plan_table *stand, const struct plan_table *was)
{
	for (size_t i = 0; i < was->route.len; i++) {
		const struct route *there = plan_find_route(stand, &was->route.at[i]);

		if (!there || route_cmp(there, &was->route.at[i]))
			return false;
	}
	return true;
}

/* ---- Whether others are in the way ------------------------------------------------------- */

static bool arps_are_free(const struct plan_table *stand, const struct plan_table *was,
			  const struct plan_table *want)
{
	for (size_t i = 0; i < want->arp.len; i++)
		if (plan_find_arp(stand, &want->arp.at[i]) && !plan_find_arp(was, &want->arp.at[i]))
			return false;
	return true;
}

static bool fdbs_are_free(const struct plan_table *stand, const struct plan_table *was,
			  const struct plan_table *want)
{
	for (size_t i = 0; i < want->self.len; i++)
		if (plan_find_fdb(stand, &want->self.at[i].mac) &&
		    !plan_find_fdb(was, &want->self.at[i].mac))
			return false;
	return true;
}

/*
 * What stands does not overlap itself. So of what comes before a route in order only the nearest
 * can contain it, and what it contains comes right behind it.
 */
static bool is_free(const struct plan_table *stand, const struct plan_table *was,
		    const struct route *want)
{
	const struct plan_routes *routes = &stand->route;
	size_t place = vec_place(routes->at, routes->len, sizeof(*want), plan_slot_cmp, want);

	for (size_t i = place ? place - 1 : 0; i < routes->len; i++) {
		const struct route *there = &routes->at[i];

		if (i >= place && !prefix_overlaps(&there->dst, &want->dst))
			break;
		if (prefix_overlaps(&there->dst, &want->dst) && !plan_find_route(was, there))
			return false;
	}
	return true;
}

static bool routes_are_free(const struct plan_table *stand, const struct plan_table *was,
			    const struct plan_table *want)
{
	for (size_t i = 0; i < want->route.len; i++)
		if (!is_free(stand, was, &want->route.at[i]))
			return false;
	return true;
}

bool plan_is_apart(const struct plan_table *stand, const struct plan_table *was,
		   const struct plan_table *want)
{
	return arps_stand(stand, was) && fdbs_stand(stand, was) && routes_stand(stand, was) &&
	       arps_are_free(stand, was, want) && fdbs_are_free(stand, was, want) &&
	       routes_are_free(stand, was, want);
}

/* ---- The replacement --------------------------------------------------------------------- */

/* Of vectors of one type: what goes leaves, what comes is first put at the end, for the room. */
#define REPLACE(name, stand, was, want, cmp)                                                       \
	static bool replace_##name(struct plan_##name *stand, const struct plan_##name *was,       \
				   const struct plan_##name *want)                                 \
	{                                                                                          \
		const size_t size = sizeof(*stand->at);                                            \
		size_t len = vec_take(stand->at, stand->len, size, cmp, was->at, was->len);        \
                                                                                                   \
		stand->len = len;                                                                  \
		for (size_t i = 0; i < want->len; i++)                                             \
			if (!plan_##name##_push(stand, &want->at[i]))                              \
				return false;                                                      \
		vec_insert(stand->at, len, size, cmp, want->at, want->len);                        \
		return true;                                                                       \
	}                                                                                          \
	struct plan_##name##_wants_a_semicolon

REPLACE(arps, stand, was, want, plan_arp_cmp);
REPLACE(fdbs, stand, was, want, plan_self_cmp);
REPLACE(routes, stand, was, want, plan_slot_cmp);

bool plan_replace(struct plan_table *stand, const struct plan_table *was,
		  const struct plan_table *want)
{
	return replace_arps(&stand->arp, &was->arp, &want->arp) &&
	       replace_fdbs(&stand->self, &was->self, &want->self) &&
	       replace_routes(&stand->route, &was->route, &want->route);
}
