/*
 * Verbs of other programs, which this process becomes: nacelle-image has libraries that a start
 * must not load, nacelle-bench is no part of a start.
 */
#include "vmm/cli/forward.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmm/base/environment.h"
#include "vmm/pod/paths.h"

static int become(char *name, char **argv, struct error *err)
{
	char program[PATH_MAX];
	char **environment;

	if (paths_find(program, name, err) < 0)
		return -1;
	argv[0] = name;
	environment = environment_clean();
	if (!environment)
		return error_set(err, ENOMEM, "cannot start %s", program);
	execve(program, argv, environment);
	free(environment);
	return error_set(err, errno, "cannot start %s", program);
}

static char image_program[] = "nacelle-image";
static char bench_program[] = "nacelle-bench";

/* nacelle image list ... is nacelle-image list ... */
int cli_forward_image(char **argv, struct error *err)
{
	return become(image_program, argv + 1, err);
}

/* nacelle trust list ... is nacelle-image trust list ... */
int cli_forward_trust(char **argv, struct error *err)
{
	return become(image_program, argv, err);
}

/* nacelle bench start ... is nacelle-bench start ... */
int cli_forward_bench(char **argv, struct error *err)
{
	return become(bench_program, argv + 1, err);
}
