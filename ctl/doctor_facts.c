/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor_facts.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/legacy_kernel.h"
#include "common/link.h"
#include "common/netns.h"
#include "common/nl.h"
#include "common/state.h"
#include "doctor.h"
#include "doctor_private.h"
#include "ipam/attachment.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SYSCTL_MAX 64
#define PORTS_MAX (16 << 20) /* of /proc/net/udp: about 100,000 sockets */

/* A sysctl's number; -1 where it cannot be read. */
static int sysctl_of(const char *format, const char *name)
{
	AUTO_FREE char *text = NULL;
	char path[FS_PATH_SIZE];
	struct err ignored = ERR_INIT;
	size_t size;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(path, sizeof(path), format, name);
#pragma GCC diagnostic pop
	if (fs_read(AT_FDCWD, path, SYSCTL_MAX, &text, &size, &ignored) != 1)
		return -1;
	return (int)strtol(text, NULL, 10);
}

/* Whether one of the sockets that the file lists has the port as its own. */
static bool lists_port(const char *path, uint32_t port)
{
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;
	char want[16], *rest = NULL;
	size_t size;

	if (fs_read(AT_FDCWD, path, PORTS_MAX, &text, &size, &ignored) != 1)
		return false;
	snprintf(want, sizeof(want), ":%04" PRIX32 " ", port);
	/* "  12: 00000000:2118 00000000:0000 07 ..": the first of the two is the socket's own. */
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *number = strchr(line, ':');
		const char *own = number ? strchr(number + 1, ':') : NULL;

		if (own && strncmp(own, want, strlen(want)) == 0)
			return true;
	}
	return false;
}

static bool has_udp_port(uint32_t port)
{
	return lists_port("/proc/net/udp", port) || lists_port("/proc/net/udp6", port);
}

/* ---- Containers -------------------------------------------------------------------------- */

/* An interface in another namespace. */
struct inside {
	const char *ifname;
	uint32_t mtu;
};

static int look_inside(void *ctx, struct err *err)
{
	AUTO(nl) struct nl *nl = NULL;
	struct inside *inside = ctx;
	struct link link;

	if (nl_open(&nl, err) < 0 || link_get(nl, inside->ifname, &link, err) <= 0)
		return -1;
	inside->mtu = link.mtu;
	return 0;
}

static uint32_t mtu_inside(const struct attachment *record)
{
	struct inside inside = { .ifname = record->ifname };
	AUTO_CLOSE int fd = -1;
	AUTO_CLOSE int home = -1;
	struct err ignored;

	if (netns_open(record->netns, &fd, &ignored) < 0 || netns_open_self(&home, &ignored) < 0 ||
	    netns_run(fd, home, look_inside, &inside, &ignored) < 0)
		return 0;
	return inside.mtu;
}

struct visit {
	const char *run_dir;
	struct doctor_network *network;
};

static void count_addresses(struct doctor_network *network, const struct attachment *record)
{
	/* Those that another plugin gave are not the pool's. */
	for (size_t i = 0; !*record->ipam && i < record->address_len; i++)
		network->used[record->addresses[i].family == AF_INET6 ? FAMILY_V6 : FAMILY_V4]++;
}

/* An attachment whose lock somebody has is being made or ended. */
static int on_record(void *ctx, const char name[static ATTACHMENT_NAME_SIZE], struct err *err)
{
	AUTO_ATTACHMENT_LOCK struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct doctor_container container = { .gone = false };
	struct visit *visit = ctx;
	struct attachment record;
	struct err why;
	int found = attachment_lock_record(visit->run_dir, visit->network->state.name, name, false,
					   &lock, &why);

	if (found <= 0)
		return 0;
	found = attachment_read(&lock, &record, &why);
	attachment_unlock(&lock);
	visit->network->damaged += found < 0;
	if (found <= 0)
		return 0;
	count_addresses(visit->network, &record);
	snprintf(container.id, sizeof(container.id), "%s", record.container_id);
	snprintf(container.ifname, sizeof(container.ifname), "%s", record.ifname);
	container.gone = netns_leads_to(record.netns, &record.netns_id) == 0;
	container.mtu = container.gone ? 0 : mtu_inside(&record);
	if (!doctor_containers_push(&visit->network->containers, &container))
		return err_nomem(err, "the containers");
	return 0;
}

/* ---- Networks ---------------------------------------------------------------------------- */

