/*
 * Messages between importer and parsers. The importer distrusts what it receives.
 */
#include "images/message.h"

#include <errno.h>
#include <stdlib.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

struct message_head {
	le32 kind;
	le32 len;
};

int message_send(int fd, enum message_kind kind, const void *data, size_t len)
{
	struct message_head head = { le32_make((uint32_t)kind), le32_make((uint32_t)len) };

	if (io_write_all(fd, &head, sizeof(head)) < 0)
		return -1;
	return io_write_all(fd, data, len);
}

int message_receive(int fd, uint32_t *kind, char **data, size_t *len, struct error *err)
{
	_cleanup_free_ char *bytes = NULL;
	struct message_head head;
	ssize_t n = io_read_full(fd, &head, sizeof(head));

	if (n == 0)
		return 0;
	if (n < 0)
		return errno == ECONNRESET ? 0 : error_set(err, errno, "cannot receive a message");
	if (n != (ssize_t)sizeof(head))
		return 0;
	*len = le32_get(head.len);
	if (*len > MESSAGE_SIZE_MAX)
		return error_set(err, 0, "a message between processes is too large");
	bytes = malloc(*len + 1);
	if (!bytes)
		return error_set(err, ENOMEM, "cannot receive a message");
	n = io_read_full(fd, bytes, *len);
	if (n != (ssize_t)*len)
		return 0;
	bytes[*len] = '\0';
	*kind = le32_get(head.kind);
	*data = steal_ptr(bytes);
	return 1;
}
