/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/order.h"

#include "common/err.h"
#include "common/log.h"
#include "common/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define HEAD_SIZE 128
#define RECORD_SIZE 48
#define FAMILIES 2

static unsigned place_of(const struct order *order)
{
	return order->family == AF_INET6 ? 1 : 0;
}

static off_t record_offset(const struct order *order, uint64_t n)
{
	return (off_t)(FAMILIES * HEAD_SIZE +
		       RECORD_SIZE * (n % order->ring + ORDER_MOST * place_of(order)));
}

static void put(const struct order *order, const char *text, size_t size, off_t offset)
{
	if (order->read_only)
		return;
	if (pwrite(order->fd, text, size, offset) != (ssize_t)size)
		log_warn("cannot note the order of addresses", "error", strerrorname_np(errno));
}

static bool parse(const char *text, uint8_t family, struct ipaddr *addr_out)
{
	struct err unused = ERR_INIT;
	struct ipaddr addr;

	if (ipaddr_parse(text, &addr, &unused) < 0 || addr.family != family)
		return false;
	*addr_out = addr;
	return true;
}

struct order order_read(int fd, bool read_only, uint8_t family)
{
	struct order order = {
		.fd = fd, .read_only = read_only, .family = family, .ring = ORDER_FIRST
	};
	char text[HEAD_SIZE] = "", *rest = NULL;
	const char *last, *head_text, *tail_text, *ring_text;
	struct err unused = ERR_INIT;
	uint64_t head, tail, ring;

	if (fd < 0 || pread(fd, text, sizeof(text) - 1, place_of(&order) * HEAD_SIZE) <= 0)
		return order;
	last = strtok_r(text, " \n", &rest);
	head_text = strtok_r(NULL, " \n", &rest);
	tail_text = strtok_r(NULL, " \n", &rest);
	ring_text = strtok_r(NULL, " \n", &rest);
	/* Numbers that no pool ever counted to are damage, and would come round to 0. */
	if (ring_text && parse_u64(head_text, 0, INT64_MAX, &head, &unused) == 0 &&
	    parse_u64(tail_text, head, INT64_MAX, &tail, &unused) == 0 &&
	    parse_u64(ring_text, ORDER_FIRST, ORDER_MOST, &ring, &unused) == 0 &&
	    ORDER_MOST % ring == 0 && tail - head <= ring) {
		order.head = head;
		order.tail = tail;
		order.ring = ring;
	}
	if (last)
		(void)parse(last, family, &order.last);
	return order;
}

void order_write(const struct order *order)
{
	char text[HEAD_SIZE] = "", last[IPADDR_TEXT_SIZE];

	snprintf(text, sizeof(text), "%s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		 ipaddr_is_set(&order->last) ? ipaddr_text(&order->last, last) : "-", order->head,
		 order->tail, order->ring);
	put(order, text, sizeof(text), place_of(order) * HEAD_SIZE);
}

bool order_at(const struct order *order, uint64_t n, struct ipaddr *addr_out)
{
	char text[RECORD_SIZE] = "";

	if (pread(order->fd, text, sizeof(text) - 1, record_offset(order, n)) <= 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	return parse(text, order->family, addr_out);
}

void order_drop(struct order *order, uint64_t n)
{
	static const char blank[RECORD_SIZE];

	if (n == order->head)
		order->head++;
	else
		put(order, blank, sizeof(blank), record_offset(order, n));
}

/*
 * Doubles the ring. Its second half becomes a copy of the first, so that every record lies
 * where its number leads in both: to be killed here does no harm.
 */
static bool grow(struct order *order)
{
	static char records[256 * RECORD_SIZE];
	const off_t from = record_offset(order, 0);
	const off_t size = (off_t)(order->ring * RECORD_SIZE);
	ssize_t got;

	if (order->ring == ORDER_MOST)
		return false;
	for (off_t at = 0; at < size; at += got) {
		got = pread(order->fd, records, sizeof(records), from + at);
		if (got <= 0)
			return false;
		got = at + got > size ? size - at : got;
		if (pwrite(order->fd, records, (size_t)got, from + size + at) != got)
			return false;
	}
	order->ring *= 2;
	return true;
}

void order_append(struct order *order, const struct ipaddr *addr)
{
	char text[RECORD_SIZE] = "", shown[IPADDR_TEXT_SIZE];
	struct ipaddr end;

	if (!ipaddr_is_set(&order->last) || ipaddr_cmp(addr, &order->last) > 0)
		return;
	if (order->tail > order->head && order_at(order, order->tail - 1, &end) &&
	    ipaddr_equal(&end, addr))
		return;
	if (order->tail - order->head == order->ring && !grow(order))
		order->head++;
	snprintf(text, sizeof(text), "%s\n", ipaddr_text(addr, shown));
	put(order, text, sizeof(text), record_offset(order, order->tail));
	order->tail++;
}
