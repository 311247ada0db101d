/*
 * The machine while it is built (machine.c) and while it runs (machine_events.c). Nobody else looks
 * into it.
 */
#ifndef NACELLE_MACHINE_MACHINE_STATE_H
#define NACELLE_MACHINE_MACHINE_STATE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "virtio/memory.h"
#include "vmm/base/loop.h"
#include "vmm/machine/added.h"
#include "vmm/machine/control.h"
#include "vmm/machine/devices.h"
#include "vmm/machine/kvm.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/pause.h"
#include "vmm/machine/streams.h"
#include "vmm/machine/vcpu.h"
#include "vmm/machine/vsock_bridge.h"

struct machine {
	const struct plan *plan;
	struct gmem memory;
	struct kvm_vm vm;
	struct vcpu vcpus[PLAN_CPUS_MAX];
	struct devices devices;
	struct control control;
	struct streams *streams;
	struct vsock_bridge *bridge; /* NULL: none was asked for */
	struct added added;
	struct pause pause;

	struct loop loop;
	struct loop_fd supervisor;
	struct loop_event ended;

	_Atomic unsigned arriving; /* vCPU threads that do not stand at the gate yet */
	sem_t arrived;		   /* posted by the last one */
	pthread_rwlock_t gate;	   /* locked for writing until the lock-down is complete */

	bool draining;			/* the loop's thread alone looks at it */
	_Atomic uint64_t guest_init_ns; /* of TRACE_GUEST_INIT; 0: it has not been yet */

	/* What ended the pod; set once, under end_lock, by whichever thread sees it first. */
	pthread_mutex_t end_lock;
	bool has_ended;
	struct machine_record end;
};

/* To the supervisor. Any thread. A stamp is a record of the time, if a trace was asked for. */
void machine_send_record(const struct machine *machine, const struct machine_record *record);
void machine_stamp(const struct machine *machine, uint32_t stage);

/* The first reason to end counts; the loop's thread acts on it. Any thread. */
void machine_end(struct machine *machine, const struct machine_record *record);

/* For the parts that call back; context is the machine, but for machine_on_ended() and _supervisor.
 */
void machine_on_control_event(void *context, const struct machine_event *event);
void machine_send_event(void *context, const struct machine_event *event);
void machine_on_paused(void *context);
bool machine_on_accept(void *context, uint32_t port, struct vsock_conn *conn,
		       struct vsock_accept *accept);
void machine_on_dial(void *context, uint32_t port, uint32_t ticket);
void machine_on_ended(struct loop_event *event);
void machine_on_supervisor(struct loop_fd *member, uint32_t events);
void machine_send_interrupt(void *context, uint32_t address, uint32_t data);

/* Where the guest's accesses go. */
struct vcpu_bus machine_bus(struct machine *machine);

#endif
