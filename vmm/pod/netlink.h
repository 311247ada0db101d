/*
 * Requests to the kernel's rtnetlink(7), one at a time.
 */
#ifndef NACELLE_POD_NETLINK_H
#define NACELLE_POD_NETLINK_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/error.h"

enum { NETLINK_REQUEST_MAX = 512 };

struct netlink_request {
	_Alignas(struct nlmsghdr) uint8_t bytes[NETLINK_REQUEST_MAX];
	size_t len;
};

/* A socket of the calling thread's network namespace. */
int netlink_open(struct error *err);

/* Begins a request with len bytes of payload. */
void netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags,
		   const void *payload, size_t len);
void netlink_put(struct netlink_request *request, uint16_t type, const void *data, size_t len);
/* What is put until netlink_end() lies within an attribute of this type. */
size_t netlink_nest(struct netlink_request *request, uint16_t type);
void netlink_end(struct netlink_request *request, size_t nest);

/* Sends it and waits for the answer. `what` is what cannot be done, in the error. */
int netlink_call(int fd, struct netlink_request *request, const char *what, struct error *err);

/*
 * Asks for all objects of a kind (RTM_GETADDR, RTM_GETROUTE) and calls fn with each. fn returns 0,
 * or -1 with err filled.
 */
typedef int netlink_fn(void *ctx, const struct nlmsghdr *message, struct error *err);
int netlink_dump(int fd, uint16_t type, netlink_fn *fn, void *ctx, struct error *err);

/*
 * What a message says, in place: its header of header_bytes, and the attributes behind it, one
 * after the other; NULL at their end. (The macros of linux/rtnetlink.h write to what they read.)
 */
struct netlink_attributes {
	const uint8_t *at;
	size_t left_bytes;
};
const void *netlink_header(const struct nlmsghdr *message);
struct netlink_attributes netlink_attributes(const struct nlmsghdr *message, size_t header_bytes);
const struct rtattr *netlink_next(struct netlink_attributes *attributes);
const void *netlink_data(const struct rtattr *attribute);

#endif
