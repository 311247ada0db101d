/*
 * The virtual machine as KVM sees it: a VM, its memory slots and its interrupt messages.
 */
#ifndef NACELLE_MACHINE_KVM_H
#define NACELLE_MACHINE_KVM_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/memory.h"
#include "vmm/base/error.h"

struct kvm_vm {
	int kvm_fd; /* /dev/kvm, borrowed */
	int fd;
	int run_size_bytes; /* of each vCPU's shared struct kvm_run */
};

/*
 * Checks the API version and each capability that the machine needs. Returns 0, or -1 with a
 * sentence that names the first one missing and what to do about it.
 */
int kvm_check(int kvm_fd, struct error *err);

/*
 * Creates the VM with one memory slot per region, then the split interrupt controller with `pins`
 * pins for the I/O APIC outside. That order: a slot added after an interrupt controller costs an
 * SRCU grace period.
 */
int kvm_vm_create(struct kvm_vm *vm, int kvm_fd, const struct gmem *memory, unsigned pins,
		  struct error *err);

/* Sends a message-signalled interrupt (Intel SDM vol. 3, 11.11). Any thread. */
void kvm_vm_signal_msi(const struct kvm_vm *vm, uint32_t address, uint32_t data);

enum kvm_quality {
	KVM_NATIVE,	 /* runs guests on the processor */
	KVM_INTERPRETED, /* works, but interprets guest code; Linux would not get through its boot
			  */
};

/*
 * Finds out whether this KVM runs guest code natively. The processor's own VMX or SVM flag settles
 * it without a guest; where both are missing, a guest of four instructions counts down and is
 * timed.
 */
int kvm_probe_quality(int kvm_fd, enum kvm_quality *quality, struct error *err);

/* The shortest of several tries each, in nanoseconds; -1: it could not be measured. */
struct kvm_costs {
	int64_t vm_ns;	 /* making a VM and its interrupt controller */
	int64_t exit_ns; /* from the guest to this process and back */
	int64_t code_ns; /* first execution of 1 MiB of guest memory, a huge page where it can be */
	int64_t slot_ns; /* a change of a VM's memory slots, which waits for SRCU */
};

/* Measures them, in some hundredths of a second; for a KVM that runs guests natively. */
void kvm_measure(int kvm_fd, struct kvm_costs *costs);

#endif
