/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/command_table.h"

#include "common/array.h"
#include "common/state.h"
#include "ctl/adopt.h"

#include <stdio.h>
#include <string.h>

const struct command command_table[] = {
	{ .name = "status",
	  .run = cmd_status,
	  .summary = "show the state of weftd and of every network",
	  .details =
		  "Shows weftd and, for every network, its state, this node's lease, the peers, the store,\n"
		  "the devices and the uplink; then the packet rules and the current problems.\n"
		  "Exit status 0 if every network is ready and the packet rules are installed, else 1.\n" },
	{ .name = "peers",
	  .run = cmd_peers,
	  .summary = "list the other nodes of every network",
	  .details =
		  "Lists the other nodes of every network. States: installed (all entries are in the\n"
		  "kernel), pending (not all entries yet), refused (ignored; the reason follows).\n"
		  "Exit status 0 if weftd answered, else 1.\n" },
	{ .name = "pods",
	  .run = cmd_pods,
	  .summary = "list the containers of this node",
	  .details =
		  "Lists the attachments of this node: the pod's name, the container, its interface and\n"
		  "addresses, the packets that it received and sent, and since when it is attached.\n"
		  "States: running, ended (its network namespace is gone). Needs no weftd.\n"
		  "Exit status 0 on success, else 1.\n" },
	{ .name = "ipam",
	  .run = cmd_ipam,
	  .summary = "show the addresses of this node's subnets",
	  .details =
		  "Shows, for every subnet of this node, how many addresses it has, how many are in use and\n"
		  "free, how many were released and are reused last, the next one to be assigned, and the\n"
		  "leaked ones: in use without a container. Needs no weftd.\n"
		  "Exit status 1 if an address leaked, else 0.\n" },
	{ .name = "map",
	  .run = cmd_map,
	  .arguments = "[FILE...]",
	  .arguments_max = CMDLINE_ARGUMENTS,
	  .completes = COMPLETES_FILE,
	  .summary = "show loss and round trips between all nodes",
	  .details =
		  "Shows what each node measured to each other one through the tunnel, with weftd --probe: a\n"
		  "matrix of round trips and losses, and the worst links. With FILE, shows what map --json\n"
		  "saved, also of several nodes together (-: standard input), and needs no weftd. --svg\n"
		  "writes a picture instead, --all also prints what has no room.\n"
		  "Exit status 0 on success, else 1.\n" },
	{ .name = "trace",
	  .run = cmd_trace,
	  .arguments = "ADDRESS",
	  .arguments_max = 1,
	  .summary = "follow a packet to an address, down to the outer header",
	  .details =
		  "Follows a packet from this host, or from a container (--from: its id, a beginning of it,\n"
		  "its pod's name or NAMESPACE/NAME), to ADDRESS: each entry of the kernel that decides\n"
		  "is read from the kernel and compared with the store. Prints where the packet would be\n"
		  "lost, why, and the command that repairs it. Sends nothing, except with --probe.\n"
		  "Exit status 1 if the packet would be lost, else 0.\n" },
	{ .name = "doctor",
	  .run = cmd_doctor,
	  .summary = "check this node and print remedies",
	  .details =
		  "Checks weftd, sysctls, other programs, packet rules, store, lease, uplink, devices,\n"
		  "kernel entries, peers, the paths to them, containers and addresses (weftctl(8), CHECKS).\n"
		  "Prints one line per check (ok, warning or error) and a remedy. Changes nothing. Without\n"
		  "weftd, runs the checks that do not need it.\n"
		  "Exit status 1 if a check has the state error, else 0.\n" },
	{ .name = "events",
	  .run = cmd_events,
	  .summary = "list what happened on this node",
	  .details =
		  "Lists the last events of this node, oldest first, also from before a restart of weftd:\n"
		  "changes of the lease, the peers, the store's connection, the configuration and the uplink;\n"
		  "repairs; containers attached and detached; failed calls of the plugin; and when a network\n"
		  "became ready or not, and why. Needs no weftd.\n"
		  "Exit status 0 on success, else 1.\n" },
	{ .name = "leases",
	  .run = cmd_leases,
	  .summary = "list every lease in the store",
	  .details =
		  "Lists every lease key of every network. States: own (this node), used (a peer),\n"
		  "reserved (for a node that has not joined), refused (ignored; the reason follows),\n"
		  "vanished (missing from a wiped store, kept for a while).\n"
		  "Exit status 0 if weftd answered, else 1.\n" },
	{ .name = "reserve",
	  .run = cmd_reserve,
	  .arguments = "NODE SUBNET",
	  .arguments_max = 2,
	  .summary = "reserve a subnet for a node",
	  .details =
		  "Reserves SUBNET for NODE without a time limit: the subnet that the node has, or a free\n"
		  "one, which the node takes at its next start. NODE is a name, an id or an address.\n"
		  "Exit status 0 on success, else 1.\n" },
	{ .name = "release",
	  .run = cmd_release,
	  .arguments = "SUBNET",
	  .arguments_max = 1,
	  .summary = "delete a reservation or the lease of a dead node",
	  .details =
		  "Deletes the lease key of SUBNET: a reservation, or the lease of a dead node. A running\n"
		  "node leases its subnet again.\n"
		  "Exit status 0 on success, else 1.\n" },
	{ .name = "leave",
	  .run = cmd_leave,
	  .summary = "remove this node from its networks and stop weftd",
	  .details =
		  "Deletes this node's lease keys, so that the other nodes drop it at once, then its\n"
		  "devices, routes, packet rules and files. weftd exits with status 3, after which systemd\n"
		  "does not restart it. The node id is kept. Without --force, fails if containers are\n"
		  "attached.\n"
		  "Exit status 0 on success, else 1.\n" },
	{ .name = "cleanup",
	  .run = cmd_cleanup,
	  .summary = "remove weft's devices, rules and files; needs no weftd",
	  .details =
		  "Removes the devices, routes, packet rules and published files of weft. Fails if weftd\n"
		  "is running. Lease keys, sysctls, address records and the node id are kept. Without\n"
		  "--force, fails if containers are attached. With --flannel, removes instead the packet\n"
		  "rules that flannel left, whether weftd is running or not.\n"
		  "Exit status 0 on success, else 1.\n" },
	{ .name = "config",
	  .run = cmd_config,
	  .arguments = "check FILE",
	  .arguments_max = 2,
	  .words = "check",
	  .completes = COMPLETES_FILE,
	  .summary = "check a network configuration before it is stored",
	  .details =
		  "Checks the network configuration in FILE (-: standard input) as weftd does: the value of\n"
		  "etcd's key config, net-conf.json of a ConfigMap, or the document of the file store. Prints\n"
		  "every fault with its path, and malformed JSON with line and column. Needs no weftd.\n"
		  "Exit status 1 if weftd would reject it, else 0.\n" },
	{ .name = "completion",
	  .run = cmd_completion,
	  .arguments = "SHELL",
	  .arguments_max = 1,
	  .words = "bash zsh fish",
	  .summary = "print the completion script of a shell",
	  .details = "Prints the completion script of SHELL: bash, zsh or fish.\n"
		     "Exit status 0 on success, else 1.\n" },
	{ .name = "adopt-flannel",
	  .run = cmd_adopt_flannel,
	  .summary = "take this node over from flannel, with running containers",
	  .details =
		  "Moves the containers of flannel's bridge, the gateway's addresses and the tunnel to\n"
		  "weft's devices, replaces flannel's CNI configuration, and removes flannel's devices,\n"
		  "packet rules and files. flanneld must be stopped, and weftd must run. An interrupted\n"
		  "run is continued by the next one. --undo gives the node back: stop weftd first.\n"
		  "Exit status 0 on success, else 1.\n" },
	{ .name = "version",
	  .run = cmd_version,
	  .summary = "print the version of weftctl",
	  .details = "Prints the version of weftctl and the commit that it was built from.\n" },
	{ .name = "help",
	  .run = cmd_help,
	  .arguments = "[COMMAND]",
	  .arguments_max = 1,
	  .summary = "print this help, or the help of a command",
	  .details = "Prints an overview, or the help of one command.\n" },
};
const size_t command_table_len = ARRAY_LEN(command_table);

