/*
 * A thread that makes files durable while the 9p server answers other messages: an fsync may take
 * as long as the disk likes. Its answers go to the device in the order in which they were asked
 * for.
 */
#ifndef NACELLE_VIRTIO_P9_SYNC_H
#define NACELLE_VIRTIO_P9_SYNC_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/error.h"

struct p9_sync;

/*
 * Starts the thread, which answers through the channel's memory and socket; both outlive it. On
 * return the thread has made all system calls of its beginning. NULL with err filled on failure.
 */
struct p9_sync *p9_sync_new(int socket, uint8_t *slots, struct error *err);

/* Waits for all that was asked for and ends the thread. NULL is fine. */
void p9_sync_free(struct p9_sync *sync);

/*
 * Takes over answering the message in this slot, an fsync of what fd is; fd may be closed at once.
 * Returns 0, or -1 if it cannot: the caller then does it itself.
 */
int p9_sync_fsync(struct p9_sync *sync, uint32_t slot, uint16_t tag, int fd, bool data_only)
    __attribute__((warn_unused_result));

/*
 * The same of a flush of the message old_tag, which is to be answered after that. Returns -1 if no
 * such message is in hand.
 */
int p9_sync_flush(struct p9_sync *sync, uint32_t slot, uint16_t tag, uint16_t old_tag)
    __attribute__((warn_unused_result));

/* Waits until nothing is in hand. */
void p9_sync_drain(struct p9_sync *sync);

#endif
