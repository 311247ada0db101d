#include "tests/unit/images/test.h"

#include <stdlib.h>

#include "images/record.h"

static void fill(struct image_record *record)
{
	memset(record, 0, sizeof(*record));
	record->manifest.algorithm = DIGEST_SHA256;
	record->manifest.bytes[0] = 0xab;
	record->chain.algorithm = DIGEST_SHA256;
	record->chain.bytes[31] = 0xcd;
	record->size_bytes = 8192;
	record->kind = IMAGE_KIND_ACI;
	record->verity.algorithm = DIGEST_SHA256;
	record->blobs = calloc(2, sizeof(record->blobs[0]));
	assert_non_null(record->blobs);
	record->blobs[0] = (struct image_blob){ { DIGEST_SHA256, { 5 } }, 77 };
	record->blobs[1] = (struct image_blob){ { DIGEST_SHA512, { 6 } }, 0 };
	record->blob_count = 2;
	record->aci_name = strdup("example.com/app");
	assert_int_equal(string_list_add(&record->aci_labels, "os=linux", 8), 0);
	record->config.user = strdup("nobody:7");
	record->config.working_dir = strdup("/srv");
	record->config.stop_signal = 15;
	assert_int_equal(string_list_add(&record->config.entrypoint, "/bin/sh", 7), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(string_list_add(&record->config.env, "A=\nb", 4), 0);
	assert_int_equal(string_list_add(&record->config.cmd, "", 0), 0);
}

static void test_round_trip(void **state)
{
	struct image_record record, back;
	void *data;
	size_t len;

	(void)state;
	fill(&record);
	assert_int_equal(image_record_encode(&record, &data, &len), 0);
	assert_int_equal(image_record_decode(&back, data, len, NULL), 0);
	assert_true(digest_equal(&record.manifest, &back.manifest));
	assert_true(digest_equal(&record.chain, &back.chain));
	assert_int_equal(back.size_bytes, 8192);
	assert_int_equal(back.kind, IMAGE_KIND_ACI);
	assert_int_equal(back.verity.algorithm, DIGEST_SHA256);
	assert_string_equal(back.aci_name, "example.com/app");
	assert_string_equal(back.aci_labels.items[0], "os=linux");
	assert_int_equal(back.blob_count, 2);
	assert_true(digest_equal(&back.blobs[1].digest, &record.blobs[1].digest));
	assert_int_equal(back.blobs[0].size_bytes, 77);
	assert_int_equal(back.config.stop_signal, 15);
	assert_string_equal(back.config.user, "nobody:7");
	assert_string_equal(back.config.working_dir, "/srv");
	assert_int_equal(back.config.entrypoint.count, 1);
	assert_int_equal(back.config.env.count, 20);
	assert_string_equal(back.config.env.items[19], "A=\nb");
	assert_int_equal(back.config.cmd.count, 1);
	assert_string_equal(back.config.cmd.items[0], "");
	assert_int_equal(back.config.volumes.count, 0);
	image_record_free(&back);
	image_record_free(&record);
	free(data);
}

/* Every prefix and every changed length byte is refused or decodes to something well-formed. */
static void test_damaged(void **state)
{
	struct image_record record, back;
	unsigned char *data;
	void *encoded;
	size_t len;

	(void)state;
	fill(&record);
	assert_int_equal(image_record_encode(&record, &encoded, &len), 0);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(image_record_decode(&back, encoded, i, NULL), -1);
	data = encoded;
	for (size_t i = 0; i < len; i++) {
		data[i] ^= 0xff;
		if (image_record_decode(&back, data, len, NULL) == 0)
			image_record_free(&back);
		data[i] ^= 0xff;
	}
	image_record_free(&record);
	free(encoded);
}

static void test_reference(void **state)
{
	struct reference_record record = { .canonical = (char *)(uintptr_t) "oci:/layout:tag",
					   .name = (char *)(uintptr_t) "",
					   .manifest = { DIGEST_SHA256, { 1, 2, 3 } },
					   .witness = (uint8_t *)(uintptr_t) "{}",
					   .witness_len = 2,
					   .has_witness = true };
	struct reference_record back;
	void *data;
	size_t len;

	(void)state;
	assert_int_equal(reference_record_encode(&record, &data, &len), 0);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(reference_record_decode(&back, data, i, NULL), -1);
	assert_int_equal(reference_record_decode(&back, data, len, NULL), 0);
	assert_true(digest_equal(&back.manifest, &record.manifest));
	assert_string_equal(back.canonical, record.canonical);
	assert_string_equal(back.name, "");
	assert_true(back.has_witness);
	assert_int_equal(back.witness_len, 2);
	assert_memory_equal(back.witness, "{}", 2);
	reference_record_free(&back);
	free(data);
	record.has_witness = false;
	assert_int_equal(reference_record_encode(&record, &data, &len), 0);
	assert_int_equal(reference_record_decode(&back, data, len, NULL), 0);
	assert_false(back.has_witness);
	reference_record_free(&back);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_reference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
