/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of one attachment: which interface of which container holds which
 * addresses, in which namespace. It is the journal of ADD (what is to be made is written
 * before it is made), and what DEL, CHECK and a sweep go by. For the plugin, and for
 * those who list or sweep; never decides which address is given.
 *
 *   RUN/attachments/NETWORK/0f3a5c7e91b2d486      16 hex digits of attachment_hash
 *   {"version":1,"network":"default","containerId":"c1","ifname":"eth0",
 *    "netns":"/run/netns/c1","netnsDevice":"4","netnsInode":"4026532300",
 *    "hostVeth":"weft0f3a5c7e91b","addresses":["10.5.1.7"],"createdAt":1700000000}
 *   and where there are such: "ipam":"host-local", the plugin that has given the addresses;
 *   "podNamespace":"default","podName":"web-0", for people
 *
 * One file is the record and its lock (flock(2)), so that there is nothing else to be left
 * behind. An ADD that was killed leaves it empty (it had taken nothing), or whole. It
 * lies on a tmpfs, gone with the namespaces that it describes when the host starts anew.
 */
#pragma once

#include "common/fs.h"
#include "common/ipaddr.h"
#include "common/netns.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* Whose it is; nothing else has the same three (CNI 1.1.0, "Lifecycle & Ordering"). */
struct attachment_key {
	const char *network;
	const char *container_id;
	const char *ifname;
};

#define ATTACHMENT_ADDRESSES 8 /* the pool gives one of each family, another plugin may give more */
#define ATTACHMENT_IPAM_SIZE 64
#define ATTACHMENT_ID_SIZE 80
#define ATTACHMENT_POD_SIZE 254 /* DNS subdomain names, RFC 1123 */

struct attachment {
	char netns[FS_PATH_SIZE]; /* as the runtime wrote it */
	struct netns_id netns_id; /* what it led to */
	char host_veth[IF_NAMESIZE];
	struct ipaddr addresses[ATTACHMENT_ADDRESSES];
	size_t address_len;
	char ipam[ATTACHMENT_IPAM_SIZE]; /* "": the addresses are the pool's */
	/* Read, for people: whose it is, a long id cut. Written is what the lock's key says. */
	char container_id[ATTACHMENT_ID_SIZE], ifname[IF_NAMESIZE];
	/* Written, and read by people: what Kubernetes calls the container's pod. */
	char pod_namespace[ATTACHMENT_POD_SIZE], pod_name[ATTACHMENT_POD_SIZE];
};

/* FNV-1a, 64 bits, of the three parts with a zero byte between them. */
uint64_t attachment_hash(const struct attachment_key *key);

#define ATTACHMENT_NAME_SIZE 17

/*
 * The held lock of one attachment, and with it the right to read and write its record, and
 * to take and release its addresses. What it was made of must outlive it.
 */
struct attachment_lock {
	const char *run_dir, *network;
	const struct attachment_key *key; /* NULL: only the name is known */
	int dir_fd, fd;
	char name[ATTACHMENT_NAME_SIZE];
};

#define ATTACHMENT_LOCK_INIT ((struct attachment_lock){ .dir_fd = -1, .fd = -1 })

/*
 * Waits for the lock, making directory and (empty) record where they are absent. ERR_IO.
 */
int attachment_lock(const char *run_dir, const struct attachment_key *key,
		    struct attachment_lock *lock_out, struct err *err);

/* The same, where there is a record: 1 locked, 0 there is none, -1 failed. Makes nothing. */
int attachment_lock_known(const char *run_dir, const struct attachment_key *key,
			  struct attachment_lock *lock_out, struct err *err);

/*
 * The same for a record of which only the name is known; such a lock reads and removes, and does
 * not write. Where wait is false, one that another holds counts as none.
 */
int attachment_lock_record(const char *run_dir, const char *network,
			   const char name[static ATTACHMENT_NAME_SIZE], bool wait,
			   struct attachment_lock *lock_out, struct err *err);

/* Releases the lock; a record stays. ATTACHMENT_LOCK_INIT and a second call are harmless. */
void attachment_unlock(struct attachment_lock *lock);
#define AUTO_ATTACHMENT_LOCK __attribute__((cleanup(attachment_unlock)))

/*
 * Reads the record. 1 read; 0 it is empty; -1: ERR_STATE when it is damaged or a newer weft's,
 * ERR_ATTACHED when another attachment with the same hash holds the place.
 * Without a key, ERR_STATE also for a record that does not belong where it lies.
 */
int attachment_read(const struct attachment_lock *lock, struct attachment *attachment_out,
		    struct err *err);

/* Writes the record over what is there, with the time of day as createdAt. */
int attachment_write(const struct attachment_lock *lock, const struct attachment *attachment,
		     struct err *err);

/* Removes the record; the lock that is still held is then nobody's. */
int attachment_remove(const struct attachment_lock *lock, struct err *err);

/*
 * Every record of a network, in no order; what is not named like one is stepped over, with a
 * warning. A visit that answers -1 ends it.
 */
typedef int attachment_visit_fn(void *ctx, const char name[static ATTACHMENT_NAME_SIZE],
				struct err *err);
int attachment_each(const char *run_dir, const char *network, attachment_visit_fn *visit, void *ctx,
		    struct err *err);
