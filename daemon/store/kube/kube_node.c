/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/kube/kube_node.h"

#include "common/array.h"
#include "common/err.h"
#include "common/hash.h"
#include "common/json/json.h"
#include "common/parse.h"
#include "common/vec.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define ANNOTATION_MAX (256 * 1024) /* the API's limit of all annotations of an object */
#define CIDRS_MAX 2

static const char *const suffixes[KUBE_ANNOTATIONS] = {
	[KUBE_BACKEND_DATA] = "backend-data",
	[KUBE_BACKEND_TYPE] = "backend-type",
	[KUBE_BACKEND_V6_DATA] = "backend-v6-data",
	[KUBE_MANAGER] = "kube-subnet-manager",
	[KUBE_PUBLIC_IP] = "public-ip",
	[KUBE_PUBLIC_IPV6] = "public-ipv6",
	[KUBE_PUBLIC_IP_OVERWRITE] = "public-ip-overwrite",
	[KUBE_PUBLIC_IPV6_OVERWRITE] = "public-ipv6-overwrite",
	[KUBE_NODE_PUBLIC_IP] = "node-public-ip",
	[KUBE_NODE_PUBLIC_IPV6] = "node-public-ipv6",
};

/* ---- Names ------------------------------------------------------------------------------- */

static bool is_name(const char *text)
{
	for (const char *c = text; *c; c++)
		if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) &&
		    !strchr("-_.", *c))
			return false;
	return true;
}

int kube_names_make(const char *prefix, struct kube_names *names_out, struct err *err)
{
	const char *slash = strchr(prefix, '/');
	size_t len = strlen(prefix);
	const char *link = !slash ? "/" : slash[1] && prefix[len - 1] != '-' ? "-" : "";
	char domain[KUBE_NODE_PREFIX_MAX + 1];

	snprintf(domain, sizeof(domain), "%.*s", slash ? (int)(slash - prefix) : (int)len, prefix);
	if (len > KUBE_NODE_PREFIX_MAX || !strchr(domain, '.') || domain[0] == '.' ||
	    !is_name(domain) || (slash && !is_name(slash + 1)))
		return err_set(err, ERR_CONFIG,
			       "\"%.200s\" is not of the form DOMAIN or DOMAIN/NAME in lower case",
			       prefix);
	for (size_t i = 0; i < KUBE_ANNOTATIONS; i++)
		if (suffixes[i])
			snprintf(names_out->at[i], sizeof(names_out->at[i]), "%s%s%s", prefix, link,
				 suffixes[i]);
	snprintf(names_out->at[KUBE_LEASE], sizeof(names_out->at[KUBE_LEASE]), KUBE_NODE_LEASE);
	return 0;
}

/* ---- Parsing ----------------------------------------------------------------------------- */

void kube_node_free(struct kube_node *node)
{
	free(node->name);
	free(node->uid);
	for (size_t i = 0; i < KUBE_ANNOTATIONS; i++)
		free(node->annotation[i]);
	memset(node, 0, sizeof(*node));
}

static bool copy(char **slot, const char *text)
{
	*slot = strdup(text);
	return *slot;
}

/* metadata.creationTimestamp in seconds; 0 if it is absent or is not a time. */
static uint64_t read_created(const struct jr *metadata)
{
	struct tm utc = { .tm_year = 0 };
	const char *end;

	if (!jr_is_str(metadata, "creationTimestamp"))
		return 0;
	end = strptime(jr_str(metadata, "creationTimestamp", ANNOTATION_MAX), "%Y-%m-%dT%H:%M:%SZ",
		       &utc);
	return end && !*end && utc.tm_year >= 70 ? (uint64_t)timegm(&utc) : 0;
}

static bool read_metadata(const struct jr *root, const struct kube_names *names,
			  struct kube_node *node)
{
	struct jr metadata = jr_obj(root, "metadata");
	struct jr annotations = jr_obj_opt(&metadata, "annotations");
	bool good;

	good = copy(&node->name, jr_str(&metadata, "name", KUBE_NAME_SIZE - 1)) &&
	       copy(&node->uid, jr_str(&metadata, "uid", KUBE_NAME_SIZE - 1));
	node->revision = jr_u64_text_opt(&metadata, "resourceVersion", 0);
	node->created = read_created(&metadata);
	if (good && !*node->name)
		jr_fault(&metadata, "name", "is empty");
	for (size_t i = 0; good && i < KUBE_ANNOTATIONS && !jr_is_absent(&annotations); i++)
		if (jr_has(&annotations, names->at[i]))
			good = copy(&node->annotation[i],
				    jr_str(&annotations, names->at[i], ANNOTATION_MAX));
	return good;
}

