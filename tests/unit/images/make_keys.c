#include "tests/unit/images/make_keys.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/rsa.h>

EVP_PKEY *make_key(const char *kind)
{
	EVP_PKEY_CTX *context;
	EVP_PKEY *key = NULL;
	const char *colon = strchr(kind, ':');

	if (!strncmp(kind, "P-", 2) || !strncmp(kind, "secp", 4))
		return EVP_EC_gen(kind);
	if (!colon)
		return EVP_PKEY_Q_keygen(NULL, NULL, kind);
	context = EVP_PKEY_CTX_new_from_name(NULL, !strncmp(kind, "RSA-PSS", 7) ? "RSA-PSS" : "RSA",
					     NULL);
	assert(context && EVP_PKEY_keygen_init(context) == 1);
	assert(EVP_PKEY_CTX_set_rsa_keygen_bits(context, atoi(colon + 1)) == 1);
	assert(EVP_PKEY_keygen(context, &key) == 1);
	EVP_PKEY_CTX_free(context);
	return key;
}

const char *make_pem(EVP_PKEY *key, int is_private)
{
	static char text[8192];
	BIO *bio = BIO_new(BIO_s_mem());
	int len;

	assert(is_private ? PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1
			  : PEM_write_bio_PUBKEY(bio, key) == 1);
	len = BIO_read(bio, text, sizeof(text) - 1);
	assert(len > 0);
	text[len] = '\0';
	BIO_free(bio);
	return text;
}

size_t make_signature(EVP_PKEY *key, const char *digest, int is_pss, const void *message,
		      size_t len, unsigned char *out)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pkey_context;
	size_t out_len = 1024;

	assert(EVP_DigestSignInit_ex(context, &pkey_context, digest, NULL, NULL, key, NULL) == 1);
	if (is_pss)
		assert(EVP_PKEY_CTX_set_rsa_padding(pkey_context, RSA_PKCS1_PSS_PADDING) == 1);
	assert(EVP_DigestSign(context, out, &out_len, message, len) == 1);
	EVP_MD_CTX_free(context);
	return out_len;
}
