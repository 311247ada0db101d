/*
 * How large a pod's virtual machine is.
 */
#ifndef NACELLE_POD_SIZE_H
#define NACELLE_POD_SIZE_H

#include <stdint.h>

#include "images/image_config.h"
#include "vmm/base/error.h"
#include "vmm/pod/run.h"

/* What the host has. */
struct size_host {
	uint64_t memory_bytes;
	unsigned cpus;
	/* Asked only where nothing is said about memory. NULL: the pod leaves our cgroup. */
	uint64_t (*cgroup_bound)(void);
};

/* Of this host. */
struct size_host size_host_read(void);

/* The largest machine that fits into this process's cgroup; UINT64_MAX or nearly: any. */
uint64_t size_cgroup_bound(void);

/*
 * The least memory.max of the cgroup in a list as /proc/self/cgroup and of those above it, below
 * that directory; UINT64_MAX: none, or none that can be read.
 */
uint64_t size_cgroup_limit(const char *hierarchy, const char *list);

/* What one app asks for: its limit, else its request; 0: it says nothing. */
struct size_need {
	uint64_t memory_bytes;
	uint64_t cpu; /* thousandths */
};

struct pod_size {
	uint64_t memory_bytes; /* a multiple of 2 MiB */
	unsigned cpus;
};

/*
 * What --memory and --cpus say; else what the pod's isolators say, else the sum of what its apps
 * need, with what the guest itself needs on top; else the defaults. Apps that say nothing beside
 * others that do have RUN_MEMORY_SILENT_BYTES among them. Returns 0, or -1 with err filled.
 */
int pod_size(struct pod_size *size, const struct run_options *options,
	     const struct image_isolators *pod, const struct size_need *needs, size_t count,
	     const struct size_host *host, struct error *err);

/* The memory of a machine of which nothing is said. */
uint64_t pod_size_default(const struct size_host *host);

/*
 * The memory of a machine in which apps have so many bytes, under limits that come to that: with
 * the kernel, its page table of physical memory, guest-init and the apps' own kernel structures.
 */
uint64_t pod_size_with_overhead(uint64_t memory_bytes, size_t app_count);

/*
 * cgroup v1's shares as a weight of cgroup v2, as the OCI runtimes convert them. Returns 0, or -1
 * if they are out of range.
 */
int size_cpu_weight(uint64_t shares, uint32_t *weight);

#endif
