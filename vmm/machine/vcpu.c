/*
 * One virtual CPU. It trusts KVM; of the guest it passes on addresses and values, unread.
 */
#include "vmm/machine/vcpu.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/machine/cpuid.h"
#include "vmm/machine/layout.h"

enum {
	CR0_PE = 1 << 0,
	CR0_ET = 1 << 4,
	CR4_PAE = 1 << 5,
	EFER_LME = 1 << 8,
	EFER_LMA = 1 << 10,
	RFLAGS_RESERVED = 1 << 1,

	CPUID_XSTATE = 13,

	MSR_MISC_ENABLE = 0x1a0,
	MISC_ENABLE_FAST_STRING = 1 << 0,
	MSR_MTRR_DEF_TYPE = 0x2ff,
	MTRR_ENABLE_WRITE_BACK = 0xc06, /* MTRRs on, fixed ranges on, default type 6 */
};
#define CR0_PG (1u << 31)

/*
 * All of it, so that leaf 13 says from the start what the guest has then to save. A host that is
 * itself emulated may not tell KVM when the guest sets XCR0 (QEMU's TCG does not intercept XSETBV);
 * Linux would find its own sum of the parts another one, and say so at length. Where KVM refuses,
 * the guest begins with what a reset leaves.
 */
static void set_xcr0(int fd, const struct kvm_cpuid2 *table)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 1 };

	for (uint32_t i = 0; i < table->nent; i++) {
		const struct kvm_cpuid_entry2 *entry = &table->entries[i];

		if (entry->function == CPUID_XSTATE && entry->index == 0)
			xcrs.xcrs[0].value = (uint64_t)entry->edx << 32 | entry->eax;
	}
	if (xcrs.xcrs[0].value)
		(void)!ioctl(fd, KVM_SET_XCRS, &xcrs);
}

static int set_cpuid(int fd, struct kvm_cpuid2 *cpuid, unsigned index, unsigned count,
		     struct error *err)
{
	cpuid_adapt(cpuid, index, count);
	if (ioctl(fd, KVM_SET_CPUID2, cpuid) < 0)
		return error_set(err, errno, "KVM refuses the CPU features of the guest");
	set_xcr0(fd, cpuid);
	return 0;
}

/*
 * KVM's reset value leaves fast string operations off, which makes Linux copy and clear memory in
 * slow loops; MTRRs must say write-back, since there is no firmware to do so.
 */
static int set_msrs(int fd, struct error *err)
{
	static const struct kvm_msr_entry entries[] = {
		{ .index = MSR_MISC_ENABLE, .data = MISC_ENABLE_FAST_STRING },
		{ .index = MSR_MTRR_DEF_TYPE, .data = MTRR_ENABLE_WRITE_BACK },
	};
	_cleanup_free_ struct kvm_msrs *msrs = calloc(1, sizeof(*msrs) + sizeof(entries));

	if (!msrs)
		return error_set(err, ENOMEM, "no memory for the MSR list");
	msrs->nmsrs = ARRAY_SIZE(entries);
	memcpy(msrs->entries, entries, sizeof(entries));
	if (ioctl(fd, KVM_SET_MSRS, msrs) != (int)msrs->nmsrs)
		return error_set(err, errno, "KVM refuses the guest's first MSR values");
	return 0;
}

/*
 * KVM means a CPU to run at the frequency that the host knew when KVM was loaded. Where that was an
 * early guess, refined since by more than 250 ppm, on a processor that cannot scale, KVM leaves the
 * CPU without a scale: it reads the guest's counter as 0, and timers come after as long as the host
 * has been up. 0 is the frequency that the host knows now. Where KVM refuses it, it has its reason.
 */
static void set_tsc_frequency(int fd)
{
	(void)!ioctl(fd, KVM_SET_TSC_KHZ, 0);
}

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type, bool code)
{
	return (struct kvm_segment){
		.limit = UINT32_MAX,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
		.l = code,
		.db = !code,
	};
}

