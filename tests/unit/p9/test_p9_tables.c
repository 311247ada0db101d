/*
 * The fid table and the sets of locked ranges, each against a model that is too simple to be wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "virtio/p9_fid.h"
#include "virtio/p9_ranges.h"

static uint32_t random_number(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

static void test_fids(void **state)
{
	struct p9_fid *model[1024] = { 0 };
	struct p9_fid *fid;
	struct p9_fids fids;
	uint64_t seed = 1;
	size_t at = 0;

	(void)state;
	p9_fids_init(&fids, 600);
	assert_null(p9_fid_find(&fids, 0));
	assert_int_equal(p9_fid_add(&fids, P9_NOFID, 0, NULL, &fid), -EINVAL);
	for (int i = 0; i < 100000; i++) {
		uint32_t slot = random_number(&seed) % 1024;
		uint32_t id = slot * 0x01000193; /* far apart */

		assert_ptr_equal(p9_fid_find(&fids, id), model[slot]);
		if (model[slot] && random_number(&seed) % 3) {
			p9_fid_remove(&fids, model[slot]);
			free(model[slot]);
			model[slot] = NULL;
		} else {
			int want = model[slot] ? -EEXIST : fids.count >= 600 ? -ENFILE : 0;

			assert_int_equal(p9_fid_add(&fids, id, 5, NULL, &fid), want);
			if (want == 0)
				model[slot] = fid;
		}
	}
	while ((fid = p9_fid_next(&fids, &at))) {
		p9_fid_remove(&fids, fid);
		free(fid);
	}
	assert_int_equal(fids.count, 0);
	p9_fids_fini(&fids);
}

enum { BYTES = 24 };

/* What each byte is locked with, as the set says. */
static void spread(const struct p9_ranges *set, short bytes[BYTES])
{
	for (unsigned i = 0; i < BYTES; i++)
		bytes[i] = F_UNLCK;
	for (size_t i = 0; i < set->count; i++) {
		assert_true(set->range[i].first <= set->range[i].last);
		if (i && set->range[i].type == set->range[i - 1].type)
			assert_true(set->range[i].first > set->range[i - 1].last + 1);
		else if (i)
			assert_true(set->range[i].first > set->range[i - 1].last);
		for (uint64_t b = set->range[i].first; b <= set->range[i].last; b++)
			bytes[b] = set->range[i].type;
	}
}

static void test_ranges(void **state)
{
	static const short types[] = { F_RDLCK, F_WRLCK, F_UNLCK };
	short model[BYTES], bytes[BYTES];
	struct p9_ranges now = { 0 }, then;
	uint64_t seed = 7;

	(void)state;
	spread(&now, model);
	for (int i = 0; i < 100000; i++) {
		uint32_t first = random_number(&seed) % BYTES;
		uint32_t last = first + random_number(&seed) % (BYTES - first);
		short type = types[random_number(&seed) % 3];

		assert_int_equal(p9_ranges_plan(&now, first, last, type, &then), 0);
		p9_ranges_free(&now);
		now = then;
		for (uint32_t b = first; b <= last; b++)
			model[b] = type;
		spread(&now, bytes);
		assert_memory_equal(model, bytes, sizeof(model));
	}
	p9_ranges_free(&now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fids),
		cmocka_unit_test(test_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
