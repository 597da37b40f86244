/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Kubernetes Node as a lease: its metadata parsed, a lease's key and value (weft-config(5)) read
 * from its annotations, and the patches that write them. flannel's annotations have flannel's form
 * byte for byte, because flannel reads its own MAC back from backend-data:
 *
 *   flannel.alpha.coreos.com/backend-data         {"VNI":1,"VtepMAC":"32:1f:79:17:f7:76"}
 *   flannel.alpha.coreos.com/backend-type         vxlan
 *   flannel.alpha.coreos.com/backend-v6-data      as backend-data; IPv6 containers
 *   flannel.alpha.coreos.com/kube-subnet-manager  true
 *   flannel.alpha.coreos.com/public-ip            192.168.78.1
 *   flannel.alpha.coreos.com/public-ipv6          fd78::1
 *   weft.cni/lease                                {the "Weft" member,"Subnets":["10.244.1.0/24"]}
 *
 * The annotation of weft repeats the subnets, so that peers need the metadata of a Node only. Pure.
 */
#pragma once

#include "common/auto.h"
#include "common/ipaddr.h"
#include "daemon/store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct jr;
struct json;

#define KUBE_NODE_MAX (1536 * 1024) /* bytes of a Node: etcd's limit of a request */
#define KUBE_NAME_SIZE 254          /* of a Node's name, with its NUL */
#define KUBE_NODE_PREFIX_MAX 200
#define KUBE_NODE_LEASE "weft.cni/lease"

enum kube_annotation {
	KUBE_BACKEND_DATA,
	KUBE_BACKEND_TYPE,
	KUBE_BACKEND_V6_DATA,
	KUBE_MANAGER,
	KUBE_PUBLIC_IP,
	KUBE_PUBLIC_IPV6,
	KUBE_LEASE, /* the last one that weft writes */
	/* Set by an operator: the address that the annotation public-ip gets instead. */
	KUBE_PUBLIC_IP_OVERWRITE,
	KUBE_PUBLIC_IPV6_OVERWRITE,
	KUBE_NODE_PUBLIC_IP,
	KUBE_NODE_PUBLIC_IPV6,
	KUBE_ANNOTATIONS
};

/* The names of the annotations. */
struct kube_names {
	char at[KUBE_ANNOTATIONS][KUBE_NODE_PREFIX_MAX + 32];
};

/*
 * Makes the names from flannel's --kube-annotation-prefix: "P/name", or "a.b/c-name" for "a.b/c".
 * ERR_CONFIG.
 */
int kube_names_make(const char *prefix, struct kube_names *names_out, struct err *err);

struct kube_node {
	char *name, *uid;
	uint64_t revision; /* metadata.resourceVersion */
	uint64_t created;  /* metadata.creationTimestamp, since the epoch; 0: none */
	uint64_t digest;   /* kube_digest.hash of the text; 0: unknown */
	char *annotation[KUBE_ANNOTATIONS]; /* NULL: absent */
	bool whole;                         /* spec was read: */
	struct prefix cidr[FAMILIES];       /* spec.podCIDRs; unset: none of the family */
};

/*
 * Parses a Node (whole), or its PartialObjectMetadata. The result is the caller's, to be freed by
 * kube_node_free. ERR_DECODE, ERR_NOMEM.
 */
int kube_node_parse(const char *text, size_t size, const struct kube_names *names,
		    struct kube_node *node_out, struct err *err);
/*
 * Parses a watch event, for kube_node_read: without what weft does not read, which is most of a
 * Node. ERR_DECODE, ERR_NOMEM.
 */
int kube_node_parse_event(const char *text, size_t size, struct json **json_out, struct err *err);
/* As kube_node_parse, for a Node within a document, which is at fault if this fails. */
int kube_node_read(struct json *json, const struct jr *root, const struct kube_names *names,
		   struct kube_node *node_out, struct err *err);
/* What a watch event is recognised by, without parsing it. */
struct kube_digest {
	char name[KUBE_NAME_SIZE];
	uint64_t revision;
	uint64_t hash; /* of uid and annotations; never 0 */
};

/*
 * Reads an event of a Node's metadata that has been added or modified. Returns false for other
 * events, and for those that only the parser can read: whole Nodes, names with escapes, malformed
 * text.
 */
bool kube_digest_read(const char *text, size_t size, struct kube_digest *digest_out);

/* An all-zero struct is allowed. */
void kube_node_free(struct kube_node *node);
AUTO_DEFINE_VALUE(kube_node, struct kube_node, kube_node_free);

/* Returns whether the Node has a lease: of flannel, or of weft. */
bool kube_node_has_lease(const struct kube_node *node);

/*
 * Writes the lease's key: of spec.podCIDRs where they are known, else of the subnets in weft's
 * annotation. Returns 1, 0 if neither is known, or -1 with ERR_DECODE, which names the Node: the
 * annotation is damaged, or contradicts spec.podCIDRs.
 */
int kube_node_key(const struct kube_node *node, char key[static STORE_KEY_SIZE], struct err *err);
/* Writes the key of these subnets; "" if none is set. */
void kube_key(const struct prefix subnet[static FAMILIES], char key[static STORE_KEY_SIZE]);

/*
 * Formats the value of a peer's lease. What an annotation contains is copied, whether or not it is
 * valid: the reader of the value refuses it. But Weft.Node, if present, and Weft.Name are the uid
 * and the name of the Node, which no kubelet can change: a lease is never that of another node, or
 * this one. *value_out is malloc'ed, the caller's. ERR_NOMEM.
 */
int kube_node_peer_value(const struct kube_node *node, char **value_out, struct err *err);
/*
 * Formats the value of this node's own lease, whose Weft member has the node's id in any case: a
 * Node is identified by its name. Of annotations that weft has not written with this id, flannel's
 * are kept if they are valid, without which the value is that of a reservation.
 */
int kube_node_own_value(const struct kube_node *node, const char *id, char **value_out,
			struct err *err);

/*
 * Makes the strategic merge patch that gives the Node the annotations of a lease value, in
 * flannel's form, on the condition that the Node is still the one that was read. *patch_out is
 * malloc'ed, the caller's; NULL if the Node has all of them. ERR_DECODE if value is not a lease
 * value.
 */
int kube_node_patch(const struct kube_node *node, const struct kube_names *names, const char *value,
		    char **patch_out, struct err *err);
/* Makes the patch that removes the annotations. *patch_out as above. */
int kube_node_patch_leave(const struct kube_node *node, const struct kube_names *names,
			  char **patch_out, struct err *err);
/*
 * Makes the patch of the condition NetworkUnavailable: False if available, else True. now: seconds
 * since the epoch.
 */
int kube_node_patch_condition(bool available, uint64_t now, char **patch_out, struct err *err);
