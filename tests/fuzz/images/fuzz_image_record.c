/*
 * Records of the store, plans and reports of the parser: what decodes must encode to something that
 * decodes to the same.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "images/aci_report.h"
#include "images/plan.h"
#include "images/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_record(const uint8_t *data, size_t size)
{
	struct image_record record, back;
	void *first, *second;
	size_t first_len, second_len;

	if (image_record_decode(&record, data, size, NULL) < 0)
		return;
	assert(image_record_encode(&record, &first, &first_len) == 0);
	assert(image_record_decode(&back, first, first_len, NULL) == 0);
	assert(image_record_encode(&back, &second, &second_len) == 0);
	assert(first_len == second_len && !memcmp(first, second, first_len));
	free(first);
	free(second);
	image_record_free(&record);
	image_record_free(&back);
}

static void try_plan(const uint8_t *data, size_t size)
{
	struct image_plan plan, back;
	void *encoded;
	size_t len;

	if (image_plan_decode(&plan, data, size, NULL) < 0)
		return;
	assert(image_plan_encode(&plan, &encoded, &len) == 0);
	assert(image_plan_decode(&back, encoded, len, NULL) == 0);
	assert(back.layer_count == plan.layer_count);
	free(encoded);
	image_config_free(&plan.config);
	image_config_free(&back.config);
}

static void try_reference(const uint8_t *data, size_t size)
{
	struct reference_record record, back;
	void *first, *second;
	size_t first_len, second_len;

	if (reference_record_decode(&record, data, size, NULL) < 0)
		return;
	assert(record.manifest.algorithm);
	assert(reference_record_encode(&record, &first, &first_len) == 0);
	assert(reference_record_decode(&back, first, first_len, NULL) == 0);
	assert(reference_record_encode(&back, &second, &second_len) == 0);
	assert(first_len == second_len && !memcmp(first, second, first_len));
	free(first);
	free(second);
	reference_record_free(&record);
	reference_record_free(&back);
}

static void try_report(const uint8_t *data, size_t size)
{
	struct aci_report report, back;
	void *first, *second;
	size_t first_len, second_len;

	if (aci_report_decode(&report, data, size, NULL) < 0)
		return;
	assert(report.id.algorithm == DIGEST_SHA512);
	assert(aci_report_encode(&report, &first, &first_len) == 0);
	assert(aci_report_decode(&back, first, first_len, NULL) == 0);
	assert(aci_report_encode(&back, &second, &second_len) == 0);
	assert(first_len == second_len && !memcmp(first, second, first_len));
	free(first);
	free(second);
	aci_report_free(&report);
	aci_report_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_record(data, size);
	try_plan(data, size);
	try_reference(data, size);
	try_report(data, size);
	return 0;
}
