/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep_judge.h"

bool sweep_is_dead(const struct sweep_facts *facts)
{
	if (facts->has_veth || facts->record == SWEEP_RECORD_DAMAGED)
		return false;
	if (facts->record == SWEEP_RECORD_EMPTY)
		return true;
	return !facts->delegated && facts->netns == SWEEP_NETNS_GONE;
}
