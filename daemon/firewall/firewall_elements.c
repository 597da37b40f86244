/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/firewall_elements.h"

#include "common/err.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- Entries ------------------------------------------------------------------------------ */

/*
 * An entry is the key and one byte, so that memcmp(3) orders entries by key, and the end of an
 * interval before the start of the next one.
 */
enum { ENTRY_END, ENTRY_ELEMENT };

static size_t entry_size(const struct firewall_elements *elements)
{
	return elements->key_size + 1;
}

static uint8_t *entry(const struct firewall_elements *elements, size_t i)
{
	return elements->at + i * entry_size(elements);
}

static int entry_cmp(const void *a, const void *b, void *size)
{
	return memcmp(a, b, *(const size_t *)size);
}

/* All elements of a list have keys of one size: those of one set. */
static void set_key_size(struct firewall_elements *elements, size_t key_size)
{
	assert(key_size <= NFT_KEY_SIZE && (!elements->at || elements->key_size == key_size));
	elements->key_size = key_size;
}

bool firewall_elements_reserve(struct firewall_elements *elements, size_t key_size, size_t len)
{
	void *items = elements->at;
	bool good;

	set_key_size(elements, key_size);
	good = vec_reserve(&items, len, &elements->cap, entry_size(elements), VEC_MAX);
	elements->at = items;
	return good;
}

bool firewall_elements_push(struct firewall_elements *elements, size_t key_size,
			    const struct nft_element *element)
{
	void *items = elements->at;
	uint8_t *place;

	set_key_size(elements, key_size);
	if (!vec_grow(&items, elements->len, &elements->cap, entry_size(elements), VEC_MAX))
		return false;
	elements->at = items;
	place = entry(elements, elements->len++);
	memcpy(place, element->key, key_size);
	place[key_size] = element->end ? ENTRY_END : ENTRY_ELEMENT;
	return true;
}

struct nft_element firewall_elements_get(const struct firewall_elements *elements, size_t i)
{
	struct nft_element element = { .end = entry(elements, i)[elements->key_size] == ENTRY_END };

	memcpy(element.key, entry(elements, i), elements->key_size);
	return element;
}

void firewall_elements_clear(struct firewall_elements *elements)
{
	elements->len = 0;
}

void firewall_elements_free(struct firewall_elements *elements)
{
	free(elements->at);
	*elements = (struct firewall_elements){ .len = 0 };
}

/* ---- Lists -------------------------------------------------------------------------------- */

static bool add_address(struct firewall_elements *elements, const struct ipaddr *addr, bool end)
{
	struct nft_element element = { .end = end };
	size_t size;
	const void *wire = ipaddr_wire(addr, &size);

	memcpy(element.key, wire, size);
	return firewall_elements_push(elements, size, &element);
}

bool firewall_elements_add(struct firewall_elements *elements, const struct ipaddr *addr)
{
	return add_address(elements, addr, false);
}

void firewall_elements_sort(struct firewall_elements *elements)
{
	size_t size = entry_size(elements), i = 1;

	/* Sorted input, which is frequent, costs one iteration. */
	while (i < elements->len && memcmp(entry(elements, i - 1), entry(elements, i), size) <= 0)
		i++;
	if (i < elements->len)
		qsort_r(elements->at, elements->len, size, entry_cmp, &size);
}

static bool make_room(struct firewall_elements *elements, size_t key_size, size_t len)
{
	*elements = (struct firewall_elements){ .key_size = key_size, .cap = len + 1 };
	elements->at = reallocarray(NULL, elements->cap, entry_size(elements));
	return elements->at;
}

static bool is_duplicate(const struct firewall_elements *elements, size_t i)
{
	return !memcmp(entry(elements, i - 1), entry(elements, i), entry_size(elements));
}

static void append(struct firewall_elements *elements, const struct firewall_elements *from,
		   size_t first, size_t len)
{
	if (len)
		memcpy(entry(elements, elements->len), entry(from, first), len * entry_size(from));
	elements->len += len;
}

bool firewall_elements_copy(const struct firewall_elements *from,
			    struct firewall_elements *copy_out)
{
	struct firewall_elements copy;

	if (!make_room(&copy, from->key_size, from->len))
		return false;
	for (size_t i = 0, run; i < from->len; i += run) {
		for (run = 1; i + run < from->len && !is_duplicate(from, i + run); run++)
			;
		append(&copy, from, i, run);
		while (i + run < from->len && is_duplicate(from, i + run))
			i++;
	}
	*copy_out = copy;
	return true;
}

