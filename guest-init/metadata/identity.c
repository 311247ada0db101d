/*
 * The pod's identity.
 */
#include "guest-init/metadata/identity.h"

#include <assert.h>
#include <nettle/base64.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <sys/random.h>

static_assert(BASE64_ENCODE_RAW_LENGTH(SHA512_DIGEST_SIZE) == IDENTITY_SIGNATURE_LEN, "base64");

int identity_make(struct identity *identity, const char *uuid, size_t uuid_len)
{
	identity->uuid = uuid;
	identity->uuid_len = uuid_len;
	return getrandom(identity->key, sizeof(identity->key), 0) == sizeof(identity->key) ? 0 : -1;
}

void identity_sign(const struct identity *identity, const char *content, size_t len,
		   char signature[IDENTITY_SIGNATURE_LEN])
{
	uint8_t digest[SHA512_DIGEST_SIZE];
	struct hmac_sha512_ctx hmac;

	hmac_sha512_set_key(&hmac, sizeof(identity->key), identity->key);
	hmac_sha512_update(&hmac, identity->uuid_len, (const uint8_t *)identity->uuid);
	hmac_sha512_update(&hmac, len, (const uint8_t *)content);
	hmac_sha512_digest(&hmac, sizeof(digest), digest);
	base64_encode_raw(signature, sizeof(digest), digest);
}

/* One digest has one text, so the texts are compared. */
bool identity_verify(const struct identity *identity, const char *content, size_t len,
		     const char *signature, size_t signature_len)
{
	char expected[IDENTITY_SIGNATURE_LEN];

	identity_sign(identity, content, len, expected);
	return identity_equal(signature, signature_len, expected, sizeof(expected));
}

bool identity_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && memeql_sec(a, b, a_len);
}
