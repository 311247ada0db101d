/*
 * The virtual machine as KVM sees it. One of the files that include <linux/kvm.h>.
 */
#include "vmm/machine/kvm.h"

#include <cpuid.h>
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

struct needed_capability {
	int number;
	const char *name;
};

static const struct needed_capability needed[] = {
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY (memory slots)" },
	{ KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP (local APIC in the kernel)" },
	{ KVM_CAP_SPLIT_IRQCHIP, "KVM_CAP_SPLIT_IRQCHIP (I/O APIC outside the kernel, Linux 4.4)" },
	{ KVM_CAP_SIGNAL_MSI, "KVM_CAP_SIGNAL_MSI (message-signalled interrupts)" },
	{ KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID (processor feature list)" },
	{ KVM_CAP_TSC_DEADLINE_TIMER, "KVM_CAP_TSC_DEADLINE_TIMER (timer without a PIT)" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT (stopping a CPU, Linux 4.13)" },
};

int kvm_check(int kvm_fd, struct error *err)
{
	int version = ioctl(kvm_fd, KVM_GET_API_VERSION, 0);

	if (version < 0)
		return error_set(err, errno, "/dev/kvm does not answer as KVM does");
	if (version != KVM_API_VERSION)
		return error_set(err, 0, "/dev/kvm speaks API version %d, nacelle needs %d",
				 version, KVM_API_VERSION);
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (ioctl(kvm_fd, KVM_CHECK_EXTENSION, needed[i].number) <= 0)
			return error_set(
			    err, 0,
			    "this host's KVM lacks %s; a newer host kernel, or another "
			    "KVM module, is needed",
			    needed[i].name);
	return 0;
}

static int set_memory(int vm_fd, const struct gmem *memory, struct error *err)
{
	for (unsigned i = 0; i < memory->count; i++) {
		struct kvm_userspace_memory_region slot = {
			.slot = i,
			.guest_phys_addr = memory->regions[i].gpa,
			.memory_size = memory->regions[i].len,
			.userspace_addr = (uintptr_t)memory->regions[i].host,
		};

		if (ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
			return error_set(err, errno, "KVM refuses %ju MiB of guest memory",
					 (uintmax_t)(slot.memory_size / MIB));
	}
	return 0;
}

int kvm_vm_create(struct kvm_vm *vm, int kvm_fd, const struct gmem *memory, unsigned pins,
		  struct error *err)
{
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { pins } };
	_cleanup_fd_ int fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	int run_size;

	if (fd < 0 && errno == EBUSY)
		return error_set(err, EBUSY,
				 "KVM cannot create a virtual machine: another hypervisor of this "
				 "host (VirtualBox, VMware) has the processor; end it");
	if (fd < 0)
		return error_set(err, errno, "KVM cannot create a virtual machine");
	if (set_memory(fd, memory, err) < 0)
		return -1;
	if (ioctl(fd, KVM_ENABLE_CAP, &split) < 0)
		return error_set(err, errno, "KVM cannot set up a split interrupt controller");
	run_size = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (run_size < (int)sizeof(struct kvm_run))
		return error_set(err, run_size < 0 ? errno : 0,
				 "KVM gives no usable size of its CPU page");
	vm->kvm_fd = kvm_fd;
	vm->run_size_bytes = run_size;
	vm->fd = steal_fd(&fd);
	return 0;
}

void kvm_vm_signal_msi(const struct kvm_vm *vm, uint32_t address, uint32_t data)
{
	struct kvm_msi msi = { .address_lo = address, .data = data };

	/* It fails only for a destination that does not exist: the guest's own mistake. */
	(void)ioctl(vm->fd, KVM_SIGNAL_MSI, &msi);
}

static bool processor_has_virtualization(void)
{
	unsigned a, b, c, d;

	if (__get_cpuid(1, &a, &b, &c, &d) && (c & (1u << 5))) /* VMX */
		return true;
	return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & (1u << 2)); /* SVM */
}

enum {
	PROBE_GUEST_BYTES = 4096,
	PROBE_COUNT = 100000,
	PROBE_LIMIT_US = 20000, /* native: far below 1,000; interpreted: 300,000 measured */
};

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int enter_real_mode(int vcpu_fd)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = { .rip = 0, .rflags = 2, .rcx = PROBE_COUNT };

	if (ioctl(vcpu_fd, KVM_GET_SREGS, &sregs) < 0)
		return -1;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(vcpu_fd, KVM_SET_SREGS, &sregs) < 0)
		return -1;
	return ioctl(vcpu_fd, KVM_SET_REGS, &regs);
}

/* Counts down in a guest of its own. Returns microseconds, or -1 with errno set. */
static int64_t time_countdown(int kvm_fd, int vm_fd, uint8_t *memory)
{
	/* dec ecx (32 bit operand); jnz -4; out 0x10, al */
	static const uint8_t code[] = { 0x66, 0x49, 0x75, 0xfc, 0xe6, 0x10 };
	struct kvm_userspace_memory_region slot = {
		.memory_size = PROBE_GUEST_BYTES,
		.userspace_addr = (uintptr_t)memory,
	};
	_cleanup_fd_ int vcpu_fd = -1;
	int run_size = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct kvm_run *run;
	int64_t start, took = -1;

	memcpy(memory, code, sizeof(code));
	if (run_size < 0 || ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
		return -1;
	vcpu_fd = ioctl(vm_fd, KVM_CREATE_VCPU, 0);
	if (vcpu_fd < 0 || enter_real_mode(vcpu_fd) < 0)
		return -1;
	run = mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu_fd, 0);
	if (run == MAP_FAILED)
		return -1;
	start = now_us();
	while (ioctl(vcpu_fd, KVM_RUN, 0) < 0 && errno == EINTR)
		;
	if (run->exit_reason == KVM_EXIT_IO)
		took = now_us() - start;
	else
		errno = ENOEXEC;
	munmap(run, (size_t)run_size);
	return took;
}

int kvm_probe_quality(int kvm_fd, enum kvm_quality *quality, struct error *err)
{
	_cleanup_fd_ int vm_fd = -1;
	uint8_t *memory;
	int64_t took_us;

	if (processor_has_virtualization()) {
		*quality = KVM_NATIVE;
		return 0;
	}
	vm_fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	if (vm_fd < 0)
		return error_set(err, errno, "KVM cannot create a virtual machine");
	memory = mmap(NULL, PROBE_GUEST_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	if (memory == MAP_FAILED)
		return error_set(err, errno, "no memory for a guest of one page");
	took_us = time_countdown(kvm_fd, vm_fd, memory);
	munmap(memory, PROBE_GUEST_BYTES);
	if (took_us < 0)
		return error_set(err, errno, "KVM cannot run a guest of four instructions");
	*quality = took_us > PROBE_LIMIT_US ? KVM_INTERPRETED : KVM_NATIVE;
	return 0;
}
