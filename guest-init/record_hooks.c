/*
 * The hooks of an app in the pod record, which run between its start and its execve().
 */
#include <libfdt.h>
#include <stdlib.h>

#include "guest-init/protocol.h"
#include "guest-init/record_reader.h"

static void read_hook(struct record_reader *r, struct record_hook *hook)
{
	size_t count;

	hook->path = reader_need_path(r, RECORD_PATH_PROP);
	hook->argv = reader_list(r, RECORD_ARGV, 0, &count);
	if (hook->argv && !count)
		reader_fail(r, RECORD_ARGV, "is missing");
	hook->env = reader_list(r, RECORD_ENV, 0, &count);
	hook->timeout_s = reader_number(r, RECORD_TIMEOUT, 0, INT32_MAX);
}

void record_read_hooks(struct record_reader *app, struct record_app *out)
{
	int hooks = fdt_subnode_offset(app->dtb, app->node, RECORD_START_HOOKS);
	struct record_reader r = *app;
	size_t count;

	if (hooks < 0)
		return;
	out->start_state = reader_need_string(app, RECORD_START_STATE);
	count = reader_count_children(app, hooks, "hook", RECORD_HOOKS_MAX);
	if (!count)
		return;
	out->start_hooks =
	    reader_allocate(app, RECORD_START_HOOKS, count, sizeof(*out->start_hooks));
	if (!out->start_hooks)
		return;
	fdt_for_each_subnode(r.node, r.dtb, hooks)
	{
		r.where = fdt_get_name(r.dtb, r.node, NULL);
		read_hook(&r, &out->start_hooks[out->start_hook_count++]);
	}
	app->bad |= r.bad;
}

void record_free_hooks(struct record_app *app)
{
	for (size_t i = 0; i < app->start_hook_count; i++) {
		free(app->start_hooks[i].argv);
		free(app->start_hooks[i].env);
	}
	free(app->start_hooks);
}
