#include "tests/unit/images/test.h"

#include "images/digest.h"
#include "images/oci.h"
#include "images/plan.h"
#include "vmm/base/bytes.h"

/* A source of two documents, which it finds by digest. */
struct shelf {
	const char *documents[4];
	unsigned fetched;
};

static int fetch(void *context, const struct digest *digest, uint64_t size_bytes, char **data,
		 struct error *err)
{
	struct shelf *shelf = context;
	struct digest found;

	for (size_t i = 0; i < ARRAY_SIZE(shelf->documents) && shelf->documents[i]; i++) {
		const char *text = shelf->documents[i];

		assert_int_equal(
		    digest_compute(&found, digest->algorithm, text, strlen(text), NULL), 0);
		if (!digest_equal(&found, digest))
			continue;
		assert_int_equal(size_bytes, strlen(text));
		*data = strdup(text);
		shelf->fetched++;
		return 0;
	}
	return error_set(err, 0, "no such document");
}

static char manifest[4096], index_json[8192];

static void describe(char *out, size_t room, const char *type, const char *document,
		     const char *more)
{
	char text[DIGEST_TEXT_SIZE];
	struct digest digest;

	assert_int_equal(digest_compute(&digest, DIGEST_SHA256, document, strlen(document), NULL),
			 0);
	digest_format(&digest, text);
	(void)snprintf(out, room,
		       "{\"mediaType\":\"application/vnd.oci.image.%s.v1+json\",\"digest\":\"%s\","
		       "\"size\":%zu%s}",
		       type, text, strlen(document), more);
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char config[] =
    "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":["
    "\"sha256:" HEX
    "\"]},\"config\":{\"Entrypoint\":[\"/a\"],\"Cmd\":[\"b\",\"\"],\"Env\":[\"A=b\"],"
    "\"User\":\"u:g\",\"WorkingDir\":\"/w\",\"StopSignal\":\"SIGQUIT\",\"Volumes\":{\"/v\":{}}}}";

/* Makes the documents of an image; more are members of the index's entry. */
static struct shelf make_shelf(const char *configuration, const char *more)
{
	struct shelf shelf = { .documents = { manifest, configuration } };
	char descriptor[1024];

	describe(descriptor, sizeof(descriptor), "config", configuration, "");
	(void)snprintf(manifest, sizeof(manifest),
		       "{\"schemaVersion\":2,\"config\":%s,\"layers\":[{\"mediaType\":"
		       "\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"sha256:" HEX
		       "\",\"size\":7}]}",
		       descriptor);
	describe(descriptor, sizeof(descriptor), "manifest", manifest, more);
	(void)snprintf(index_json, sizeof(index_json), "{\"schemaVersion\":2,\"manifests\":[%s]}",
		       descriptor);
	return shelf;
}

static int resolve(struct shelf *shelf, const char *tag, struct image_plan *plan, struct error *err)
{
	static const char marker[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	const struct oci_source source = { fetch, shelf };
	const struct oci_layout layout = { marker, strlen(marker), index_json, strlen(index_json),
					   tag };

	return oci_resolve(&layout, &source, plan, err);
}

#define TAGGED ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"v1\"}"

static void test_resolve(void **state)
{
	struct shelf shelf = make_shelf(config, TAGGED);
	struct error err = ERROR_NONE;
	struct image_plan plan, back;
	void *data;
	size_t len;

	(void)state;
	if (resolve(&shelf, "v1", &plan, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(shelf.fetched, 2);
	assert_int_equal(image_plan_encode(&plan, &data, &len), 0);
	image_config_free(&plan.config);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(image_plan_decode(&back, data, i, NULL), -1);
	assert_int_equal(image_plan_decode(&back, data, len, NULL), 0);
	free(data);
	assert_int_equal(back.layer_count, 1);
	assert_int_equal(back.layers[0].compression, LAYER_GZIP);
	assert_int_equal(back.layers[0].size_bytes, 7);
	assert_int_equal(back.config.entrypoint.count, 1);
	assert_int_equal(back.config.cmd.count, 2);
	assert_string_equal(back.config.env.items[0], "A=b");
	assert_string_equal(back.config.volumes.items[0], "/v");
	assert_string_equal(back.config.user, "u:g");
	assert_string_equal(back.config.working_dir, "/w");
	assert_int_equal(back.config.stop_signal, 3);
	image_config_free(&back.config);
}

static void test_choice(void **state)
{
	static const struct {
		const char *more, *tag, *error;
	} cases[] = {
		{ "", "", NULL },
		{ "", "v1", "holds no image with the tag v1" },
		{ TAGGED, "", NULL },
		{ TAGGED, "v2", "it has: v1" },
		{ ",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}", "", NULL },
		{ ",\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\"}", "",
		  "linux/amd64" },
		{ ",\"platform\":{\"os\":\"windows\",\"architecture\":\"amd64\"}", "",
		  "linux/amd64" },
		{ ",\"annotations\":{\"vnd.docker.reference.type\":\"x\"}", "", "holds no image" },
		{ ",\"annotations\":{\"a\":1}", "", "not a string" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct shelf shelf = make_shelf(config, cases[i].more);
		struct error err = ERROR_NONE;
		struct image_plan plan;
		int result = resolve(&shelf, cases[i].tag, &plan, &err);

		assert_int_equal(result, cases[i].error ? -1 : 0);
		if (result == 0)
			image_config_free(&plan.config);
		else if (!strstr(err.text, cases[i].error))
			fail_msg("%s: %s", cases[i].more, err.text);
	}
}

static void test_stop_signals(void **state)
{
	static const struct {
		const char *text;
		int number;
	} cases[] = {
		{ "SIGTERM", 15 },    { "TERM", 15 },
		{ "9", 9 },	      { "64", 64 },
		{ "SIGRTMIN", 34 },   { "RTMAX", 64 },
		{ "SIGRTMIN+3", 37 }, { "SIGRTMAX-1", 63 },
		{ "SIGUSR2", 12 },    { "", 0 },
		{ "65", -1 },	      { "SIGRTMIN+31", -1 },
		{ "SIGFOO", -1 },     { "SIGRTMIN+", -1 },
		{ "1x", -1 },	      { "-9", -1 },
		{ "0", -1 },	      { "sigterm", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_NONE;
		struct image_plan plan;
		struct shelf shelf;
		char text[1024];
		int result;

		(void)snprintf(text, sizeof(text),
			       "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":"
			       "\"layers\",\"diff_ids\":[\"sha256:" HEX
			       "\"]},\"config\":{\"StopSignal\":\"%s\"}}",
			       cases[i].text);
		shelf = make_shelf(text, "");
		result = resolve(&shelf, "", &plan, &err);
		assert_int_equal(result, cases[i].number < 0 ? -1 : 0);
		if (result == 0) {
			assert_int_equal(plan.config.stop_signal, cases[i].number);
			image_config_free(&plan.config);
		}
	}
}

static void test_digests(void **state)
{
	static const char *const empty[] = {
		"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
		"47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
	};
	char text[DIGEST_TEXT_SIZE];
	struct hasher hasher;
	struct digest digest;

	(void)state;
	assert_int_equal(digest_compute(&digest, DIGEST_SHA256, "", 0, NULL), 0);
	digest_format(&digest, text);
	assert_string_equal(text, empty[0]);
	assert_int_equal(hasher_init(&hasher, DIGEST_SHA512, NULL), 0);
	assert_int_equal(hasher_update(&hasher, "", 0, NULL), 0);
	assert_int_equal(hasher_finish(&hasher, &digest, NULL), 0);
	digest_format(&digest, text);
	assert_string_equal(text, empty[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_stop_signals),
		cmocka_unit_test(test_digests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
