/*
 * Requests to rtnetlink. The answers are the kernel's.
 */
#include "vmm/pod/netlink.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_MAX = 32 * 1024 }; /* what the kernel makes a part of a dump at most */

int netlink_open(struct error *err)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd < 0 ? error_set(err, errno, "cannot make a netlink socket") : fd;
}

static struct nlmsghdr *header(struct netlink_request *request)
{
	return (void *)request->bytes;
}

static void *grow(struct netlink_request *request, size_t len)
{
	void *at = request->bytes + request->len;

	request->len += NLMSG_ALIGN(len);
	assert(request->len <= sizeof(request->bytes));
	header(request)->nlmsg_len = (uint32_t)request->len;
	return at;
}

void netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags,
		   const void *payload, size_t len)
{
	memset(request, 0, sizeof(*request));
	(void)grow(request, sizeof(struct nlmsghdr));
	header(request)->nlmsg_type = type;
	header(request)->nlmsg_flags = flags | NLM_F_REQUEST;
	memcpy(grow(request, len), payload, len);
}

void netlink_put(struct netlink_request *request, uint16_t type, const void *data, size_t len)
{
	struct rtattr *attribute = grow(request, RTA_LENGTH(len));

	attribute->rta_type = type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(attribute), data, len);
}

size_t netlink_nest(struct netlink_request *request, uint16_t type)
{
	size_t nest = request->len;

	netlink_put(request, type, NULL, 0);
	return nest;
}

void netlink_end(struct netlink_request *request, size_t nest)
{
	struct rtattr *attribute = (void *)(request->bytes + nest);

	attribute->rta_len = (unsigned short)(request->len - nest);
}

static ssize_t receive(int fd, void *answer, size_t size)
{
	ssize_t n;

	do
		n = recv(fd, answer, size, 0);
	while (n < 0 && errno == EINTR);
	return n;
}

int netlink_call(int fd, struct netlink_request *request, const char *what, struct error *err)
{
	_Alignas(struct nlmsghdr) uint8_t answer[1024];
	const struct nlmsghdr *message = (const void *)answer;
	const struct nlmsgerr *status = (const void *)(answer + NLMSG_HDRLEN);
	ssize_t n;

	header(request)->nlmsg_flags |= NLM_F_ACK;
	if (send(fd, request->bytes, request->len, 0) < 0)
		return error_set(err, errno, "%s", what);
	n = receive(fd, answer, sizeof(answer));
	if (n < NLMSG_HDRLEN + (ssize_t)sizeof(*status) || message->nlmsg_type != NLMSG_ERROR)
		return error_set(err, n < 0 ? errno : EPROTO, "%s", what);
	return status->error ? error_set(err, -status->error, "%s", what) : 0;
}

/* One datagram of a dump. Returns 1 if more follow, 0 after the last. */
static int take_part(const uint8_t *answer, size_t len, netlink_fn *fn, void *ctx,
		     struct error *err)
{
	while (len >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *message = (const void *)answer;
		size_t step = NLMSG_ALIGN(message->nlmsg_len);

		if (message->nlmsg_len < sizeof(*message) || message->nlmsg_len > len)
			break;
		if (message->nlmsg_type == NLMSG_DONE)
			return 0;
		if (message->nlmsg_type == NLMSG_ERROR)
			return error_set(err, EPROTO, "cannot list what a network has");
		if (fn(ctx, message, err) < 0)
			return -1;
		answer += step < len ? step : len;
		len -= step < len ? step : len;
	}
	return 1;
}

int netlink_dump(int fd, uint16_t type, netlink_fn *fn, void *ctx, struct error *err)
{
	static _Alignas(struct nlmsghdr) uint8_t answer[ANSWER_MAX];
	const struct rtgenmsg any = { .rtgen_family = AF_UNSPEC };
	struct netlink_request request;
	int more = 1;

	netlink_begin(&request, type, NLM_F_DUMP, &any, sizeof(any));
	if (send(fd, request.bytes, request.len, 0) < 0)
		return error_set(err, errno, "cannot ask what a network has");
	while (more > 0) {
		ssize_t n = receive(fd, answer, sizeof(answer));

		if (n <= 0)
			return error_set(err, n < 0 ? errno : EPROTO,
					 "cannot list what a network has");
		more = take_part(answer, (size_t)n, fn, ctx, err);
	}
	return more;
}

const void *netlink_header(const struct nlmsghdr *message)
{
	return (const uint8_t *)message + NLMSG_HDRLEN;
}

struct netlink_attributes netlink_attributes(const struct nlmsghdr *message, size_t header_bytes)
{
	size_t before = NLMSG_SPACE(header_bytes);

	return (struct netlink_attributes){
		.at = (const uint8_t *)message + before,
		.left_bytes = message->nlmsg_len > before ? message->nlmsg_len - before : 0,
	};
}

const struct rtattr *netlink_next(struct netlink_attributes *attributes)
{
	const struct rtattr *attribute = (const void *)attributes->at;
	size_t step;

	if (attributes->left_bytes < sizeof(*attribute) ||
	    attribute->rta_len < sizeof(*attribute) || attribute->rta_len > attributes->left_bytes)
		return NULL;
	step = RTA_ALIGN(attribute->rta_len);
	if (step > attributes->left_bytes)
		step = attributes->left_bytes;
	attributes->at += step;
	attributes->left_bytes -= step;
	return attribute;
}

const void *netlink_data(const struct rtattr *attribute)
{
	return (const uint8_t *)attribute + RTA_LENGTH(0);
}
