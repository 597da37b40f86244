/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/kube/kube_own.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "daemon/store/kube/kube_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kube_own_free(struct kube_own *own)
{
	kube_node_free(&own->node);
	free(own->value);
	free(own->put_value);
	own->value = own->put_value = NULL;
}

static bool has_subnet(const struct kube_node *node)
{
	return prefix_is_set(&node->cidr[FAMILY_V4]) || prefix_is_set(&node->cidr[FAMILY_V6]);
}

static void describe(struct kube_own *own)
{
	if (!own->exists)
		snprintf(own->unreserved, sizeof(own->unreserved),
			 "node %s does not exist in Kubernetes (--node-name, NODE_NAME)",
			 own->name);
	else
		snprintf(own->unreserved, sizeof(own->unreserved),
			 "node %s has no spec.podCIDRs: start kube-controller-manager with "
			 "--allocate-node-cidrs, or set them",
			 own->name);
}

/* The Node's subnets of the network's families; all of them if it has none of these. */
static void own_key(const struct kube_own *own, char key[static STORE_KEY_SIZE])
{
	struct prefix subnet[FAMILIES] = { 0 };

	for (enum family f = 0; f < FAMILIES; f++)
		if (own->families[f])
			subnet[f] = own->node.cidr[f];
	kube_key(subnet, key);
	if (!*key)
		kube_key(own->node.cidr, key);
}

/* The key of this node is its own before it is reported: a list of all Nodes may come first. */
static void claim_key(const struct kube_own *own)
{
	char key[STORE_KEY_SIZE] = "";

	if (own->exists && own->node.name)
		own_key(own, key);
	kube_table_set_own_key(own->table, key);
}

bool kube_own_set(struct kube_own *own, struct kube_node *node)
{
	bool same = own->node.name && !strcmp(own->node.uid, node->uid) && own->node.whole;
	bool known = node->whole || (same && has_subnet(&own->node));

	/*
	 * What was on its way for longer than a newer answer; or of a restored cluster: a read
	 * decides.
	 */
	if (own->node.name && node->revision < own->node.revision)
		return node->whole || (same && own->exists);
	if (!node->whole && same) {
		node->whole = true;
		memcpy(node->cidr, own->node.cidr, sizeof(node->cidr));
	}
	own->exists = true;
	if (known) {
		kube_node_free(&own->node);
		own->node = *node;
		memset(node, 0, sizeof(*node));
	}
	claim_key(own);
	describe(own);
	return known;
}

void kube_own_rewind(struct kube_own *own)
{
	own->node.revision = 0;
}

void kube_own_set_absent(struct kube_own *own)
{
	own->exists = false;
	claim_key(own);
	describe(own);
}

/* ---- Reports ----------------------------------------------------------------------------- */

/*
 * What was put, if the Node has its annotations: they may differ from the value, where an operator
 * has overwritten the public address. Else a reservation, which leads to another put.
 */
static char *own_value(const struct kube_own *own, struct err *err)
{
	AUTO(free) char *patch = NULL;
	struct kube_node node = own->node;
	char *value = NULL;

	if (own->put_value &&
	    kube_node_patch(&own->node, own->names, own->put_value, &patch, err) == 0) {
		if (!patch)
			return strdup(own->put_value);
		node.annotation[KUBE_MANAGER] = NULL;
	}
	return kube_node_own_value(&node, own->id, &value, err) == 0 ? value : NULL;
}

/* Whether the former key is still reported, and not another Node's by now. */
static bool has_former(const struct kube_own *own)
{
	return own->former_key[0] && strcmp(own->former_key, own->key) != 0 &&
	       !kube_table_has(own->table, own->former_key);
}

static void report_former_as_free(const struct kube_own *own)
{
	static const char value[] = "{\"PublicIP\":\"0.0.0.0\",\"BackendType\":\"reserved\"}";
	const struct store_entry entry = { .key = own->former_key,
					   .value = value,
					   .value_size = sizeof(value) - 1,
					   .mod_revision = own->revision,
					   .replaces = true };

	if (has_former(own))
		own->listener->entry(own->listener_ctx, &entry);
}

void kube_own_report(struct kube_own *own, bool always)
{
	struct store_entry entry = { .key = own->key, .replaces = true };
	char key[STORE_KEY_SIZE] = "";
	AUTO(free) char *value = NULL;
	struct err err = ERR_INIT;
	bool moved;

	if (own->exists && own->node.name)
		own_key(own, key);
	claim_key(own); /* the network's families may have changed */
	/* Without a key, the lease client still needs an event to decide again. */
	if (!*key && always && !own->table->listing)
		own->listener->gone(own->listener_ctx, own->name, 0);
	if (!*key)
		return;
	value = own_value(own, &err);
	if (!value) {
		log_warn("cannot read this node's own Node", "error", err.text);
		return;
	}
	moved = strcmp(own->key, key) != 0;
	if (moved && own->key[0])
		memcpy(own->former_key, own->key, sizeof(own->former_key));
	if (moved || !own->value || strcmp(own->value, value) != 0)
		own->revision = own->node.revision;
	else if (!always)
		return;
	memcpy(own->key, key, sizeof(own->key));
	free(own->value);
	own->value = take_ptr(value);
	entry.value = own->value;
	entry.value_size = strlen(own->value);
	entry.mod_revision = own->revision;
	if (moved || always)
		report_former_as_free(own);
	own->listener->entry(own->listener_ctx, &entry);
}

void kube_own_retract(struct kube_own *own)
{
	free(own->value);
	own->value = NULL;
}

void kube_own_put(struct kube_own *own, const char *value, uint64_t revision)
{
	char *put = strdup(value), *reported = strdup(value);

	if (!put || !reported) {
		free(put);
		free(reported);
		return; /* the next event leads to another put */
	}
	free(own->put_value);
	free(own->value);
	own->put_value = put;
	own->value = reported;
	own->revision = revision;
}

void kube_own_report_former(struct kube_own *own)
{
	bool there = has_former(own);
	char key[STORE_KEY_SIZE];

	memcpy(key, own->former_key, sizeof(key));
	own->former_key[0] = '\0';
	if (there)
		own->listener->gone(own->listener_ctx, key, own->revision);
}
