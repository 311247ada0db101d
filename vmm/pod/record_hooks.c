/*
 * The hooks of one app in the pod record.
 */
#include "guest-init/protocol.h"
#include "vmm/pod/record_writer.h"

void record_write_hooks(struct record_writer *w, const struct pod_app *app)
{
	if (app->start_hook_count > RECORD_HOOKS_MAX)
		writer_fail(w, "the startContainer hooks", "are too many");
	if (!app->start_hook_count || w->bad)
		return;
	writer_string(w, RECORD_START_STATE, app->start_state);
	writer_begin(w, RECORD_START_HOOKS);
	for (size_t i = 0; i < app->start_hook_count; i++) {
		const struct pod_hook *hook = &app->start_hooks[i];

		writer_begin_indexed(w, "hook", i);
		writer_path(w, RECORD_PATH_PROP, hook->path);
		writer_list(w, RECORD_ARGV, hook->argv);
		writer_list(w, RECORD_ENV, hook->env);
		writer_u32_unless_0(w, RECORD_TIMEOUT, hook->timeout_s);
		writer_end(w);
	}
	writer_end(w);
}
