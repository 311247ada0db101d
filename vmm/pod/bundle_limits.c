/*
 * Other limits of a container, from an engine's JSON.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/pod/bundle.h"
#include "vmm/pod/image_program.h"
#include "vmm/pod/question.h"

enum { TEXT_MAX = 1 << 20, FIELDS_MAX = 1 << 20 };

/* What is to be read may be a pipe; the reader wants a file. */
static int copy(int from, struct error *err)
{
	_cleanup_fd_ int fd = memfd_create("resources", MFD_CLOEXEC);
	size_t len = 0;
	char bytes[4096];
	ssize_t n;

	if (fd < 0)
		return error_set(err, errno, "cannot read the resources");
	while ((n = read(from, bytes, sizeof(bytes))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || io_write_all(fd, bytes, (size_t)n) < 0)
			return error_set(err, errno, "cannot read the resources");
		len += (size_t)n;
		if (len > TEXT_MAX)
			return error_set(err, EFBIG, "the resources are too long");
	}
	return steal_fd(&fd);
}

int bundle_load_resources(struct oci_bundle *resources, int fd, struct error *err)
{
	const char *const arguments[] = { "nacelle-image", "resources", "--", "/dev/stdin", NULL };
	_cleanup_fd_ int input = copy(fd, err);
	_cleanup_free_ void *data = NULL;
	size_t len;

	*resources = (struct oci_bundle){ 0 };
	if (input < 0 || image_program_convert(arguments, input, FIELDS_MAX, &data, &len, err) < 0)
		return -1;
	return oci_resources_decode(resources, data, len, err);
}

static uint64_t limit_of(uint64_t number)
{
	return number == OCI_UNLIMITED ? LIMITS_NONE : number;
}

void bundle_settle_limits(const struct oci_bundle *resources, struct limits *limits)
{
	const uint64_t *numbers = resources->numbers;

	*limits = (struct limits){
		.memory_bytes = limit_of(numbers[OCI_MEMORY]),
		.cpu_quota = limit_of(numbers[OCI_CPU_QUOTA]),
		.cpu_period = numbers[OCI_CPU_PERIOD],
		.cpu_shares = numbers[OCI_CPU_SHARES],
		.pids = limit_of(numbers[OCI_PIDS]),
	};
}
