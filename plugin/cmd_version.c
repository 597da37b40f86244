/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cmd.h"

#include "plugin/cni_result.h"
#include "plugin/netconf.h"

int cmd_version(const struct env *env, const struct netconf *netconf, char **output_out,
		struct err *err)
{
	(void)env;
	return cni_result_versions_text(netconf->version, output_out, err);
}
