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

static void a_queue_that_is_full_lets_the_oldest_go(void **state)
{
	int fd = open_file();
	struct order order = order_read(fd, false, AF_INET);
	char text[IPADDR_TEXT_SIZE];

	(void)state;
	order.last = addr_of("10.5.255.255");
	for (unsigned i = 0; i < ORDER_QUEUE + 3; i++) {
		snprintf(text, sizeof(text), "10.5.%u.%u", i / 256, i % 256);
		append(&order, text);
	}
	order_write(&order);
	order = order_read(fd, false, AF_INET);
	assert_int_equal(order.tail - order.head, ORDER_QUEUE);
	assert_string_equal(at(&order, order.head), "10.5.0.3");
	assert_string_equal(at(&order, order.tail - 1), "10.5.4.2");
	close(fd);
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
		TEMPDIR_TEST(a_queue_that_is_full_lets_the_oldest_go),
		TEMPDIR_TEST(without_a_file_nothing_is_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
