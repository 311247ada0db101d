/*
 * Sizing. What the guest needs for itself was measured, see README.md.
 */
#include "vmm/pod/size.h"

#include <inttypes.h>

#include "vmm/base/bytes.h"
#include "vmm/machine/plan.h"

/*
 * The kernel, guest-init and their caches; what one more app costs; and of each byte that the
 * kernel manages the part that it needs for that.
 */
#define OVERHEAD_BYTES	   (24 * MIB)
#define OVERHEAD_APP_BYTES (1 * MIB)
enum { OVERHEAD_SHARE = 27 };

uint64_t pod_size_with_overhead(uint64_t memory_bytes, size_t app_count)
{
	uint64_t bytes = memory_bytes + OVERHEAD_BYTES + app_count * OVERHEAD_APP_BYTES;

	return bytes + bytes / OVERHEAD_SHARE;
}

uint64_t pod_size_default(const struct size_host *host)
{
	uint64_t half = host->memory_bytes / 2;
	uint64_t bytes = half < RUN_MEMORY_DEFAULT_BYTES ? half : RUN_MEMORY_DEFAULT_BYTES;
	uint64_t bound = host->cgroup_bound ? host->cgroup_bound() : bytes;

	/* Sizes are rounded up, and a limit is not to be passed. */
	return bound < bytes ? bound - bound % (2 * MIB) : bytes;
}

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* What the isolators come to, or 0 if they say nothing. */
static uint64_t need_memory(const struct image_isolators *pod, const struct size_need *needs,
			    size_t count)
{
	uint64_t sum = 0;
	bool any = false, silent = false;

	if (pod && pod->memory_limit_bytes)
		return pod->memory_limit_bytes;
	if (pod && pod->memory_request_bytes)
		return pod->memory_request_bytes;
	for (size_t i = 0; i < count; i++) {
		any = any || needs[i].memory_bytes;
		silent = silent || !needs[i].memory_bytes;
		sum = add(sum, needs[i].memory_bytes);
	}
	return any ? add(sum, silent ? RUN_MEMORY_SILENT_BYTES : 0) : 0;
}

static uint64_t need_cpu(const struct image_isolators *pod, const struct size_need *needs,
			 size_t count)
{
	uint64_t sum = 0;

	if (pod && pod->cpu_limit)
		return pod->cpu_limit;
	if (pod && pod->cpu_request)
		return pod->cpu_request;
	for (size_t i = 0; i < count; i++)
		sum = add(sum, needs[i].cpu);
	return sum;
}

static int settle_memory(struct pod_size *size, uint64_t given, uint64_t needed, size_t app_count,
			 const struct size_host *host, struct error *err)
{
	uint64_t bytes = given;

	if (given && given < PLAN_MEMORY_MIN_BYTES)
		return error_set(err, 0, "--memory: %ju MiB are the least that Linux boots with",
				 (uintmax_t)(PLAN_MEMORY_MIN_BYTES / MIB));
	if (!given && !needed)
		bytes = pod_size_default(host);
	if (!given && needed)
		bytes = needed < INT64_MAX / 2 ? pod_size_with_overhead(needed, app_count) : needed;
	if (bytes < PLAN_MEMORY_MIN_BYTES)
		bytes = PLAN_MEMORY_MIN_BYTES;
	if (bytes > host->memory_bytes && given)
		return error_set(err, 0, "--memory: this host has %ju MiB",
				 (uintmax_t)(host->memory_bytes / MIB));
	if (bytes > host->memory_bytes)
		return error_set(err, 0,
				 "the limits of memory come to a machine of %ju MiB, and this host "
				 "has %ju MiB; --memory makes a smaller one",
				 (uintmax_t)(bytes / MIB), (uintmax_t)(host->memory_bytes / MIB));
	size->memory_bytes = align_up(bytes, 2 * MIB);
	return 0;
}

int pod_size(struct pod_size *size, const struct run_options *options,
	     const struct image_isolators *pod, const struct size_need *needs, size_t count,
	     const struct size_host *host, struct error *err)
{
	uint64_t cpu = need_cpu(pod, needs, count);
	uint64_t most = host->cpus < PLAN_CPUS_MAX ? host->cpus : PLAN_CPUS_MAX;
	uint64_t cpus = options->cpus;

	if (cpus > PLAN_CPUS_MAX)
		return error_set(err, 0, "--cpus: 1 to %d are possible", PLAN_CPUS_MAX);
	if (!cpus && cpu) {
		cpus = cpu / 1000 + (cpu % 1000 != 0);
		cpus = cpus < most ? cpus : most;
	}
	size->cpus = cpus ? (unsigned)cpus : RUN_CPUS_DEFAULT;
	return settle_memory(size, options->memory_bytes, need_memory(pod, needs, count), count,
			     host, err);
}

int size_cpu_weight(uint64_t shares, uint32_t *weight)
{
	if (shares < IMAGE_SHARES_MIN || shares > IMAGE_SHARES_MAX)
		return -1;
	*weight = (uint32_t)(1 + ((shares - IMAGE_SHARES_MIN) * 9999) /
				     (IMAGE_SHARES_MAX - IMAGE_SHARES_MIN));
	return 0;
}
