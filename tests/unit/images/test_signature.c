/* Public keys and signatures: what is a key, and what verifies with which. */
#include "tests/unit/images/test.h"

#include <openssl/core_names.h>

#include "images/base64.h"
#include "images/signature.h"
#include "tests/unit/images/make_keys.h"
#include "vmm/base/bytes.h"

static const char message[] = "sha256:something\n";

static struct public_key *parse(const char *pem)
{
	struct error err = ERROR_NONE;
	struct public_key *key = NULL;

	if (public_key_parse(&key, pem, strlen(pem), &err) < 0)
		fail_msg("%s", err.text);
	return key;
}

static void refuse(const char *pem, size_t len, const char *why)
{
	struct error err = ERROR_NONE;
	struct public_key *key;

	assert_int_equal(public_key_parse(&key, pem, len, &err), -1);
	if (!strstr(err.text, why))
		fail_msg("%s, not %s", err.text, why);
}

static void test_matrix(void **state)
{
	static const struct {
		const char *kind, *name, *digest;
		bool pss, good;
	} cases[] = {
		{ "ED25519", "Ed25519", NULL, false, true },
		{ "P-256", "ECDSA P-256", "SHA256", false, true },
		{ "P-256", "ECDSA P-256", "SHA384", false, false },
		{ "P-256", "ECDSA P-256", "SHA1", false, false },
		{ "P-384", "ECDSA P-384", "SHA384", false, true },
		{ "P-384", "ECDSA P-384", "SHA256", false, true },
		{ "P-384", "ECDSA P-384", "SHA1", false, false },
		{ "RSA:2048", "RSA 2048", "SHA256", false, true },
		{ "RSA:2048", "RSA 2048", "SHA256", true, true },
		{ "RSA:2048", "RSA 2048", "SHA1", false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		EVP_PKEY *made = make_key(cases[i].kind), *other = make_key(cases[i].kind);
		struct public_key *key = parse(make_pem(made, 0));
		struct public_key *wrong = parse(make_pem(other, 0));
		unsigned char signature[1024];
		size_t len = make_signature(made, cases[i].digest, cases[i].pss, message,
					    strlen(message), signature);

		assert_string_equal(public_key_name(key), cases[i].name);
		assert_int_equal(strlen(public_key_id(key)), 64);
		assert_int_equal(public_key_verify(key, message, strlen(message), signature, len),
				 cases[i].good);
		assert_false(public_key_verify(wrong, message, strlen(message), signature, len));
		assert_false(public_key_verify(key, message, strlen(message) - 1, signature, len));
		assert_false(public_key_verify(key, message, strlen(message), signature, len - 1));
		assert_false(public_key_verify(key, message, strlen(message), signature, 0));
		signature[len / 2] ^= 1;
		assert_false(public_key_verify(key, message, strlen(message), signature, len));
		signature[len / 2] ^= 1;
		signature[len] = 0;
		assert_false(public_key_verify(key, message, strlen(message), signature, len + 1));
		public_key_free(key);
		public_key_free(wrong);
		EVP_PKEY_free(made);
		EVP_PKEY_free(other);
	}
}

static void test_refused_keys(void **state)
{
	static const struct {
		const char *kind, *why;
	} cases[] = {
		{ "RSA:1024", "2048" },
		{ "RSA-PSS:2048", "plain RSA key" },
		{ "P-521", "P-256 or P-384" },
		{ "secp256k1", "P-256 or P-384" },
		{ "X25519", "not an Ed25519, ECDSA or RSA" },
		{ "ED448", "not an Ed25519, ECDSA or RSA" },
	};
	static const char *const texts[] = { "", "x", "-----BEGIN PUBLIC KEY-----\n",
					     "-----BEGIN PUBLIC KEY-----\n\n"
					     "-----END PUBLIC KEY-----\n",
					     "-----BEGIN PUBLIC KEY-----\nAAAA\n"
					     "-----END PUBLIC KEY-----\n" };
	EVP_PKEY *key = make_key("ED25519");
	char text[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		EVP_PKEY *bad = make_key(cases[i].kind);
		const char *pem = make_pem(bad, 0);

		refuse(pem, strlen(pem), cases[i].why);
		EVP_PKEY_free(bad);
	}
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		refuse(texts[i], strlen(texts[i]), "");
	refuse(make_pem(key, 1), strlen(make_pem(key, 1)), "private key");
	refuse("-----BEGIN CERTIFICATE-----\n", 28, "certificate");
	(void)snprintf(text, sizeof(text), "%s%s", make_pem(key, 0), make_pem(key, 0));
	refuse(text, strlen(text), "one public key");
	(void)snprintf(text, sizeof(text), "x\n%s", make_pem(key, 0));
	refuse(text, strlen(text), "one public key");
	(void)snprintf(text, sizeof(text), "%s", make_pem(key, 0));
	for (size_t len = 0; len < strlen(text); len++)
		refuse(text, len, "");
	EVP_PKEY_free(key);
}

/* One key in two encodings would be two keys for a threshold. */
static void test_one_form(void **state)
{
	static const struct {
		const char *param, *value;
	} forms[] = {
		{ OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed" },
		{ OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "hybrid" },
		{ OSSL_PKEY_PARAM_EC_ENCODING, "explicit" },
	};
	static const char *const kinds[] = { "P-256", "P-384" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds) * ARRAY_SIZE(forms); i++) {
		EVP_PKEY *key = make_key(kinds[i % 2]);
		const char *pem;

		public_key_free(parse(make_pem(key, 0)));
		assert_int_equal(
		    EVP_PKEY_set_utf8_string_param(key, forms[i / 2].param, forms[i / 2].value), 1);
		pem = make_pem(key, 0);
		refuse(pem, strlen(pem), "");
		EVP_PKEY_free(key);
	}
}

static void test_base64(void **state)
{
	static const char *const bad[] = { "",	   "A",	   "AA",   "AAA",  "AAAA=", "AA=A", "====",
					   "A===", "AB==", "AAB=", "AA A", "AA-_",  "AAAAA" };
	uint8_t out[64];
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (signature_decode_base64(bad[i], strlen(bad[i]), out, &len))
			fail_msg("accepted %s", bad[i]);
	}
	assert_true(signature_decode_base64("aGVs\r\nbG8=\n", 11, out, &len));
	assert_int_equal(len, 5);
	assert_memory_equal(out, "hello", 5);
}

