/*
 * "linux.resources" of a container that runs: what is not there stays as it is, and what is below 0
 * is no limit any more.
 */
#include "images/oci_bundle_internal.h"

/* 0, which is what engines write for what they do not mean, counts as not there. */
static int take_limit(const struct appc_node *object, const char *key, uint64_t *out,
		      struct error *err)
{
	int64_t limit = 0;

	if (oci_int(object, key, INT64_MIN / 2, INT64_MAX, &limit, err) < 0)
		return -1;
	*out = limit < 0 ? OCI_UNLIMITED : (uint64_t)limit;
	return 0;
}

int oci_resources_read_node(const struct appc_node *top, struct oci_bundle *bundle,
			    struct error *err)
{
	uint64_t *numbers = bundle->numbers;
	struct appc_node memory, cpu, pids;
	int found = appc_object(top, "memory", &memory, err);

	if (found > 0)
		found = take_limit(&memory, "limit", &numbers[OCI_MEMORY], err);
	if (found < 0)
		return -1;
	found = appc_object(top, "cpu", &cpu, err);
	if (found > 0 && (appc_uint(&cpu, "shares", INT64_MAX, &numbers[OCI_CPU_SHARES], err) < 0 ||
			  take_limit(&cpu, "quota", &numbers[OCI_CPU_QUOTA], err) < 0 ||
			  appc_uint(&cpu, "period", INT32_MAX, &numbers[OCI_CPU_PERIOD], err) < 0))
		return -1;
	if (found < 0)
		return -1;
	found = appc_object(top, "pids", &pids, err);
	if (found > 0)
		found = take_limit(&pids, "limit", &numbers[OCI_PIDS], err);
	return found < 0 ? -1 : 0;
}
