/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rtnetlink (RFC 3549, linux/Documentation/userspace-api/netlink): one socket,
 * requests, dumps, batches and events. The only file that sees a socket; one
 * file per kernel object (link, addr, route, neigh) builds and reads messages.
 * Errors carry the kernel's errno, not libnl's folded ones, and the text of the
 * extended acknowledgement where the kernel gives one.
 *
 * A socket belongs to the network namespace in which it was opened, for ever.
 *
 * libnl exports names that begin with nl_ as well (nl_close, nl_dump, nl_send): none of ours
 * may be one of them.
 */
#pragma once

#include "auto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct ipaddr;
struct nl_msg;     /* libnl's message under construction */
struct nla_policy; /* libnl's: what a valid attribute is */
struct nlattr;     /* linux/netlink.h */
struct nlmsghdr;   /* linux/netlink.h */

struct nl;

/* Opens a NETLINK_ROUTE socket in the calling thread's namespace. */
int nl_open(struct nl **nl_out, struct err *err);
/* The same for NETLINK_NETFILTER: for what is in common/nft.h. */
int nl_open_netfilter(struct nl **nl_out, struct err *err);
void nl_free(struct nl *nl);
AUTO_DEFINE(nl, struct nl, nl_free);

/*
 * The number, or the flags (IFF_*), of a device in the socket's namespace. Asked by ioctl(2),
 * which takes none of the locks that a request does: others that change devices, and a kernel
 * that takes namespaces apart, do not hold it up. 1 / 0 / -1.
 */
int nl_device_index(const struct nl *nl, const char *name, uint32_t *index_out, struct err *err);
int nl_device_flags(const struct nl *nl, const char *name, uint32_t *flags_out, struct err *err);

/*
 * A message of type with flags (NLM_F_REQUEST is added) and room for payload
 * bytes of attributes, starting with size bytes of header (ifinfomsg, ...).
 * NULL when out of memory: the senders below take NULL for that error, so the
 * builders need no check of their own. Freed by the sender, always.
 */
struct nl_msg *nl_message(uint16_t type, uint16_t flags, const void *header, size_t size,
			  size_t payload);

/*
 * Append an attribute. A NULL msg passes through. Room was asked for when the
 * message was made: to run out of it is a defect of the builder, and asserted.
 */
void nl_put(struct nl_msg *msg, int type, const void *data, size_t size);
void nl_put_u8(struct nl_msg *msg, int type, uint8_t value);
void nl_put_u16(struct nl_msg *msg, int type, uint16_t value);
void nl_put_u32(struct nl_msg *msg, int type, uint32_t value);
void nl_put_text(struct nl_msg *msg, int type, const char *text);
/* An address that is not set is left out. */
void nl_put_addr(struct nl_msg *msg, int type, const struct ipaddr *addr);
/* Opens a nested attribute, which starts with size bytes of header, and closes it. */
struct nlattr *nl_nest(struct nl_msg *msg, int type, const void *header, size_t size);
void nl_nest_end(struct nl_msg *msg, struct nlattr *nest);

/*
 * Sorts the attributes that follow size bytes of header into table[0 .. max], NULL
 * where there is none, after checking each against policy. ERR_DECODE when the
 * message is shorter than its header or an attribute is not what it should be.
 */
int nl_attributes(const struct nlmsghdr *header, size_t size, struct nlattr *table[], int max,
		  const struct nla_policy *policy, struct err *err);
/* The same for what is nested in one attribute; NULL: nothing is. */
int nl_nested(const struct nlattr *nest, struct nlattr *table[], int max,
	      const struct nla_policy *policy, struct err *err);
/* The value of an attribute; 0, or no address, where there is none. */
uint8_t nl_u8(const struct nlattr *attr);
uint32_t nl_u32(const struct nlattr *attr);
int nl_addr(const struct nlattr *attr, struct ipaddr *addr_out, struct err *err);

/*
 * Sends one request and waits for its acknowledgement. what names the
 * operation in the error ("create vxlan weft-vx1"). ERR_KERNEL with sys_errno.
 */
int nl_request(struct nl *nl, struct nl_msg *msg, const char *what, struct err *err);

/*
 * One reply, as RTM_GETLINK without NLM_F_DUMP gives it: visit is called with it.
 * 1 answered, 0 the kernel says that there is no such object (ENODEV, ENOENT,
 * ESRCH), -1 failed.
 */