static int set_entry_registers(int fd, uint64_t entry, struct error *err)
{
	struct kvm_segment data = flat_segment(0x18, 3, false);
	struct kvm_sregs sregs;
	struct kvm_regs regs = {
		.rip = entry,
		.rsi = LAYOUT_BOOT_PARAMS,
		.rflags = RFLAGS_RESERVED,
	};

	if (ioctl(fd, KVM_GET_SREGS, &sregs) < 0)
		return error_set(err, errno, "KVM does not give the CPU's registers");
	sregs.cs = flat_segment(0x10, 11, true);
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 = CR0_PE | CR0_ET | CR0_PG;
	sregs.cr3 = LAYOUT_PAGE_TABLES;
	sregs.cr4 = CR4_PAE;
	sregs.efer = EFER_LME | EFER_LMA;
	if (ioctl(fd, KVM_SET_SREGS, &sregs) < 0 || ioctl(fd, KVM_SET_REGS, &regs) < 0)
		return error_set(err, errno, "KVM refuses the registers of the 64-bit entry");
	return 0;
}

int vcpu_create(struct vcpu *vcpu, const struct kvm_vm *vm, struct kvm_cpuid2 *cpuid,
		unsigned index, unsigned count, uint64_t entry, struct error *err)
{
	_cleanup_fd_ int fd = ioctl(vm->fd, KVM_CREATE_VCPU, index);

	if (fd < 0)
		return error_set(err, errno, "KVM cannot create CPU %u of %u", index + 1, count);
	set_tsc_frequency(fd);
	if (set_cpuid(fd, cpuid, index, count, err) < 0 || set_msrs(fd, err) < 0)
		return -1;
	if (index == 0 && set_entry_registers(fd, entry, err) < 0)
		return -1;
	vcpu->run =
	    mmap(NULL, (size_t)vm->run_size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (vcpu->run == MAP_FAILED)
		return error_set(err, errno, "cannot map the state of CPU %u", index);
	vcpu->index = index;
	vcpu->fd = steal_fd(&fd);
	return 0;
}

/* KVM keeps a string instruction's values within one page. */
static void handle_port(const struct kvm_run *run, uint8_t *data, const struct vcpu_bus *bus)
{
	for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
		if (run->io.direction == KVM_EXIT_IO_IN)
			bus->port_read(bus->context, run->io.port, data, run->io.size);
		else
			bus->port_write(bus->context, run->io.port, data, run->io.size);
	}
}

static void handle_mmio(struct kvm_run *run, const struct vcpu_bus *bus)
{
	unsigned len =
	    run->mmio.len <= sizeof(run->mmio.data) ? run->mmio.len : sizeof(run->mmio.data);

	if (run->mmio.is_write)
		bus->mmio_write(bus->context, run->mmio.phys_addr, run->mmio.data, len);
	else
		bus->mmio_read(bus->context, run->mmio.phys_addr, run->mmio.data, len);
}

enum vcpu_end vcpu_run(struct vcpu *vcpu, const struct vcpu_bus *bus, uint32_t *detail)
{
	struct kvm_run *run = vcpu->run;

	for (;;) {
		if (ioctl(vcpu->fd, KVM_RUN, 0) < 0) {
			if (errno == EINTR || errno == EAGAIN) {
				bus->interrupted(bus->context, vcpu);
				continue;
			}
			*detail = (uint32_t)errno;
			return VCPU_INTERNAL_ERROR;
		}
		switch (run->exit_reason) {
		case KVM_EXIT_MMIO:
			handle_mmio(run, bus);
			break;
		case KVM_EXIT_IO:
			handle_port(run, (uint8_t *)run + run->io.data_offset, bus);
			break;
		case KVM_EXIT_INTR:
			break;
		case KVM_EXIT_SHUTDOWN:
		case KVM_EXIT_SYSTEM_EVENT:
			return VCPU_SHUTDOWN;
		case KVM_EXIT_INTERNAL_ERROR:
			*detail = run->internal.suberror;
			return VCPU_INTERNAL_ERROR;
		default:
			*detail = run->exit_reason;
			return VCPU_UNKNOWN_EXIT;
		}
	}
}

void vcpu_keep_out(struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
}

bool vcpu_let_in(struct vcpu *vcpu)
{
	if (!__atomic_load_n(&vcpu->run->immediate_exit, __ATOMIC_SEQ_CST))
		return false;
	__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	/* It fails while the guest has no such clock, and then has no watchdog either. */
	(void)ioctl(vcpu->fd, KVM_KVMCLOCK_CTRL);
	return true;
}
