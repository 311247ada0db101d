/*
 * Members of the pod: containers that are added while it runs. One is an app in all that it has,
 * and an added process in how it comes and goes; here is what neither of them does.
 */
#include <errno.h>
#include <unistd.h>

#include "guest-init/added_internal.h"
#include "guest-init/cgroup.h"
#include "guest-init/mounts.h"
#include "guest-init/volumes.h"

int member_settle(struct added_process *p)
{
	struct error why = ERROR_NONE;

	if (record_read_member(p->bytes, p->len, &p->own, &why) < 0) {
		errno = why.code ? why.code : EINVAL;
		return -1;
	}
	p->config = p->own;
	for (int i = 0; i < APP_STREAMS; i++)
		p->config.ports[i] = p->own.ports[i] ? p->record_port + p->own.ports[i] : 0;
	return 0;
}

int member_start(struct added_process *p, const int streams[APP_STREAMS], struct error *err)
{
	app_init_member(&p->app, &p->config, streams);
	if (volumes_shares(err) < 0 || cgroup_enable_app(DIR_CGROUP, &p->config, err) < 0 ||
	    app_connect(&p->app, err) < 0)
		return -1;
	return app_start(&p->app, err);
}

void member_remove(const struct added_process *p)
{
	if (p->running)
		cgroup_remove(DIR_CGROUP, p->app.group);
}
