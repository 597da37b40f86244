/* SPDX-License-Identifier: Apache-2.0 */
/* Carries out one step of adopt-flannel. A step that was interrupted can be repeated. */
#pragma once

#include "ctl/adopt.h"
#include "ctl/adopt_plan.h"

struct err;
struct nl;

/*
 * Returns 0; 1 if the state has changed, so that the steps must be planned again and this one was
 * not carried out; -1 with err, which names the step.
 */
int adopt_apply(struct nl *nl, const struct adopt_step *step, struct adopt_node *node,
		const struct adopt_weft *weft, const struct adopt_have *have, struct err *err);
