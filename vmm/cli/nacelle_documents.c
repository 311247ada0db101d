/*
 * nacelle-documents: what a start may ask of nacelle-image (manifests, profiles, networks), without
 * the libraries that registries need. In rkt's stage1 image it stands in its place.
 */
#include <signal.h>
#include <string.h>

#include "vmm/cli/cni_verb.h"
#include "vmm/cli/internal_verbs.h"
#include "vmm/cli/program.h"

int main(int argc, char **argv)
{
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && strcmp(argv[1], "cni") == 0)
		return program_run(&cni_program, argc - 1, argv + 1);
	return program_run(&document_program, argc, argv);
}
