/*
 * nacelle-bench: measures starts and memory of pods, from the outside. `nacelle bench` becomes it.
 */
#include <signal.h>

#include "vmm/cli/bench_verbs.h"
#include "vmm/cli/program.h"

int main(int argc, char **argv)
{
	/* What it starts is to find signals as a person's shell leaves them. */
	if (argc > 1 && verb_find(&bench_internal_program, argv[1]))
		return program_run(&bench_internal_program, argc, argv);
	(void)signal(SIGPIPE, SIG_IGN);
	return program_run(&bench_program, argc, argv);
}
