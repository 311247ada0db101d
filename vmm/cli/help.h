/*
 * What is printed from the tables of options.h: help texts and the bash completion.
 */
#ifndef NACELLE_CLI_HELP_H
#define NACELLE_CLI_HELP_H

#include "vmm/cli/options.h"

void help_print_verbs(const struct program *program);
void help_print_verb(const struct program *program, const struct verb *verb);

/*
 * Prints the bash function that completes what stands behind the program's command; with that of
 * `nacelle` itself come what the functions share and their registration.
 */
void help_print_completion(const struct program *program);

#endif
