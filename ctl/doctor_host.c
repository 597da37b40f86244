/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/doctor_host.h"

#include "ctl/doctor_facts.h"
#include "ctl/doctor_finding.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CONNECTIONS_PERCENT 90
#define BYTES_LOW (1 << 20)
#define BYTES_NONE (16 << 10) /* a record of an attachment has up to some KiB */
#define FILES_LOW 64
#define FILES_NONE 4
/* A damaged packet now and then is no broken offload. */
#define CHECKSUMS_MIN 10
#define CHECKSUMS_PER 1000

static void check_managers(struct doctor_findings *findings, const struct doctor_facts *facts)
{
	for (size_t i = 0; i < facts->host.managed.len; i++) {
		const struct doctor_managed *at = &facts->host.managed.at[i];

		doctor_add_finding(
			findings, "managers", DOCTOR_WARNING,
			"install 10-weft.network (/usr/lib/systemd/network) and 10-weft.conf "
			"(/usr/lib/NetworkManager/conf.d), which exempt weft's devices, then "
			"networkctl reload, or systemctl reload NetworkManager",
			"%s manages %s%s%s%s, and can remove its addresses and routes", at->program,
			at->device, *at->profile ? " (" : "", at->profile, *at->profile ? ")" : "");
	}
}

static bool is_managed(const struct doctor_host *host, const char *device)
{
	for (size_t i = 0; i < host->managed.len; i++)
		if (!strcmp(host->managed.at[i].device, device))
			return true;
	return false;
}

/* What was not applied yet, or only when the device is created. */
static void check_files(struct doctor_findings *findings, const struct doctor_host *host)
{
	for (size_t i = 0; i < host->files.len; i++) {
		const struct systemd_finding *at = &host->files.at[i];
		const bool veth = strncmp(at->device, "veth", 4) == 0;
		char text[SYSTEMD_TEXT_SIZE];

		if (at->effects == SYSTEMD_MANAGES && is_managed(host, at->device))
			continue;
		doctor_add_finding(findings, "managers", DOCTOR_WARNING,
				   at->line ?
					   "exempt weft's devices: KERNEL!=\"weft-*|veth*\"" :
					   "give it a name after those of 10-weft.link and "
					   "10-weft.network, or remove the drop-in, then udevadm "
					   "control --reload, and networkctl reload",
				   "%s %s", systemd_finding_text(at, text),
				   veth ? "containers' veths" : at->device);
	}
}

static void check_policies(struct doctor_findings *findings, const struct doctor_facts *facts)
{
	static const char *const names[FAMILIES] = { "iptables", "ip6tables" };

	for (enum family f = 0; f < FAMILIES; f++) {
		char remedy[128];

		if (!facts->host.policies[f] || facts->host.bridge_nf[f] == 1)
			continue;
		snprintf(remedy, sizeof(remedy),
			 "modprobe br_netfilter; sysctl net.bridge.bridge-nf-call-%s=1", names[f]);
		doctor_add_finding(findings, "br_netfilter", DOCTOR_WARNING, remedy,
				   "network policies do not apply between containers of this node: "
				   "net.bridge.bridge-nf-call-%s is %s",
				   names[f], facts->host.bridge_nf[f] < 0 ? "absent" : "0");
	}
}

static void check_connections(struct doctor_findings *findings, const struct doctor_host *host)
{
	if (!host->connections_max ||
	    host->connections < host->connections_max / 100 * CONNECTIONS_PERCENT)
		return;
	doctor_add_finding(findings, "conntrack", DOCTOR_WARNING,
			   "find what opens the connections (conntrack -L), or raise "
			   "net.netfilter.nf_conntrack_max",
			   "connection tracking has %" PRIu64 " of %" PRIu64
			   " entries: when it is full, new connections are dropped",
			   host->connections, host->connections_max);
}

static void check_space(struct doctor_findings *findings, const struct doctor_host *host)
{
	const bool none = host->free_bytes < BYTES_NONE || host->free_files < FILES_NONE;
	const bool low = host->free_bytes < BYTES_LOW || host->free_files < FILES_LOW;

	if (!host->has_free || !low)
		return;
	if (host->free_files < FILES_LOW)
		doctor_add_finding(findings, "space", none ? DOCTOR_ERROR : DOCTOR_WARNING,
				   "find what fills it (du --inodes)",
				   "the file system of the runtime state directory has %" PRIu64
				   " free inodes%s",
				   host->free_files, none ? ": containers cannot start" : "");
	else
		doctor_add_finding(findings, "space", none ? DOCTOR_ERROR : DOCTOR_WARNING,
				   "find what fills it (du -x)",
				   "the file system of the runtime state directory has %" PRIu64
				   " KiB free%s",
				   host->free_bytes / 1024,
				   none ? ": containers cannot start" : "");
}

void doctor_host_check(struct doctor_findings *findings, const struct doctor_facts *facts)
{
	check_managers(findings, facts);
	check_files(findings, &facts->host);
	check_policies(findings, facts);
	check_connections(findings, &facts->host);
	check_space(findings, &facts->host);
}

void doctor_host_cni(struct doctor_findings *findings, const struct doctor_facts *facts)
{
	if (*facts->host.cni_preferred)
		doctor_add_finding(
			findings, "cni", DOCTOR_WARNING,
			"remove it, or give it a name after that of weft's configuration",
			"the container runtime uses /etc/cni/net.d/%s instead of weft's "
			"configuration",
			facts->host.cni_preferred);
}

void doctor_host_checksums(struct doctor_findings *findings, const struct doctor_network *network)
{
	size_t found = 0;

	for (size_t i = 0; i < network->containers.len; i++) {
		const struct doctor_container *at = &network->containers.at[i];

		if (at->tcp_bad < CHECKSUMS_MIN || at->tcp_bad < at->tcp_segments / CHECKSUMS_PER ||
		    found++ >= DOCTOR_LISTED)
			continue;
		doctor_add_finding(
			findings, "checksum", DOCTOR_WARNING,
			"on the nodes that send, and this one: ethtool -K UPLINK "
			"tx-udp_tnl-segmentation off tx-udp_tnl-csum-segmentation off, and if "
			"it remains: ethtool -K weft-vx<VNI> tx-checksum-ip-generic off",
			"%s received %" PRIu64 " TCP segments, of which %" PRIu64
			" had wrong checksums: a network card computes them wrongly",
			at->id, at->tcp_segments, at->tcp_bad);
	}
	if (found > DOCTOR_LISTED)
		doctor_add_finding(findings, "checksum", DOCTOR_WARNING, "as above",
				   "%zu more received wrong checksums", found - DOCTOR_LISTED);
}
