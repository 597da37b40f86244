/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rtnetlink (RFC 3549, linux/Documentation/userspace-api/netlink): sockets, messages, requests,
 * dumps, batches and events. One file per kernel object (link, addr, route, neigh) builds and
 * parses the messages. Errors carry the kernel's errno, not libnl's folded ones, and the text of
 * the extended acknowledgement if the kernel sends one.
 *
 * A socket stays in the network namespace in which it was opened.
 *
 * libnl exports names that begin with nl_, too (nl_close, nl_dump, nl_send): do not reuse them.
 */
#pragma once

#include "common/auto.h"

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

/*
 * Opens a NETLINK_ROUTE socket in the calling thread's namespace. Returns 0, or -1 with ERR_KERNEL.
 */
int nl_open(struct nl **nl_out, struct err *err);
/* As nl_open, for NETLINK_NETFILTER; used by common/netfilter. */
int nl_open_netfilter(struct nl **nl_out, struct err *err);
/* Closes. NULL is allowed. */
void nl_free(struct nl *nl);
AUTO_DEFINE(nl, struct nl, nl_free);

/*
 * Get the index, or the flags (IFF_*), of a device in the socket's namespace. They use ioctl(2),
 * which unlike a request does not take the RTNL lock: concurrent changes of devices and the
 * removal of namespaces do not delay it. Return 1 found, 0 absent, -1 failed.
 */
int nl_device_index(const struct nl *nl, const char *name, uint32_t *index_out, struct err *err);
int nl_device_flags(const struct nl *nl, const char *name, uint32_t *flags_out, struct err *err);

/*
 * Creates a message of type with flags (NLM_F_REQUEST is added) that starts with size bytes of
 * header (ifinfomsg, ...) and has room for payload bytes of attributes. Returns NULL when out of
 * memory, which the senders below report: builders need no check. The sender frees it, always.
 */
struct nl_msg *nl_message(uint16_t type, uint16_t flags, const void *header, size_t size,
			  size_t payload);

/*
 * Append an attribute. A NULL msg is ignored. Running out of the room reserved by nl_message is a
 * defect of the builder, and asserted.
 */
void nl_put(struct nl_msg *msg, int type, const void *data, size_t size);
void nl_put_u8(struct nl_msg *msg, int type, uint8_t value);
void nl_put_u16(struct nl_msg *msg, int type, uint16_t value);
void nl_put_u32(struct nl_msg *msg, int type, uint32_t value);
void nl_put_text(struct nl_msg *msg, int type, const char *text);
/* Appends nothing if the address is unset. */
void nl_put_addr(struct nl_msg *msg, int type, const struct ipaddr *addr);
/* Open and close a nested attribute, which starts with size bytes of header. */
struct nlattr *nl_nest(struct nl_msg *msg, int type, const void *header, size_t size);
void nl_nest_end(struct nl_msg *msg, struct nlattr *nest);

/*
 * Stores the attributes that follow size bytes of header in table[0 .. max] by type, NULL for
 * absent ones, after validating each against policy. Returns 0, or -1 with ERR_DECODE when the
 * message is shorter than its header or an attribute is invalid.
 */
int nl_attributes(const struct nlmsghdr *header, size_t size, struct nlattr *table[], int max,
		  const struct nla_policy *policy, struct err *err);
/* As nl_attributes, for those nested in one attribute; NULL: none. */
int nl_nested(const struct nlattr *nest, struct nlattr *table[], int max,
	      const struct nla_policy *policy, struct err *err);
/* The value of an attribute; 0, or an unset address, for NULL. */
uint8_t nl_u8(const struct nlattr *attr);
uint32_t nl_u32(const struct nlattr *attr);
int nl_addr(const struct nlattr *attr, struct ipaddr *addr_out, struct err *err);

/*
 * Sends one request and waits for its acknowledgement. what names the operation in the error
 * ("create vxlan weft-vx1"). Returns 0, or -1 with ERR_KERNEL and sys_errno.
 */
int nl_request(struct nl *nl, struct nl_msg *msg, const char *what, struct err *err);

/*
 * Sends one request for one object (RTM_GETLINK without NLM_F_DUMP) and calls visit with the reply.
 * Returns 1 found, 0 no such object (ENODEV, ENOENT, ESRCH), -1 failed.
 */
typedef int nl_visit_fn(void *ctx, const struct nlmsghdr *header, struct err *err);
int nl_query(struct nl *nl, struct nl_msg *msg, const char *what, nl_visit_fn *visit, void *ctx,
	     struct err *err);

