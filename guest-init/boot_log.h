/*
 * When the kernel came where in its boot: from its own log, which has the times anyway, so that the
 * boot which is looked at does no more than any other (--trace).
 */
#ifndef NACELLE_GUEST_INIT_BOOT_LOG_H
#define NACELLE_GUEST_INIT_BOOT_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "guest-init/protocol.h"

struct boot_log {
	uint64_t now_us; /* of the line that boot_log_tell() has written, in the log's time */
	unsigned count;
	struct {
		enum trace_stage stage;
		uint64_t at_us;
	} marks[TRACE_GUEST_STAGES];
};

/*
 * Finds the marks of a log ("<6>[    0.012345] text" lines, NUL-terminated, as klogctl(2) gives
 * it). Of a message that comes again the first counts; what is not there has no mark. Returns 0, or
 * -1 if the line of boot_log_tell() is not in it.
 */
int boot_log_read(const char *text, struct boot_log *log);

/* Sends a stamp for each mark of this kernel's log; none if it cannot be read. */
void boot_log_tell(void);

#endif
