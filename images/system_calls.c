/*
 * The table comes from the kernel's headers when this is built: images/make-system-calls.
 */
#include "images/system_calls.h"

#include <string.h>

#include "vmm/base/bytes.h"

const struct system_call system_calls[] = {
#include "images/system_calls.inc"
};
const size_t system_call_count = ARRAY_SIZE(system_calls);

const struct system_call *system_call_find(const char *name, size_t len)
{
	size_t from = 0, to = system_call_count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		const char *candidate = system_calls[middle].name;
		int order = strncmp(candidate, name, len);

		if (order == 0 && !candidate[len])
			return &system_calls[middle];
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}
