/*
 * Standing still: all vCPU threads leave the guest and wait. The guest has no part in it and cannot
 * refuse, as long as the devices do not keep the threads (virtio_device_pause()); the loop goes on,
 * and what it has for the guest waits there.
 *
 * A vCPU is called out of KVM_RUN by a signal that does nothing else, and kept out of it by
 * immediate_exit, so that no order of the two misses it.
 */
#ifndef NACELLE_MACHINE_PAUSE_H
#define NACELLE_MACHINE_PAUSE_H

#include <pthread.h>
#include <stdbool.h>

#include "vmm/machine/plan.h"
#include "vmm/machine/vcpu.h"

typedef void pause_done_fn(void *ctx);

struct pause {
	pthread_mutex_t lock;
	pthread_cond_t resumed;
	bool paused;
	unsigned count;	 /* of vCPUs */
	unsigned parked; /* of them, that wait */
	struct vcpu *vcpus;
	pthread_t threads[PLAN_CPUS_MAX];
	pause_done_fn *done;
	void *ctx;
};

/*
 * Before the lock-down, and before the threads run the guest. done is called when all vCPUs stand
 * still, by the last of them or by pause_begin(), with a lock held that pause_begin() takes.
 */
void pause_init(struct pause *pause, struct vcpu *vcpus, unsigned count, pause_done_fn *done,
		void *ctx);

/* The loop's thread. Both may be called in either state. */
void pause_begin(struct pause *pause);
void pause_end(struct pause *pause);

/*
 * A vCPU's thread, whose KVM_RUN was interrupted. Returns when it may go on, and whether it was for
 * a pause: then its devices have work left.
 */
bool pause_wait(struct pause *pause, struct vcpu *vcpu);

#endif