/*
 * A dump: calls visit for every object. An interrupted dump (NLM_F_DUMP_INTR) or an overrun is
 * retried, up to 20 tries; before each retry, restart (which may be NULL) must discard what visit
 * has collected, and build returns a new request. A visit that returns -1 ends the dump; it must
 * not use the same socket. With max, there are three tries, and a dump of more messages is
 * abandoned: for objects whose number a container decides. Returns 0, or -1: ERR_AGAIN after the
 * last try. After a failure with max, the socket may still be in the dump, and must be freed.
 */
typedef struct nl_msg *nl_build_fn(void *ctx);
struct nl_dump {
	const char *what;
	nl_build_fn *build;
	nl_visit_fn *visit;
	void (*restart)(void *restart_ctx);
	void *ctx;
	void *restart_ctx; /* NULL: ctx */
	size_t max;        /* messages; 0: any number */
	bool shared; /* of devices, addresses or routes: may be answered by a copy; max is 0 */
	/*
	 * Optional, with shared: copies consist of parsed objects of object_size bytes instead of
	 * messages.
	 */
	size_t object_size;
	int (*parse)(const struct nlmsghdr *header, void *object_out, struct err *err);
	int (*visit_object)(void *ctx, const void *object, struct err *err);
};
int nl_dump_all(struct nl *nl, const struct nl_dump *dump, struct err *err);

/*
 * Lets callers that use the same socket share dumps: until nl_shared_clear, a dump with `shared`
 * that has been made before is answered from a copy, unless the kernel has reported any change of
 * devices, addresses or routes since the copy was begun, those of the caller too. Changes without
 * an event (of a sysctl) require nl_shared_clear. filled is called when the first copy is kept, for
 * the caller to limit its age. Returns 0, or -1 with ERR_KERNEL or ERR_NOMEM.
 */
int nl_shared_open(struct nl *nl, void (*filled)(void *ctx), void *ctx, struct err *err);
/* Discards all copies. Does nothing without a cache. */
void nl_shared_clear(struct nl *nl);
/* Dumps are not shared any more. */
void nl_shared_close(struct nl *nl);

/*
 * A batch of requests, 64 per send. Each request has its own outcome: failed is called for each
 * that the kernel rejected, with the request's tag, the errno and the extended text ("" if none).
 * Requests are applied in order; a failed one does not stop those that follow. If replies were
 * lost, failed is called with ENOBUFS or ETIMEDOUT for each request of unknown outcome. failed must
 * not use the batch or its socket.
 *
 * A flush, also one made by adding, that returns -1 has sent nothing, and the pending requests are
 * discarded.
 */
struct nl_batch;
typedef void nl_failed_fn(void *ctx, uint64_t tag, int sys_errno, const char *text);
int nl_batch_open(struct nl *nl, nl_failed_fn *failed, void *ctx, struct nl_batch **batch_out,
		  struct err *err);
/* Adds a request, which it frees; flushes at 64. Returns 0 or -1. */
int nl_batch_add(struct nl_batch *batch, struct nl_msg *msg, uint64_t tag, struct err *err);
/* Sends pending requests and waits for all outcomes. Returns 0, or -1 with ERR_KERNEL. */
int nl_batch_flush(struct nl_batch *batch, struct err *err);
/* Frees the batch; pending requests are discarded. */
void nl_batch_close(struct nl_batch *batch);
AUTO_DEFINE(nl_batch, struct nl_batch, nl_batch_close);

/* Returns the socket's port ID (nl_pid), which events of its changes carry. */
uint32_t nl_portid(const struct nl *nl);

/*
 * Subscribes to event groups: RTNLGRP_* numbers, ended by 0. A subscribed socket must not be used
 * for requests. Returns 0, or -1 with ERR_KERNEL.
 */
int nl_listen(struct nl *nl, const unsigned groups[], struct err *err);
/*
 * Sets the size of the receive buffer, in bytes: above the limit of net.core.rmem_max only with
 * CAP_NET_ADMIN, else up to it.
 */
void nl_set_buffer(struct nl *nl, int size);
/*
 * Drops events of ARP and ND entries of device index on a socket subscribed to RTNLGRP_NEIGH, by a
 * socket filter (linux/Documentation/networking/filter.rst); they are not counted as lost. 0
 * removes the filter. Returns 0, or -1 with ERR_KERNEL.
 */
int nl_filter_neigh_events(struct nl *nl, uint32_t index, struct err *err);
/* Returns the descriptor, for poll(2). */
int nl_fd(const struct nl *nl);
/*
 * Reads all pending events without blocking and calls visit (which may be NULL) for each.
 * *lost_out: the kernel dropped events (ENOBUFS); the caller must dump again. Returns 0, or -1 on
 * an error or when visit returned -1; events may be lost then, too. The socket stays usable.
 */
int nl_read_events(struct nl *nl, nl_visit_fn *visit, void *ctx, bool *lost_out, struct err *err);
