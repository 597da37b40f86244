/* SPDX-License-Identifier: Apache-2.0 */
#include "rules_elements.h"

#include "common/err.h"

#include <string.h>

static struct nft_element element_of(const struct ipaddr *addr, bool end)
{
	struct nft_element element = { .end = end };
	size_t size;
	const void *wire = ipaddr_wire(addr, &size);

	memcpy(element.key, wire, size);
	return element;
}

static int element_cmp(const void *a, const void *b)
{
	const struct nft_element *one = a, *other = b;
	int order = memcmp(one->key, other->key, sizeof(one->key));

	return order ? order : (int)other->end - (int)one->end;
}

bool rules_elements_add(struct rules_elements *elements, const struct ipaddr *addr)
{
	struct nft_element element = element_of(addr, false);

	return rules_elements_push(elements, &element);
}

void rules_elements_sort(struct rules_elements *elements)
{
	vec_sort(elements->at, elements->len, sizeof(*elements->at), element_cmp);
}

static bool make_room(struct rules_elements *elements, size_t len)
{
	*elements = (struct rules_elements){ .at = malloc((len + 1) * sizeof(*elements->at)) };
	elements->cap = len + 1;
	return elements->at;
}

bool rules_elements_copy(const struct rules_elements *from, struct rules_elements *copy_out)
{
	struct rules_elements copy;

	if (!make_room(&copy, from->len))
		return false;
	for (size_t i = 0; i < from->len; i++)
		if (!i || element_cmp(&from->at[i - 1], &from->at[i]))
			copy.at[copy.len++] = from->at[i];
	*copy_out = copy;
	return true;
}

bool rules_elements_patch(struct rules_elements *elements, const struct rules_elements *del,
			  const struct rules_elements *add)
{
	struct rules_elements made;
	size_t gone = 0, came = 0;

	if (!del->len && !add->len)
		return true;
	if (!make_room(&made, elements->len + add->len))
		return false;
	for (size_t i = 0; i < elements->len; i++) {
		const struct nft_element *element = &elements->at[i];

		while (came < add->len && element_cmp(&add->at[came], element) < 0)
			made.at[made.len++] = add->at[came++];
		while (gone < del->len && element_cmp(&del->at[gone], element) < 0)
			gone++;
		if (gone < del->len && !element_cmp(&del->at[gone], element))
			gone++;
		else
			made.at[made.len++] = *element;
	}
	while (came < add->len)
		made.at[made.len++] = add->at[came++];
	rules_elements_free(elements);
	*elements = made;
	return true;
}

bool rules_elements_equal(const struct rules_elements *a, const struct rules_elements *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (element_cmp(&a->at[i], &b->at[i]))
			return false;
	return true;
}

struct difference {
	struct rules_elements *add, *del;
};

static bool differ(void *ctx, const void *have, const void *want)
{
	const struct difference *difference = ctx;

	if (have && !want)
		return rules_elements_push(difference->del, have);
	if (want && !have)
		return rules_elements_push(difference->add, want);
	return true;
}

bool rules_elements_diff(const struct rules_elements *have, const struct rules_elements *want,
			 struct rules_elements *add_out, struct rules_elements *del_out)
{
	struct difference difference = { add_out, del_out };

	return vec_merge(have->at, have->len, want->at, want->len, sizeof(*have->at), element_cmp,
			 differ, &difference);
}

/* ---- Intervals --------------------------------------------------------------------------- */

static int by_first(const void *a, const void *b)
{
	struct ipaddr one = prefix_first(a), other = prefix_first(b);

	return ipaddr_cmp(&one, &other);
}

bool rules_ranges(const struct rules_prefixes *prefixes, struct rules_elements *elements_out)
{
	size_t i = 0;

	vec_sort(prefixes->at, prefixes->len, sizeof(*prefixes->at), by_first);
	while (i < prefixes->len) {
		struct ipaddr first = prefix_first(&prefixes->at[i]);
		struct ipaddr last = prefix_last(&prefixes->at[i]);
		struct ipaddr behind = ipaddr_add(&last, 1);
		struct nft_element element = element_of(&first, false);

		/* As long as the next one begins in this one, or right behind it. */
		for (i++; i < prefixes->len; i++) {
			struct ipaddr next = prefix_first(&prefixes->at[i]);
			struct ipaddr next_last = prefix_last(&prefixes->at[i]);

			if (ipaddr_cmp(&next, &last) > 0 && !ipaddr_equal(&next, &behind))
				break;
			if (ipaddr_cmp(&next_last, &last) > 0)
				last = next_last;
			behind = ipaddr_add(&last, 1);
		}
		if (!rules_elements_push(elements_out, &element))
			return false;
		element = element_of(&behind, true);
		/* Behind the very last address comes the first again. */
		if (ipaddr_cmp(&behind, &last) > 0 && !rules_elements_push(elements_out, &element))
			return false;
	}
	return true;
}

bool rules_special(enum family family, struct rules_prefixes *prefixes)
{
	static const char *const special[FAMILIES][2] = {
		[FAMILY_V4] = { "224.0.0.0/4", "255.255.255.255/32" },
		[FAMILY_V6] = { "fe80::/10", "ff00::/8" },
	};
	struct err unused;
	struct prefix prefix;

	for (size_t i = 0; i < 2; i++)
		if (prefix_parse(special[family][i], &prefix, &unused) < 0 ||
		    !rules_prefixes_push(prefixes, &prefix))
			return false;
	return true;
}
