/*
 * The file "launch" of a pod: what decodes must encode to something that decodes to the same.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/pod/launch_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* By way of a file. */
static void try_file(const struct launch_record *record)
{
	static int dir_fd = -1;
	struct launch_record back;

	if (dir_fd < 0) {
		char directory[] = "/tmp/fuzz-launch-XXXXXX";

		assert(mkdtemp(directory));
		dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	assert(launch_record_write(record, dir_fd, false, NULL) == 0);
	assert(launch_record_read(&back, dir_fd, NULL) == 0);
	assert(back.arguments.count == record->arguments.count);
	launch_record_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct launch_record record, back;
	void *first, *second;
	size_t first_len, second_len;

	if (launch_record_decode(&record, data, size, NULL) == 0) {
		assert(launch_record_encode(&record, &first, &first_len, NULL) == 0);
		assert(launch_record_decode(&back, first, first_len, NULL) == 0);
		assert(launch_record_encode(&back, &second, &second_len, NULL) == 0);
		assert(first_len == second_len && !memcmp(first, second, first_len));
		launch_record_free(&back);
		try_file(&record);
		free(first);
		free(second);
	}
	launch_record_free(&record);
	return 0;
}