typedef int nl_visit_fn(void *ctx, const struct nlmsghdr *header, struct err *err);
int nl_query(struct nl *nl, struct nl_msg *msg, const char *what, nl_visit_fn *visit, void *ctx,
	     struct err *err);

/*
 * A dump: visit is called for every object. When the kernel says that the dump
 * was interrupted (NLM_F_DUMP_INTR) or overran, it starts anew, up to 20 times;
 * restart is called before each further try, to forget what visit has gathered.
 * A visit that answers -1 ends it, and must not use the same socket. build makes
 * the request anew for every try; restart may be NULL. ERR_AGAIN after the last try.
 */
typedef struct nl_msg *nl_build_fn(void *ctx);
struct nl_dump {
	const char *what;
	nl_build_fn *build;
	nl_visit_fn *visit;
	void (*restart)(void *restart_ctx);
	void *ctx;
	void *restart_ctx; /* NULL: ctx */
};
int nl_dump_all(struct nl *nl, const struct nl_dump *dump, struct err *err);

/*
 * Many requests, 64 a send. Each has an outcome of its own: failed is called
 * for every one that the kernel refused, with the tag given to it, the errno
 * and the extended text ("" when none). Requests are applied in order; one that
 * fails does not stop those after it. Where the kernel's answers were lost, those whose
 * outcome nobody knows are told as failed with ENOBUFS or ETIMEDOUT. failed must use
 * neither the batch nor its socket.
 *
 * -1 from a flush, also from one that adding made: what was waiting has not been sent,
 * and is forgotten.
 */
struct nl_batch;
typedef void nl_failed_fn(void *ctx, uint64_t tag, int sys_errno, const char *text);
int nl_batch_open(struct nl *nl, nl_failed_fn *failed, void *ctx, struct nl_batch **batch_out,
		  struct err *err);
/* Adds a request, which it frees; sends when 64 are waiting. */
int nl_batch_add(struct nl_batch *batch, struct nl_msg *msg, uint64_t tag, struct err *err);
/* Sends what is waiting and returns when every outcome is known. */
int nl_batch_flush(struct nl_batch *batch, struct err *err);
/* Frees; what was not flushed is not sent. */
void nl_batch_close(struct nl_batch *batch);
AUTO_DEFINE(nl_batch, struct nl_batch, nl_batch_close);

/*
 * A transaction of netfilter's (the kernel's net/netfilter/nfnetlink.c): all requests, in
 * order and at one moment, or none. It may hold megabytes.
 */
struct nl_transaction;
int nl_transaction_open(struct nl *nl, uint16_t subsystem, struct nl_transaction **transaction_out,
			struct err *err);
/* Adds a request, which it frees. */
int nl_transaction_add(struct nl_transaction *transaction, struct nl_msg *msg, uint64_t tag,
		       struct err *err);
/*
 * Sends it and waits for the outcome. -1: nothing was changed, err is the first refusal and
 * *tag_out the tag of its request, or NL_TRANSACTION_WHOLE where it is not that of one.
 */
#define NL_TRANSACTION_WHOLE UINT64_MAX
int nl_transaction_commit(struct nl_transaction *transaction, const char *what, uint64_t *tag_out,
			  struct err *err);
void nl_transaction_close(struct nl_transaction *transaction);
AUTO_DEFINE(nl_transaction, struct nl_transaction, nl_transaction_close);

/* The number by which the kernel names the socket, in its events too. */
uint32_t nl_port(const struct nl *nl);

/*
 * Events. A socket that listens must not be used for requests.
 * groups: RTNLGRP_* numbers, ended by 0.
 */
int nl_listen(struct nl *nl, const unsigned groups[], struct err *err);
/*
 * From now on no event of an ARP or ND entry of that device wakes a socket that listens to
 * RTNLGRP_NEIGH; 0: of any device they do again. The kernel drops them (a socket filter: its
 * Documentation/networking/filter.rst), so none of these counts as lost.
 */
int nl_pass_over_neighbours(struct nl *nl, uint32_t index, struct err *err);
int nl_fd(const struct nl *nl);
/*
 * Reads what is there without blocking and calls visit for each message
 * (visit may be NULL). *lost_out tells that the kernel dropped some (ENOBUFS): what
 * was known from events is worth nothing then, dump again; so it is after -1, which a
 * visit that answers -1 leads to as well. The socket stays usable.
 */
int nl_drain(struct nl *nl, nl_visit_fn *visit, void *ctx, bool *lost_out, struct err *err);
