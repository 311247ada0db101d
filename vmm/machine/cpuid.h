/*
 * The processor that the guest sees: what KVM can offer, cut and completed for this machine.
 */
#ifndef NACELLE_MACHINE_CPUID_H
#define NACELLE_MACHINE_CPUID_H

#include "vmm/base/error.h"

struct kvm_cpuid2;

/* What KVM supports, for cpuid_adapt(); the caller frees it. NULL with an error. */
struct kvm_cpuid2 *cpuid_supported(int kvm_fd, struct error *err);

/*
 * Edits KVM's supported table for CPU `index` of `count`; the same table may be edited for one CPU
 * after the other. Pure. Adds what the in-kernel local APIC provides (TSC deadline, x2APIC, ARAT),
 * says "hypervisor", describes the topology as one package of single-threaded cores, and removes
 * what a pod has no use for: nested virtualization and the performance counters. Then leaves out
 * entries of zeroes.
 */
void cpuid_adapt(struct kvm_cpuid2 *table, unsigned index, unsigned count);

#endif
