/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/doctor_facts.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/netlink/link.h"
#include "common/netlink/neigh.h"
#include "common/netlink/netns.h"
#include "common/netlink/nl.h"
#include "common/netlink/route.h"
#include "common/state.h"
#include "ctl/doctor_host_facts.h"
#include "ctl/doctor_legacy.h"
#include "ctl/inventory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SYSCTL_MAX 64
#define PORTS_MAX (16 << 20) /* of /proc/net/udp: about 100,000 sockets */
#define SNMP_MAX (64 << 10)
#define LEGACY_NAMES_MAX 4096
#define LEGACY_RULES_MAX (16 << 20)
#define LEGACY_TIMEOUT_MS 5000

/* Returns the value of a sysctl; -1: unreadable. */
static int sysctl_of(const char *format, const char *name)
{
	AUTO(free) char *text = NULL;
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

static int forwarding_of(const char *device)
{
	return sysctl_of("/proc/sys/net/ipv4/conf/%s/forwarding", device);
}

/* Returns whether a socket in the file is bound to the port. */
static bool lists_port(const char *path, uint32_t port)
{
	AUTO(free) char *text = NULL;
	struct err ignored = ERR_INIT;
	char want[16], *rest = NULL;
	size_t size;

	if (fs_read(AT_FDCWD, path, PORTS_MAX, &text, &size, &ignored) != 1)
		return false;
	snprintf(want, sizeof(want), ":%04" PRIX32 " ", port);
	/* "  12: 00000000:2118 00000000:0000 07 ..": the first is the local address. */
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

/* An interface in another namespace, and that namespace's counters of TCP. */
struct inside {
	const char *ifname;
	uint32_t mtu;
	uint64_t tcp_segments, tcp_bad;
};

static void read_counters(struct inside *inside)
{
	AUTO(free) char *text = NULL;
	struct err ignored = ERR_INIT;
	size_t size;

	if (fs_read(AT_FDCWD, "/proc/thread-self/net/snmp", SNMP_MAX, &text, &size, &ignored) != 1)
		return;
	inside->tcp_segments = doctor_host_counter(text, "Tcp", "InSegs");
	inside->tcp_bad = doctor_host_counter(text, "Tcp", "InCsumErrors");
}

static int read_inside(void *ctx, struct err *err)
{
	AUTO(nl) struct nl *nl = NULL;
	struct inside *inside = ctx;
	struct link link;

	if (nl_open(&nl, err) < 0 || link_get(nl, inside->ifname, &link, err) <= 0)
		return -1;
	inside->mtu = link.mtu;
	read_counters(inside);
	return 0;
}

static void read_container(const struct attachment *record, struct doctor_container *container)
{
	struct inside inside = { .ifname = record->ifname };
	AUTO(close) int fd = -1;
	AUTO(close) int home = -1;
	struct err ignored;

	if (netns_open(record->netns, &fd, &ignored) < 0 || netns_open_self(&home, &ignored) < 0 ||
	    netns_run(fd, home, read_inside, &inside, &ignored) < 0)
		return;
	container->mtu = inside.mtu;
	container->tcp_segments = inside.tcp_segments;
	container->tcp_bad = inside.tcp_bad;
}

static void count_addresses(struct doctor_network *network, const struct attachment *attachment)
{
	/* Addresses from another IPAM plugin are not in the pool. */
	for (size_t i = 0; !*attachment->ipam && i < attachment->address_len; i++)
		network->used[ipaddr_family(&attachment->addresses[i])]++;
}

static int add_container(struct doctor_network *network, const struct inventory_container *from,
			 struct err *err)
{
	struct doctor_container container = { .gone = from->ended };

	count_addresses(network, &from->attachment);
	snprintf(container.id, sizeof(container.id), "%s", from->attachment.container_id);
	snprintf(container.ifname, sizeof(container.ifname), "%s", from->attachment.ifname);
	if (!container.gone)
		read_container(&from->attachment, &container);
	if (!doctor_containers_push(&network->containers, &container))
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
	device->exists = true;
	device->up = link.flags & IFF_UP;
	device->mtu = link.mtu;
	device->index = link.index;
	return 0;
}

static int add_route(void *ctx, const struct route *route, struct err *err)
{
	struct doctor_network *network = ctx;

	/* To a container that kept its address when the node lost its subnet. */
	if (route->index != network->bridge.index ||
	    route->dst.len == ipaddr_bits(&route->dst.addr))
		return 0;
	return doctor_prefixes_push(&network->routes, &route->dst) ? 0 :
								     err_nomem(err, "the routes");
}

static void restart_routes(void *ctx)
{
	struct doctor_network *network = ctx;

	doctor_prefixes_clear(&network->routes);
}

static int add_vtep(void *ctx, const struct neigh_fdb *fdb, struct err *err)
{
	struct doctor_network *network = ctx;

	if (fdb->bridge || !ipaddr_is_set(&fdb->vtep) || mac_is_zero(&fdb->mac))
		return 0;
	return doctor_addresses_push(&network->vteps, &fdb->vtep) ? 0 : err_nomem(err, "the VTEPs");
}

static void restart_vteps(void *ctx)
{
	struct doctor_network *network = ctx;

	doctor_addresses_clear(&network->vteps);
}

/* The entries of both families; a routed network only. */
static int read_entries(struct nl *nl, struct doctor_network *network, struct err *err)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	AUTO(doctor_prefixes) struct doctor_prefixes all = { 0 };

	if (network->state.l2 || !network->bridge.exists || !network->vxlan.exists)
		return 0;
	for (size_t f = 0; f < ARRAY_LEN(families); f++) {
		if (route_each(nl, families[f], ROUTE_PROTOCOL, add_route, restart_routes, network,
			       err) < 0)
			return -1;
		for (size_t i = 0; i < network->routes.len; i++)
			if (!doctor_prefixes_push(&all, &network->routes.at[i]))
				return err_nomem(err, "the routes");
		doctor_prefixes_clear(&network->routes);
	}
	doctor_prefixes_free(&network->routes);
	network->routes = all;
	all = (struct doctor_prefixes){ 0 };
	return neigh_fdb_each(nl, network->vxlan.index, add_vtep, restart_vteps, network, err);
}

static int read_devices(struct nl *nl, struct doctor_network *network, struct err *err)
{
	if (read_device(nl, network->state.bridge, &network->bridge, err) < 0 ||
	    read_device(nl, network->state.vxlan, &network->vxlan, err) < 0)
		return -1;
	network->bridge_redirects = sysctl_of("/proc/sys/net/ipv4/conf/%s/send_redirects",
					      network->state.bridge);
	network->bridge_rp_filter = sysctl_of("/proc/sys/net/ipv4/conf/%s/rp_filter",
					      network->state.bridge);
	network->bridge_forwarding = forwarding_of(network->state.bridge);
	if (network->vxlan.exists &&
	    link_get_stats(nl, network->vxlan.name, &network->tunnel, err) < 0)
		return -1;
	return read_entries(nl, network, err);
}

static int add_network(struct nl *nl, const struct inventory *inventory,
		       const struct inventory_network *from, struct doctor_networks *networks,
		       struct err *err)
{
	const struct doctor_network empty = { .damaged = from->damaged };
	struct doctor_network *network;

	if (!doctor_networks_push(networks, &empty))
		return err_nomem(err, "the networks");
	network = &networks->at[networks->len - 1];
	network->state = from->state;
	if (read_devices(nl, network, err) < 0)
		return -1;
	for (size_t i = 0; i < inventory->containers.len; i++) {
		const struct inventory_container *at = &inventory->containers.at[i];

		/* One that is being added or deleted is skipped. */
		if (!at->busy && !strcmp(at->network, from->state.name) &&
		    add_container(network, at, err) < 0)
			return -1;
	}
	return 0;
}

static int read_networks(const struct inventory *inventory, struct doctor_networks *networks,
			 struct err *err)
{
	AUTO(nl) struct nl *nl = NULL;

	if (nl_open(&nl, err) < 0)
		return -1;
	for (size_t i = 0; i < inventory->networks.len; i++)
		if (add_network(nl, inventory, &inventory->networks.at[i], networks, err) < 0)
			return -1;
	return 0;
}

/* ---- iptables-legacy --------------------------------------------------------------------- */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What the child writes until it closes the pipe. */
static int read_pipe(int fd, uint64_t deadline_ms, char *buf, size_t size, struct err *err)
{
	size_t len = 0;

	for (;;) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		uint64_t now = now_ms();
		ssize_t got;

		if (now >= deadline_ms || poll(&ready, 1, (int)(deadline_ms - now)) == 0)
			return err_set(err, ERR_IO, "its output was not complete within %d s",
				       LEGACY_TIMEOUT_MS / 1000);
		got = read(fd, buf + len, size - 1 - len);
		if (got < 0 && errno != EINTR)
			return err_sys(err, ERR_IO, errno, "cannot read its output");
		if (got == 0)
			break;
		len += got > 0 ? (size_t)got : 0;
		if (len == size - 1)
			return err_set(err, ERR_IO, "more than %zu bytes of rules", size);
	}
	buf[len] = '\0';
	return 0;
}

