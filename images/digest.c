/*
 * Computing digests: the only file that includes OpenSSL's digests. A result is compared as bytes,
 * never as text.
 */
#include "images/digest.h"

#include <assert.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

void digest_start(void)
{
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}

int hasher_init(struct hasher *hasher, enum digest_algorithm algorithm, struct error *err)
{
	const EVP_MD *method = algorithm == DIGEST_SHA512 ? EVP_sha512() : EVP_sha256();
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (!context || EVP_DigestInit_ex(context, method, NULL) != 1) {
		EVP_MD_CTX_free(context);
		return error_set(err, 0, "OpenSSL cannot compute %s",
				 digest_algorithm_name(algorithm));
	}
	*hasher = (struct hasher){ algorithm, context };
	return 0;
}

int hasher_update(struct hasher *hasher, const void *data, size_t len, struct error *err)
{
	if (EVP_DigestUpdate(hasher->context, data, len) != 1)
		return error_set(err, 0, "OpenSSL cannot compute %s",
				 digest_algorithm_name(hasher->algorithm));
	return 0;
}

int hasher_finish(struct hasher *hasher, struct digest *out, struct error *err)
{
	struct digest digest = { .algorithm = hasher->algorithm };
	unsigned int len = 0;
	int done = EVP_DigestFinal_ex(hasher->context, digest.bytes, &len);

	hasher_free(hasher);
	if (done != 1)
		return error_set(err, 0, "OpenSSL cannot compute %s",
				 digest_algorithm_name(digest.algorithm));
	assert(len == digest_len(digest.algorithm));
	*out = digest;
	return 0;
}

void hasher_free(struct hasher *hasher)
{
	EVP_MD_CTX_free(hasher->context);
	hasher->context = NULL;
}

int digest_compute(struct digest *out, enum digest_algorithm algorithm, const void *data,
		   size_t len, struct error *err)
{
	struct hasher hasher;

	if (hasher_init(&hasher, algorithm, err) < 0)
		return -1;
	if (hasher_update(&hasher, data, len, err) < 0) {
		hasher_free(&hasher);
		return -1;
	}
	return hasher_finish(&hasher, out, err);
}

int digest_load(struct error *err)
{
	struct digest digest;

	if (digest_compute(&digest, DIGEST_SHA256, "", 0, err) < 0)
		return -1;
	return digest_compute(&digest, DIGEST_SHA512, "", 0, err);
}
