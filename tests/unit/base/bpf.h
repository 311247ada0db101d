/*
 * An interpreter of the classic BPF that seccomp(2) takes: what a filter says of one system call.
 */
#ifndef NACELLE_TESTS_BPF_H
#define NACELLE_TESTS_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>

/* Returns the action, or fails the test where the kernel would refuse the program. */
uint32_t bpf_run(const struct sock_filter *code, unsigned count, const struct seccomp_data *data);

#endif
