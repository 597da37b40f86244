/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The form of the values of weftd's options. Each function returns 0, or -1 with ERR_CONFIG, whose
 * text has the value and what is allowed. Pure.
 */
#pragma once

struct err;

/* http://HOST:PORT or https://HOST:PORT. */
int options_check_endpoint(const char *url, struct err *err);
/* The same, also with socks5 and socks5h. */
int options_check_proxy(const char *url, struct err *err);
/* "192.168.0.1,fd00::1": one address of each family. */
int options_check_pair(const char *value, struct err *err);
/* A POSIX extended regular expression. */
int options_check_regex(const char *value, struct err *err);