static void add_cidr(const struct jr *at, const char *key, struct kube_node *node)
{
	struct prefix cidr = jr_prefix(at, key);
	enum family family = ipaddr_family(&cidr.addr);

	if (!prefix_is_set(&cidr))
		return;
	cidr = prefix_masked(&cidr);
	if (prefix_is_set(&node->cidr[family]) && !prefix_equal(&node->cidr[family], &cidr))
		jr_fault(at, key, "is the second one of its family");
	node->cidr[family] = cidr;
}

/* flannel reads podCIDR where podCIDRs, which came later, is empty. */
static void read_spec(const struct jr *root, struct kube_node *node)
{
	struct jr spec = jr_obj_opt(root, "spec"), cidrs, cidr;

	node->whole = jr_has(root, "spec") || jr_has(root, "status");
	if (jr_is_absent(&spec))
		return;
	cidrs = jr_arr_opt(&spec, "podCIDRs");
	if (jr_len(&cidrs) > CIDRS_MAX)
		jr_fault(&spec, "podCIDRs", "has more than %d elements", CIDRS_MAX);
	for (size_t i = 0; jr_each(&cidrs, &i, &cidr);)
		add_cidr(&cidr, NULL, node);
	if (!jr_len(&cidrs) && jr_is_str(&spec, "podCIDR") && *jr_str(&spec, "podCIDR", 64))
		add_cidr(&spec, "podCIDR", node);
}

int kube_node_read(struct json *json, const struct jr *root, const struct kube_names *names,
		   struct kube_node *node_out, struct err *err)
{
	AUTO(kube_node) struct kube_node node = { .revision = 0 };
	bool good = read_metadata(root, names, &node);

	read_spec(root, &node);
	if (!good)
		return err_nomem(err, "a Node");
	if (jr_done(json, ERR_DECODE, err) < 0)
		return *node.name ? err_wrap(err, "node %.100s", node.name) : -1;
	*node_out = node;
	memset(&node, 0, sizeof(node));
	return 0;
}

/* Parses a document that has a Node, without what is not read. */
static int parse(const char *text, size_t size, const char *what, struct json_member *members,
		 size_t len, struct json **json_out, struct err *err)
{
	static const char *const unread[] = { "managedFields", "labels",    "conditions",
					      "images",        "addresses", NULL };
	const struct json_selection selection = { unread, members, len };

	return json_parse_selected(text, size, KUBE_NODE_MAX, JSON_LAST_DUPLICATE, &selection, what,
				   json_out, err);
}

/* Returns 0 if one of them was not found. */
static uint64_t hash_members(const struct json_member *uid, const struct json_member *annotations)
{
	return uid->text && annotations->text ? hash_add(hash_add(HASH_INIT, uid->text, uid->size),
							 annotations->text, annotations->size) :
						0;
}

int kube_node_parse(const char *text, size_t size, const struct kube_names *names,
		    struct kube_node *node_out, struct err *err)
{
	struct json_member found[] = { { .path = { "metadata", "uid" } },
				       { .path = { "metadata", "annotations" } } };
	AUTO(json) struct json *json = NULL;
	struct jr root;

	if (parse(text, size, "Node", found, ARRAY_LEN(found), &json, err) < 0)
		return -1;
	root = jr_root(json);
	if (kube_node_read(json, &root, names, node_out, err) < 0)
		return -1;
	node_out->digest = hash_members(&found[0], &found[1]);
	return 0;
}

/* ---- Watch events ------------------------------------------------------------------------ */

int kube_node_parse_event(const char *text, size_t size, struct json **json_out, struct err *err)
{
	return parse(text, size, "watch event", NULL, 0, json_out, err);
}

static bool is_text(const struct json_member *member, const char *text)
{
	return member->text && member->size == strlen(text) &&
	       !memcmp(member->text, text, member->size);
}

