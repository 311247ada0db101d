/*
 * The processor that the guest sees: what KVM can offer, cut and completed for this machine.
 */
#ifndef NACELLE_MACHINE_CPUID_H
#define NACELLE_MACHINE_CPUID_H

struct kvm_cpuid2;

enum { CPUID_ENTRIES_MAX = 256 };

/*
 * Edits KVM's supported table for CPU `index` of `count`. Pure. Adds what the in-kernel local APIC
 * provides (TSC deadline, x2APIC, ARAT), says "hypervisor", describes the topology as one package
 * of single-threaded cores, and removes what a pod has no use for: nested virtualization and the
 * performance counters.
 */
void cpuid_adapt(struct kvm_cpuid2 *table, unsigned index, unsigned count);

#endif
