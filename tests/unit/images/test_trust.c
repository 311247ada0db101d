/* Decisions and kept verdicts, with a policy, keys and a store in a directory of their own. */
#include "tests/unit/images/test.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "images/base64.h"
#include "images/trust.h"
#include "images/verdict.h"
#include "tests/unit/images/make_keys.h"
#include "vmm/base/bytes.h"

#define NAME "example.com/app:1"

enum { KEYS = 3, NOW = 1800000000 };

static char root[64];
static struct policy_place places[2];
static struct store *store;
static EVP_PKEY *keys[KEYS];
static char ids[KEYS][POLICY_KEY_ID_SIZE];
static struct digest manifest = { .algorithm = DIGEST_SHA256, .bytes = { 1, 2, 3 } };

static void write_file(const char *name, const char *text, mode_t mode)
{
	char path[PATH_MAX];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	(void)unlink(path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void change_mode(const char *name, mode_t mode)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	assert_int_equal(chmod(path, mode), 0);
}

static void write_key(size_t i)
{
	char name[256];

	(void)snprintf(name, sizeof(name), "etc/keys/%s.pem", ids[i]);
	write_file(name, make_pem(keys[i], 0), 0644);
}

static void write_rule(const char *rule)
{
	char text[2048];

	(void)snprintf(text, sizeof(text),
		       "{\"version\":1,\"default\":\"reject\",\"rules\":{\"example.com\":%s}}",
		       rule);
	write_file("etc/policy.json", text, 0644);
}

static void write_signed_by(int count, int threshold)
{
	char text[1024] = "{\"signed-by\":{\"keys\":[";

	for (int i = 0; i < count; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s\"%s\"",
			       i ? "," : "", ids[i]);
	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "],\"threshold\":%d}}",
		       threshold);
	write_rule(text);
}

