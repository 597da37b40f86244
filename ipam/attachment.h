/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of one attachment: network, container, interface, namespace and addresses. It is the
 * journal of ADD, written before anything is created, and the input of DEL, CHECK and weftd's
 * sweep. Used by the plugin, by weftd and by weftctl. Does not choose addresses.
 *
 *   RUN/attachments/NETWORK/0f3a5c7e91b2d486      16 hex digits of attachment_hash
 *   {"version":1,"network":"default","containerId":"c1","ifname":"eth0",
 *    "netns":"/run/netns/c1","netnsDevice":"4","netnsInode":"4026532300",
 *    "hostVeth":"veth0f3a5c7e91b","addresses":["10.5.1.7"],
 *    "port":{"mac":"0a:58:0a:05:01:07","hairpin":true,"isolated":false,"locked":false},
 *    "createdAt":1700000000}
 *   optional: "ipam":"host-local", the IPAM plugin that assigned the addresses;
 *   "podNamespace":"default","podName":"web-0","podUid":"2f6e5a0c-...", informative: an invalid
 *   value is read as absent; "port" is absent in records of weft 0.1.0
 *
 * The file is both record and lock (flock(2)). An ADD that was killed leaves it empty, if it had
 * acquired nothing, or complete. It lies on a tmpfs and disappears at a reboot, like the namespaces
 * that it describes.
 */
#pragma once

#include "common/auto.h"
#include "common/fs.h"
#include "common/ipaddr.h"
#include "common/netlink/netns.h"
#include "common/spoof/spoof_table.h"
#include "ipam/pod.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* Identifies an attachment (CNI 1.1.0, "Lifecycle & Ordering"). */
struct attachment_key {
	const char *network;
	const char *container_id;
	const char *ifname;
};

#define ATTACHMENT_ADDRESSES 8 /* the pool assigns one per family, an IPAM plugin may assign more */
#define ATTACHMENT_IPAM_SIZE 64
#define ATTACHMENT_ID_SIZE 80

/* What ADD set on the bridge port of the container. */
struct attachment_port {
	bool known;     /* false: not recorded, by weft 0.1.0; the other members are unset */
	struct mac mac; /* of the container's interface */
	bool hairpin;
	bool isolated;
	bool locked; /* no learning, and a static FDB entry of the MAC: macSpoofCheck */
};

struct attachment {
	char netns[FS_PATH_SIZE]; /* CNI_NETNS */
	struct netns_id netns_id; /* the namespace behind the path */
	char host_veth[IF_NAMESIZE];
	struct ipaddr addresses[ATTACHMENT_ADDRESSES];
	size_t address_len;
	char ipam[ATTACHMENT_IPAM_SIZE]; /* "": the addresses come from the pool */
	struct attachment_port port;
	struct pod pod; /* the container's pod in Kubernetes, if the runtime named it */
	/* Set by reading, a long id truncated; writing takes them from the lock's key. */
	char container_id[ATTACHMENT_ID_SIZE], ifname[IF_NAMESIZE];
	/*
	 * Set by reading: createdAt, Unix time in seconds; 0: unknown. Writing sets the current
	 * time.
	 */
	uint64_t created_at;
};

/*
 * Returns the port with its addresses, for the packet rules of macSpoofCheck; points into the
 * record.
 */
struct spoof_port attachment_spoof_port(const struct attachment *attachment);

/* Sets port.mac, unless it is set already, to the MAC derived from the first address. */
void attachment_derive_mac(struct attachment *attachment);

/* Returns FNV-1a, 64 bits, of the three parts with a zero byte between them. */
uint64_t attachment_hash(const struct attachment_key *key);

#define ATTACHMENT_NAME_SIZE 17

/*
 * How long a lock is waited for. Locks are held for milliseconds, that of an attachment also while
 * an IPAM plugin runs: a longer wait means that the holder is stopped or stuck.
 */
#define ATTACHMENT_WAIT_MS 10000

/*
 * The held lock of one attachment, required to read and write its record and to acquire and release
 * its addresses. run_dir, network and key must outlive it.
 */
struct attachment_lock {
	const char *run_dir, *network;
	const struct attachment_key *key; /* NULL: locked by name only */
	int dir_fd, fd;
	unsigned wait_ms; /* for this lock and for the pool's; 0: no wait */
	char name[ATTACHMENT_NAME_SIZE];
};

#define ATTACHMENT_LOCK_INIT ((struct attachment_lock){ .dir_fd = -1, .fd = -1 })

/*
 * Waits for the lock. Creates directory and (empty) record if absent. Returns 0, or -1: ERR_IO, or
 * ERR_AGAIN if it is still held elsewhere after ATTACHMENT_WAIT_MS.
 */
int attachment_lock(const char *run_dir, const struct attachment_key *key,
		    struct attachment_lock *lock_out, struct err *err);

/* As attachment_lock, for an existing record. Returns 1 locked, 0 absent, -1 failed. */
int attachment_lock_existing(const char *run_dir, const struct attachment_key *key,
			     struct attachment_lock *lock_out, struct err *err);

/*
 * Removes what another program has put in place of the record: a directory, a link, or anything
 * else that cannot be locked. A directory that is not empty gets a hidden name. Returns 1 removed,
 * 0 if there is none, -1 failed.
 */
int attachment_discard(const char *run_dir, const struct attachment_key *key, struct err *err);

/*
 * Locks an existing record by its name; such a lock permits reading and removing, not writing. With
 * wait false, as weftd requires, a lock held elsewhere counts as absent. Returns as above.
 */
int attachment_lock_record(const char *run_dir, const char *network,
			   const char name[static ATTACHMENT_NAME_SIZE], bool wait,
			   struct attachment_lock *lock_out, struct err *err);

/* Releases the lock and keeps the record. ATTACHMENT_LOCK_INIT and a second call are harmless. */
void attachment_unlock(struct attachment_lock *lock);
AUTO_DEFINE_VALUE(attachment_lock, struct attachment_lock, attachment_unlock);

/*
 * Reads the record. Returns 1 read, 0 empty, -1 failed: ERR_STATE when it is damaged or of a newer
 * version, ERR_ATTACHED when it belongs to another attachment with the same hash. Locked by name,
 * ERR_STATE also when its key does not hash to that name.
 */
int attachment_read(const struct attachment_lock *lock, struct attachment *attachment_out,
		    struct err *err);

/*
 * Reads a record by its name without a lock. For an attachment whose device exists: ADD writes the
 * record before it creates the device, and DEL removes it after the device. Returns 1 read, 0
 * absent or empty, -1 failed.
 */
int attachment_read_unlocked(const char *run_dir, const char *network,
			     const char name[static ATTACHMENT_NAME_SIZE],
			     struct attachment *attachment_out, struct err *err);

/* Overwrites the record, with the current time as createdAt. Returns 0 or -1. */
int attachment_write(const struct attachment_lock *lock, const struct attachment *attachment,
		     struct err *err);

/* Removes the record. The lock stays held but protects no path any more. Returns 0 or -1. */
int attachment_remove(const struct attachment_lock *lock, struct err *err);

/*
 * Visits every record of a network, unordered; other files are skipped with a warning. A visit that
 * returns -1 ends the iteration. Returns 0 or -1.
 */
typedef int attachment_visit_fn(void *ctx, const char name[static ATTACHMENT_NAME_SIZE],
				struct err *err);
int attachment_each(const char *run_dir, const char *network, attachment_visit_fn *visit, void *ctx,
		    struct err *err);