const struct command_option command_options[] = {
	{ "run-dir", "DIR", COMPLETES_DIRECTORY, NULL,
	  "weftd's runtime state directory (default: " STATE_RUN_DIR ")" },
	{ "network", "NAME", COMPLETES_NETWORK, NULL,
	  "show this network only (default: all networks)" },
	{ "state-dir", "DIR", COMPLETES_DIRECTORY, "trace",
	  "weftd's state directory (default: " STATE_DIR ")" },
	{ "json", NULL, COMPLETES_NOTHING, NULL, "print JSON instead of tables" },
	{ "svg", "FILE", COMPLETES_FILE, "map", "write a picture to FILE (-: standard output)" },
	{ "family", "FAMILY", COMPLETES_NOTHING, "map", "ipv4 or ipv6 only (default: both)" },
	{ "all", NULL, COMPLETES_NOTHING, "map", "print the whole matrix and all bad links" },
	{ "from", "CONTAINER", COMPLETES_NOTHING, "trace", "start in this container or pod" },
	{ "probe", NULL, COMPLETES_NOTHING, "trace doctor",
	  "also send packets, and watch for answers" },
	{ "explain", NULL, COMPLETES_NOTHING, "trace", "explain each step" },
	{ "watch", NULL, COMPLETES_NOTHING, "doctor", "repeat, and print each change" },
	{ "count", "N", COMPLETES_NOTHING, "events", "how many events (default: 100)" },
	{ "follow", NULL, COMPLETES_NOTHING, "events", "wait for further events and print them" },
	{ "force", NULL, COMPLETES_NOTHING, "leave cleanup", "also if containers are attached" },
	{ "flannel", NULL, COMPLETES_NOTHING, "cleanup", "remove flannel's packet rules only" },
	{ "dry-run", NULL, COMPLETES_NOTHING, "adopt-flannel",
	  "print the steps and change nothing" },
	{ "undo", NULL, COMPLETES_NOTHING, "adopt-flannel", "give the node back to flannel" },
	{ "cni-conf-dir", "DIR", COMPLETES_DIRECTORY, "adopt-flannel",
	  "directory of CNI configurations (default: " ADOPT_CONF_DIR ")" },
	{ "help", NULL, COMPLETES_NOTHING, NULL, "print this help, or the help of a command" },
	{ "version", NULL, COMPLETES_NOTHING, NULL, "print the version of weftctl" },
};
const size_t command_options_len = ARRAY_LEN(command_options);

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < command_table_len; i++)
		if (strcmp(command_table[i].name, name) == 0)
			return &command_table[i];
	return NULL;
}

bool command_owns(const struct command_option *option, const char *command)
{
	const size_t len = strlen(command);

	for (const char *at = option->commands; at && *at; at += strspn(at, " ")) {
		const size_t size = strcspn(at, " ");

		if (size == len && strncmp(at, command, len) == 0)
			return true;
		at += size;
	}
	return false;
}

bool command_accepts(const struct command_option *option, const char *command)
{
	return !option->commands || command_owns(option, command);
}

const char *command_synopsis(const struct command *command, char buf[static COMMAND_SYNOPSIS_SIZE])
{
	size_t len = (size_t)snprintf(buf, COMMAND_SYNOPSIS_SIZE, "%s%s%s", command->name,
				      command->arguments ? " " : "",
				      command->arguments ? command->arguments : "");

	for (size_t i = 0; i < command_options_len && len < COMMAND_SYNOPSIS_SIZE; i++) {
		const struct command_option *option = &command_options[i];

		if (command_owns(option, command->name))
			len += (size_t)snprintf(buf + len, COMMAND_SYNOPSIS_SIZE - len,
						" [--%s%s%s]", option->name,
						option->value ? " " : "",
						option->value ? option->value : "");
	}
	return buf;
}
