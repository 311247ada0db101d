/*
 * nacelle check.
 */
#ifndef NACELLE_CLI_CHECK_H
#define NACELLE_CLI_CHECK_H

/* Prints what this host can do. Returns 0 if a pod can run, 1 if not. */
int cli_check(int argc, char **argv);

#endif
