/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The orders of a plan's tables, shared by plan.c (want, have and their difference) and
 * plan_part.c (a few peers among many). Nobody else includes it.
 */
#pragma once

/* Of struct neigh: by address. Of struct neigh_fdb: by MAC, then by VTEP. */
int plan_arp_cmp(const void *a, const void *b);
int plan_self_cmp(const void *a, const void *b);
/* Of struct route. One destination and metric is a slot of the kernel's, which a new route takes. */
int plan_slot_cmp(const void *a, const void *b);
