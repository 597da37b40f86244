/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin's input from a runtime: CNI_ARGS in the first line, standard input after it. */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "plugin/cni_result.h"
#include "plugin/netconf.h"
#include "plugin/prev_result.h"
#include "plugin/request.h"

static struct state_family family(const char *cluster, const char *subnet, const char *gateway)
{
	struct state_family family;
	struct err err = ERR_INIT;

	require(prefix_parse(cluster, &family.cluster, &err) == 0);
	require(prefix_parse(subnet, &family.subnet, &err) == 0);
	require(ipaddr_parse(gateway, &family.gateway, &err) == 0);
	return family;
}

/* The allocation range is within the node's subnet. */
static void choose(const struct netconf *netconf, const struct request *request)
{
	struct state_network network = { .name = "default", .mtu = 1450, .family_len = 2 };
	struct pool_choice choices[REQUEST_CHOICES];
	struct err err = ERR_INIT;
	int len;

	network.family[0] = family("10.5.0.0/16", "10.5.1.0/24", "10.5.1.1");
	network.family[1] = family("fd00:5::/48", "fd00:5:1::/64", "fd00:5:1::1");
	len = request_choose(netconf, request, &network, choices, &err);
	require(len <= REQUEST_CHOICES && (len >= 0 || *err.text));
	for (int i = 0; i < len; i++) {
		const struct ipaddr *wanted = &choices[i].wanted;

		require(!ipaddr_is_set(wanted) || prefix_has(&network.family[0].subnet, wanted) ||
			prefix_has(&network.family[1].subnet, wanted));
	}
}

static void use(const struct netconf *netconf, const char *args)
{
	struct request request = { .ip_len = 0 };
	struct cni_result given = { .dns = NULL };
	struct prev_result prev = { .mac = { { 0 } } };
	struct err err = ERR_INIT;

	require(netconf->name && netconf->network && netconf->run_dir[0] == '/');
	if (request_read(netconf, args, &request, &err) == 0)
		choose(netconf, &request);
	else
		require(*err.text);
	request_free(&request);
	if (!netconf->prev_result)
		return;
	if (cni_result_parse(netconf->prev_result, "prevResult", &given, &err) == 0)
		cni_result_free(&given);
	if (prev_result_parse(netconf->prev_result, "eth0", "/run/netns/c1", &prev, &err) == 0)
		prev_result_free(&prev);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *args = fuzz_line(&data, &size), *text = fuzz_text(data, size);
	struct netconf netconf = NETCONF_INIT;
	enum version version = VERSION_LATEST;
	struct err err = ERR_INIT;
	struct cni_args only;

	require(cni_args_parse(args, &only, &err) == 0 || *err.text);
	if (netconf_parse(text, size, &version, &netconf, &err) == 0)
		use(&netconf, args);
	else
		require(*err.text);
	netconf_free(&netconf);
	free(args);
	free(text);
	return 0;
}
