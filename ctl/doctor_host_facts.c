/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/doctor_host_facts.h"

#include "ctl/adopt_journal.h"
#include "ctl/doctor_facts.h"
#include "ctl/udev_files.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/netfilter/chain_verdict.h"
#include "common/netfilter/nft.h"
#include "common/netlink/nl.h"
#include "ipam/veth.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FILE_MAX (64 << 10)
#define CNI_DIR "/etc/cni/net.d"
#define OWN_PREFIX "weft-"           /* a bridge of another name was made by another program */
#define POLICY_PREFIX "KUBE-NWPLCY-" /* kube-router, k3s: one chain per network policy */
#define POLICY_DEFAULT "KUBE-NWPLCY-DEFAULT"

static void close_dir(DIR *dir)
{
	if (dir)
		closedir(dir);
}
AUTO_DEFINE(dir, DIR, close_dir);

/* Returns the text of a file, the caller's; NULL: unreadable. */
static char *text_of(const char *path)
{
	struct err ignored = ERR_INIT;
	char *text = NULL;
	size_t size;

	return fs_read(AT_FDCWD, path, FILE_MAX, &text, &size, &ignored) == 1 ? text : NULL;
}

static uint64_t number_of(const char *path)
{
	AUTO(free) char *text = text_of(path);

	return text ? strtoull(text, NULL, 10) : 0;
}

/* Copies the value of the first line KEY=VALUE. Returns whether there is one. */
static bool value_of(const char *text, const char *key, char *buf, size_t size)
{
	const size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) != 0 || line[len] != '=')
			continue;
		line += len + 1;
		snprintf(buf, size, "%.*s", (int)strcspn(line, "\n"), line);
		return true;
	}
	return false;
}

/* ---- Network managers -------------------------------------------------------------------- */

/* sd-network(3): the state of a link. "unmanaged", "pending" and "initialized" are harmless. */
static bool by_networkd(const struct doctor_device *device, struct doctor_managed *managed)
{
	AUTO(free) char *text = NULL;
	char path[64], state[32];

	snprintf(path, sizeof(path), "/run/systemd/netif/links/%" PRIu32, device->index);
	text = text_of(path);
	if (!text || !value_of(text, "ADMIN_STATE", state, sizeof(state)) ||
	    (strcmp(state, "configuring") != 0 && strcmp(state, "configured") != 0 &&
	     strcmp(state, "failed") != 0))
		return false;
	managed->program = "systemd-networkd";
	(void)value_of(text, "NETWORK_FILE", managed->profile, sizeof(managed->profile));
	return true;
}

/*
 * NetworkManager generates a connection, named after the device, for one that it only shows: it
 * does not change it ("connected (externally)").
 */
static bool is_external(const struct doctor_device *device)
{
	AUTO(free) char *text = NULL;
	char path[96], value[8];

	snprintf(path, sizeof(path), "/run/NetworkManager/system-connections/%.15s.nmconnection",
		 device->name);
	text = text_of(path);
	return text && value_of(text, "nm-generated", value, sizeof(value)) &&
	       strcmp(value, "true") == 0;
}

static bool by_network_manager(const struct doctor_device *device, struct doctor_managed *managed)
{
	AUTO(free) char *text = NULL;
	char path[64], value[8];

	snprintf(path, sizeof(path), "/run/NetworkManager/devices/%" PRIu32, device->index);
	text = text_of(path);
	if (!text || !value_of(text, "managed", value, sizeof(value)) ||
	    strcmp(value, "true") != 0 || is_external(device))
		return false;
	managed->program = "NetworkManager";
	(void)value_of(text, "connection-uuid", managed->profile, sizeof(managed->profile));
	return true;
}

