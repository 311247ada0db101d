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
	uint64_t marked_us; /* of the line that boot_log_mark() has written, in the log's time */
	unsigned count;
	struct {
		enum trace_stage stage;
		uint64_t at_us;
	} marks[TRACE_GUEST_STAGES];
};

/*
 * Finds the marks of a log ("<6>[    0.012345] text" lines, NUL-terminated, as klogctl(2) gives
 * it). Of a message that comes again the first counts; what is not there has no mark. Returns 0, or
 * -1 if the line of boot_log_mark() is not in it.
 */
int boot_log_read(const char *text, struct boot_log *log);

/*
 * TRACE_GUEST_INIT is now. Then, soon after, when there is a /dev: a line in the kernel's log, so
 * that it can be said when that was by the log's clock; the two clocks part in the course of hours.
 */
void boot_log_begin(void);
void boot_log_mark(void);

/*
 * Sends a stamp for each mark of before TRACE_GUEST_INIT, which was since_us before marked_us: 1 us
 * to NACELLE_TRACE_BEFORE_MAX before, whatever it was.
 */
void boot_log_send(const struct boot_log *log, uint64_t since_us);

/*
 * Does that for each mark of this kernel's log that was before TRACE_GUEST_INIT, whenever this
 * is called; none if the log cannot be read, or has gone on so long that the beginning is lost.
 */
void boot_log_tell(void);

#endif
