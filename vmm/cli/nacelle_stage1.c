/*
 * nacelle-stage1: a stage1 of rkt. The name that it is called by is the entry point: run, enter,
 * stop and gc are links to it. By its own name it takes the entry point as its first argument.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cli/program.h"
#include "vmm/cli/stage1.h"

static bool is_entry_point(const char *name)
{
	for (const struct verb *verb = stage1_program.verbs; verb->name; verb++)
		if (strcmp(verb->name, name) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	char *name = argc ? strrchr(argv[0], '/') : NULL;
	char **arguments;
	int status;

	stage1_started();
	name = name ? name + 1 : argc ? argv[0] : NULL;
	if (!name || !is_entry_point(name))
		return program_run(&stage1_program, argc, argv);
	arguments = calloc((size_t)argc + 2, sizeof(*arguments));
	if (!arguments)
		return STAGE1_STATUS_FAILURE;
	arguments[0] = argv[0];
	arguments[1] = name;
	memcpy(arguments + 2, argv + 1, (size_t)argc * sizeof(*arguments));
	status = program_run(&stage1_program, argc + 1, arguments);
	free(arguments);
	return status;
}
