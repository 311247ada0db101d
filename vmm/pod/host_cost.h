/*
 * What a start asks of its host, timed.
 */
#ifndef NACELLE_POD_HOST_COST_H
#define NACELLE_POD_HOST_COST_H

#include <stdint.h>

#include "vmm/machine/kvm.h"

/* In nanoseconds; -1: not measured, because it cannot be or may not be here. */
struct host_costs {
	struct kvm_costs kvm;
	int64_t small_ns;  /* first touch of 2 MiB in pages of 4 KiB */
	int64_t huge_ns;   /* and in a huge page */
	int64_t clock_ns;  /* reading the clock */
	int64_t awake_ns;  /* some work, while there is much of it */
	int64_t asleep_ns; /* the same work after some hundredths of a second without */
	int64_t enter_ns;  /* a process's way into another cgroup; root only */
	int64_t charge_ns; /* what a page of 4 KiB costs more in a memory cgroup; root only */
};

/*
 * Measures them in half a second or less. kvm_fd is /dev/kvm, or -1 where there is none that runs
 * guests natively. root is that of the cgroups (/sys/fs/cgroup): a process of its own
 * goes through one that is made there and removed again.
 */
void host_cost_measure(int kvm_fd, const char *cgroups, struct host_costs *costs);

#endif
