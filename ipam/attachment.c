/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/attachment.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/fs_dir.h"
#include "common/fs_lock.h"
#include "common/hash.h"
#include "common/json/json.h"
#include "common/log.h"
#include "common/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RECORD_VERSION 1
#define RECORD_MAX (256 << 10) /* the specification sets no limit to a container id */

uint64_t attachment_hash(const struct attachment_key *key)
{
	uint64_t hash = hash_add(HASH_INIT, key->network, strlen(key->network) + 1);

	hash = hash_add(hash, key->container_id, strlen(key->container_id) + 1);
	return hash_add(hash, key->ifname, strlen(key->ifname));
}

struct spoof_port attachment_spoof_port(const struct attachment *attachment)
{
	return (struct spoof_port){
		.name = attachment->host_veth,
		.checked = attachment->port.locked,
		.isolated = attachment->port.isolated,
		.mac = attachment->port.mac,
		.addresses = attachment->addresses,
		.address_len = attachment->address_len,
	};
}

void attachment_derive_mac(struct attachment *attachment)
{
	if (attachment->address_len && mac_is_zero(&attachment->port.mac))
		attachment->port.mac = mac_of_address(&attachment->addresses[0]);
}

/* Opens the directory and sets the record's name. 1 / 0 / -1. */
static int open_place(const char *run_dir, const struct attachment_key *key, bool make,
		      struct attachment_lock *lock, struct err *err)
{
	lock->run_dir = run_dir;
	lock->network = key->network;
	lock->key = key;
	lock->wait_ms = ATTACHMENT_WAIT_MS;
	snprintf(lock->name, sizeof(lock->name), "%016" PRIx64, attachment_hash(key));
	return state_open_dir(run_dir, STATE_ATTACHMENTS, key->network, make, &lock->dir_fd, err);
}

static void hand_over(struct attachment_lock *lock, struct attachment_lock *lock_out)
{
	*lock_out = *lock;
	*lock = ATTACHMENT_LOCK_INIT;
}

static int name_directory(const struct attachment_lock *lock, struct err *err)
{
	return err_wrap(err, "%s/" STATE_ATTACHMENTS "/%s", lock->run_dir, lock->network);
}

int attachment_lock(const char *run_dir, const struct attachment_key *key,
		    struct attachment_lock *lock_out, struct err *err)
{
	AUTO(attachment_lock) struct attachment_lock lock = ATTACHMENT_LOCK_INIT;

	if (open_place(run_dir, key, true, &lock, err) < 0)
		return -1;
	if (fs_lock(lock.dir_fd, lock.name, lock.wait_ms, &lock.fd, err) < 0)
		return name_directory(&lock, err);
	hand_over(&lock, lock_out);
	return 0;
}

/* 1 / 0 / -1. */
static int lock_present(struct attachment_lock *lock, struct attachment_lock *lock_out,
			struct err *err)
{
	int found = fs_lock_existing(lock->dir_fd, lock->name, lock->wait_ms, &lock->fd, err);

	if (found < 0)
		return name_directory(lock, err);
	if (found > 0)
		hand_over(lock, lock_out);
	return found;
}

int attachment_lock_existing(const char *run_dir, const struct attachment_key *key,
			     struct attachment_lock *lock_out, struct err *err)
{
	AUTO(attachment_lock) struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	int found = open_place(run_dir, key, false, &lock, err);

	return found > 0 ? lock_present(&lock, lock_out, err) : found;
}

/* Returns 1 removed, 0 absent, -1 failed. */
static int discard(const struct attachment_lock *lock, struct err *err)
{
	char hidden[ATTACHMENT_NAME_SIZE + 32];

	if (unlinkat(lock->dir_fd, lock->name, 0) == 0 ||
	    unlinkat(lock->dir_fd, lock->name, AT_REMOVEDIR) == 0)
		return 1;
	/* Names with a dot are no records. */
	snprintf(hidden, sizeof(hidden), ".%s.%d", lock->name, (int)getpid());
	if (errno == ENOTEMPTY && renameat(lock->dir_fd, lock->name, lock->dir_fd, hidden) == 0)
		return 1;
	return errno == ENOENT ? 0 : err_sys(err, ERR_IO, errno, "cannot remove %s", lock->name);
}

