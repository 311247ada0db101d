/*
 * nacelle-image: the program that has the libraries which images need (OpenSSL, zlib, cJSON), so
 * that nacelle itself has none of them. `nacelle image` and `nacelle trust` become it, and `nacelle
 * run` executes it when an image is not in the store.
 */
#include <signal.h>
#include <string.h>

#include "images/digest.h"
#include "vmm/cli/cni_verb.h"
#include "vmm/cli/image_verbs.h"
#include "vmm/cli/internal_verbs.h"
#include "vmm/cli/program.h"

int main(int argc, char **argv)
{
	(void)signal(SIGPIPE, SIG_IGN);
	digest_start();
	if (argc > 1 && strcmp(argv[1], "trust") == 0)
		return program_run(&trust_program, argc - 1, argv + 1);
	if (argc > 1 && verb_find(&internal_program, argv[1]))
		return program_run(&internal_program, argc, argv);
	if (argc > 1 && verb_find(&document_program, argv[1]))
		return program_run(&document_program, argc, argv);
	if (argc > 1 && strcmp(argv[1], "cni") == 0)
		return program_run(&cni_program, argc - 1, argv + 1);
	return program_run(&image_program, argc, argv);
}
