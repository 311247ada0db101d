/*
 * The subset of instructions that the kernel's seccomp_check_filter() takes and the compiler uses.
 */
#include "tests/unit/base/bpf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t load(const struct seccomp_data *data, uint32_t offset)
{
	uint32_t word;

	if (offset % 4 || offset > sizeof(*data) - sizeof(word)) {
		(void)fprintf(stderr, "bpf: load at %u\n", offset);
		abort();
	}
	memcpy(&word, (const char *)data + offset, sizeof(word));
	return word;
}

uint32_t bpf_run(const struct sock_filter *code, unsigned count, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (unsigned at = 0; at < count; at++) {
		const struct sock_filter *i = &code[at];

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			a = load(data, i->k);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			break;
		case BPF_JMP | BPF_JA:
			at += i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += a == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			at += a > i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			at += a >= i->k ? i->jt : i->jf;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			(void)fprintf(stderr, "bpf: instruction %u is %#x\n", at, i->code);
			abort();
		}
	}
	(void)fprintf(stderr, "bpf: it runs off the end\n");
	abort();
}
