/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state files of weft's programs. The first byte selects the file: a network's state,
 * node.json, or the snapshot of a network.
 */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "common/state.h"
#include "daemon/lease/lease_table.h"
#include "daemon/network/snapshot.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], node_path[128], network_path[128];

static void clean_up(void)
{
	char networks[128];

	snprintf(networks, sizeof(networks), "%s/networks", dir);
	unlink(network_path);
	unlink(node_path);
	rmdir(networks);
	rmdir(dir);
}

static void make_dir(void)
{
	char networks[128];

	snprintf(dir, sizeof(dir), "/tmp/weft-fuzz.XXXXXX");
	require(mkdtemp(dir));
	snprintf(networks, sizeof(networks), "%s/networks", dir);
	snprintf(node_path, sizeof(node_path), "%s/node.json", dir);
	snprintf(network_path, sizeof(network_path), "%s/networks/default.json", dir);
	require(mkdir(networks, 0700) == 0);
	atexit(clean_up);
}

static void put_file(const char *path, const uint8_t *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
}

/* A value that was read is written, and read back as the same value. */
static void read_network(void)
{
	struct state_network network, again;
	struct err err = ERR_INIT;

	if (state_read_network(dir, "default", &network, &err) != 1) {
		require(err.code == ERR_STATE);
		return;
	}
	require(network.family_len >= 1 && network.family_len <= 2 && *network.bridge);
	require(state_write_network(dir, &network, &err) >= 0);
	require(state_read_network(dir, "default", &again, &err) == 1);
	require(again.vni == network.vni && again.mtu == network.mtu);
	require(strcmp(again.bridge, network.bridge) == 0);
	for (size_t i = 0; i < network.family_len; i++)
		require(prefix_equal(&again.family[i].subnet, &network.family[i].subnet));
	require(state_write_network(dir, &again, &err) == 0);
}

static void read_node(void)
{
	static struct state_node node;
	struct err err = ERR_INIT;
	int found = state_read_node(dir, &node, &err);

	require(found == 1 || (found == -1 && err.code == ERR_STATE));
	require(found < 0 || (strlen(node.id) == 36 && node.network_len <= STATE_NODE_NETWORKS));
}

/* A damaged snapshot changes no lease. */
static void read_last_good(void)
{
	struct lease_table known = { .listing = false };
	struct err err = ERR_INIT;
	char *config = NULL;
	int found = snapshot_read(dir, "default", &config, &known, &err);

	require(found == 1 || (found == -1 && *err.text && !known.current.leases.len));
	require(found == -1 || config);
	require(!known.listing);
	lease_table_free(&known);
	free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t choice = fuzz_byte(&data, &size) % 3;

	if (!*dir)
		make_dir();
	put_file(choice == 1 ? node_path : network_path, data, size);
	if (choice == 0)
		read_network();
	else if (choice == 1)
		read_node();
	else
		read_last_good();
	return 0;
}
