/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/probe/probe_seal.h"

#include "common/auto.h"
#include "common/ipaddr.h"
#include "daemon/probe/probe_message.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

#define DIGEST_SIZE 32

/* To find the algorithm and to set the key takes longer than a message: both are done once. */
struct probe_key {
	EVP_MAC *mac;
	EVP_MAC_CTX *context;
};

AUTO_DEFINE(probe_key, struct probe_key, probe_key_free);

struct probe_key *probe_key_new(const char *text)
{
	AUTO(probe_key) struct probe_key *key = calloc(1, sizeof(*key));
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	if (!key)
		return NULL;
	key->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (key->mac)
		key->context = EVP_MAC_CTX_new(key->mac);
	if (!key->context ||
	    !EVP_MAC_init(key->context, (const unsigned char *)text, strlen(text), params))
		return NULL;
	return take_ptr(key);
}

void probe_key_free(struct probe_key *key)
{
	if (!key)
		return;
	EVP_MAC_CTX_free(key->context);
	EVP_MAC_free(key->mac);
	free(key);
}

static bool make_seal(const struct probe_key *key, const struct probe_path *path,
		      const uint8_t *message, size_t size, uint8_t seal_out[static PROBE_SEAL_SIZE])
{
	uint8_t digest[DIGEST_SIZE];
	size_t made = 0;

	/* Without a key, it begins a message with the previous key. */
	if (!EVP_MAC_init(key->context, NULL, 0, NULL) ||
	    !EVP_MAC_update(key->context, path->from->be, sizeof(path->from->be)) ||
	    !EVP_MAC_update(key->context, path->to->be, sizeof(path->to->be)) ||
	    !EVP_MAC_update(key->context, message, size - PROBE_SEAL_SIZE) ||
	    !EVP_MAC_final(key->context, digest, &made, sizeof(digest)) || made != DIGEST_SIZE)
		return false;
	memcpy(seal_out, digest, PROBE_SEAL_SIZE);
	return true;
}

bool probe_seal(struct probe_key *key, const struct probe_path *path, uint8_t *message, size_t size)
{
	uint8_t *seal = message + size - PROBE_SEAL_SIZE;

	memset(seal, 0, PROBE_SEAL_SIZE);
	return !key || make_seal(key, path, message, size, seal);
}

bool probe_seal_is_valid(struct probe_key *key, const struct probe_path *path,
			 const uint8_t *message, size_t size)
{
	uint8_t seal[PROBE_SEAL_SIZE] = { 0 };

	if (key && !make_seal(key, path, message, size, seal))
		return false;
	return CRYPTO_memcmp(seal, message + size - PROBE_SEAL_SIZE, sizeof(seal)) == 0;
}
