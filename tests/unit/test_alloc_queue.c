/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/alloc_queue.h"

#include "common/array.h"
#include "common/err.h"
#include "common/log.h"
#include "tests/unit/tempdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct ipaddr addr_of(const char *text)
{
	struct ipaddr addr = { .family = AF_UNSPEC };
	struct err err = ERR_INIT;

	if (ipaddr_parse(text, &addr, &err) < 0)
		fail_msg("%s", err.text);
	return addr;
}

static int open_file(void)
{
	int fd = openat(tempdir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

static void append(struct alloc_queue *queue, const char *text)
{
	const struct ipaddr addr = addr_of(text);

	alloc_queue_append(queue, &addr);
}

static const char *at(const struct alloc_queue *queue, uint64_t n)
{
	static char text[IPADDR_TEXT_SIZE];
	struct ipaddr addr;

	return alloc_queue_at(queue, n, &addr) ? ipaddr_text(&addr, text) : "-";
}

static void written_entries_are_read_again(void **state)
{
	int fd = open_file();
	struct alloc_queue four = alloc_queue_read(fd, false, AF_INET),
			   six = alloc_queue_read(fd, false, AF_INET6);
	char text[IPADDR_TEXT_SIZE];

	(void)state;
	assert_false(ipaddr_is_set(&four.last));
	append(&four, "10.5.1.1"); /* not released yet: it is available now */
	assert_int_equal(four.tail, 0);
	four.last = addr_of("10.5.1.9");
	six.last = addr_of("fd00::9");
	append(&four, "10.5.1.7");
	append(&six, "fd00::7");
	append(&four, "10.5.1.8");
	append(&four, "10.5.1.8");  /* again, after a kill */
	append(&four, "10.5.1.10"); /* it is available now */
	alloc_queue_write(&four);
	alloc_queue_write(&six);
	four = alloc_queue_read(fd, false, AF_INET);
	six = alloc_queue_read(fd, true, AF_INET6);
	assert_string_equal(ipaddr_text(&four.last, text), "10.5.1.9");
	assert_string_equal(ipaddr_text(&six.last, text), "fd00::9");
	assert_int_equal(four.tail - four.head, 2);
	assert_string_equal(at(&four, 0), "10.5.1.7");
	assert_string_equal(at(&four, 1), "10.5.1.8");
	assert_string_equal(at(&six, 0), "fd00::7");
	alloc_queue_drop(&four, 1);
	assert_string_equal(at(&four, 1), "-");
	alloc_queue_drop(&four, 0);
	assert_int_equal(four.head, 1);
	alloc_queue_drop(&six, 0);
	alloc_queue_write(&six); /* opened for reading only */
	six = alloc_queue_read(fd, false, AF_INET6);
	assert_int_equal(six.head, 0);
	close(fd);
}

static const char *nth(unsigned n)
{
	static char text[IPADDR_TEXT_SIZE];

	snprintf(text, sizeof(text), "10.%u.%u.%u", 5 + n / 65536, n / 256 % 256, n % 256);
	return text;
}

/* The queue's numbers wrap at another place than its ring. */
static void a_16_bit_subnet_is_reused_in_order(void **state)
{
	int fd = open_file();
	struct alloc_queue queue = alloc_queue_read(fd, false, AF_INET),
			   six = alloc_queue_read(fd, false, AF_INET6);

	(void)state;
	six.last = addr_of("fd00::9");
	append(&six, "fd00::7");
	alloc_queue_write(&six);
	queue.last = addr_of("10.9.255.255");
	queue.head = queue.tail = 700;
	for (unsigned i = 0; i < ALLOC_QUEUE_MAX; i++)
		append(&queue, nth(i));
	alloc_queue_write(&queue);
	queue = alloc_queue_read(fd, false, AF_INET);
	assert_int_equal(queue.ring, ALLOC_QUEUE_MAX);
	assert_int_equal(queue.tail - queue.head, ALLOC_QUEUE_MAX);
	for (unsigned i = 0; i < ALLOC_QUEUE_MAX; i++)
		assert_string_equal(at(&queue, queue.head + i), nth(i));

	/* Further releases drop the oldest entry. */
	append(&queue, "10.9.0.1");
	append(&queue, "10.9.0.2");
	assert_int_equal(queue.tail - queue.head, ALLOC_QUEUE_MAX);
	assert_string_equal(at(&queue, queue.head), nth(2));
	assert_string_equal(at(&queue, queue.tail - 1), "10.9.0.2");
	six = alloc_queue_read(fd, false, AF_INET6);
	assert_string_equal(at(&six, 0), "fd00::7");
	close(fd);
}

static void a_wrong_header_makes_the_queue_empty(void **state)
{
	static const char *const lines[] = {
		"10.5.1.9 3 17\n",      "10.5.1.9 17 3 1024\n",   "10.5.1.9 3 17 0\n",
		"10.5.1.9 3 17 1000\n", "10.5.1.9 3 2000 1024\n", "10.5.1.9 3 17 131072\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		int fd = open_file();
		struct alloc_queue queue;

		assert_true(pwrite(fd, lines[i], strlen(lines[i]) + 1, 0) > 0);
		queue = alloc_queue_read(fd, false, AF_INET);
		assert_int_equal(queue.head, 0);
		assert_int_equal(queue.tail, 0);
		assert_int_equal(queue.ring, ALLOC_QUEUE_MIN);
		assert_true(ipaddr_is_set(&queue.last));
		close(fd);
	}
}

static void without_a_file_the_queue_is_empty(void **state)
{
	struct alloc_queue queue = alloc_queue_read(-1, true, AF_INET);

	(void)state;
	assert_false(ipaddr_is_set(&queue.last));
	assert_int_equal(queue.tail, 0);
	alloc_queue_write(&queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMPDIR_TEST(written_entries_are_read_again),
		TEMPDIR_TEST(a_16_bit_subnet_is_reused_in_order),
		TEMPDIR_TEST(a_wrong_header_makes_the_queue_empty),
		TEMPDIR_TEST(without_a_file_the_queue_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
