/*
 * What this host has.
 */
#include <unistd.h>

#include "vmm/pod/size.h"

struct size_host size_host_read(void)
{
	uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES);

	return (struct size_host){
		.memory_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE),
		.cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN),
	};
}
