/*
 * What host and guest say to each other of where the time of a start goes: a part of protocol.h,
 * which includes it.
 */
#ifndef NACELLE_GUEST_INIT_TRACE_STAGES_H
#define NACELLE_GUEST_INIT_TRACE_STAGES_H

/*
 * Time stamps: with the record's property RECORD_TRACE, guest-init writes one byte of
 * enum trace_stage to this I/O port at each stage; the machine takes the time at the exit. Written
 * as four bytes, the upper three, if not 0, say how many microseconds before TRACE_GUEST_INIT the
 * stage was, however long after that they are written; NACELLE_TRACE_BEFORE_MAX: that many or more.
 */
enum {
	NACELLE_TRACE_PORT = 0x3f0,
	NACELLE_TRACE_BEFORE_SHIFT = 8,
	NACELLE_TRACE_BEFORE_MAX = 0xffffff,
	NACELLE_TRACE_STAGE = 0xff,
};
enum trace_stage {
	TRACE_GUEST_INIT = 1, /* first instruction of guest-init's main() */
	TRACE_GUEST_RECORD,   /* pod record read */
	TRACE_GUEST_MOUNTS,   /* system mounts and the apps' roots are there */
	TRACE_GUEST_CONTROL,  /* control connection and streams are up */
	TRACE_GUEST_EXEC,     /* just before execve() of the first app */
	TRACE_GUEST_APP_EXIT, /* the last app has ended */
	TRACE_GUEST_POD_EXIT, /* just before POD_EXIT is sent */

	/* Of the kernel's boot, from its log (boot_log.c): what it has just done. */
	TRACE_KERNEL_CLOCK,	 /* reads the host's clock; its log has times from here on */
	TRACE_KERNEL_MAPPING,	 /* about to map all memory */
	TRACE_KERNEL_ZONES,	 /* device tree unpacked, the memory map is final */
	TRACE_KERNEL_PAGES,	 /* struct page for all memory */
	TRACE_KERNEL_SETUP,	 /* setup_arch() is at its end */
	TRACE_KERNEL_PERCPU,	 /* memory of each CPU's own */
	TRACE_KERNEL_ALLOCATORS, /* page allocator, slabs, scheduler */
	TRACE_KERNEL_INTERRUPTS,
	TRACE_KERNEL_TIMERS,
	TRACE_KERNEL_PROCESSOR, /* features, mitigations; instructions exchanged for better ones */
	TRACE_KERNEL_CPUS,	/* all that boot with it run; the first process exists */
	TRACE_KERNEL_DEVTMPFS,
	TRACE_KERNEL_NETLINK,
	TRACE_KERNEL_CLOCKSOURCE,
	TRACE_KERNEL_INET,
	TRACE_KERNEL_INITRAMFS, /* unpacked */
	TRACE_KERNEL_FILES,	/* file systems are registered */
	TRACE_KERNEL_DISK,	/* the first disk's driver is ready */
	TRACE_KERNEL_INET6,
	TRACE_KERNEL_VSOCK,
	TRACE_KERNEL_FREED, /* what the boot alone needed is free */
	TRACE_KERNEL_EXEC,  /* about to start guest-init */
	TRACE_GUEST_STAGES, /* one past the last */
};

#endif
