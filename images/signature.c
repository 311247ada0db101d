/*
 * Public keys and signatures by OpenSSL. Keys are an administrator's; signatures and what they sign
 * are a stranger's, so public_key_verify() runs in a confined process (signature_check.c).
 *
 * Every call that verifies is compared with 1, and OpenSSL's queue of errors is emptied, so that
 * an old failure explains nothing later.
 */
#include "images/signature.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "images/base64.h"
#include "images/digest.h"
#include "images/policy_place.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192 };

enum key_type { KEY_ED25519, KEY_P256, KEY_P384, KEY_RSA };

struct public_key {
	EVP_PKEY *pkey;
	enum key_type type;
	char id[POLICY_KEY_ID_SIZE];
	char name[32];
};

static int classify_curve(struct public_key *key, struct error *err)
{
	char group[64] = "";
	size_t len;

	if (EVP_PKEY_get_utf8_string_param(key->pkey, OSSL_PKEY_PARAM_GROUP_NAME, group,
					   sizeof(group), &len) != 1)
		return error_set(err, 0, "the key's curve has no name");
	if (!strcmp(group, "prime256v1")) {
		key->type = KEY_P256;
		(void)snprintf(key->name, sizeof(key->name), "ECDSA P-256");
		return 0;
	}
	if (!strcmp(group, "secp384r1")) {
		key->type = KEY_P384;
		(void)snprintf(key->name, sizeof(key->name), "ECDSA P-384");
		return 0;
	}
	return error_set(err, 0, "the key's curve %s is not P-256 or P-384", group);
}

static int classify_rsa(struct public_key *key, struct error *err)
{
	int bits = EVP_PKEY_get_bits(key->pkey);

	if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
		return error_set(err, 0, "an RSA key has %d to %d bits, this one %d", RSA_BITS_MIN,
				 RSA_BITS_MAX, bits);
	key->type = KEY_RSA;
	(void)snprintf(key->name, sizeof(key->name), "RSA %d", bits);
	return 0;
}

static int classify(struct public_key *key, struct error *err)
{
	switch (EVP_PKEY_get_base_id(key->pkey)) {
	case EVP_PKEY_ED25519:
		key->type = KEY_ED25519;
		(void)snprintf(key->name, sizeof(key->name), "Ed25519");
		return 0;
	case EVP_PKEY_EC:
		return classify_curve(key, err);
	case EVP_PKEY_RSA:
		return classify_rsa(key, err);
	case EVP_PKEY_RSA_PSS:
		return error_set(err, 0,
				 "the key says RSA-PSS: give it as a plain RSA key, which "
				 "verifies PSS too");
	default:
		return error_set(err, 0, "the key is not an Ed25519, ECDSA or RSA key");
	}
}

static void format_hex(const uint8_t *bytes, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/*
 * A key has one identity only if it has one encoding: on a named curve, with an uncompressed point.
 * Otherwise the same key in another form would count again towards a rule's threshold.
 */
static bool is_only_form(const struct public_key *key, const unsigned char *der, size_t len)
{
	static const unsigned char p256[] = {
		0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
		0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04
	};
	static const unsigned char p384[] = { 0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
					      0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
					      0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04 };

	if (key->type == KEY_P256)
		return len == sizeof(p256) + 64 && !memcmp(der, p256, sizeof(p256));
	if (key->type == KEY_P384)
		return len == sizeof(p384) + 96 && !memcmp(der, p384, sizeof(p384));
	return true;
}

static int identify(struct public_key *key, struct error *err)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key->pkey, &der);
	struct digest digest;
	int result;

	if (len <= 0)
		return error_set(err, 0, "the key cannot be encoded");
	if (is_only_form(key, der, (size_t)len))
		result = digest_compute(&digest, DIGEST_SHA256, der, (size_t)len, err);
	else
		result = error_set(err, 0,
				   "the key's point is compressed or its curve explicit (openssl "
				   "ec -pubin -conv_form uncompressed -param_enc named_curve)");
	OPENSSL_free(der);
	if (result == 0)
		format_hex(digest.bytes, 32, key->id);
	return result;
}

/* The text between the lines of the only PEM block, or an error that says what is there instead. */
static int check_block(const char *pem, size_t len, struct error *err)
{
	static const char begin[] = "-----BEGIN ";
	static const char head[] = "-----BEGIN PUBLIC KEY-----\n";
	static const char tail[] = "\n-----END PUBLIC KEY-----\n";
	size_t tail_len = strlen(tail);

	if (memmem(pem, len, "PRIVATE KEY", 11) || memmem(pem, len, "PRIVATE-KEY", 11))
		return error_set(err, 0,
				 "this is a private key: keep it secret, and give its "
				 "public one (openssl pkey -in FILE -pubout)");
	if (memmem(pem, len, "BEGIN CERTIFICATE", 17))
		return error_set(err, 0,
				 "this is a certificate: give its public key (openssl x509 "
				 "-in FILE -noout -pubkey)");
	if (len < strlen(head) + tail_len || memcmp(pem, head, strlen(head)) ||
	    memcmp(pem + len - tail_len, tail, tail_len) ||
	    memmem(pem + 1, len - 1, begin, strlen(begin)))
		return error_set(err, 0,
				 "this is not one public key in PEM (\"BEGIN PUBLIC KEY\", "
				 "as openssl pkey -pubout writes it)");
	return 0;
}

