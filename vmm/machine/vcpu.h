/*
 * One virtual CPU: its KVM objects, its first state, and its run loop.
 */
#ifndef NACELLE_MACHINE_VCPU_H
#define NACELLE_MACHINE_VCPU_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/error.h"
#include "vmm/machine/kvm.h"

struct kvm_cpuid2;
struct kvm_run;
struct vcpu;

/* What the guest's accesses reach. Called on vCPU threads. */
struct vcpu_bus {
	void (*mmio_read)(void *context, uint64_t gpa, void *data, unsigned len_bytes);
	void (*mmio_write)(void *context, uint64_t gpa, const void *data, unsigned len_bytes);
	void (*port_read)(void *context, uint16_t port, void *data, unsigned len_bytes);
	void (*port_write)(void *context, uint16_t port, const void *data, unsigned len_bytes);
	void (*interrupted)(void *context, struct vcpu *vcpu); /* by a signal; it may wait */
	void *context;
};

enum vcpu_end {
	VCPU_SHUTDOWN,	     /* triple fault: the guest kernel has stopped or panicked */
	VCPU_INTERNAL_ERROR, /* KVM could not go on */
	VCPU_UNKNOWN_EXIT,   /* an exit that this machine never asks for */
};

struct vcpu {
	unsigned index; /* also the local APIC id */
	int fd;
	struct kvm_run *run;
};

/*
 * Creates vCPU `index` of `count` with its MSRs and its CPUID, which it makes of `cpuid`: KVM's
 * supported table, or as the CPU before it has left that. vCPU 0 gets the registers of the 64-bit
 * entry (Documentation/arch/x86/boot.rst, "64-bit Boot Protocol"): long mode, identity map, RSI at
 * boot_params; the others wait for the guest's start-up IPI.
 */
int vcpu_create(struct vcpu *vcpu, const struct kvm_vm *vm, struct kvm_cpuid2 *cpuid,
		unsigned index, unsigned count, uint64_t entry, struct error *err);

/* Runs until the guest ends. detail gets the exit reason or sub-error for a message. */
enum vcpu_end vcpu_run(struct vcpu *vcpu, const struct vcpu_bus *bus, uint32_t *detail);

/*
 * Keeps the vCPU out of the guest from the next KVM_RUN on; one that is under way needs a signal.
 * Any thread; not together with vcpu_let_in().
 */
void vcpu_keep_out(struct vcpu *vcpu);

/*
 * Lets it in again, and tells the guest's clock that it was kept out, so that no watchdog there
 * takes the time for a lock-up. Returns whether it was. The vCPU's own thread.
 */
bool vcpu_let_in(struct vcpu *vcpu);

#endif
