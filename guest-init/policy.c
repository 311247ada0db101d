/*
 * Restarts, and what counts as a failure.
 */
#include "guest-init/policy.h"

bool policy_is_failure(enum exit_kind kind, uint32_t code)
{
	return kind != EXIT_KIND_CODE || code != 0;
}

bool policy_restarts(enum record_restart restart, enum exit_kind kind, uint32_t code)
{
	if (kind != EXIT_KIND_CODE && kind != EXIT_KIND_SIGNAL)
		return false;
	return restart == RECORD_RESTART_ALWAYS ||
	       (restart == RECORD_RESTART_ON_FAILURE && policy_is_failure(kind, code));
}

uint32_t policy_delay_ms(uint32_t last_ms, uint64_t ran_ms)
{
	if (!last_ms || ran_ms >= RESTART_DELAY_LAST_MS)
		return RESTART_DELAY_FIRST_MS;
	return last_ms >= RESTART_DELAY_LAST_MS / 2 ? RESTART_DELAY_LAST_MS : 2 * last_ms;
}

bool policy_obeyed(uint32_t stop_signal, enum exit_kind kind, uint32_t code)
{
	return (kind == EXIT_KIND_CODE && code == 0) ||
	       (kind == EXIT_KIND_SIGNAL && code == stop_signal);
}
