/*
 * nacelle-bench: measures starts and memory of pods, from the outside. `nacelle bench` becomes it.
 */
#include <signal.h>

#include "vmm/cli/bench_verbs.h"
#include "vmm/cli/program.h"

int main(int argc, char **argv)
{
	(void)signal(SIGPIPE, SIG_IGN);
	return program_run(&bench_program, argc, argv);
}
