/*
 * The processor that the guest sees. Leaves and bits: Intel SDM vol. 2A, CPUID; AMD APM vol. 3,
 * appendix E.
 */
#include "vmm/machine/cpuid.h"

#include <linux/kvm.h>
#include <stdint.h>

#include "vmm/base/bytes.h"

#define BIT(n) (1u << (n))

enum {
	LEAF1_ECX_VMX = 5,
	LEAF1_ECX_X2APIC = 21,
	LEAF1_ECX_TSC_DEADLINE = 24,
	LEAF1_ECX_HYPERVISOR = 31,
	LEAF1_EDX_HTT = 28,
	LEAF6_EAX_ARAT = 2,
	LEAF_EXT1_ECX_SVM = 2,
	LEAF_EXT1_ECX_TOPOEXT = 22,

	TOPOLOGY_SMT = 1,
	TOPOLOGY_CORE = 2,
};

/* Bits needed to number `count` things. */
static uint32_t width_of(unsigned count)
{
	uint32_t width = 0;

	while ((1u << width) < count)
		width++;
	return width;
}

static void adapt_features(struct kvm_cpuid_entry2 *entry, unsigned index, unsigned count)
{
	entry->ebx = (entry->ebx & 0xffff) | count << 16 | index << 24;
	entry->ecx &= ~BIT(LEAF1_ECX_VMX);
	entry->ecx |=
	    BIT(LEAF1_ECX_X2APIC) | BIT(LEAF1_ECX_TSC_DEADLINE) | BIT(LEAF1_ECX_HYPERVISOR);
	entry->edx &= ~BIT(LEAF1_EDX_HTT);
	if (count > 1)
		entry->edx |= BIT(LEAF1_EDX_HTT);
}

/* Deterministic cache parameters: levels 1 and 2 belong to a core, level 3 to the package. */
static void adapt_cache(struct kvm_cpuid_entry2 *entry, unsigned count)
{
	uint32_t level = (entry->eax >> 5) & 7;
	uint32_t sharing = level >= 3 ? (1u << width_of(count)) - 1 : 0;

	entry->eax &= 0x00003fff;
	entry->eax |= sharing << 14;
	if (entry->function == 4)
		entry->eax |= ((1u << width_of(count)) - 1) << 26;
}

/* Extended topology enumeration: threads (one a core), then cores. */
static void adapt_topology(struct kvm_cpuid_entry2 *entry, unsigned index, unsigned count)
{
	entry->edx = index;
	entry->ecx = entry->index & 0xff;
	if (entry->index == 0) {
		entry->eax = 0;
		entry->ebx = 1;
		entry->ecx |= TOPOLOGY_SMT << 8;
	} else if (entry->index == 1) {
		entry->eax = width_of(count);
		entry->ebx = count;
		entry->ecx |= TOPOLOGY_CORE << 8;
	} else {
		entry->eax = entry->ebx = 0;
	}
}

static void adapt_entry(struct kvm_cpuid_entry2 *entry, unsigned index, unsigned count)
{
	switch (entry->function) {
	case 1:
		adapt_features(entry, index, count);
		break;
	case 4:
	case 0x8000001d:
		adapt_cache(entry, count);
		break;
	case 6: /* thermal and power: nothing but an APIC timer that never stops */
		entry->eax = BIT(LEAF6_EAX_ARAT);
		entry->ebx = entry->ecx = entry->edx = 0;
		break;
	case 0xa:	 /* performance counters, Intel */
	case 0x80000022: /* and AMD */
		entry->eax = entry->ebx = entry->ecx = entry->edx = 0;
		break;
	case 0xb:
	case 0x1f:
		adapt_topology(entry, index, count);
		break;
	case 0x80000001:
		entry->ecx &= ~(BIT(LEAF_EXT1_ECX_SVM) | BIT(LEAF_EXT1_ECX_TOPOEXT));
		break;
	case 0x8000000a: /* SVM features */
		entry->eax = entry->ebx = entry->ecx = entry->edx = 0;
		break;
	case 0x80000008: /* core count and width of the APIC id's core part */
		entry->ecx = (count - 1) | width_of(count) << 12;
		break;
	default:
		break;
	}
}

void cpuid_adapt(struct kvm_cpuid2 *table, unsigned index, unsigned count)
{
	for (uint32_t i = 0; i < table->nent; i++)
		adapt_entry(&table->entries[i], index, count);
}
