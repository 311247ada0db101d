/*
 * Run when this is built: prints the default profile of an app with the default capabilities,
 * compiled, as initializers of struct sock_filter.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "images/seccomp_rules.h"

int main(int argc, char **argv)
{
	static struct seccomp_program program;
	struct seccomp_app app = { 0 };
	struct error err = ERROR_NONE;

	if (argc != 2)
		return 2;
	app.capabilities = strtoull(argv[1], NULL, 16);
	if (seccomp_compile_default(&app, false, &program, &err) < 0) {
		(void)fprintf(stderr, "make_seccomp_default: %s\n", err.text);
		return 1;
	}
	for (unsigned i = 0; i < program.count; i++)
		printf("{ 0x%x, %u, %u, 0x%" PRIx32 " },\n", program.code[i].code,
		       program.code[i].jt, program.code[i].jf, program.code[i].k);
	return fflush(stdout) == 0 ? 0 : 1;
}
