/*
 * The channel's memory and sockets. Whoever made the memory is not trusted to keep its size: the
 * seals are.
 */
#include "virtio/p9_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"

static const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

int p9_channel_create(struct p9_channel_fds *fds, struct error *err)
{
	_cleanup_fd_ int memory = memfd_create("9p", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int sockets[2];

	if (memory < 0 || ftruncate(memory, P9_CHANNEL_BYTES) < 0 ||
	    fcntl(memory, F_ADD_SEALS, seals) < 0)
		return error_set(err, errno, "cannot make memory for a 9p device");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return error_set(err, errno, "cannot make sockets for a 9p device");
	fds->memory_fd = steal_fd(&memory);
	fds->device_socket = sockets[0];
	fds->server_socket = sockets[1];
	return 0;
}

uint8_t *p9_channel_map(int memory_fd, struct error *err)
{
	int has = fcntl(memory_fd, F_GET_SEALS);
	struct stat st;
	void *slots;

	if (has < 0 || (has & seals) != seals || fstat(memory_fd, &st) < 0 ||
	    st.st_size < P9_CHANNEL_BYTES) {
		(void)error_set(err, EINVAL, "the memory of a 9p device is not what it should be");
		return NULL;
	}
	slots = mmap(NULL, P9_CHANNEL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
	if (slots == MAP_FAILED) {
		(void)error_set(err, errno, "cannot map the memory of a 9p device");
		return NULL;
	}
	return slots;
}

void p9_channel_unmap(uint8_t *slots)
{
	if (slots)
		(void)munmap(slots, P9_CHANNEL_BYTES);
}

/* Not FUTEX_PRIVATE: the two sides are two processes. */
static long futex(uint32_t *word, int operation, uint32_t value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

bool p9_wait_for(struct p9_wait *wait, uint32_t timeout_ns)
{
	const struct timespec timeout = { .tv_nsec = timeout_ns };
	uint32_t begun = P9_WAIT_BEGUN;

	/* Woken, too late or disturbed: the word says what happened. */
	if (__atomic_load_n(&wait->word, __ATOMIC_ACQUIRE) == P9_WAIT_BEGUN)
		(void)futex(&wait->word, FUTEX_WAIT, P9_WAIT_BEGUN, &timeout);
	return !__atomic_compare_exchange_n(&wait->word, &begun, P9_WAIT_NONE, false,
					    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

bool p9_wait_done(struct p9_wait *wait, uint32_t len)
{
	uint32_t begun = P9_WAIT_BEGUN;

	if (__atomic_load_n(&wait->word, __ATOMIC_ACQUIRE) != P9_WAIT_BEGUN)
		return false;
	__atomic_store_n(&wait->len, len, __ATOMIC_RELAXED);
	if (!__atomic_compare_exchange_n(&wait->word, &begun, P9_WAIT_DONE, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		return false;
	(void)futex(&wait->word, FUTEX_WAKE, 1, NULL);
	return true;
}