static int read_managers(struct doctor_facts *facts, struct err *err)
{
	for (size_t i = 0; i < facts->networks.len; i++) {
		const struct doctor_device *const devices[] = { &facts->networks.at[i].bridge,
								&facts->networks.at[i].vxlan };

		for (size_t d = 0; d < ARRAY_LEN(devices); d++) {
			struct doctor_managed managed = { .profile = "" };

			if (!devices[d]->exists ||
			    strncmp(devices[d]->name, OWN_PREFIX, strlen(OWN_PREFIX)) != 0 ||
			    (!by_networkd(devices[d], &managed) &&
			     !by_network_manager(devices[d], &managed)))
				continue;
			snprintf(managed.device, sizeof(managed.device), "%s", devices[d]->name);
			if (!doctor_managed_list_push(&facts->host.managed, &managed))
				return err_nomem(err, "the managed devices");
		}
	}
	return 0;
}

static int add_device(struct systemd_devices *devices, const char *name, const char *kind,
		      struct err *err)
{
	struct systemd_device device = { .kind = kind };

	if (strncmp(name, OWN_PREFIX, strlen(OWN_PREFIX)) != 0 && strcmp(kind, "veth") != 0)
		return 0;
	snprintf(device.name, sizeof(device.name), "%s", name);
	return systemd_devices_push(devices, &device) ? 0 : err_nomem(err, "the devices");
}

/* The containers' veths have names of one form: one example is enough. */
static int read_files(struct doctor_facts *facts, struct err *err)
{
	static const struct attachment_key example = { "weft", "container", "eth0" };
	AUTO(systemd_devices) struct systemd_devices devices = { .len = 0 };
	struct systemd_findings *files = &facts->host.files;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < facts->networks.len; i++) {
		const struct doctor_network *network = &facts->networks.at[i];

		rc = add_device(&devices, network->bridge.name, "bridge", err);
		if (rc == 0)
			rc = add_device(&devices, network->vxlan.name, "vxlan", err);
	}
	if (rc == 0 && facts->networks.len)
		rc = add_device(&devices, veth_of(&example).name, "veth", err);
	if (rc == 0)
		rc = udev_files_check("", devices.at, devices.len, files, err);
	/* Files without systemd-networkd are without effect. */
	if (rc == 0 && access("/run/systemd/netif", F_OK) == 0)
		rc = systemd_files_check("", SYSTEMD_NETWORK, devices.at, devices.len, files, err);
	return rc;
}

/* ---- CNI --------------------------------------------------------------------------------- */

static bool is_configuration(const char *name)
{
	static const char *const suffixes[] = { ".conf", ".conflist", ".json" };
	const char *suffix = strrchr(name, '.');

	for (size_t i = 0; suffix && i < ARRAY_LEN(suffixes); i++)
		if (strcmp(suffix, suffixes[i]) == 0)
			return true;
	return false;
}

/* A plugin that delegates to others (multus) names weft, or finds it by the order of the files. */
static bool leads_to_weft(const char *text)
{
	return strstr(text, "\"weft\"") || strstr(text, "\"multus");
}

/* The first file of the directory, if it does not lead to weft and another does. */
static void read_cni(struct doctor_host *host)
{
	AUTO(dir) DIR *dir = opendir(CNI_DIR);
	char first[NAME_MAX + 1] = "";
	bool first_leads = false, any = false;

	for (const struct dirent *entry; dir && (entry = readdir(dir));) {
		AUTO(free) char *text = NULL;
		char path[sizeof(CNI_DIR) + NAME_MAX + 1];
		bool leads;

		if (!is_configuration(entry->d_name))
			continue;
		snprintf(path, sizeof(path), CNI_DIR "/%s", entry->d_name);
		text = text_of(path);
		leads = text && leads_to_weft(text);
		any |= leads;
		if (*first && strcmp(entry->d_name, first) > 0)
			continue;
		snprintf(first, sizeof(first), "%s", entry->d_name);
		first_leads = leads;
	}
	if (any && !first_leads)
		snprintf(host->cni_preferred, sizeof(host->cni_preferred), "%s", first);
}

/* ---- Packet filters ---------------------------------------------------------------------- */

