#include "tests/unit/images/test.h"

#include "images/record.h"

static void fill(struct image_record *record)
{
	memset(record, 0, sizeof(*record));
	record->manifest.algorithm = DIGEST_SHA256;
	record->manifest.bytes[0] = 0xab;
	record->chain.algorithm = DIGEST_SHA256;
	record->chain.bytes[31] = 0xcd;
	record->size_bytes = 8192;
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
	struct reference_key key = { "/layout", "tag", "{}", 2 };
	struct digest manifest = { .algorithm = DIGEST_SHA256, .bytes = { 1, 2, 3 } };
	struct digest led;
	void *data;
	size_t len;

	(void)state;
	assert_int_equal(reference_record_encode(&key, &manifest, &data, &len), 0);
	assert_true(reference_record_match(&key, data, len, &led));
	assert_true(digest_equal(&led, &manifest));
	for (size_t i = 0; i < len; i++)
		assert_false(reference_record_match(&key, data, i, &led));
	key.tag = "tah";
	assert_false(reference_record_match(&key, data, len, &led));
	key.tag = "tag";
	key.index = "[]";
	assert_false(reference_record_match(&key, data, len, &led));
	key.index = "{} ";
	key.index_len = 3;
	assert_false(reference_record_match(&key, data, len, &led));
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