/* Returns the index of the first entry from `first` on that is not less than the key. */
static size_t find_place(const struct firewall_elements *elements, size_t first, const uint8_t *key)
{
	const size_t size = entry_size(elements);
	size_t low = first, high = elements->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(entry(elements, middle), key, size) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The entries between two changed ones are copied as one block. */
bool firewall_elements_patch(struct firewall_elements *elements,
			     const struct firewall_elements *del,
			     const struct firewall_elements *add)
{
	const size_t key_size = add->len ? add->key_size : elements->key_size;
	struct firewall_elements made;
	size_t gone = 0, came = 0, seen = 0;

	if (!del->len && !add->len)
		return true;
	if (!make_room(&made, key_size, elements->len + add->len))
		return false;
	while (gone < del->len || came < add->len) {
		const bool removes = came == add->len ||
				     (gone < del->len && memcmp(entry(del, gone), entry(add, came),
								entry_size(del)) <= 0);
		const uint8_t *key = removes ? entry(del, gone++) : entry(add, came);
		const size_t place = find_place(elements, seen, key);

		append(&made, elements, seen, place - seen);
		seen = place;
		if (!removes)
			append(&made, add, came++, 1);
		else if (seen < elements->len &&
			 !memcmp(entry(elements, seen), key, entry_size(del)))
			seen++;
	}
	append(&made, elements, seen, elements->len - seen);
	firewall_elements_free(elements);
	*elements = made;
	return true;
}

bool firewall_elements_equal(const struct firewall_elements *a, const struct firewall_elements *b)
{
	return a->len == b->len && (!a->len || (a->key_size == b->key_size &&
						!memcmp(a->at, b->at, a->len * entry_size(a))));
}

static bool push_entry(struct firewall_elements *elements, const struct firewall_elements *from,
		       size_t i)
{
	const struct nft_element element = firewall_elements_get(from, i);

	return firewall_elements_push(elements, from->key_size, &element);
}

bool firewall_elements_diff(const struct firewall_elements *have,
			    const struct firewall_elements *want, struct firewall_elements *add_out,
			    struct firewall_elements *del_out)
{
	size_t i = 0, k = 0;

	while (i < have->len || k < want->len) {
		int order = i == have->len ? 1 : -1;

		if (i < have->len && k < want->len)
			order = memcmp(entry(have, i), entry(want, k), entry_size(have));
		if ((order < 0 && !push_entry(del_out, have, i)) ||
		    (order > 0 && !push_entry(add_out, want, k)))
			return false;
		i += order <= 0;
		k += order >= 0;
	}
	return true;
}

/* ---- Intervals --------------------------------------------------------------------------- */

static int by_first(const void *a, const void *b)
{
	struct ipaddr one = prefix_first(a), other = prefix_first(b);

	return ipaddr_cmp(&one, &other);
}

bool firewall_elements_of_prefixes(const struct firewall_prefixes *prefixes,
				   struct firewall_elements *elements_out)
{
	size_t i = 0;

	vec_sort(prefixes->at, prefixes->len, sizeof(*prefixes->at), by_first);
	while (i < prefixes->len) {
		struct ipaddr first = prefix_first(&prefixes->at[i]);
		struct ipaddr last = prefix_last(&prefixes->at[i]);
		struct ipaddr behind = ipaddr_add(&last, 1);

		/* Merges the prefixes that begin in the interval or right after it. */
		for (i++; i < prefixes->len; i++) {
			struct ipaddr next = prefix_first(&prefixes->at[i]);
			struct ipaddr next_last = prefix_last(&prefixes->at[i]);

			if (ipaddr_cmp(&next, &last) > 0 && !ipaddr_equal(&next, &behind))
				break;
			if (ipaddr_cmp(&next_last, &last) > 0)
				last = next_last;
			behind = ipaddr_add(&last, 1);
		}
		if (!add_address(elements_out, &first, false))
			return false;
		/* After the highest address the increment wraps around. */
		if (ipaddr_cmp(&behind, &last) > 0 && !add_address(elements_out, &behind, true))
			return false;
	}
	return true;
}

bool firewall_add_special(enum family family, struct firewall_prefixes *prefixes)
{
	static const char *const special[FAMILIES][2] = {
		[FAMILY_V4] = { "224.0.0.0/4", "255.255.255.255/32" },
		[FAMILY_V6] = { "fe80::/10", "ff00::/8" },
	};
	struct err unused;
	struct prefix prefix;

	for (size_t i = 0; i < 2; i++)
		if (prefix_parse(special[family][i], &prefix, &unused) < 0 ||
		    !firewall_prefixes_push(prefixes, &prefix))
			return false;
	return true;
}
