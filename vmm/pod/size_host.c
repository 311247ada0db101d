/*
 * What this host has.
 */
#include <sched.h>
#include <unistd.h>

#include "vmm/pod/size.h"

struct size_host size_host_read(void)
{
	uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES);
	cpu_set_t cpus;

	return (struct size_host){
		.memory_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE),
		.cpus =
		    sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? (unsigned)CPU_COUNT(&cpus) : 1,
		.cgroup_bound = size_cgroup_bound,
	};
}