int attachment_discard(const char *run_dir, const struct attachment_key *key, struct err *err)
{
	AUTO(attachment_lock) struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	int found = open_place(run_dir, key, false, &lock, err);
	struct stat st;

	if (found <= 0)
		return found;
	if (fstatat(lock.dir_fd, lock.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 :
					 err_sys(err, ERR_IO, errno, "cannot read %s", lock.name);
	return S_ISREG(st.st_mode) && st.st_nlink == 1 ? 0 : discard(&lock, err);
}

int attachment_lock_record(const char *run_dir, const char *network,
			   const char name[static ATTACHMENT_NAME_SIZE], bool wait,
			   struct attachment_lock *lock_out, struct err *err)
{
	AUTO(attachment_lock) struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct err held = ERR_INIT;
	int found = state_open_dir(run_dir, STATE_ATTACHMENTS, network, false, &lock.dir_fd, err);

	if (found <= 0)
		return found;
	lock.run_dir = run_dir;
	lock.network = network;
	lock.wait_ms = wait ? ATTACHMENT_WAIT_MS : 0;
	snprintf(lock.name, sizeof(lock.name), "%s", name);
	found = lock_present(&lock, lock_out, &held);
	if (found < 0 && held.code == ERR_AGAIN && !wait)
		return 0;
	if (found < 0)
		*err = held;
	return found;
}

void attachment_unlock(struct attachment_lock *lock)
{
	if (lock->fd >= 0)
		close(lock->fd);
	if (lock->dir_fd >= 0)
		close(lock->dir_fd);
	*lock = ATTACHMENT_LOCK_INIT;
}

/* The key that the record itself contains. */
static struct attachment_key key_of(const struct jr *root)
{
	return (struct attachment_key){
		.network = jr_str(root, "network", RECORD_MAX),
		.container_id = jr_str(root, "containerId", RECORD_MAX),
		.ifname = jr_str(root, "ifname", RECORD_MAX),
	};
}

static bool same_key(const struct attachment_key *a, const struct attachment_key *b)
{
	return strcmp(a->network, b->network) == 0 &&
	       strcmp(a->container_id, b->container_id) == 0 && strcmp(a->ifname, b->ifname) == 0;
}

/* Verifies that key, read from the record, is that of the lock. */
static int check_key(const struct attachment_lock *lock, const struct attachment_key *key,
		     struct err *err)
{
	char name[ATTACHMENT_NAME_SIZE];

	if (lock->key && !same_key(key, lock->key))
		return err_set(err, ERR_ATTACHED,
			       "record %s belongs to %s of container %s, which has the same hash",
			       lock->name, ERR_SHOW(key->ifname), ERR_SHOW(key->container_id));
	snprintf(name, sizeof(name), "%016" PRIx64, attachment_hash(key));
	if (strcmp(name, lock->name) != 0)
		return err_set(
			err, ERR_STATE,
			"record %s contains %s of container %s, which does not hash to its name",
			lock->name, ERR_SHOW(key->ifname), ERR_SHOW(key->container_id));
	return 0;
}

static struct attachment_port read_port(const struct jr *root)
{
	struct jr at = jr_obj_opt(root, "port");

	if (jr_is_absent(&at))
		return (struct attachment_port){ .known = false };
	return (struct attachment_port){
		.known = true,
		.mac = jr_mac(&at, "mac"),
		.hairpin = jr_bool_opt(&at, "hairpin", false),
		.isolated = jr_bool_opt(&at, "isolated", false),
		.locked = jr_bool_opt(&at, "locked", false),
	};
}

static void write_port(struct jb_at root, const struct attachment_port *port)
{
	struct jb_at at;

	/* Without a MAC, the record is that of an ADD that has no addresses yet. */
	if (!port->known || mac_is_zero(&port->mac))
		return;
	at = jb_obj(root, "port");
	jb_mac(at, "mac", &port->mac);
	jb_bool(at, "hairpin", port->hairpin);
	jb_bool(at, "isolated", port->isolated);
	jb_bool(at, "locked", port->locked);
}

static const struct {
	const char *key;
	enum pod_part part;
} pod_parts[] = {
	{ "podNamespace", POD_NAMESPACE },
	{ "podName", POD_NAME },
	{ "podUid", POD_UID },
};

/* Informative: a container whose pod has an unreadable name must still be released by DEL. */
static void read_pod(const struct jr *root, struct pod *pod)
{
	for (size_t i = 0; i < ARRAY_LEN(pod_parts); i++) {
		if (jr_is_str(root, pod_parts[i].key))
			(void)pod_set(pod, pod_parts[i].part,
				      jr_str(root, pod_parts[i].key, RECORD_MAX));
	}
}

static void write_pod(struct jb_at root, const struct pod *pod)
{
	const char *const values[] = {
		[POD_NAMESPACE] = pod->namespace,
		[POD_NAME] = pod->name,
		[POD_UID] = pod->uid,
	};

	for (size_t i = 0; i < ARRAY_LEN(pod_parts); i++) {
		if (*values[pod_parts[i].part])
			jb_str(root, pod_parts[i].key, values[pod_parts[i].part]);
	}
}

static void read_record(const struct jr *root, struct attachment *record)
{
	struct jr addresses = jr_arr(root, "addresses"), at;

	snprintf(record->netns, sizeof(record->netns), "%s",
		 jr_str(root, "netns", sizeof(record->netns) - 1));
	record->netns_id.device = jr_u64_text_opt(root, "netnsDevice", 0);
	record->netns_id.inode = jr_u64_text_opt(root, "netnsInode", 0);
	snprintf(record->host_veth, sizeof(record->host_veth), "%s",
		 jr_str(root, "hostVeth", sizeof(record->host_veth) - 1));
	if (jr_len(&addresses) > ATTACHMENT_ADDRESSES)
		jr_fault(root, "addresses", "more than %d addresses", ATTACHMENT_ADDRESSES);
	for (size_t i = 0;
	     record->address_len < ATTACHMENT_ADDRESSES && jr_each(&addresses, &i, &at);)
		record->addresses[record->address_len++] = jr_ipaddr(&at, NULL);
	snprintf(record->ipam, sizeof(record->ipam), "%s",
		 jr_str_opt(root, "ipam", sizeof(record->ipam) - 1, ""));
	record->port = read_port(root);
	read_pod(root, &record->pod);
	record->created_at = jr_count_opt(root, "createdAt", 0);
}

static int damaged(const struct attachment_lock *lock, struct err *err)
{
	err->code = ERR_STATE;
	return err_wrap(err, "%s/" STATE_ATTACHMENTS "/%s/%s", lock->run_dir, lock->network,
			lock->name);
}

/* Parses the text of the lock's record. 1 / 0 / -1. */
static int parse_record(const struct attachment_lock *lock, const char *text, size_t size,
			struct attachment *attachment_out, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	struct attachment record = { .address_len = 0 };
	struct jr root;
	struct attachment_key key;

	if (size == 0)
		return 0;
	if (json_parse(text, size, RECORD_MAX, JSON_STRICT, "damaged record", &json, err) < 0)
		return damaged(lock, err);
	root = jr_root(json);
	if (jr_u32(&root, "version", 1, UINT32_MAX) > RECORD_VERSION)
		jr_fault(&root, "version", "was written by a newer weft");
	key = key_of(&root);
	read_record(&root, &record);
	if (jr_done(json, ERR_STATE, err) < 0)
		return damaged(lock, err);
	if (check_key(lock, &key, err) < 0)
		return -1;
	snprintf(record.container_id, sizeof(record.container_id), "%.*s",
		 (int)sizeof(record.container_id) - 1, key.container_id);
	snprintf(record.ifname, sizeof(record.ifname), "%.*s", (int)sizeof(record.ifname) - 1,
		 key.ifname);
	*attachment_out = record;
	return 1;
}

int attachment_read(const struct attachment_lock *lock, struct attachment *attachment_out,
		    struct err *err)
{
	AUTO(free) char *text = NULL;
	size_t size = 0;

	if (lseek(lock->fd, 0, SEEK_SET) < 0 ||
	    fs_read_fd(lock->fd, lock->name, RECORD_MAX, &text, &size, err) < 0)
		return -1;
	return parse_record(lock, text, size, attachment_out, err);
}

int attachment_read_unlocked(const char *run_dir, const char *network,
			     const char name[static ATTACHMENT_NAME_SIZE],
			     struct attachment *attachment_out, struct err *err)
{
	struct attachment_lock lock = { .run_dir = run_dir, .network = network, .fd = -1 };
	AUTO(close) int dir_fd = -1;
	AUTO(free) char *text = NULL;
	size_t size = 0;
	int found = state_open_dir(run_dir, STATE_ATTACHMENTS, network, false, &dir_fd, err);

	if (found > 0)
		found = fs_read(dir_fd, name, RECORD_MAX, &text, &size, err);
	if (found <= 0)
		return found;
	snprintf(lock.name, sizeof(lock.name), "%s", name);
	return parse_record(&lock, text, size, attachment_out, err);
}

static int record_text(const struct attachment_key *key, const struct attachment *record,
		       char **text_out, struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at root, addresses;

	if (!jb)
		return err_nomem(err, "an attachment's record");
	root = jb_root(jb);
	jb_u32(root, "version", RECORD_VERSION);
	jb_str(root, "network", key->network);
	jb_str(root, "containerId", key->container_id);
	jb_str(root, "ifname", key->ifname);
	jb_str(root, "netns", record->netns);
	jb_u64_text(root, "netnsDevice", record->netns_id.device);
	jb_u64_text(root, "netnsInode", record->netns_id.inode);
	jb_str(root, "hostVeth", record->host_veth);
	addresses = jb_arr(root, "addresses");
	for (size_t i = 0; i < record->address_len; i++)
		jb_ipaddr(addresses, NULL, &record->addresses[i]);
	if (*record->ipam)
		jb_str(root, "ipam", record->ipam);
	write_port(root, &record->port);
	write_pod(root, &record->pod);
	jb_count(root, "createdAt", (uint64_t)time(NULL));
	return jb_text(jb, text_out, err);
}

int attachment_write(const struct attachment_lock *lock, const struct attachment *attachment,
		     struct err *err)
{
	AUTO(free) char *text = NULL;

	if (record_text(lock->key, attachment, &text, err) < 0)
		return -1;
	/*
	 * In place, and truncated first: killed in between, the record is empty, as before anything
	 * is acquired. The addresses of an overwritten record have been released before.
	 */
	if (ftruncate(lock->fd, 0) < 0 || lseek(lock->fd, 0, SEEK_SET) < 0)
		return err_sys(err, ERR_IO, errno, "cannot write %s", lock->name);
	return fs_write_fd(lock->fd, lock->name, text, strlen(text), err);
}

int attachment_remove(const struct attachment_lock *lock, struct err *err)
{
	return fs_unlink(lock->dir_fd, lock->name, err) < 0 ? -1 : 0;
}

/* A name of sixteen hexadecimal digits. */
static bool is_record(const char *name)
{
	return strlen(name) == ATTACHMENT_NAME_SIZE - 1 &&
	       strspn(name, "0123456789abcdef") == ATTACHMENT_NAME_SIZE - 1;
}

int attachment_each(const char *run_dir, const char *network, attachment_visit_fn *visit, void *ctx,
		    struct err *err)
{
	const struct dirent *entry;
	int dir_fd = -1, result = 0;
	int found = state_open_dir(run_dir, STATE_ATTACHMENTS, network, false, &dir_fd, err);
	DIR *dir;

	if (found <= 0)
		return found;
	dir = fs_list(&dir_fd, STATE_ATTACHMENTS, err);
	if (!dir)
		return -1;
	while (result == 0 && (entry = readdir(dir))) {
		if (is_record(entry->d_name))
			result = visit(ctx, entry->d_name, err);
		else if (entry->d_name[0] != '.')
			log_warn("file not created by weft, left alone", "directory",
				 STATE_ATTACHMENTS, "name", entry->d_name);
	}
	closedir(dir);
	return result;
}