static void test_list(void **state)
{
	char origin[] = "o", bytes[] = "data", payload[] = "{}";
	struct image_signature signature = { .kind = SIGNATURE_COSIGN,
					     .origin = origin,
					     .data = bytes,
					     .len = 4,
					     .payload = payload,
					     .payload_len = 2 };
	struct signature_list list = { .count = 0 }, back;
	struct error err = ERROR_NONE;
	char number[8];
	void *data;
	size_t len;

	(void)state;
	assert_int_equal(signature_list_add(&list, &signature, &err), 0);
	assert_int_equal(signature_list_add(&list, &signature, &err), 0);
	assert_int_equal(list.count, 1);
	signature.kind = SIGNATURE_DETACHED;
	signature.payload = NULL;
	signature.payload_len = 0;
	assert_int_equal(signature_list_add(&list, &signature, &err), 0);
	assert_int_equal(signature_list_set_index(&list, "index", 5, &err), 0);
	assert_int_equal(signature_list_encode(&list, &data, &len), 0);
	assert_int_equal(signature_list_decode(&back, data, len, &err), 0);
	assert_int_equal(back.count, 2);
	assert_int_equal(back.items[0].kind, SIGNATURE_COSIGN);
	assert_memory_equal(back.items[0].payload, "{}", 2);
	assert_null(back.items[1].payload);
	assert_int_equal(back.index_len, 5);
	signature_list_free(&back);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(signature_list_decode(&back, data, cut, &err), -1);
	free(data);
	signature.data = number;
	for (int i = 2; i < SIGNATURES_MAX; i++) {
		signature.len = (size_t)snprintf(number, sizeof(number), "%d", i);
		assert_int_equal(signature_list_add(&list, &signature, &err), 0);
	}
	signature.len = (size_t)snprintf(number, sizeof(number), "more");
	assert_int_equal(signature_list_add(&list, &signature, &err), -1);
	signature_list_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matrix),	 cmocka_unit_test(test_refused_keys),
		cmocka_unit_test(test_one_form), cmocka_unit_test(test_base64),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
