/*
 * What guest-init needs of a machine that only a VM has. The guest's is platform_guest.c; the tests
 * link one of their own, so that everything else runs as it is in a namespace of the test's host.
 */
#ifndef NACELLE_GUEST_INIT_PLATFORM_H
#define NACELLE_GUEST_INIT_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

#include "guest-init/protocol.h"
#include "vmm/base/error.h"

/*
 * Begins a stream connection to a port of the host and returns the socket, non-blocking: it is
 * connected when it polls as writable. -1 with err filled.
 */
int platform_connect(uint32_t port, struct error *err);

/*
 * The same in two steps. The first makes a socket with a port of the guest, which nobody else can
 * have until it is closed. The second begins the connection; the socket stays the caller's.
 */
int platform_reserve(uint32_t *guest_port, struct error *err);
int platform_connect_from(int socket, uint32_t port, struct error *err);

/*
 * Mounts the 9p device of this tag, whose children are the shares, on the directory `on`, with this
 * value of the client's option cache.
 */
int platform_mount_shares(const char *tag, const char *on, const char *cache, struct error *err);

/* Mounts the EROFS image on a block device, by its name in /dev, read-only. */
int platform_mount_image(const char *device, const char *on, struct error *err);

/*
 * Mounts the ext4 on a block device that keeps what apps write. Read-only: err->code is EROFS if it
 * was not left clean and the device cannot be written to.
 */
int platform_mount_disk(const char *device, const char *on, bool read_only, struct error *err);

/* The host's wall clock now. Returns 0, or -1 if it cannot be read. */
int platform_host_time(int64_t *ns);

/* Gives the devices to their driver that a start does not need: free memory goes back from now on.
 */
void platform_late_devices(void);

/* Gets, or gives back, the right to stamp. A process made later inherits the right. */
int platform_trace_enable(bool enable);
void platform_trace(enum trace_stage stage);
/* A stage of before TRACE_GUEST_INIT: from 1 to NACELLE_TRACE_BEFORE_MAX. */
void platform_trace_before(enum trace_stage stage, uint32_t before_us);

/* Ends the machine so that its host notices at once that nobody reported. */
_Noreturn void platform_die(void);

#endif
