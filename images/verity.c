/*
 * fs-verity: two ioctls.
 */
#include "images/verity.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/fsverity.h>

void verity_measure(int fd, struct digest *out)
{
	uint8_t room[sizeof(struct fsverity_digest) + DIGEST_BYTES_MAX]
	    __attribute__((aligned(8))) = { 0 };
	struct fsverity_digest head = { .digest_size = DIGEST_BYTES_MAX };

	*out = (struct digest){ 0 };
	memcpy(room, &head, sizeof(head));
	if (ioctl(fd, FS_IOC_MEASURE_VERITY, room) < 0)
		return;
	memcpy(&head, room, sizeof(head));
	if (head.digest_algorithm != FS_VERITY_HASH_ALG_SHA256 ||
	    head.digest_size != digest_len(DIGEST_SHA256))
		return;
	out->algorithm = DIGEST_SHA256;
	memcpy(out->bytes, room + sizeof(head), digest_len(DIGEST_SHA256));
}

int verity_enable(int fd, struct error *err)
{
	const struct fsverity_enable_arg how = { .version = 1,
						 .hash_algorithm = FS_VERITY_HASH_ALG_SHA256,
						 .block_size = 4096 };

	if (ioctl(fd, FS_IOC_ENABLE_VERITY, &how) == 0)
		return 0;
	/* Whatever else it says, it says that there is no fs-verity for this file. */
	if (errno != ENOSPC && errno != EDQUOT && errno != EIO && errno != ENOMEM)
		return 0;
	return error_set(err, errno, "cannot turn fs-verity on in the image store");
}
