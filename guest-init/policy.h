/*
 * What follows from the end of an app. Pure functions.
 */
#ifndef NACELLE_GUEST_INIT_POLICY_H
#define NACELLE_GUEST_INIT_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "guest-init/protocol.h"
#include "guest-init/record.h"

/* Before an app starts again: from the first time to the last, each twice the one before. */
enum { RESTART_DELAY_FIRST_MS = 100, RESTART_DELAY_LAST_MS = 10000 };

bool policy_is_failure(enum exit_kind kind, uint32_t code);

/* Whether an app that ended so is started again. One that could not be started is not. */
bool policy_restarts(enum record_restart restart, enum exit_kind kind, uint32_t code);

/*
 * How long to wait before a start, after a wait of last_ms (0: there was none) and a run of
 * ran_ms. A long run begins anew.
 */
uint32_t policy_delay_ms(uint32_t last_ms, uint64_t ran_ms);

/*
 * Whether an app that was sent its stop signal because another app had failed has ended as it was
 * asked to: it is no second failure.
 */
bool policy_obeyed(uint32_t stop_signal, enum exit_kind kind, uint32_t code);

#endif
