/*
 * What is printed from the tables of options.h: help texts and the bash completion.
 */
#ifndef NACELLE_CLI_HELP_H
#define NACELLE_CLI_HELP_H

#include "vmm/cli/options.h"

void help_print_verbs(void);
void help_print_verb(const struct verb *verb);
void help_print_completion(void);

#endif
