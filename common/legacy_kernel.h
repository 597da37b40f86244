/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's side of legacy.h: whether this network namespace has a table `filter` of
 * iptables-legacy, and setting it right, by getsockopt(2) and setsockopt(2), which want
 * CAP_NET_ADMIN. No table is made by looking at it: to the kernel any question about one is a wish
 * to have it, so /proc/net/ip_tables_names is asked first, which root alone may open.
 */
#pragma once

#include "auto.h"
#include "legacy.h"

struct err;

struct legacy;

/*
 * Opens, for good, what only root may: the names of tables, and the lock that iptables-legacy
 * holds while it works. What cannot be opened now is tried again when it is needed. ERR_NOMEM.
 */
int legacy_open(struct legacy **legacy_out, struct err *err);
void legacy_free(struct legacy *legacy);
AUTO_DEFINE(legacy, struct legacy, legacy_free);

enum legacy_sight {
	LEGACY_ABSENT, /* there is no such table */
	LEGACY_THERE,
	LEGACY_UNSEEN, /* we may not know */
};
enum legacy_sight legacy_sight(struct legacy *legacy, enum family family);

/*
 * Looks at a table that is there, and changes nothing. want->comment is not looked at: the kernel is
 * asked. ERR_AGAIN: it changes all the time.
 */
int legacy_find(struct legacy *legacy, enum family family, const struct legacy_want *want,
		struct legacy_view *view_out, struct err *err);

/*
 * The same, and brings ours to what is wanted, others' rules and counters staying as they are;
 * *view_out says what was before. May wait a tenth of a second for who holds iptables' lock; the
 * one who does so for longer is ERR_AGAIN.
 */
int legacy_set(struct legacy *legacy, enum family family, const struct legacy_want *want,
	       struct legacy_view *view_out, struct err *err);
