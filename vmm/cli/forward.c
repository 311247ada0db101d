/*
 * Verbs that need the libraries of nacelle-image: this process becomes that program.
 */
#include "vmm/cli/forward.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmm/base/environment.h"
#include "vmm/pod/paths.h"

static int become(char **argv, struct error *err)
{
	static char name[] = "nacelle-image";
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

/* nacelle image list ... is nacelle-image list ... */
int cli_forward_image(char **argv, struct error *err)
{
	return become(argv + 1, err);
}

/* nacelle trust list ... is nacelle-image trust list ... */
int cli_forward_trust(char **argv, struct error *err)
{
	return become(argv, err);
}
