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
#include <stddef.h>
#include <stdint.h>

struct err;

/* Whose it is; nothing else has the same three (CNI 1.1.0, "Lifecycle & Ordering"). */
struct attachment_key {
	const char *network;
	const char *container_id;
	const char *ifname;
};

#define ATTACHMENT_ADDRESSES 2 /* one of each family */

struct attachment {
	char netns[FS_PATH_SIZE]; /* as the runtime wrote it */
	struct netns_id netns_id; /* what it led to */
	char host_veth[IF_NAMESIZE];
	struct ipaddr addresses[ATTACHMENT_ADDRESSES];
	size_t address_len;
};

/* FNV-1a, 64 bits, of the three parts with a zero byte between them. */
uint64_t attachment_hash(const struct attachment_key *key);

#define ATTACHMENT_NAME_SIZE 17

/*
 * The held lock of one attachment, and with it the right to read and write its record, and
 * to take and release its addresses. What it was made of must outlive it.
 */
struct attachment_lock {
	const char *run_dir;
	const struct attachment_key *key;
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

/* Releases the lock; a record stays. ATTACHMENT_LOCK_INIT and a second call are harmless. */
void attachment_unlock(struct attachment_lock *lock);
#define AUTO_ATTACHMENT_LOCK __attribute__((cleanup(attachment_unlock)))

/*
 * Reads the record. 1 read; 0 it is empty; -1: ERR_STATE when it is damaged or a newer weft's,
 * ERR_ATTACHED when another attachment with the same hash holds the place.
 */
int attachment_read(const struct attachment_lock *lock, struct attachment *attachment_out,
		    struct err *err);

/* Writes the record over what is there, with the time of day as createdAt. */
int attachment_write(const struct attachment_lock *lock, const struct attachment *attachment,
		     struct err *err);

/* Removes the record; the lock that is still held is then nobody's. */
int attachment_remove(const struct attachment_lock *lock, struct err *err);