/* Ends a child that has not ended at the deadline. */
static int wait_for_child(pid_t pid, uint64_t deadline_ms, struct err *err)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	int status = -1;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (now_ms() >= deadline_ms)
			kill(pid, SIGKILL);
		nanosleep(&pause, NULL);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(err, ERR_IO, "%s %d", WIFEXITED(status) ? "exit status" : "signal",
			       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return 0;
}

static int spawn(const char *program, int out_fd, pid_t *pid_out, struct err *err)
{
	static const char *const dirs[] = { "/usr/sbin", "/sbin", "/usr/local/sbin" };
	char list[] = "-S", wait[] = "-w", seconds[] = "2", name[32];
	char path[] = "PATH=/usr/sbin:/sbin:/usr/bin:/bin", file[64];
	char *const argv[] = { name, wait, seconds, list, NULL }, *const envp[] = { path, NULL };
	posix_spawn_file_actions_t actions;
	int rc = posix_spawn_file_actions_init(&actions);

	if (rc)
		return err_nomem(err, "a program's start");
	snprintf(name, sizeof(name), "%s", program);
	rc = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	if (!rc)
		rc = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
						      O_WRONLY, 0);
	if (!rc)
		rc = ENOENT;
	for (size_t i = 0; rc == ENOENT && i < ARRAY_LEN(dirs); i++) {
		snprintf(file, sizeof(file), "%s/%s", dirs[i], program);
		rc = posix_spawn(pid_out, file, &actions, NULL, argv, envp);
	}
	posix_spawn_file_actions_destroy(&actions);
	if (rc == ENOENT)
		return err_set(err, ERR_IO, "%s(8) is not installed", program);
	return rc ? err_sys(err, ERR_IO, rc, "%s", file) : 0;
}

