/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of the plugin: of an attachment (first byte even), and the allocation queue of
 * addresses (odd). No queue yields an address of another family.
 */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "ipam/alloc_queue.h"
#include "ipam/attachment.h"

#include <sys/mman.h>
#include <unistd.h>

static int file_of(const uint8_t *data, size_t size)
{
	int fd = memfd_create("record", MFD_CLOEXEC);

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	return fd;
}

static void read_attachment(int fd)
{
	/* In the corpus, the file name is that of the three parts. */
	static const struct attachment_key key = { "default", "c1", "eth0" };
	struct attachment_lock lock = { .run_dir = "/run/weft",
					.network = "default",
					.dir_fd = -1 };
	struct attachment record, again;
	struct err err = ERR_INIT;
	int found;

	snprintf(lock.name, sizeof(lock.name), "%016jx", (uintmax_t)attachment_hash(&key));
	lock.fd = fd;
	lock.key = &key;
	found = attachment_read(&lock, &record, &err);
	require(found >= 0 || *err.text);
	if (found != 1)
		return;
	require(record.address_len <= ATTACHMENT_ADDRESSES);
	require(attachment_write(&lock, &record, &err) == 0);
	require(attachment_read(&lock, &again, &err) == 1);
	require(strcmp(again.netns, record.netns) == 0 && again.address_len == record.address_len);
	require(strcmp(again.host_veth, record.host_veth) == 0);
	require(memcmp(&again.pod, &record.pod, sizeof(record.pod)) == 0);
}

static void check_queue(const struct alloc_queue *order, uint8_t family)
{
	require(order->tail - order->head <= order->ring && order->ring <= ALLOC_QUEUE_MAX);
	require(!ipaddr_is_set(&order->last) || order->last.family == family);
	for (uint64_t n = order->head; n < order->tail; n++) {
		struct ipaddr addr;

		require(!alloc_queue_at(order, n, &addr) || addr.family == family);
	}
}

static void use_order(int fd, uint8_t family)
{
	struct alloc_queue order = alloc_queue_read(fd, false, family), again;
	struct ipaddr addr;
	uint64_t tail = order.tail;

	check_queue(&order, family);
	if (order.tail > order.head)
		alloc_queue_drop(&order, order.head + (order.tail - order.head) / 2);
	if (ipaddr_is_set(&order.last)) {
		addr = order.last;
		alloc_queue_append(&order, &addr);
		require(order.tail == tail || order.tail == tail + 1);
	}
	alloc_queue_write(&order);
	again = alloc_queue_read(fd, false, family);
	require(order.tail > INT64_MAX || (again.head == order.head && again.tail == order.tail));
	require(ipaddr_equal(&again.last, &order.last));
	check_queue(&again, family);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t choice = fuzz_byte(&data, &size);
	int fd = file_of(data, size);

	if (choice % 2 == 0) {
		read_attachment(fd);
	} else {
		use_order(fd, AF_INET);
		use_order(fd, AF_INET6);
	}
	close(fd);
	return 0;
}