static int read_device(struct nl *nl, const char *name, struct doctor_device *device,
		       struct err *err)
{
	struct link link;
	int found = link_get(nl, name, &link, err);

	snprintf(device->name, sizeof(device->name), "%s", name);
	if (found <= 0)
		return found;
	device->there = true;
	device->up = link.flags & IFF_UP;
	device->mtu = link.mtu;
	return 0;
}

static int read_network(struct nl *nl, const char *run_dir, const char *name,
			struct doctor_facts *facts, struct err *err)
{
	struct doctor_network network = { .bridge_redirects = -1 };
	struct visit visit = { run_dir, NULL };
	struct err ignored;

	if (state_read_network(run_dir, name, &network.state, &ignored) != 1)
		return 0;
	if (read_device(nl, network.state.bridge, &network.bridge, err) < 0 ||
	    read_device(nl, network.state.vxlan, &network.vxlan, err) < 0)
		return -1;
	network.bridge_redirects = sysctl_of("/proc/sys/net/ipv4/conf/%s/send_redirects",
					     network.state.bridge);
	network.bridge_rp_filter = sysctl_of("/proc/sys/net/ipv4/conf/%s/rp_filter",
					     network.state.bridge);
	if (!doctor_networks_push(&facts->networks, &network))
		return err_nomem(err, "the networks");
	visit.network = &facts->networks.at[facts->networks.len - 1];
	return attachment_each(run_dir, name, on_record, &visit, err);
}

/* NAME.json of each. */
static int is_published(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot && strcmp(dot, ".json") == 0;
}

static int read_networks(const char *run_dir, struct doctor_facts *facts, struct err *err)
{
	AUTO(nl) struct nl *nl = NULL;
	struct dirent **entries = NULL;
	char path[FS_PATH_SIZE];
	int len, rc = 0;

	if (fs_join(path, run_dir, STATE_NETWORKS, err) < 0 || nl_open(&nl, err) < 0)
		return -1;
	len = scandir(path, &entries, is_published, alphasort);
	for (int i = 0; i < len; i++) {
		*strrchr(entries[i]->d_name, '.') = '\0';
		if (rc == 0)
			rc = read_network(nl, run_dir, entries[i]->d_name, facts, err);
		free(entries[i]);
	}
	free(entries);
	return rc;
}

/* ---- iptables-legacy --------------------------------------------------------------------- */

/* Changes nothing, also where weftd would. */
static enum doctor_legacy look_legacy(struct legacy *legacy, enum family family,
				      const struct doctor_networks *networks)
{
	enum legacy_sight sight = legacy_sight(legacy, family);
	struct legacy_want want = { .len = 0 };
	struct legacy_view view;
	struct err ignored;

	if (sight != LEGACY_THERE)
		return sight == LEGACY_UNSEEN ? DOCTOR_LEGACY_UNSEEN : DOCTOR_LEGACY_PASSES;
	for (size_t i = 0; i < networks->len && want.len < LEGACY_DEVICES_MAX; i++)
		if (doctor_has_family(&networks->at[i], family))
			want.device[want.len++] = networks->at[i].state.bridge;
	if (legacy_find(legacy, family, &want, &view, &ignored) < 0)
		return DOCTOR_LEGACY_UNSEEN;
	return !view.accepts ? DOCTOR_LEGACY_DROPS : DOCTOR_LEGACY_PASSES;
}

int doctor_facts_read(const char *run_dir, struct doctor_facts *facts_out, struct err *err)
{
	AUTO(legacy) struct legacy *legacy = NULL;

	*facts_out = (struct doctor_facts){
		.now_s = (uint64_t)time(NULL),
		.ip_forward = sysctl_of("/proc/sys/net/ipv4/%s", "ip_forward"),
		.ip6_forward = sysctl_of("/proc/sys/net/ipv6/conf/%s/forwarding", "all"),
		.redirects = sysctl_of("/proc/sys/net/ipv4/conf/%s/send_redirects", "all"),
		.rp_filter = sysctl_of("/proc/sys/net/ipv4/conf/%s/rp_filter", "all"),
		.has_udp_port = has_udp_port,
	};

	if (legacy_open(&legacy, err) < 0 || read_networks(run_dir, facts_out, err) < 0)
		return -1;
	for (enum family f = 0; f < FAMILIES; f++)
		facts_out->legacy[f] = look_legacy(legacy, f, &facts_out->networks);
	return 0;
}