static int setup(void **state)
{
	static const char *const kinds[KEYS] = { "P-256", "ED25519", "RSA:2048" };
	static const char *const directories[] = { "etc", "etc/keys", "user", "store" };
	char path[PATH_MAX];

	(void)state;
	(void)snprintf(root, sizeof(root), "/tmp/nacelle-test-trust-XXXXXX");
	assert_non_null(mkdtemp(root));
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", root, directories[i]);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	(void)snprintf(places[0].directory, sizeof(places[0].directory), "%s/etc", root);
	(void)snprintf(places[1].directory, sizeof(places[1].directory), "%s/user", root);
	places[0].owner = places[1].owner = geteuid();
	(void)snprintf(path, sizeof(path), "%s/store", root);
	assert_int_equal(store_open(&store, path, NULL), 0);
	for (size_t i = 0; i < KEYS; i++) {
		struct public_key *key;

		if (!keys[i])
			keys[i] = make_key(kinds[i]);
		assert_int_equal(public_key_parse(&key, make_pem(keys[i], 0),
						  strlen(make_pem(keys[i], 0)), NULL),
				 0);
		(void)snprintf(ids[i], sizeof(ids[i]), "%s", public_key_id(key));
		public_key_free(key);
		write_key(i);
	}
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	store_close(store);
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void sign(struct signature_list *list, size_t key, const char *text,
		 enum signature_kind kind, bool encode)
{
	unsigned char bytes[1024];
	char encoded[BASE64_SIZE(1024)], *payload = strdup(text);
	struct image_signature signature = { .kind = kind, .origin = root };

	signature.len =
	    make_signature(keys[key], key == 1 ? NULL : "SHA256", 0, text, strlen(text), bytes);
	signature.data = (char *)bytes;
	if (encode) {
		base64_encode(encoded, bytes, signature.len);
		signature.data = encoded;
		signature.len = strlen(encoded);
	}
	if (kind == SIGNATURE_COSIGN) {
		signature.payload = payload;
		signature.payload_len = strlen(payload);
	}
	assert_int_equal(signature_list_add(list, &signature, NULL), 0);
	free(payload);
}

static const char *digest_line(const struct digest *digest)
{
	static char text[DIGEST_TEXT_SIZE + 1];

	digest_format(digest, text);
	text[strlen(text) + 1] = '\0';
	text[strlen(text)] = '\n';
	return text;
}

static char said[ERROR_TEXT_MAX];

/* 1 accepted, 0 refused, -1 nothing can be trusted; said says why. */
static int decide_about(const struct trust_subject *subject)
{
	struct error err = ERROR_NONE;
	struct trust_decision decision;
	int accepted;

	said[0] = '\0';
	if (trust_decide_at(places, 2, subject, NOW, &decision, &err) < 0) {
		(void)snprintf(said, sizeof(said), "%s", err.text);
		return -1;
	}
	accepted = decision.accepted;
	trust_decision_keep(store, &decision);
	(void)snprintf(said, sizeof(said), "%s", accepted ? decision.rule : decision.reason);
	trust_decision_free(&decision);
	return accepted;
}

static int decide(const struct signature_list *list)
{
	const struct trust_subject subject = {
		.name = NAME, .manifest = &manifest, .signatures = list, .aci_fd = -1
	};

	return decide_about(&subject);
}

static int find(uint64_t now_s)
{
	struct error err = ERROR_NONE;

	return verdict_find_at(store, places, 2, NAME, &manifest, now_s, &err);
}

static void expect(int result, int wanted, const char *text)
{
	if (result != wanted || !strstr(said, text))
		fail_msg("%d, not %d: %s (wanted: %s)", result, wanted, said, text);
}

static void test_rules(void **state)
{
	struct trust_subject subject = { .name = "oci:/x", .manifest = &manifest, .aci_fd = -1 };

	(void)state;
	expect(decide(NULL), 1, "no policy");
	assert_int_equal(find(NOW), 1);
	write_rule("\"accept\"");
	assert_int_equal(find(NOW), 0);
	expect(decide(NULL), 1, "rule accept for \"example.com\"");
	assert_int_equal(find(NOW), 1);
	expect(decide_about(&subject), 0, "default reject");
	subject.name = NAME;
	subject.is_aci = true;
	subject.aci_digest = &manifest;
	expect(decide_about(&subject), 0, "author");
	write_rule("\"reject\"");
	assert_int_equal(find(NOW), 0);
	expect(decide(NULL), 0, "rule reject for \"example.com\"");
	assert_int_equal(find(NOW), 0);
}

/* The user's policy narrows, and cannot widen. */
static void test_user(void **state)
{
	(void)state;
	write_rule("\"accept\"");
	write_file("user/policy.json", "{\"version\":1,\"default\":\"reject\"}", 0644);
	expect(decide(NULL), 0, "/user/policy.json");
	write_file("user/policy.json", "{\"version\":1,\"default\":\"accept\"}", 0644);
	expect(decide(NULL), 1, "accept");
	assert_int_equal(find(NOW), 1);
	write_file("user/policy.json", "{\"version\":1,\"default\":\"accept\" }", 0644);
	assert_int_equal(find(NOW), 0);
	write_rule("\"reject\"");
	expect(decide(NULL), 0, "/etc/policy.json");
	write_file("user/policy.json", "{", 0644);
	write_rule("\"accept\"");
	expect(decide(NULL), -1, "every image is refused");
}

static void test_threshold(void **state)
{
	struct signature_list list = { .count = 0 };

	(void)state;
	write_signed_by(3, 2);
	expect(decide(NULL), 0, "no signature was found");
	sign(&list, 0, digest_line(&manifest), SIGNATURE_DETACHED, true);
	expect(decide(&list), 0, "1 of 2");
	sign(&list, 0, digest_line(&manifest), SIGNATURE_DETACHED, true); /* another, same key */
	sign(&list, 0, digest_line(&manifest), SIGNATURE_DETACHED, false);
	expect(decide(&list), 0, "1 of 2");
	if (!strstr(said, ids[1]) || !strstr(said, ids[2]))
		fail_msg("the missing keys are not named: %s", said);
	sign(&list, 2, digest_line(&manifest), SIGNATURE_DETACHED, false);
	expect(decide(&list), 1, "signed-by");
	signature_list_free(&list);
	write_signed_by(1, 1);
	sign(&list, 1, digest_line(&manifest), SIGNATURE_DETACHED, true);
	expect(decide(&list), 0, "no key of the rule");
	signature_list_free(&list);
}

static void test_directory(void **state)
{
	struct trust_subject subject = { .name = NAME, .aci_fd = -1 };

	(void)state;
	write_signed_by(1, 1);
	expect(decide_about(&subject), 0, "a directory cannot be signed");
	write_rule("\"accept\"");
	expect(decide_about(&subject), 1, "accept");
}

#define TYPE	  "cosign container image signature"
#define DIGEST	  "sha256:0102030000000000000000000000000000000000000000000000000000000000"
#define REFERENCE "example.com/app"

static void payload_is(const char *payload, int wanted, const char *text)
{
	struct signature_list list = { .count = 0 };

	sign(&list, 0, payload, SIGNATURE_COSIGN, true);
	expect(decide(&list), wanted, text);
	signature_list_free(&list);
}

#define PAYLOAD(type, digest, reference)                                                           \
	"{\"critical\":{\"identity\":{\"docker-reference\":\"" reference                           \
	"\"},\"image\":{\"docker-manifest-digest\":\"" digest "\"},\"type\":\"" type               \
	"\"},\"optional\":null}"

static void test_simple_signing(void **state)
{
	(void)state;
	write_signed_by(1, 1);
	payload_is(PAYLOAD(TYPE, DIGEST, REFERENCE), 1, "signed-by");
	payload_is(PAYLOAD(TYPE, DIGEST, REFERENCE ":1"), 1, "signed-by");
	payload_is(PAYLOAD(TYPE, DIGEST, REFERENCE "@" DIGEST), 1, "signed-by");
	payload_is(PAYLOAD(TYPE, DIGEST, REFERENCE ":2"), 0, "for the name");
	payload_is(PAYLOAD(TYPE, DIGEST, "example.com/other"), 0, "for the name");
	payload_is(PAYLOAD(TYPE, DIGEST, "app"), 0, "for the name");
	payload_is(PAYLOAD(TYPE, DIGEST, ""), 0, "for the name");
	payload_is(PAYLOAD("atomic container signature", DIGEST, REFERENCE), 0, "payload is a");
	payload_is(PAYLOAD("", DIGEST, REFERENCE), 0, "payload is a");
	payload_is(PAYLOAD(TYPE,
			   "sha256:"
			   "1102030000000000000000000000000000000000000000000000000000000000",
			   REFERENCE),
		   0, "another image");
	payload_is(PAYLOAD(TYPE, "sha256:01", REFERENCE), 0, "digest");
	payload_is("{}", 0, "critical");
	payload_is("[]", 0, "not an object");
	payload_is("", 0, "");
	payload_is("{\"critical\":{\"identity\":{\"docker-reference\":\"" REFERENCE
		   "\"},\"image\":{\"docker-manifest-digest\":\"" DIGEST "\"},\"type\":\"" TYPE
		   "\"},\"extra\":1}",
		   0, "unknown field");
	payload_is("{\"critical\":{\"identity\":{\"docker-reference\":\"" REFERENCE
		   "\"},\"image\":{\"docker-manifest-digest\":\"" DIGEST "\"},\"type\":\"" TYPE
		   "\",\"more\":1}}",
		   0, "unknown field");
	payload_is("{\"critical\":{\"identity\":{\"docker-reference\":\"" REFERENCE
		   "\"},\"image\":{\"docker-manifest-digest\":\"" DIGEST
		   "\",\"docker-manifest-digest\":\"" DIGEST "\"},\"type\":\"" TYPE "\"}}",
		   0, "twice");
	payload_is("{\"critical\":{\"identity\":{\"docker-reference\":\"" REFERENCE
		   "\"},\"image\":{\"docker-manifest-digest\":\"" DIGEST "\"}}}",
		   0, "\"type\"");
	payload_is(PAYLOAD(TYPE, DIGEST, REFERENCE) "x", 0, "");
}

/* Cosign signs the index of a multi-platform image. */
static void test_index(void **state)
{
	static const char names[] =
	    "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
	    "\"application/vnd.oci.image.manifest.v1+json\",\"size\":2,\"digest\":\"" DIGEST
	    "\"}]}";
	static const char other[] = "{\"schemaVersion\":2,\"manifests\":[]}";
	static const char *const indexes[] = { names, other };

	(void)state;
	write_signed_by(1, 1);
	for (int i = 0; i < 2; i++) {
		struct signature_list list = { .count = 0 };
		char payload[1024], text[DIGEST_TEXT_SIZE];
		struct digest digest;

		assert_int_equal(
		    digest_compute(&digest, DIGEST_SHA256, indexes[i], strlen(indexes[i]), NULL),
		    0);
		digest_format(&digest, text);
		(void)snprintf(payload, sizeof(payload), PAYLOAD(TYPE, "%s", REFERENCE), text);
		sign(&list, 0, payload, SIGNATURE_COSIGN, true);
		expect(decide(&list), 0, "another image");
		assert_int_equal(
		    signature_list_set_index(&list, indexes[i], strlen(indexes[i]), NULL), 0);
		expect(decide(&list), i == 0, i == 0 ? "signed-by" : "does not name this image");
		signature_list_free(&list);
	}
}

/* IMG-114 and IMG-116: what is not as it should be refuses everything. */
static void test_untrusted(void **state)
{
	char name[256];

	(void)state;
	(void)snprintf(name, sizeof(name), "etc/keys/%s.pem", ids[0]);
	write_rule("\"accept\"");
	change_mode("etc/policy.json", 0666);
	expect(decide(NULL), -1, "writable by others");
	assert_int_equal(find(NOW), -1);
	change_mode("etc/policy.json", 0644);
	change_mode("etc", 0775);
	expect(decide(NULL), -1, "writable by others");
	change_mode("etc", 0755);
	places[0].owner = geteuid() + 1;
	expect(decide(NULL), geteuid() ? -1 : 1, geteuid() ? "belongs to" : "accept");
	places[0].owner = geteuid();
	write_signed_by(1, 1);
	change_mode(name, 0664);
	expect(decide(NULL), -1, "writable by others");
	change_mode(name, 0644);
	change_mode("etc/keys", 0777);
	expect(decide(NULL), -1, "writable by others");
	change_mode("etc/keys", 0755);
	write_file(name, make_pem(keys[1], 0), 0644);
	expect(decide(NULL), -1, "it is another key");
	write_file(name, "", 0644);
	expect(decide(NULL), -1, "not one public key");
	write_file(name, make_pem(keys[0], 1), 0644);
	expect(decide(NULL), -1, "private key");
	(void)snprintf(said, sizeof(said), "%s/%s", root, name);
	assert_int_equal(unlink(said), 0);
	expect(decide(NULL), -1, "is missing");
}

/* What a kept verdict depends on. */
static void test_verdict(void **state)
{
	static const struct timespec touched[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	struct signature_list list = { .count = 0 };
	char name[256], path[PATH_MAX];

	(void)state;
	(void)snprintf(name, sizeof(name), "etc/keys/%s.pem", ids[0]);
	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	write_signed_by(1, 1);
	sign(&list, 0, digest_line(&manifest), SIGNATURE_DETACHED, true);
	expect(decide(&list), 1, "signed-by");
	assert_int_equal(find(NOW), 1);
	assert_int_equal(find(NOW - 1), 0); /* a clock that went back */
	assert_int_equal(utimensat(AT_FDCWD, path, touched, 0), 0);
	assert_int_equal(find(NOW), 0);
	expect(decide(&list), 1, "signed-by");
	assert_int_equal(find(NOW), 1);
	change_mode(name, 0640);
	assert_int_equal(find(NOW), 0);
	change_mode(name, 0662);
	assert_int_equal(find(NOW), -1);
	change_mode(name, 0644);
	assert_int_equal(find(NOW), 0);
	expect(decide(&list), 1, "signed-by");
	write_signed_by(1, 1); /* the same bytes in another file */
	assert_int_equal(find(NOW), 0);
	expect(decide(&list), 1, "signed-by");
	assert_int_equal(find(NOW), 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(find(NOW), 0);
	signature_list_free(&list);
}

/* What OpenPGP says may not be true for ever. */
static void test_expiry(void **state)
{
	const struct trust_subject subject = { .name = NAME, .manifest = &manifest, .aci_fd = -1 };
	struct trust_decision decision;

	(void)state;
	write_rule("\"accept\"");
	assert_int_equal(trust_decide_at(places, 2, &subject, NOW, &decision, NULL), 0);
	decision.verdict.expires_s = NOW + 10;
	trust_decision_keep(store, &decision);
	trust_decision_free(&decision);
	assert_int_equal(find(NOW + 9), 1);
	assert_int_equal(find(NOW + 10), 0);
}

static void test_record(void **state)
{
	struct verdict verdict = { .manifest = manifest, .made_s = 5, .expires_s = 9 }, back;
	struct policy_file file = { .data = strdup("{}"), .len = 2, .identity = { .mode = 1 } };
	char name[] = NAME;
	void *data;
	size_t len;

	(void)state;
	verdict.name = strdup(name);
	assert_int_equal(verdict_add(&verdict, &places[0], "policy.json", &file), 0);
	assert_int_equal(verdict_encode(&verdict, &data, &len), 0);
	assert_int_equal(verdict_decode(&back, data, len), 0);
	assert_int_equal(back.expires_s, 9);
	assert_true(policy_file_equal(&back.files[0].file, &verdict.files[0].file));
	verdict_free(&back);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(verdict_decode(&back, data, cut), -1);
	free(data);
	verdict_free(&verdict);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rules, setup, teardown),
		cmocka_unit_test_setup_teardown(test_user, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threshold, setup, teardown),
		cmocka_unit_test_setup_teardown(test_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_simple_signing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_index, setup, teardown),
		cmocka_unit_test_setup_teardown(test_untrusted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_verdict, setup, teardown),
		cmocka_unit_test_setup_teardown(test_expiry, setup, teardown),
		cmocka_unit_test_setup_teardown(test_record, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