static bool is_policy(const char *chain)
{
	return strncmp(chain, POLICY_PREFIX, strlen(POLICY_PREFIX)) == 0 &&
	       strcmp(chain, POLICY_DEFAULT) != 0;
}

static int on_chain(void *ctx, const struct nft_chain *chain, struct err *err)
{
	struct doctor_host *host = ctx;

	(void)err;
	for (enum family f = 0; f < FAMILIES; f++)
		host->policies[f] |= chain->family == chain_nfproto(f) && is_policy(chain->name);
	return 0;
}

/* Without root, nf_tables cannot be read. */
static void read_policies(struct doctor_facts *facts)
{
	const struct nft_walk walk = { .ctx = &facts->host, .chain = on_chain };
	struct err ignored = ERR_INIT;
	AUTO(nl) struct nl *nl = NULL;

	if (nl_open_netfilter(&nl, &ignored) == 0)
		(void)nft_each_chain(nl, 0, &walk, &ignored);
	for (enum family f = 0; f < FAMILIES; f++) {
		const char *rules = facts->legacy[f].rules;

		for (const char *at = rules; at && (at = strstr(at, "-N " POLICY_PREFIX)); at++) {
			char name[64];

			snprintf(name, sizeof(name), "%.*s", (int)strcspn(at + 3, "\n"), at + 3);
			facts->host.policies[f] |= is_policy(name);
		}
	}
}

static int switch_of(const char *path)
{
	AUTO(free) char *text = text_of(path);

	return text ? (int)strtol(text, NULL, 10) : -1;
}

/* ---- All of it --------------------------------------------------------------------------- */

static void read_free(const char *run_dir, struct doctor_host *host)
{
	struct statvfs at;

	if (statvfs(run_dir, &at) < 0)
		return;
	host->has_free = true;
	host->free_bytes = (uint64_t)at.f_bavail * at.f_frsize;
	/* Some file systems do not count files. */
	host->free_files = at.f_files ? at.f_favail : UINT64_MAX;
}

int doctor_host_read(const char *run_dir, struct doctor_facts *facts, struct err *err)
{
	struct doctor_host *host = &facts->host;
	char network[STATE_NETWORK_NAME_SIZE];
	struct err ignored = ERR_INIT;

	host->bridge_nf[FAMILY_V4] = switch_of("/proc/sys/net/bridge/bridge-nf-call-iptables");
	host->bridge_nf[FAMILY_V6] = switch_of("/proc/sys/net/bridge/bridge-nf-call-ip6tables");
	host->connections = number_of("/proc/sys/net/netfilter/nf_conntrack_count");
	host->connections_max = number_of("/proc/sys/net/netfilter/nf_conntrack_max");
	read_free(run_dir, host);
	read_cni(host);
	host->adopted = adopt_journal_find(network, &ignored) > 0;
	read_policies(facts);
	if (read_managers(facts, err) < 0)
		return -1;
	return read_files(facts, err);
}

static uint64_t word_at(const char *line, size_t number)
{
	for (; number > 0; number--) {
		line += strcspn(line, " \n");
		line += *line == ' ';
	}
	return strtoull(line, NULL, 10);
}

uint64_t doctor_host_counter(const char *text, const char *protocol, const char *name)
{
	const size_t len = strlen(protocol), name_len = strlen(name);
	const char *names = text, *end;
	size_t number = 0;

	while (names && (strncmp(names, protocol, len) != 0 || names[len] != ':')) {
		names = strchr(names, '\n');
		names = names ? names + 1 : NULL;
	}
	end = names ? strchr(names, '\n') : NULL;
	if (!end || strncmp(end + 1, protocol, len) != 0)
		return 0;
	for (const char *word = names; word < end; number++) {
		const size_t size = strcspn(word, " \n");

		if (size == name_len && strncmp(word, name, size) == 0)
			return word_at(end + 1, number);
		word += size + 1;
	}
	return 0;
}
