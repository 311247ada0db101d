/*
 * The nacelle command: argv in, exit code out.
 */
#include "vmm/cli/program.h"
#include "vmm/cli/run.h"
#include "vmm/cli/verbs.h"

int main(int argc, char **argv)
{
	cli_run_started();
	return program_run(&nacelle_program, argc, argv);
}
