/*
 * The system calls of the machine role after lock-down.
 */
#ifndef NACELLE_MACHINE_MACHINE_RULES_H
#define NACELLE_MACHINE_MACHINE_RULES_H

#include "vmm/base/error.h"

/* Restricts every thread of this process to the machine's list. */
int machine_rules_apply(struct error *err);

#endif
