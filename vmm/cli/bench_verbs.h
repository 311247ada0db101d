/*
 * nacelle bench: the verbs of the program nacelle-bench.
 */
#ifndef NACELLE_CLI_BENCH_VERBS_H
#define NACELLE_CLI_BENCH_VERBS_H

#include "vmm/cli/options.h"

extern const struct program bench_program;
/* What it starts of itself; no help lists these. */
extern const struct program bench_internal_program;

#endif