/* Copies a string without escapes, which is not empty. */
static bool copy_string(const struct json_member *member, char *buf, size_t size)
{
	size_t len = member->text && *member->text == '"' ? member->size - 2 : 0;

	if (!len || len >= size || memchr(member->text, '\\', member->size))
		return false;
	memcpy(buf, member->text + 1, len);
	buf[len] = '\0';
	return true;
}

bool kube_digest_read(const char *text, size_t size, struct kube_digest *digest_out)
{
	struct json_member found[] = {
		{ .path = { "type" } },
		{ .path = { "object", "metadata", "name" } },
		{ .path = { "object", "metadata", "resourceVersion" } },
		{ .path = { "object", "metadata", "uid" } },
		{ .path = { "object", "metadata", "annotations" } },
		{ .path = { "object", "spec" } },
		{ .path = { "object", "status" } },
	};
	char revision[24];
	struct err ignored;

	if (json_find(text, size, KUBE_NODE_MAX, "watch event", found, ARRAY_LEN(found), &ignored) <
	    0)
		return false;
	digest_out->hash = hash_members(&found[3], &found[4]);
	return digest_out->hash &&
	       (is_text(&found[0], "\"ADDED\"") || is_text(&found[0], "\"MODIFIED\"")) &&
	       copy_string(&found[1], digest_out->name, sizeof(digest_out->name)) &&
	       copy_string(&found[2], revision, sizeof(revision)) &&
	       parse_u64(revision, 0, UINT64_MAX, &digest_out->revision, &ignored) == 0 &&
	       !found[5].text && !found[6].text;
}

/* ---- Leases ------------------------------------------------------------------------------ */

bool kube_node_has_lease(const struct kube_node *node)
{
	const char *manager = node->annotation[KUBE_MANAGER];

	return manager && !strcmp(manager, "true") && node->annotation[KUBE_BACKEND_TYPE];
}

/* ---- Keys -------------------------------------------------------------------------------- */

void kube_key(const struct prefix subnet[static FAMILIES], char key[static STORE_KEY_SIZE])
{
	char addr[IPADDR_TEXT_SIZE];
	size_t len = 0;

	key[0] = '\0';
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&subnet[f]))
			len += (size_t)snprintf(key + len, STORE_KEY_SIZE - len, "%s%s-%u",
						len ? "&" : "", ipaddr_text(&subnet[f].addr, addr),
						subnet[f].len);
}

/* Reads the subnets in weft's annotation. */
static int read_subnets(const struct kube_node *node, struct prefix subnet[static FAMILIES],
			struct err *err)
{
	const char *text = node->annotation[KUBE_LEASE];
	AUTO(json) struct json *json = NULL;
	struct kube_node found = { .revision = 0 };
	struct jr root, subnets, at;

	if (json_parse(text, strlen(text), ANNOTATION_MAX, JSON_LAST_DUPLICATE, KUBE_NODE_LEASE,
		       &json, err) < 0)
		return -1;
	root = jr_root(json);
	subnets = jr_arr(&root, "Subnets");
	for (size_t i = 0; jr_each(&subnets, &i, &at);)
		add_cidr(&at, NULL, &found);
	memcpy(subnet, found.cidr, sizeof(found.cidr));
	return jr_done(json, ERR_DECODE, err);
}

/* Whether the annotation names a subnet that is not in spec.podCIDRs. */
static int check_subnets(const struct kube_node *node, const struct prefix subnet[static FAMILIES],
			 struct err *err)
{
	char named[PREFIX_TEXT_SIZE], assigned[PREFIX_TEXT_SIZE];

	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&subnet[f]) && !prefix_equal(&subnet[f], &node->cidr[f]))
			return err_set(err, ERR_DECODE,
				       "annotation " KUBE_NODE_LEASE
				       " has the subnet %s, but spec.podCIDRs has %s",
				       prefix_text(&subnet[f], named),
				       prefix_is_set(&node->cidr[f]) ?
					       prefix_text(&node->cidr[f], assigned) :
					       "none of this family");
	return 0;
}

int kube_node_key(const struct kube_node *node, char key[static STORE_KEY_SIZE], struct err *err)
{
	struct prefix subnet[FAMILIES] = { 0 };
	bool named = node->annotation[KUBE_LEASE];

	if (!named && !node->whole)
		return 0;
	if (named && (read_subnets(node, subnet, err) < 0 ||
		      (node->whole && check_subnets(node, subnet, err) < 0)))
		return err_wrap(err, "node %.100s", node->name);
	kube_key(node->whole ? node->cidr : subnet, key);
	return *key != '\0';
}