static int list_rules(const char *program, char *buf, size_t size, struct err *err)
{
	uint64_t deadline_ms = now_ms() + LEGACY_TIMEOUT_MS;
	AUTO(close) int read_fd = -1;
	int ends[2], rc;
	struct err exit_err;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, ERR_IO, errno, "cannot create a pipe");
	read_fd = ends[0];
	rc = spawn(program, ends[1], &pid, err);
	close(ends[1]);
	if (rc < 0)
		return -1;
	rc = read_pipe(read_fd, deadline_ms, buf, size, err);
	if (wait_for_child(pid, rc < 0 ? 0 : deadline_ms, &exit_err) < 0 && rc == 0) {
		*err = exit_err;
		return -1;
	}
	return rc;
}

/*
 * The program would create the table by listing it, so the kernel's list of tables is read first:
 * only root may open it. 1, 0, -1.
 */
static int has_filter_table(enum family family, struct err *err)
{
	AUTO(free) char *names = NULL;
	char *rest = NULL;
	size_t size;
	int found = fs_read(AT_FDCWD,
			    family == FAMILY_V6 ? "/proc/net/ip6_tables_names" :
						  "/proc/net/ip_tables_names",
			    LEGACY_NAMES_MAX, &names, &size, err);

	if (found < 0 && (err->sys_errno == EACCES || err->sys_errno == EPERM))
		return err_set(err, ERR_IO, "needs root");
	if (found <= 0) /* absent: the module is not loaded */
		return found;
	for (char *name = strtok_r(names, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest))
		if (!strcmp(name, "filter"))
			return 1;
	return 0;
}

static void read_legacy(enum family family, struct doctor_legacy *legacy)
{
	AUTO(free) char *text = malloc(LEGACY_RULES_MAX);
	struct err err = ERR_INIT;
	int found = text ? has_filter_table(family, &err) : err_nomem(&err, "rules");

	if (found > 0)
		found = list_rules(doctor_legacy_program(family), text, LEGACY_RULES_MAX, &err);
	else if (found == 0)
		return;
	if (found == 0)
		legacy->rules = strdup(text);
	if (!legacy->rules)
		snprintf(legacy->error, sizeof(legacy->error), "%.*s",
			 (int)sizeof(legacy->error) - 1, err.text);
}

int doctor_facts_read(const char *run_dir, const struct inventory *inventory,
		      struct doctor_facts *facts_out, struct err *err)
{
	*facts_out = (struct doctor_facts){
		.now_s = (uint64_t)time(NULL),
		.ip_forward = sysctl_of("/proc/sys/net/ipv4/%s", "ip_forward"),
		.ip6_forward = sysctl_of("/proc/sys/net/ipv6/conf/%s/forwarding", "all"),
		.redirects = sysctl_of("/proc/sys/net/ipv4/conf/%s/send_redirects", "all"),
		.rp_filter = sysctl_of("/proc/sys/net/ipv4/conf/%s/rp_filter", "all"),
		.has_udp_port = has_udp_port,
		.forwarding = forwarding_of,
	};

	if (read_networks(inventory, &facts_out->networks, err) < 0)
		return -1;
	for (enum family f = 0; f < FAMILIES; f++)
		read_legacy(f, &facts_out->legacy[f]);
	return doctor_host_read(run_dir, facts_out, err);
}

void doctor_facts_free(struct doctor_facts *facts)
{
	for (size_t i = 0; i < facts->networks.len; i++) {
		doctor_containers_free(&facts->networks.at[i].containers);
		doctor_prefixes_free(&facts->networks.at[i].routes);
		doctor_addresses_free(&facts->networks.at[i].vteps);
	}
	doctor_managed_list_free(&facts->host.managed);
	systemd_findings_free(&facts->host.files);
	doctor_networks_free(&facts->networks);
	doctor_paths_free(&facts->paths);
	doctor_probes_free(&facts->probes);
	for (enum family f = 0; f < FAMILIES; f++)
		free(facts->legacy[f].rules);
}

bool doctor_network_has(const struct doctor_network *network, enum family family)
{
	int number = family == FAMILY_V6 ? AF_INET6 : AF_INET;

	for (size_t f = 0; f < network->state.family_len; f++)
		if (network->state.family[f].cluster.addr.family == number)
			return true;
	return false;
}
