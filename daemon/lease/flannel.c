/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/lease/flannel.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/fs_dir.h"
#include "common/netlink/link.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX 4096

int flannel_mac(struct nl *nl, uint32_t vni, struct mac *mac_out, struct err *err)
{
	char name[IF_NAMESIZE];
	struct link link;
	int found;

	snprintf(name, sizeof(name), "flannel.%u", vni);
	found = link_get(nl, name, &link, err);
	if (found <= 0)
		return found;
	if (link.kind != LINK_KIND_VXLAN || link.vxlan.vni != vni || !mac_is_unicast(&link.mac))
		return 0;
	*mac_out = link.mac;
	return 1;
}

/* Parses a line "KEY=10.5.1.1/24". */
static void read_subnet(const char *text, const char *key, int family, struct prefix *subnet_out)
{
	char value[PREFIX_TEXT_SIZE];
	struct prefix subnet;
	struct err ignored;
	size_t len;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		line += strlen(key);
		len = strcspn(line, "\r\n");
		if (len >= sizeof(value))
			return;
		memcpy(value, line, len);
		value[len] = '\0';
		if (prefix_parse(value, &subnet, &ignored) == 0 && subnet.addr.family == family)
			*subnet_out = prefix_masked(&subnet);
		return;
	}
}

void flannel_subnets(const char *file, struct prefix subnet_out[static FAMILIES])
{
	AUTO(free) char *text = NULL;
	AUTO(close) int dir_fd = -1;
	const char *name = NULL;
	struct err ignored;
	size_t size;

	memset(subnet_out, 0, FAMILIES * sizeof(*subnet_out));
	if (!file || fs_open_parent(file, false, &dir_fd, &name, &ignored) <= 0 ||
	    fs_read(dir_fd, name, FILE_MAX, &text, &size, &ignored) <= 0)
		return;
	read_subnet(text, "FLANNEL_SUBNET=", AF_INET, &subnet_out[FAMILY_V4]);
	read_subnet(text, "FLANNEL_IPV6_SUBNET=", AF_INET6, &subnet_out[FAMILY_V6]);
}
