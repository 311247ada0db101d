/*
 * What the host asks of an app that runs: which processes it has.
 */
#ifndef NACELLE_GUEST_INIT_PROCESSES_H
#define NACELLE_GUEST_INIT_PROCESSES_H

#include <sys/types.h>

#include "guest-init/question.h"
#include "vmm/base/error.h"

/* The bytes of protocol.h for the PID namespace of the process `app`. Returns 0 or -1. */
int processes_list(pid_t app, struct answer *answer, struct error *err);

#endif
