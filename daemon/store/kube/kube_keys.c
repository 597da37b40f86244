/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/kube/kube_keys.h"

#include "common/err.h"

#include <stdio.h>
#include <string.h>

void kube_keys_free(struct kube_keys *keys)
{
	kube_subnets_free(&keys->subnets);
	memset(keys->by_len, 0, sizeof(keys->by_len));
}

static int subnet_cmp(const void *a, const void *b)
{
	const struct kube_subnet *left = a, *right = b;
	int order = prefix_cmp(&left->prefix, &right->prefix);

	return order ? order : strcmp(left->name, right->name);
}

/* "a-24&b-64" is a/24 and b/64. Returns their number. */
static size_t split(const char *key, const char *name,
		    struct kube_subnet parts_out[static FAMILIES])
{
	char text[PREFIX_TEXT_SIZE], *dash;
	struct err ignored;
	size_t len, n = 0;

	for (const char *at = key; *at && n < FAMILIES; at += len + (at[len] == '&')) {
		len = strcspn(at, "&");
		snprintf(text, sizeof(text), "%.*s", (int)len, at);
		dash = strrchr(text, '-');
		if (dash)
			*dash = '/';
		if (prefix_parse(text, &parts_out[n].prefix, &ignored) == 0)
			parts_out[n++].name = name;
	}
	return n;
}

bool kube_keys_add(struct kube_keys *keys, const char *key, const char *name)
{
	struct kube_subnets *subnets = &keys->subnets;
	struct kube_subnet parts[FAMILIES];
	size_t len = split(key, name, parts);

	/* Twice as many each time: keys are added one by one. */
	if (subnets->len + len > subnets->cap &&
	    !kube_subnets_reserve(subnets, 2 * subnets->len + len))
		return false;
	for (size_t i = 0; i < len; i++) {
		subnets->len = vec_insert(subnets->at, subnets->len, sizeof(*parts), subnet_cmp,
					  &parts[i], 1);
		keys->by_len[parts[i].prefix.len]++;
	}
	return true;
}

void kube_keys_remove(struct kube_keys *keys, const char *key, const char *name)
{
	struct kube_subnets *subnets = &keys->subnets;
	struct kube_subnet parts[FAMILIES];
	size_t len = split(key, name, parts);

	for (size_t i = 0; i < len; i++) {
		size_t before = subnets->len;

		subnets->len = vec_remove(subnets->at, subnets->len, sizeof(*parts), subnet_cmp,
					  &parts[i], 1);
		keys->by_len[parts[i].prefix.len] -= (uint32_t)(before - subnets->len);
	}
}

/* Of the subnets from prefix on, those that it contains, or only those that equal it. */
static const char *find_from(const struct kube_keys *keys, const struct prefix *prefix, bool inner,
			     bool (*accept)(void *ctx, const char *name), void *ctx)
{
	const struct kube_subnets *subnets = &keys->subnets;
	const struct kube_subnet first = { *prefix, "" };

	for (size_t i = vec_place(subnets->at, subnets->len, sizeof(first), subnet_cmp, &first);
	     i < subnets->len; i++) {
		const struct kube_subnet *at = &subnets->at[i];

		if (inner ? !prefix_covers(prefix, &at->prefix) :
			    !prefix_equal(prefix, &at->prefix))
			break;
		if (accept(ctx, at->name))
			return at->name;
	}
	return NULL;
}

const char *kube_keys_find(const struct kube_keys *keys, const char *key,
			   bool (*accept)(void *ctx, const char *name), void *ctx)
{
	struct kube_subnet parts[FAMILIES];
	size_t n = split(key, "", parts);
	const char *found = NULL;

	for (size_t i = 0; i < n && !found; i++) {
		struct prefix outer = parts[i].prefix;

		found = find_from(keys, &outer, true, accept, ctx);
		while (!found && outer.len > 0) {
			outer.len--;
			if (!keys->by_len[outer.len])
				continue;
			outer = prefix_masked(&outer);
			found = find_from(keys, &outer, false, accept, ctx);
		}
	}
	return found;
}

bool kube_keys_overlap(const char *a, const char *b)
{
	struct kube_subnet left[FAMILIES], right[FAMILIES];
	size_t left_len = split(a, "", left), right_len = split(b, "", right);

	for (size_t i = 0; i < left_len; i++)
		for (size_t k = 0; k < right_len; k++)
			if (prefix_overlaps(&left[i].prefix, &right[k].prefix))
				return true;
	return false;
}
