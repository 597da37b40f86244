/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/order.h"

#include "common/err.h"
#include "common/log.h"
#include "tempdir.h"

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

static void append(struct order *order, const char *text)
{
	const struct ipaddr addr = addr_of(text);

	order_append(order, &addr);
}

static const char *at(const struct order *order, uint64_t n)
{
	static char text[IPADDR_TEXT_SIZE];
	struct ipaddr addr;

	return order_at(order, n, &addr) ? ipaddr_text(&addr, text) : "-";
}

static void what_is_written_is_read_again(void **state)
{
	int fd = open_file();
	struct order four = order_read(fd, false, AF_INET), six = order_read(fd, false, AF_INET6);
	char text[IPADDR_TEXT_SIZE];

	(void)state;
	assert_false(ipaddr_is_set(&four.last));
	append(&four, "10.5.1.1"); /* nothing was given yet: its turn comes */
	assert_int_equal(four.tail, 0);
	four.last = addr_of("10.5.1.9");
	six.last = addr_of("fd00::9");
	append(&four, "10.5.1.7");
	append(&six, "fd00::7");
	append(&four, "10.5.1.8");
	append(&four, "10.5.1.8");  /* again, after a kill */
	append(&four, "10.5.1.10"); /* its turn comes */
	order_write(&four);
	order_write(&six);
	four = order_read(fd, false, AF_INET);
	six = order_read(fd, true, AF_INET6);
	assert_string_equal(ipaddr_text(&four.last, text), "10.5.1.9");
	assert_string_equal(ipaddr_text(&six.last, text), "fd00::9");
	assert_int_equal(four.tail - four.head, 2);
	assert_string_equal(at(&four, 0), "10.5.1.7");
	assert_string_equal(at(&four, 1), "10.5.1.8");
	assert_string_equal(at(&six, 0), "fd00::7");
	order_drop(&four, 1);
	assert_string_equal(at(&four, 1), "-");
	order_drop(&four, 0);
	assert_int_equal(four.head, 1);
	order_drop(&six, 0);
	order_write(&six); /* was opened to be looked at only */
	six = order_read(fd, false, AF_INET6);
	assert_int_equal(six.head, 0);
	close(fd);
}

static const char *nth(unsigned n)
{
	static char text[IPADDR_TEXT_SIZE];

	snprintf(text, sizeof(text), "10.%u.%u.%u", 5 + n / 65536, n / 256 % 256, n % 256);
	return text;
}

/* The numbers do not begin where a ring does. */
static void a_whole_subnet_of_16_bits_rests_in_order(void **state)
{
	int fd = open_file();
	struct order order = order_read(fd, false, AF_INET), six = order_read(fd, false, AF_INET6);

	(void)state;
	six.last = addr_of("fd00::9");
	append(&six, "fd00::7");
	order_write(&six);
	order.last = addr_of("10.9.255.255");
	order.head = order.tail = 700;
	for (unsigned i = 0; i < ORDER_MOST; i++)
		append(&order, nth(i));
	order_write(&order);
	order = order_read(fd, false, AF_INET);
	assert_int_equal(order.ring, ORDER_MOST);
	assert_int_equal(order.tail - order.head, ORDER_MOST);
	for (unsigned i = 0; i < ORDER_MOST; i++)
		assert_string_equal(at(&order, order.head + i), nth(i));

	/* What is more lets the oldest go. */
	append(&order, "10.9.0.1");
	append(&order, "10.9.0.2");
	assert_int_equal(order.tail - order.head, ORDER_MOST);
	assert_string_equal(at(&order, order.head), nth(2));
	assert_string_equal(at(&order, order.tail - 1), "10.9.0.2");
	six = order_read(fd, false, AF_INET6);
	assert_string_equal(at(&six, 0), "fd00::7");
	close(fd);
}

static void what_the_first_line_says_wrong_is_nothing_yet(void **state)
{
	static const char *const lines[] = {
		"10.5.1.9 3 17\n",      "10.5.1.9 17 3 1024\n",   "10.5.1.9 3 17 0\n",
		"10.5.1.9 3 17 1000\n", "10.5.1.9 3 2000 1024\n", "10.5.1.9 3 17 131072\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		int fd = open_file();
		struct order order;

		assert_true(pwrite(fd, lines[i], strlen(lines[i]) + 1, 0) > 0);
		order = order_read(fd, false, AF_INET);
		assert_int_equal(order.head, 0);
		assert_int_equal(order.tail, 0);
		assert_int_equal(order.ring, ORDER_FIRST);
		assert_true(ipaddr_is_set(&order.last));
		close(fd);
	}
}

static void without_a_file_nothing_is_remembered(void **state)
{
	struct order order = order_read(-1, true, AF_INET);

	(void)state;
	assert_false(ipaddr_is_set(&order.last));
	assert_int_equal(order.tail, 0);
	order_write(&order);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMPDIR_TEST(what_is_written_is_read_again),
		TEMPDIR_TEST(a_whole_subnet_of_16_bits_rests_in_order),
		TEMPDIR_TEST(what_the_first_line_says_wrong_is_nothing_yet),
		TEMPDIR_TEST(without_a_file_nothing_is_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