/* ---- Values ------------------------------------------------------------------------------ */

/* JSON as it is, and any other text as a string, which the reader of the value refuses. */
static void put_json(struct jb_at at, const char *key, const char *text)
{
	AUTO(json) struct json *json = NULL;
	struct err ignored;

	if (json_parse(text, strlen(text), ANNOTATION_MAX, JSON_LAST_DUPLICATE, "annotation", &json,
		       &ignored) == 0)
		jb_raw(at, key, text);
	else
		jb_str(at, key, text);
}

static void put_text(struct jb_at at, const char *key, const char *text)
{
	if (text)
		jb_str(at, key, text);
	else
		jb_null(at, key);
}

/*
 * The Weft member of a peer. Its Node and Name are what the API server assigns, in any spelling of
 * the keys: a kubelet could name another node.
 */
static void put_peer(struct jb_at root, const struct kube_node *node)
{
	const char *text = node->annotation[KUBE_LEASE];
	AUTO(json) struct json *json = NULL;
	struct jb_at weft;
	struct jr from, member;
	struct err ignored;
	bool is_weft = false;

	if (json_parse(text, strlen(text), ANNOTATION_MAX, JSON_ANY_CASE | JSON_LAST_DUPLICATE,
		       "annotation", &json, &ignored) < 0) {
		jb_str(root, "Weft", text);
		return;
	}
	from = jr_root(json);
	weft = jb_obj(root, "Weft");
	for (size_t i = 0; jr_each(&from, &i, &member);) {
		AUTO(free) char *value = jr_text(&member, NULL);
		bool is_node = member.key && !strcasecmp(member.key, "Node");

		is_weft = is_weft || is_node;
		if (member.key && value && !is_node && strcasecmp(member.key, "Name") != 0)
			jb_raw(weft, member.key, value);
	}
	if (is_weft && parse_uuid(node->uid, &ignored) == 0)
		jb_str(weft, "Node", node->uid);
	jb_str(weft, "Name", node->name);
}

static int make_value(const struct kube_node *node, bool peer, char **value_out, struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	char *const *text = node->annotation;
	struct jb_at root;

	if (!jb)
		return err_nomem(err, "a lease value");
	root = jb_root(jb);
	put_text(root, "PublicIP", text[KUBE_PUBLIC_IP]);
	put_text(root, "PublicIPv6", text[KUBE_PUBLIC_IPV6]);
	put_text(root, "BackendType", text[KUBE_BACKEND_TYPE]);
	if (text[KUBE_BACKEND_DATA])
		put_json(root, "BackendData", text[KUBE_BACKEND_DATA]);
	if (text[KUBE_BACKEND_V6_DATA])
		put_json(root, "BackendV6Data", text[KUBE_BACKEND_V6_DATA]);
	if (text[KUBE_LEASE] && peer)
		put_peer(root, node);
	else if (text[KUBE_LEASE])
		put_json(root, "Weft", text[KUBE_LEASE]);
	else
		jb_str(jb_obj(root, "Weft"), "Name", node->name);
	return jb_text(jb, value_out, err);
}

int kube_node_peer_value(const struct kube_node *node, char **value_out, struct err *err)
{
	return make_value(node, true, value_out, err);
}

/* Whether this is the annotation of a weft node with this id. */
static bool has_id(const char *text, const char *id)
{
	AUTO(json) struct json *json = NULL;
	struct err ignored;
	struct jr root;

	if (!text || json_parse(text, strlen(text), ANNOTATION_MAX, JSON_LAST_DUPLICATE,
				KUBE_NODE_LEASE, &json, &ignored) < 0)
		return false;
	root = jr_root(json);
	return !strcmp(jr_str_opt(&root, "Node", 64, ""), id);
}

static bool is_address(const char *text, int family)
{
	struct ipaddr addr;
	struct err ignored;

	return text && ipaddr_parse(text, &addr, &ignored) == 0 && addr.family == family;
}

