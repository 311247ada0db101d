/*
 * The bytes of a chain, whatever buffers the driver cut them into. Offsets and lengths are checked
 * against the chain, so a caller may pass what it computed from a request's header.
 */
#include "virtio/queue.h"

#include <string.h>

/* Copies out of the buffers if `to` is not NULL, into them otherwise. */
static size_t copy(const struct iovec *iov, unsigned count, uint64_t offset, void *to,
		   const void *from, size_t len)
{
	size_t done = 0;

	for (unsigned i = 0; i < count && done < len; i++) {
		uint8_t *at = iov[i].iov_base;
		size_t part = iov[i].iov_len;

		if (offset >= part) {
			offset -= part;
			continue;
		}
		at += offset;
		part -= (size_t)offset;
		offset = 0;
		if (part > len - done)
			part = len - done;
		if (to)
			gmem_fetch((uint8_t *)to + done, at, part);
		else
			memcpy(at, (const uint8_t *)from + done, part);
		done += part;
	}
	return done;
}

static unsigned slice(const struct iovec *iov, unsigned count, uint64_t offset, uint64_t len,
		      struct iovec *out)
{
	unsigned filled = 0;

	for (unsigned i = 0; i < count && len > 0; i++) {
		size_t part = iov[i].iov_len;

		if (offset >= part) {
			offset -= part;
			continue;
		}
		part -= (size_t)offset;
		if (part > len)
			part = (size_t)len;
		out[filled++] = (struct iovec){
			.iov_base = (uint8_t *)iov[i].iov_base + offset,
			.iov_len = part,
		};
		offset = 0;
		len -= part;
	}
	return filled;
}

size_t virtq_chain_read(const struct virtq_chain *chain, uint64_t offset, void *to, size_t len)
{
	return copy(chain->iov, chain->readable_count, offset, to, NULL, len);
}

size_t virtq_chain_write(const struct virtq_chain *chain, uint64_t offset, const void *from,
			 size_t len)
{
	return copy(virtq_chain_writable(chain), chain->writable_count, offset, NULL, from, len);
}

unsigned virtq_chain_readable_slice(const struct virtq_chain *chain, uint64_t offset, uint64_t len,
				    struct iovec *out)
{
	return slice(chain->iov, chain->readable_count, offset, len, out);
}

unsigned virtq_chain_writable_slice(const struct virtq_chain *chain, uint64_t offset, uint64_t len,
				    struct iovec *out)
{
	return slice(virtq_chain_writable(chain), chain->writable_count, offset, len, out);
}
