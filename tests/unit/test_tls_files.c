/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/tls_files.h"

#include "common/err.h"
#include "tests/unit/samples.h"
#include "tests/unit/tempdir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define BODY "MIIBszCCAVmgAwIBAgIUYm9yaW5n\nbm90IGEgcmVhbCBvbmU=\n"
#define CERT "-----BEGIN CERTIFICATE-----\n" BODY "-----END CERTIFICATE-----\n"
#define KEY "-----BEGIN PRIVATE KEY-----\n" BODY "-----END PRIVATE KEY-----\n"
#define EC_KEY                                                                                     \
	"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"           \
	"-----BEGIN EC PRIVATE KEY-----\n" BODY "-----END EC PRIVATE KEY-----\n"
#define OLD_SECRET                                                                                 \
	"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\n" BODY          \
	"-----END RSA PRIVATE KEY-----\n"
#define SECRET                                                                                     \
	"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" BODY "-----END ENCRYPTED PRIVATE KEY-----\n"

static void test_what_a_file_can_be(void **state)
{
	static const struct {
		enum tls_kind kind;
		const char *text;
		const char *error; /* NULL: it is good */
	} cases[] = {
		{ TLS_CA, CERT, NULL },
		{ TLS_CERT, CERT CERT, NULL },
		{ TLS_CERT, "Subject: CN=a\n" CERT KEY, NULL }, /* one file for both */
		{ TLS_KEY, CERT KEY, NULL },
		{ TLS_KEY, EC_KEY, NULL },
		{ TLS_CA, "", "has no whole certificate" },
		{ TLS_CA, KEY, "has no whole certificate" },
		{ TLS_KEY, CERT, "has no whole private key" },
		{ TLS_KEY, SECRET, "is encrypted" },
		{ TLS_KEY, OLD_SECRET, "is encrypted" },
		{ TLS_CERT, "<html>404</html>", "has no whole certificate" },
		{ TLS_CERT, "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
		  "has no whole certificate" },
		{ TLS_CERT, "-----BEGIN CERTIFICATE-----\n" BODY, "has no whole certificate" },
		{ TLS_CERT, "-----BEGIN CERTIFICATE-----\n" BODY "-----END CERTIFICATE",
		  "has no whole certificate" },
		{ TLS_CERT, "-----BEGIN CERTIFICATE-----\n" BODY "-----END PRIVATE KEY-----\n",
		  "has no whole certificate" },
		{ TLS_CERT, "-----BEGIN ", "has no whole certificate" },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		size_t size = strlen(cases[i].text);

		err = ERR_INIT;
		assert_int_equal(tls_files_check(cases[i].kind, cases[i].text, size, &err),
				 cases[i].error ? -1 : 0);
		if (cases[i].error && !strstr(err.text, cases[i].error))
			fail_msg("case %zu: '%s' lacks '%s'", i, err.text, cases[i].error);
	}
	err = ERR_INIT;
	assert_int_equal(tls_files_check(TLS_KEY, "0\x82\0\x01", 4, &err), -1);
	assert_non_null(strstr(err.text, "openssl pkey -inform DER"));
}

static void put(const char *path, const char *text)
{
	char new[300];
	FILE *file;

	snprintf(new, sizeof(new), "%s.new", path);
	file = fopen(new, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rename(new, path), 0);
}

/* All of them are read again where one has changed; what cannot be used changes nothing. */
static void test_renewal(void **state)
{
	const char *dir = tempdir_path;
	char cert[256], key[256];
	const char *const path[TLS_FILES] = { [TLS_CERT] = cert, [TLS_KEY] = key };
	struct tls_files files = { .generation = 0 };
	struct err err = ERR_INIT;

	(void)state;
	snprintf(cert, sizeof(cert), "%s/cert", dir);
	snprintf(key, sizeof(key), "%s/key", dir);
	assert_int_equal(tls_files_open(&files, path, &err), -1);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_non_null(strstr(err.text, "--etcd-certfile: "));
	tls_files_free(&files);
	put(cert, CERT);
	put(key, KEY);
	assert_int_equal(tls_files_open(&files, path, &err), 0);
	assert_string_equal(files.file[TLS_CERT].text, CERT);
	assert_null(files.file[TLS_CA].text);
	assert_int_equal(files.generation, 1);
	assert_int_equal(tls_files_refresh(&files, &err), 0);

	put(cert, "rubbish");
	assert_int_equal(tls_files_refresh(&files, &err), -1);
	assert_non_null(strstr(err.text, cert));
	assert_string_equal(files.file[TLS_CERT].text, CERT);
	assert_int_equal(files.generation, 1);
	put(cert, CERT CERT);
	assert_int_equal(tls_files_refresh(&files, &err), 1);
	assert_string_equal(files.file[TLS_CERT].text, CERT CERT);
	assert_string_equal(files.file[TLS_KEY].text, KEY);
	assert_int_equal(files.generation, 2);
	assert_int_equal(unlink(key), 0);
	assert_int_equal(tls_files_refresh(&files, &err), -1);
	assert_string_equal(files.file[TLS_KEY].text, KEY);
	tls_files_free(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_file_can_be),
		TEMPDIR_TEST(test_renewal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
