/*
 * Verbs of other programs, which this process becomes: nacelle-image has libraries that a start
 * must not load, nacelle-bench is no part of a start.
 */
#include "vmm/cli/forward.h"

#include <errno.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/environment.h"
#include "vmm/pod/paths.h"

static char image_program[] = "nacelle-image";
static char bench_program[] = "nacelle-bench";

static int become(char *name, char **argv, char **environment, struct error *err)
{
	char program[PATH_MAX];

	if (paths_find(program, name, err) < 0)
		return -1;
	argv[0] = name;
	execve(program, argv, environment);
	return error_set(err, errno, "cannot start %s", program);
}

/* It decides what may run: nothing of the caller's environment has a say in that. */
static int become_image(char **argv, struct error *err)
{
	_cleanup_free_ char **environment = environment_clean();

	if (!environment)
		return error_set(err, ENOMEM, "cannot start %s", image_program);
	return become(image_program, argv, environment, err);
}

/* nacelle image list ... is nacelle-image list ... */
int cli_forward_image(char **argv, struct error *err)
{
	return become_image(argv + 1, err);
}

/* nacelle trust list ... is nacelle-image trust list ... */
int cli_forward_trust(char **argv, struct error *err)
{
	return become_image(argv, err);
}

/* nacelle bench start ... is nacelle-bench start ..., which finds other runtimes by PATH. */
int cli_forward_bench(char **argv, struct error *err)
{
	return become(bench_program, argv + 1, environ, err);
}
