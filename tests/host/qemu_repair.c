/*
 * Loaded into QEMU before it starts (LD_PRELOAD): takes away one error of its emulation of AMD SVM.
 *
 * Where VMRUN injects an interrupt (EVENTINJ, type INTR; AMD APM volume 2, 15.20), QEMU's
 * helper_vmrun() leaves the vector behind in the CPU's exception_index, although it has delivered
 * the interrupt itself. If the loop of the CPU is asked to pause before the guest's next exception
 * or #VMEXIT has overwritten it - with -icount because any timer of the machine is due, elsewhere
 * because another thread wants something - the loop finds an exception there that nobody has
 * raised, and delivers the same vector again, whatever RFLAGS.IF says. A guest's kernel that is
 * interrupted so while it holds a spin lock of the same interrupt spins for ever.
 *
 * QEMU exports its functions to its modules. This replaces the one that delivers an interrupt from
 * hardware, do_interrupt_x86_hardirq(env, vector, is_hw), by one that does the same and then says
 * that no exception is left, as the loop itself does for the interrupts that it delivers. What it
 * must know of QEMU's structures it reads from the code of two functions. If they do not look as
 * those of Debian 12's QEMU 7.2 do, nothing is changed, and a line on stderr says so.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* QEMU's do_interrupt_all(). */
typedef void deliver_fn(void *cpu, int vector, int is_int, int error_code, uint64_t next_rip,
			int is_hw);

static deliver_fn *deliver;
static size_t env_offset;	      /* of the CPU's registers, env, in the CPU */
static size_t exception_index_offset; /* of the exception that waits, in the CPU */

static void deliver_and_forget(char *env, int vector, int is_hw)
{
	char *cpu = env - env_offset;

	deliver(cpu, vector, 0, 0, 0, is_hw);
	*(int32_t *)(cpu + exception_index_offset) = -1;
}

static uint32_t u32_at(const unsigned char *code)
{
	uint32_t value;

	memcpy(&value, code, sizeof(value));
	return value;
}

/* do_interrupt_x86_hardirq(): deliver(env - env_offset, vector, 0, 0, 0, is_hw). */
static bool learn_delivery(const unsigned char *code)
{
	static const unsigned char before[] = {
		0x41, 0x89, 0xd1, /* mov %edx,%r9d */
		0x48, 0x81, 0xef, /* sub $env_offset,%rdi */
	};
	static const unsigned char after[] = {
		0x45, 0x31, 0xc0, /* xor %r8d,%r8d */
		0x31, 0xc9,	  /* xor %ecx,%ecx */
		0x31, 0xd2,	  /* xor %edx,%edx */
		0xe9,		  /* jmp deliver */
	};
	const unsigned char *jump = code + sizeof(before) + 4 + sizeof(after);

	if (memcmp(code, before, sizeof(before)) != 0 ||
	    memcmp(code + sizeof(before) + 4, after, sizeof(after)) != 0)
		return false;
	env_offset = u32_at(code + sizeof(before));
	deliver = (deliver_fn *)(jump + 4 + (int32_t)u32_at(jump));
	return deliver == (deliver_fn *)dlsym(RTLD_DEFAULT, "do_interrupt_all");
}

/* cpu_loop_exit_noexc(): cpu->exception_index = -1; cpu_loop_exit(cpu). */
static bool learn_exception_index(const unsigned char *code)
{
	static const unsigned char before[] = {
		0x48, 0x83, 0xec, 0x08, /* sub $8,%rsp */
		0xc7, 0x87,		/* movl $-1,exception_index_offset(%rdi) */
	};

	if (memcmp(code, before, sizeof(before)) != 0 ||
	    u32_at(code + sizeof(before) + 4) != UINT32_MAX)
		return false;
	exception_index_offset = u32_at(code + sizeof(before));
	return true;
}

static bool replace(unsigned char *code)
{
	unsigned char jump[] = { 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0 };
	uint64_t target = (uintptr_t)deliver_and_forget; /* movabs $target,%rax; jmp *%rax */
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *page = code - (uintptr_t)code % page_bytes;

	memcpy(jump + 2, &target, sizeof(target));
	if (mprotect(page, 2 * page_bytes, PROT_READ | PROT_WRITE) != 0)
		return false;
	memcpy(code, jump, sizeof(jump));
	return mprotect(page, 2 * page_bytes, PROT_READ | PROT_EXEC) == 0;
}

__attribute__((constructor)) static void repair(void)
{
	unsigned char *delivery = dlsym(RTLD_DEFAULT, "do_interrupt_x86_hardirq");
	unsigned char *loop_exit = dlsym(RTLD_DEFAULT, "cpu_loop_exit_noexc");

	if (!delivery || !loop_exit || !learn_delivery(delivery) ||
	    !learn_exception_index(loop_exit) || !replace(delivery))
		fputs("qemu_repair: not a QEMU that it knows: guests may stand still\n", stderr);
}
