/*
 * What KVM's work costs on this host, by guests of a few instructions in real mode.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/machine/kvm.h"

enum {
	TRIES = 5,
	EXITS = 50, /* of one try */
	PAGE = 4096,
	GUEST_BYTES = 2 * 1024 * 1024, /* one huge page */
	CODE_PAGES = 256,	       /* as far as real mode goes */
	PINS = 4,
	LIMIT_NS = 50 * 1000 * 1000, /* after that no further try is made */
};

struct tiny_guest {
	uint8_t *memory; /* aligned to its size */
	uint8_t *mapping;
	struct kvm_vm vm;
	int vcpu_fd;
	struct kvm_run *run;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void keep_shortest(int64_t *shortest_ns, int64_t took_ns)
{
	if (*shortest_ns < 0 || took_ns < *shortest_ns)
		*shortest_ns = took_ns;
}

static void guest_close(struct tiny_guest *guest)
{
	if (guest->run)
		munmap(guest->run, (size_t)guest->vm.run_size_bytes);
	if (guest->vcpu_fd >= 0)
		close(guest->vcpu_fd);
	if (guest->vm.fd >= 0)
		close(guest->vm.fd);
	if (guest->mapping)
		munmap(guest->mapping, 2 * GUEST_BYTES);
}

static int guest_open(struct tiny_guest *guest, int kvm_fd)
{
	struct gmem memory = { .count = 1 };
	void *mapping, *run;

	mapping =
	    mmap(NULL, 2 * GUEST_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mapping == MAP_FAILED)
		return -1;
	guest->mapping = mapping;
	guest->memory =
	    guest->mapping + (GUEST_BYTES - (uintptr_t)mapping % GUEST_BYTES) % GUEST_BYTES;
	(void)madvise(guest->memory, GUEST_BYTES, MADV_HUGEPAGE);
	memset(guest->memory, 0, GUEST_BYTES);
	memory.regions[0].host = guest->memory;
	memory.regions[0].len = GUEST_BYTES;
	if (kvm_vm_create(&guest->vm, kvm_fd, &memory, PINS, NULL) < 0) {
		guest->vm.fd = -1;
		return -1;
	}
	guest->vcpu_fd = ioctl(guest->vm.fd, KVM_CREATE_VCPU, 0);
	if (guest->vcpu_fd < 0)
		return -1;
	run = mmap(NULL, (size_t)guest->vm.run_size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		   guest->vcpu_fd, 0);
	if (run == MAP_FAILED)
		return -1;
	guest->run = run;
	return 0;
}

/* To address 0 in real mode. */
static int restart(const struct tiny_guest *guest)
{
	const struct kvm_regs regs = { .rip = 0, .rflags = 2 };
	struct kvm_sregs sregs;

	if (ioctl(guest->vcpu_fd, KVM_GET_SREGS, &sregs) < 0)
		return -1;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(guest->vcpu_fd, KVM_SET_SREGS, &sregs) < 0)
		return -1;
	return ioctl(guest->vcpu_fd, KVM_SET_REGS, &regs);
}

/* Until it writes to a port. */
static int run(const struct tiny_guest *guest)
{
	while (ioctl(guest->vcpu_fd, KVM_RUN, 0) < 0)
		if (errno != EINTR)
			return -1;
	return guest->run->exit_reason == KVM_EXIT_IO ? 0 : -1;
}

/* From the guest to this process and back. */
static int64_t time_exit(const struct tiny_guest *guest)
{
	/* out 0x10, al; jmp to it */
	static const uint8_t code[] = { 0xe6, 0x10, 0xeb, 0xfc };
	const int64_t began_ns = now_ns();
	int64_t shortest_ns = -1;

	memcpy(guest->memory, code, sizeof(code));
	if (restart(guest) < 0 || run(guest) < 0)
		return -1;
	for (int i = 0; i < TRIES && now_ns() - began_ns < LIMIT_NS; i++) {
		int64_t started_ns = now_ns();

		for (int j = 0; j < EXITS; j++)
			if (run(guest) < 0)
				return -1;
		keep_shortest(&shortest_ns, (now_ns() - started_ns) / EXITS);
	}
	return shortest_ns;
}

/* A jump from each page to the next one, where nothing has been executed before. */
static int64_t time_code(const struct tiny_guest *guest)
{
	static const uint8_t end[] = { 0xe6, 0x10 }; /* out 0x10, al */
	int64_t took_ns[2];

	for (unsigned page = 0; page < CODE_PAGES; page++) {
		const unsigned segment = (page + 1) * PAGE / 16;
		const uint8_t jump[] = { 0xea, 0, 0, (uint8_t)segment, (uint8_t)(segment >> 8) };

		if (page < CODE_PAGES - 1)
			memcpy(guest->memory + page * PAGE, jump, sizeof(jump));
		else
			memcpy(guest->memory + page * PAGE, end, sizeof(end));
	}
	for (int i = 0; i < 2; i++) {
		if (restart(guest) < 0)
			return -1;
		took_ns[i] = now_ns();
		if (run(guest) < 0)
			return -1;
		took_ns[i] = now_ns() - took_ns[i];
	}
	return took_ns[0] > took_ns[1] ? took_ns[0] - took_ns[1] : 0;
}

/* A page of memory more, and less, in a VM that has an interrupt controller: the longer of both. */
static int64_t time_slot(const struct tiny_guest *guest)
{
	const int64_t began_ns = now_ns();
	int64_t shortest_ns = -1;

	for (int i = 0; i < TRIES && now_ns() - began_ns < LIMIT_NS; i++) {
		struct kvm_userspace_memory_region slot = {
			.slot = 1,
			.guest_phys_addr = GUEST_BYTES,
			.memory_size = PAGE,
			.userspace_addr = (uintptr_t)guest->memory,
		};
		int64_t times_ns[3];

		times_ns[0] = now_ns();
		if (ioctl(guest->vm.fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
			return -1;
		times_ns[1] = now_ns();
		slot.memory_size = 0;
		if (ioctl(guest->vm.fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
			return -1;
		times_ns[2] = now_ns();
		keep_shortest(&shortest_ns, times_ns[1] - times_ns[0] > times_ns[2] - times_ns[1]
						? times_ns[1] - times_ns[0]
						: times_ns[2] - times_ns[1]);
	}
	return shortest_ns;
}

static int64_t time_vm(int kvm_fd)
{
	const struct gmem none = { .count = 0 };
	const int64_t began_ns = now_ns();
	int64_t shortest_ns = -1;

	for (int i = 0; i < TRIES && now_ns() - began_ns < LIMIT_NS; i++) {
		int64_t started_ns = now_ns(), took_ns;
		struct kvm_vm vm;

		if (kvm_vm_create(&vm, kvm_fd, &none, PINS, NULL) < 0)
			return -1;
		took_ns = now_ns() - started_ns;
		close(vm.fd);
		keep_shortest(&shortest_ns, took_ns);
	}
	return shortest_ns;
}

void kvm_measure(int kvm_fd, struct kvm_costs *costs)
{
	_cleanup_(guest_close) struct tiny_guest guest = { .vm = { .fd = -1 }, .vcpu_fd = -1 };

	*costs = (struct kvm_costs){ time_vm(kvm_fd), -1, -1, -1 };
	if (guest_open(&guest, kvm_fd) < 0)
		return;
	/* First, while nothing has been executed there. */
	costs->code_ns = time_code(&guest);
	costs->exit_ns = time_exit(&guest);
	costs->slot_ns = time_slot(&guest);
}
