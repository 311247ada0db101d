/*
 * The processor that the guest sees. Leaves and bits: Intel SDM vol. 2A, CPUID; AMD APM vol. 3,
 * appendix E.
 */
#include "vmm/machine/cpuid.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

#define BIT(n) (1u << (n))

enum {
	ENTRIES_MAX = 256, /* as many as KVM takes */

	LEAF1_ECX_VMX = 5,
	LEAF1_ECX_X2APIC = 21,
	LEAF1_ECX_TSC_DEADLINE = 24,
	LEAF1_ECX_HYPERVISOR = 31,
	LEAF1_EDX_HTT = 28,
	CACHE_TYPE = 0x1f,
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

	if (!(entry->eax & CACHE_TYPE)) /* there are no more */
		return;
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

static bool is_empty(const struct kvm_cpuid_entry2 *entry)
{
	return !(entry->eax | entry->ebx | entry->ecx | entry->edx);
}

/*
 * KVM answers with zeroes for what it has no entry for (below the limit that its first leaf says),
 * and for each CPU it looks at all entries once for each of 256 leaves where Xen might be found.
 */
static void remove_empty(struct kvm_cpuid2 *table)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < table->nent; i++)
		if (!is_empty(&table->entries[i]))
			table->entries[kept++] = table->entries[i];
	table->nent = kept;
}

void cpuid_adapt(struct kvm_cpuid2 *table, unsigned index, unsigned count)
{
	for (uint32_t i = 0; i < table->nent; i++)
		adapt_entry(&table->entries[i], index, count);
	remove_empty(table);
}

struct kvm_cpuid2 *cpuid_supported(int kvm_fd, struct error *err)
{
	_cleanup_free_ struct kvm_cpuid2 *table =
	    calloc(1, sizeof(*table) + ENTRIES_MAX * sizeof(table->entries[0]));

	if (!table) {
		error_set(err, ENOMEM, "no memory for the CPUID table");
		return NULL;
	}
	table->nent = ENTRIES_MAX;
	if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, table) < 0) {
		error_set(err, errno, "KVM does not say which CPU features it supports");
		return NULL;
	}
	return steal_ptr(table);
}
