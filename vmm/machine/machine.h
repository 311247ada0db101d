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
	MACHINE_STAGE_ALONE,	    /* other descriptors closed, own namespaces and user */
	MACHINE_STAGE_KERNEL,	    /* the kernel is in it */
	MACHINE_STAGE_MEMORY,	    /* initramfs, device tree and page tables are in it too */
	MACHINE_STAGE_VM,	    /* VM and interrupt controller exist */
	MACHINE_STAGE_VCPUS,	    /* and vCPUs */
	MACHINE_STAGE_KVM,	    /* and devices */
	MACHINE_STAGE_THREADS,	    /* each vCPU has a thread */
	MACHINE_STAGE_LOCKED,	    /* locked down; the vCPUs are released next */
	MACHINE_STAGE_DRAINED,	    /* after POD_EXIT: all output has been written */
	MACHINE_STAGE_RAM,	    /* guest memory has its addresses */

	/* Plus the index of a segment, the first four: this part of the kernel is there. */
	MACHINE_STAGE_SEGMENTS = 56,
	MACHINE_STAGE_SEGMENTS_END = 60,

	/* Plus a virtio device ID: the guest's driver of such a device is ready. */
	MACHINE_STAGE_DRIVERS = 128,
};

enum machine_record_type {
	MACHINE_RECORD_EVENT = 1, /* event: what guest-init has said */
	MACHINE_RECORD_STAGE,	  /* stage: only if the plan asks for a trace */
	MACHINE_RECORD_GUEST_END, /* end: the VM has stopped without POD_EXIT; the last record */
	MACHINE_RECORD_DIAL,	  /* dial: the guest connects to a port of the host */
	MACHINE_RECORD_FAILED,	  /* text: the machine could not be made; the last record */
	MACHINE_RECORD_PAUSED,	  /* all vCPUs stand still */
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
			uint32_t port;
			uint32_t ticket; /* comes back with MACHINE_COMMAND_DIALED */
		} dial;
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
	MACHINE_COMMAND_ADD,	 /* id, app (FRAME_ALL_APPS: a member), flags, with descriptors */
	MACHINE_COMMAND_HANG_UP, /* id: whoever asked for the added process has gone */
	MACHINE_COMMAND_PAUSE,	 /* MACHINE_RECORD_PAUSED answers, also if it stands already */
	MACHINE_COMMAND_RESUME,
	MACHINE_COMMAND_CLOCK,	/* the host's wall clock was set */
	MACHINE_COMMAND_START,	/* app: it is held, and shall go on */
	MACHINE_COMMAND_DIALED, /* id: the ticket; with a connected stream socket, or refused */
	MACHINE_COMMAND_LINK, /* app: a network's index; mac, mtu: those that it has from now on */
};

/*
 * What an added process has. Its descriptors come with the command, in this order, the record's
 * first. PRIVATE: the open file description is ours alone and non-blocking; else SOCKET: it is one.
 */
enum machine_add_flags {
	MACHINE_ADD_RECORD = 1 << 0, /* always; read from the beginning to the end */
	MACHINE_ADD_STDIN = 1 << 1,
	MACHINE_ADD_STDOUT = 1 << 2,
	MACHINE_ADD_STDERR = 1 << 3,
	MACHINE_ADD_TERMINAL = 1 << 4, /* stdin and stdout, if any, are its two directions */
	MACHINE_ADD_STDIN_PRIVATE = 1 << 9,
	MACHINE_ADD_STDOUT_PRIVATE = 1 << 10,
	MACHINE_ADD_STDERR_PRIVATE = 1 << 11,
	MACHINE_ADD_STDIN_SOCKET = 1 << 17,
	MACHINE_ADD_STDOUT_SOCKET = 1 << 18,
	MACHINE_ADD_STDERR_SOCKET = 1 << 19,
};
enum { MACHINE_ADD_FDS_MAX = 4 };

struct machine_command {
	uint32_t type; /* enum machine_command_type */
	uint32_t app;  /* index, or the id of an added process, or FRAME_ALL_APPS */
	uint32_t signal;
	uint16_t rows, columns;
	uint32_t timeout_ms; /* STOP: as in struct frame_stop */
	uint32_t id;	/* ADD, HANG_UP: FRAME_ID_ADDED_FIRST + a slot that is free, or was added */
	uint32_t flags; /* ADD: enum machine_add_flags */
	uint8_t mac[6];
	uint16_t mtu;
};
static_assert(sizeof(struct machine_command) == 36, "machine command");

/*
 * The role's entry, in a process of its own. Runs until the pod has ended, the guest has died or
 * the supervisor has gone, and ends the process. archive is the cpio archive with the pod record.
 */
void machine_run(const struct plan *plan, uint32_t app_count, const void *archive,
		 size_t archive_bytes) __attribute__((noreturn));

#endif
