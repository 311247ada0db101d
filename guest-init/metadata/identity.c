/*
 * The pod's identity.
 */
#include "guest-init/metadata/identity.h"

#include <assert.h>
#include <nettle/base64.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <string.h>
#include <sys/random.h>

static_assert(BASE64_ENCODE_RAW_LENGTH(SHA512_DIGEST_SIZE) == IDENTITY_SIGNATURE_LEN, "base64");
static_assert(sizeof(struct hmac_sha512_ctx) <= IDENTITY_HMAC_SIZE, "HMAC");

static struct hmac_sha512_ctx *hmac_of(struct identity *identity)
{
	return (void *)identity->hmac;
}

/* What libnettle left below. */
static __attribute__((noinline)) void wipe_stack(void)
{
	uint8_t below[4096];

	explicit_bzero(below, sizeof(below));
}

void identity_set(struct identity *identity, const uint8_t key[IDENTITY_KEY_LEN], const char *uuid,
		  size_t uuid_len)
{
	identity->uuid = uuid;
	identity->uuid_len = uuid_len;
	hmac_sha512_set_key(hmac_of(identity), IDENTITY_KEY_LEN, key);
	wipe_stack();
}

/*
 * The key itself is used here, before there is an app: one that may sample what is on other
 * processes' stacks finds neither it nor what is made of it there.
 */
int identity_make(struct identity *identity, const char *uuid, size_t uuid_len)
{
	static uint8_t key[IDENTITY_KEY_LEN];
	bool made = getrandom(key, sizeof(key), 0) == sizeof(key);

	identity_set(identity, key, uuid, uuid_len);
	explicit_bzero(key, sizeof(key));
	return made ? 0 : -1;
}

void identity_sign(struct identity *identity, const char *content, size_t len,
		   char signature[IDENTITY_SIGNATURE_LEN])
{
	uint8_t digest[SHA512_DIGEST_SIZE];

	hmac_sha512_update(hmac_of(identity), identity->uuid_len, (const uint8_t *)identity->uuid);
	hmac_sha512_update(hmac_of(identity), len, (const uint8_t *)content);
	hmac_sha512_digest(hmac_of(identity), sizeof(digest), digest);
	base64_encode_raw(signature, sizeof(digest), digest);
	wipe_stack();
}

/* One digest has one text, so the texts are compared. */
bool identity_verify(struct identity *identity, const char *content, size_t len,
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
