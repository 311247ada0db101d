/*
 * The form of requests. They come from processes of the pod's own user or of root; a wrong one is a
 * mistake, or another version of nacelle.
 */
#include "vmm/pod/request.h"

#include <errno.h>

#include "guest-init/protocol.h"

int pod_request_check(const struct pod_request *request, size_t len_bytes, unsigned fd_count)
{
	if (len_bytes != sizeof(*request) || request->magic != POD_REQUEST_MAGIC)
		return EPROTO;
	if (request->type == 0 || request->type >= POD_REQUEST_TYPES)
		return EOPNOTSUPP;
	if (request->signal > POD_SIGNAL_MAX || fd_count > POD_REQUEST_FDS_MAX)
		return EINVAL;
	if (request->serial &&
	    (request->app < FRAME_ID_ADDED_FIRST || request->app == POD_ALL_APPS))
		return EINVAL;
	if (fd_count > 0 && request->type != POD_REQUEST_ADD &&
	    request->type != POD_REQUEST_ATTACH && request->type != POD_REQUEST_SHARE)
		return EINVAL;
	return 0;
}
