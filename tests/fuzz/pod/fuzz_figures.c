/*
 * What a guest says of its figures: any text comes to numbers and plain names, or to an error.
 */
#include <assert.h>
#include <string.h>

#include "vmm/pod/figures.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_NONE;
	struct figures figures;

	if (figures_parse(&figures, data, size, &err) < 0) {
		assert(err.text[0]);
		return 0;
	}
	assert(figures.memory_count <= FIGURE_DETAILS_MAX);
	for (size_t i = 0; i < figures.memory_count; i++) {
		const char *name = figures.memory[i].name;

		assert(*name && strlen(name) <= FIGURE_NAME_MAX);
		assert(!name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")]);
	}
	assert(figures.values[FIGURE_CPUS] && figures.values[FIGURE_CPUS] != FIGURE_NONE);
	assert(figures_memory_limit(&figures) <= figures.values[FIGURE_MACHINE_TOTAL]);
	(void)figures_memory(&figures);
	return 0;
}
