/*
 * Does this /dev/kvm run guests natively? Creating a VM proves little: some hosts interpret a guest
 * instruction by instruction, and Linux does not get far there. So run one: a guest of a few
 * instructions counts down from 100,000. That takes about 0.1 ms natively, 0.3 ms under an emulator
 * with a translator of its own, and 40 to 300 ms where KVM interprets.
 *
 * Prints one sentence. Exit status: 0 native, 1 it runs but is interpreted, 2 no usable KVM.
 * Trusts the kernel. Protected mode with flat segments: real mode alone may be interpreted on good
 * hosts too.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define GUEST_LEN_BYTES 0x1000
#define NATIVE_LIMIT_NS 5000000

static const unsigned char guest_code[] = {
	0xb9, 0xa0, 0x86, 0x01, 0x00, /* mov ecx, 100000 */
	0x49,			      /* dec ecx */
	0x75, 0xfd,		      /* jnz to the dec */
	0xe6, 0x10,		      /* out 0x10, al */
	0xeb, 0xf4,		      /* jmp to the start */
};

static void fail(const char *what)
{
	printf("no usable KVM: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int make_vcpu(int vm, void *memory)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = GUEST_LEN_BYTES,
		.userspace_addr = (unsigned long)memory,
	};
	struct kvm_sregs sregs;
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_segment code = {
		.limit = 0xffffffff, .type = 11, .present = 1, .s = 1, .db = 1, .g = 1
	};
	struct kvm_segment data = {
		.limit = 0xffffffff, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1
	};
	int vcpu;

	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		fail("guest memory");
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0 || ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
		fail("vCPU");
	code.selector = 8;
	data.selector = 16;
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 |= 1;
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) < 0 || ioctl(vcpu, KVM_SET_REGS, &regs) < 0)
		fail("vCPU registers");
	return vcpu;
}

static long run_once_ns(int vcpu, const struct kvm_run *run)
{
	struct timespec before, after;

	clock_gettime(CLOCK_MONOTONIC, &before);
	if (ioctl(vcpu, KVM_RUN, 0) < 0)
		fail("KVM_RUN");
	clock_gettime(CLOCK_MONOTONIC, &after);
	if (run->exit_reason != KVM_EXIT_IO) {
		printf("no usable KVM: the probe guest ended with exit reason %u\n",
		       run->exit_reason);
		exit(2);
	}
	return (after.tv_sec - before.tv_sec) * 1000000000L + (after.tv_nsec - before.tv_nsec);
}

int main(void)
{
	int kvm, vm, vcpu, run_len_bytes;
	void *memory, *run;
	long best_ns;

	/* A guest that never gets to its end is no native one. */
	alarm(10);
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		fail("/dev/kvm");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		fail("KVM_CREATE_VM");
	run_len_bytes = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	memory =
	    mmap(NULL, GUEST_LEN_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run_len_bytes < (int)sizeof(struct kvm_run) || memory == MAP_FAILED)
		fail("memory");
	memcpy(memory, guest_code, sizeof(guest_code));
	vcpu = make_vcpu(vm, memory);
	run = mmap(NULL, (size_t)run_len_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		fail("vCPU memory");

	/* The first run pays for page faults and for a translator's translation. */
	best_ns = run_once_ns(vcpu, run);
	for (int i = 0; i < 2; i++) {
		long ns = run_once_ns(vcpu, run);

		if (ns < best_ns)
			best_ns = ns;
	}
	printf("/dev/kvm %s: 100,000 rounds of a loop in %.2f ms\n",
	       best_ns < NATIVE_LIMIT_NS ? "runs guests natively" : "only interprets guests",
	       (double)best_ns / 1e6);
	return best_ns < NATIVE_LIMIT_NS ? 0 : 1;
}
