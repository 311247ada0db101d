/*
 * The machine: a plan and open descriptors in, a running VM out. The role that maps guest memory
 * and parses every byte that the guest writes, locked down before the first guest instruction.
 */
#ifndef NACELLE_MACHINE_MACHINE_H
#define NACELLE_MACHINE_MACHINE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/error.h"
#include "vmm/machine/event.h"
#include "vmm/machine/plan.h"

/* Stages of the host's part of a start, for the timeline; those of the guest are in protocol.h. */
enum machine_stage {
	MACHINE_STAGE_ENTERED = 32, /* the machine's first instruction */
	MACHINE_STAGE_MEMORY,  /* guest memory is mapped, the kernel and the initramfs are in it */
	MACHINE_STAGE_KVM,     /* VM, interrupt controller and vCPUs exist */
	MACHINE_STAGE_LOCKED,  /* locked down; the vCPUs are released next */
	MACHINE_STAGE_DRAINED, /* after POD_EXIT: all output has been written */
};

enum machine_record_type {
	MACHINE_RECORD_EVENT = 1, /* event: what guest-init has said */
	MACHINE_RECORD_STAGE,	  /* stage: only if the plan asks for a trace */
	MACHINE_RECORD_GUEST_END, /* end: the VM has stopped without POD_EXIT; the last record */
	MACHINE_RECORD_FAILED,	  /* text: the machine could not be made; the last record */
};

/* The only thing that leaves the jail besides the bytes of streams: records of one fixed size. */
struct machine_record {
	uint32_t type; /* enum machine_record_type */
	union {
		struct machine_event event;
		struct {
			uint32_t stage;	  /* enum machine_stage or enum trace_stage */
			uint64_t time_ns; /* CLOCK_MONOTONIC */
		} stage;
		struct {
			uint32_t reason; /* enum vcpu_end */
			uint32_t detail;
		} end;
		char text[512]; /* NUL-terminated; the machine has not run the guest yet */
	};
};

enum machine_command_type {
	MACHINE_COMMAND_SIGNAL = 1,
	MACHINE_COMMAND_WINSIZE,
	MACHINE_COMMAND_STOP,
};

struct machine_command {
	uint32_t type; /* enum machine_command_type */
	uint32_t app;
	uint32_t signal;
	uint16_t rows, columns;
	uint32_t timeout_ms; /* STOP: as in struct frame_stop */
};
static_assert(sizeof(struct machine_command) == 20, "machine command");

/*
 * The role's entry, in a process of its own. Runs until the pod has ended, the guest has died or
 * the supervisor has gone, and ends the process. archive is the cpio archive with the pod record.
 */
void machine_run(const struct plan *plan, uint32_t app_count, const void *archive,
		 size_t archive_bytes) __attribute__((noreturn));

#endif
