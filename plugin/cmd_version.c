/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cmd.h"

#include "plugin/netconf.h"
#include "plugin/result.h"

int cmd_version(const struct env *env, const struct netconf *netconf, char **answer_out,
		struct err *err)
{
	(void)env;
	return result_versions_text(netconf->version, answer_out, err);
}