static int load(struct public_key *key, const char *pem, size_t len, struct error *err)
{
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	EVP_PKEY_CTX *context;
	int checked;

	if (!bio)
		return error_set(err, ENOMEM, "cannot read a key");
	key->pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	BIO_free(bio);
	if (!key->pkey)
		return error_set(err, 0, "the key cannot be decoded");
	if (classify(key, err) < 0)
		return -1;
	context = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	checked = context ? EVP_PKEY_public_check(context) : 0;
	EVP_PKEY_CTX_free(context);
	if (checked != 1)
		return error_set(err, 0, "the key is not a sound public key");
	return identify(key, err);
}

int public_key_parse(struct public_key **out, const char *pem, size_t len, struct error *err)
{
	struct public_key *key;

	if (len > POLICY_KEY_SIZE_MAX)
		return error_set(err, 0, "the key is too large");
	if (check_block(pem, len, err) < 0)
		return -1;
	key = calloc(1, sizeof(*key));
	if (!key)
		return error_set(err, ENOMEM, "cannot read a key");
	if (load(key, pem, len, err) < 0) {
		ERR_clear_error();
		public_key_free(key);
		return -1;
	}
	*out = key;
	return 0;
}

void public_key_free(struct public_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

const char *public_key_id(const struct public_key *key)
{
	return key->id;
}

const char *public_key_name(const struct public_key *key)
{
	return key->name;
}

int public_key_format(const struct public_key *key, char **pem, size_t *len, struct error *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	long size;

	if (!bio || PEM_write_bio_PUBKEY(bio, key->pkey) != 1) {
		BIO_free(bio);
		return error_set(err, ENOMEM, "cannot write a key");
	}
	size = BIO_get_mem_data(bio, &data);
	*pem = size > 0 ? strndup(data, (size_t)size) : NULL;
	*len = (size_t)size;
	BIO_free(bio);
	return *pem ? 0 : error_set(err, ENOMEM, "cannot write a key");
}

struct attempt {
	const char *digest; /* NULL: the key's own */
	int padding;	    /* of RSA, or 0 */
};

static bool try_verify(const struct public_key *key, const struct attempt *attempt,
		       const void *message, size_t message_len, const void *signature,
		       size_t signature_len)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pkey_context = NULL;
	bool good = context && EVP_DigestVerifyInit_ex(context, &pkey_context, attempt->digest,
						       NULL, NULL, key->pkey, NULL) == 1;

	if (good && attempt->padding)
		good = EVP_PKEY_CTX_set_rsa_padding(pkey_context, attempt->padding) == 1;
	if (good && attempt->padding == RSA_PKCS1_PSS_PADDING)
		good = EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey_context, RSA_PSS_SALTLEN_AUTO) == 1;
	if (good)
		good =
		    EVP_DigestVerify(context, signature, signature_len, message, message_len) == 1;
	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return good;
}

bool public_key_verify(const struct public_key *key, const void *message, size_t message_len,
		       const void *signature, size_t signature_len)
{
	static const struct attempt attempts[][2] = {
		[KEY_ED25519] = { { NULL, 0 } },
		[KEY_P256] = { { "SHA256", 0 } },
		[KEY_P384] = { { "SHA384", 0 }, { "SHA256", 0 } },
		[KEY_RSA] = { { "SHA256", RSA_PKCS1_PADDING },
			      { "SHA256", RSA_PKCS1_PSS_PADDING } },
	};
	const struct attempt *tries = attempts[key->type];

	return try_verify(key, &tries[0], message, message_len, signature, signature_len) ||
	       (tries[1].digest &&
		try_verify(key, &tries[1], message, message_len, signature, signature_len));
}

bool signature_decode_base64(const char *text, size_t len_in, uint8_t *out, size_t *len)
{
	_cleanup_free_ char *joined = malloc(len_in + 1);
	size_t count = 0;
	ssize_t n;

	if (!joined)
		return false;
	for (size_t i = 0; i < len_in; i++) {
		if (text[i] != '\n' && text[i] != '\r')
			joined[count++] = text[i];
	}
	n = base64_decode(out, len_in, joined, count);
	*len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

int openpgp_fingerprint(const uint8_t *body, size_t len, char id[POLICY_KEY_ID_SIZE],
			struct error *err)
{
	const uint8_t head[3] = { 0x99, (uint8_t)(len >> 8), (uint8_t)len };
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int digest_len = 0;
	bool good = context && len <= UINT16_MAX &&
		    EVP_DigestInit_ex(context, EVP_sha1(), NULL) == 1 &&
		    EVP_DigestUpdate(context, head, sizeof(head)) == 1 &&
		    EVP_DigestUpdate(context, body, len) == 1 &&
		    EVP_DigestFinal_ex(context, digest, &digest_len) == 1;

	EVP_MD_CTX_free(context);
	ERR_clear_error();
	if (!good || digest_len != 20)
		return error_set(err, 0, "the key's fingerprint cannot be computed");
	format_hex(digest, digest_len, id);
	return 0;
}