static bool is_data(const char *text)
{
	AUTO(json) struct json *json = NULL;
	struct err ignored;
	struct jr root;

	if (!text)
		return true;
	if (json_parse(text, strlen(text), ANNOTATION_MAX, JSON_LAST_DUPLICATE, "backend-data",
		       &json, &ignored) < 0)
		return false;
	root = jr_root(json);
	jr_u32(&root, "VNI", 0, UINT32_MAX);
	jr_mac(&root, "VtepMAC");
	return jr_done(json, ERR_DECODE, &ignored) == 0;
}

/* Whether the annotations are those of a vxlan lease that its reader accepts. */
static bool is_valid_lease(const struct kube_node *node)
{
	char *const *text = node->annotation;

	return kube_node_has_lease(node) && !strcmp(text[KUBE_BACKEND_TYPE], "vxlan") &&
	       (!prefix_is_set(&node->cidr[FAMILY_V4]) ||
		(is_address(text[KUBE_PUBLIC_IP], AF_INET) && text[KUBE_BACKEND_DATA])) &&
	       (!text[KUBE_PUBLIC_IPV6] || is_address(text[KUBE_PUBLIC_IPV6], AF_INET6)) &&
	       is_data(text[KUBE_BACKEND_DATA]) && is_data(text[KUBE_BACKEND_V6_DATA]);
}

int kube_node_own_value(const struct kube_node *node, const char *id, char **value_out,
			struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	AUTO(free) char *weft = NULL;
	struct kube_node copy = *node;
	struct jb_at root, member;

	if (!jb)
		return err_nomem(err, "a lease value");
	if (is_valid_lease(node) && has_id(node->annotation[KUBE_LEASE], id))
		return make_value(node, false, value_out, err);
	root = jb_root(jb);
	if (is_valid_lease(node)) {
		jb_str(root, "Node", id);
		jb_str(root, "Name", node->name);
		if (jb_text(jb, &weft, err) < 0)
			return -1;
		copy.annotation[KUBE_LEASE] = weft;
		return make_value(&copy, false, value_out, err);
	}
	jb_str(root, "PublicIP", "0.0.0.0");
	jb_null(root, "PublicIPv6");
	jb_str(root, "BackendType", "reserved");
	member = jb_obj(root, "Weft");
	jb_str(member, "Node", id);
	jb_str(member, "Name", node->name);
	return jb_text(jb, value_out, err);
}

/* ---- Patches ----------------------------------------------------------------------------- */

/* The annotations that a lease value leads to; malloc'ed. */
struct wanted {
	char *text[KUBE_LEASE + 1]; /* NULL: absent */
};

static void wanted_free(struct wanted *wanted)
{
	for (size_t i = 0; i < ARRAY_LEN(wanted->text); i++)
		free(wanted->text[i]);
}
AUTO_DEFINE_VALUE(wanted, struct wanted, wanted_free);

static char *copy_text(const struct jr *at, const char *key)
{
	return jr_has(at, key) ? strdup(jr_str(at, key, ANNOTATION_MAX)) : NULL;
}

/* The "Weft" member with the subnets of the Node as its last member. */
static char *lease_annotation(const struct kube_node *node, const struct jr *root)
{
	AUTO(free) char *weft = jr_text(root, "Weft");
	char subnets[2 * PREFIX_TEXT_SIZE + 8] = "", text[PREFIX_TEXT_SIZE], *result;
	size_t len = weft ? strlen(weft) : 0, used = 0;

	if (len < 2 || weft[len - 1] != '}')
		return NULL;
	weft[len - 1] = '\0';
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&node->cidr[f]))
			used += (size_t)snprintf(subnets + used, sizeof(subnets) - used, "%s\"%s\"",
						 used ? "," : "",
						 prefix_text(&node->cidr[f], text));
	if (asprintf(&result, "%s%s\"Subnets\":[%s]}", weft, len > 2 ? "," : "", subnets) < 0)
		return NULL;
	return result;
}

/* What an operator has set instead of the node's address. */
static void overwrite(const struct kube_node *node, enum kube_annotation first,
		      enum kube_annotation second, char **slot)
{
	const char *text = node->annotation[first] ? node->annotation[first] :
						     node->annotation[second];
	struct ipaddr addr;
	struct err ignored;

	if (!text || ipaddr_parse(text, &addr, &ignored) < 0)
		return;
	free(*slot);
	*slot = strdup(text);
}

static int make_wanted(const struct kube_node *node, const char *value, struct wanted *wanted,
		       struct err *err)
{
	AUTO(json) struct json *json = NULL;
	char **text = wanted->text;
	struct jr root;

	if (json_parse(value, strlen(value), ANNOTATION_MAX, JSON_STRICT, "lease", &json, err) < 0)
		return -1;
	root = jr_root(json);
	text[KUBE_BACKEND_DATA] = jr_text(&root, "BackendData");
	text[KUBE_BACKEND_TYPE] = copy_text(&root, "BackendType");
	text[KUBE_BACKEND_V6_DATA] = jr_text(&root, "BackendV6Data");
	text[KUBE_MANAGER] = strdup("true");
	text[KUBE_PUBLIC_IP] = copy_text(&root, "PublicIP");
	text[KUBE_PUBLIC_IPV6] = copy_text(&root, "PublicIPv6");
	text[KUBE_LEASE] = lease_annotation(node, &root);
	overwrite(node, KUBE_PUBLIC_IP_OVERWRITE, KUBE_NODE_PUBLIC_IP, &text[KUBE_PUBLIC_IP]);
	overwrite(node, KUBE_PUBLIC_IPV6_OVERWRITE, KUBE_NODE_PUBLIC_IPV6, &text[KUBE_PUBLIC_IPV6]);
	if (!text[KUBE_MANAGER] || !text[KUBE_BACKEND_TYPE] || !text[KUBE_LEASE])
		return err_set(err, ERR_DECODE, "the value has no BackendType or Weft member");
	return jr_done(json, ERR_DECODE, err);
}

static int name_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Keys sorted, only what differs, as flannel's. *patch_out NULL: nothing differs. */
static int make_patch(const struct kube_node *node, const struct kube_names *names,
		      const struct wanted *wanted, char **patch_out, struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	const char *sorted[KUBE_LEASE + 1];
	struct jb_at metadata, annotations;
	bool differs = false;

	if (!jb)
		return err_nomem(err, "a patch");
	metadata = jb_obj(jb_root(jb), "metadata");
	annotations = jb_obj(metadata, "annotations");
	for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
		sorted[i] = names->at[i];
	vec_sort(sorted, ARRAY_LEN(sorted), sizeof(*sorted), name_cmp);
	for (size_t k = 0; k < ARRAY_LEN(sorted); k++) {
		size_t i = 0;

		while (sorted[k] != names->at[i])
			i++;
		if (wanted->text[i] &&
		    (!node->annotation[i] || strcmp(wanted->text[i], node->annotation[i]) != 0))
			jb_str(annotations, sorted[k], wanted->text[i]);
		else if (!wanted->text[i] && node->annotation[i])
			jb_null(annotations, sorted[k]);
		else
			continue;
		differs = true;
	}
	jb_u64_text(metadata, "resourceVersion", node->revision);
	*patch_out = NULL;
	return differs ? jb_text(jb, patch_out, err) : 0;
}

int kube_node_patch(const struct kube_node *node, const struct kube_names *names, const char *value,
		    char **patch_out, struct err *err)
{
	AUTO(wanted) struct wanted wanted = { { NULL } };

	if (make_wanted(node, value, &wanted, err) < 0)
		return -1;
	return make_patch(node, names, &wanted, patch_out, err);
}

int kube_node_patch_leave(const struct kube_node *node, const struct kube_names *names,
			  char **patch_out, struct err *err)
{
	const struct wanted none = { { NULL } };

	return make_patch(node, names, &none, patch_out, err);
}

int kube_node_patch_condition(bool available, uint64_t now, char **patch_out, struct err *err)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at conditions, condition;
	time_t seconds = (time_t)now;
	char when[32] = "";
	struct tm utc;

	if (!jb)
		return err_nomem(err, "a patch");
	if (gmtime_r(&seconds, &utc))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
	conditions = jb_arr(jb_obj(jb_root(jb), "status"), "conditions");
	condition = jb_obj(conditions, NULL);
	jb_str(condition, "type", "NetworkUnavailable");
	jb_str(condition, "status", available ? "False" : "True");
	jb_str(condition, "lastHeartbeatTime", when);
	jb_str(condition, "lastTransitionTime", when);
	jb_str(condition, "reason", available ? "WeftIsUp" : "WeftHasLeft");
	jb_str(condition, "message",
	       available ? "weft is running on this node" : "weft has left this node");
	return jb_text(jb, patch_out, err);
}
