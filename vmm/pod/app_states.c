/*
 * What the supervisor knows of each app.
 */
#include "vmm/pod/app_states.h"

#include <signal.h>
#include <time.h>

#include "vmm/pod/life.h"
#include "vmm/pod/run.h"

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void app_states_begin(struct app_states *states, const struct pod *pod)
{
	states->count =
	    (uint32_t)(pod->app_count < RECORD_APPS_MAX ? pod->app_count : RECORD_APPS_MAX);
	for (uint32_t i = 0; i < states->count; i++)
		states->apps[i] =
		    (struct app_state){ .name = pod->apps[i].name, .state = POD_APP_WAITING };
}

void app_states_on_start(struct app_states *states, uint32_t app)
{
	if (app >= states->count)
		return;
	states->apps[app].state = POD_APP_RUNNING;
	states->apps[app].started_ms = now_ms();
}

bool app_states_on_held(struct app_states *states, uint32_t app)
{
	if (app >= states->count || states->apps[app].state != POD_APP_WAITING)
		return false;
	states->apps[app].state = POD_APP_HELD;
	return true;
}

void app_states_on_restart(struct app_states *states, const struct machine_event *event)
{
	struct app_state *app;

	if (event->app >= states->count)
		return;
	app = &states->apps[event->app];
	app->state = POD_APP_WAITING;
	app->kind = event->kind;
	app->code = event->code;
	app->flags = event->flags;
	app->restarts = event->count;
}

const char *app_states_name(const struct app_states *states, uint32_t app)
{
	return app < states->count && states->apps[app].name ? states->apps[app].name : "?";
}

bool app_states_all_started(const struct app_states *states)
{
	for (uint32_t i = 0; i < states->count; i++)
		if (!states->apps[i].started_ms)
			return false;
	return true;
}

bool app_states_all_ended(const struct app_states *states)
{
	for (uint32_t i = 0; i < states->count; i++)
		if (states->apps[i].state != POD_APP_EXITED)
			return false;
	return true;
}

int app_states_status(uint32_t kind, uint32_t code)
{
	return (int)(kind == EXIT_KIND_SIGNAL ? 128 + (code & 0x7f) : code & 0xff);
}

int app_states_on_exit(struct app_states *states, const struct machine_event *event,
		       const struct pod_directory *directory, struct error *err)
{
	int status = app_states_status(event->kind, event->code), result;
	struct life_app_times times;
	struct app_state *app;

	if (event->app >= states->count)
		return 0;
	app = &states->apps[event->app];
	app->state = POD_APP_EXITED;
	app->kind = event->kind;
	app->code = event->code;
	app->flags = event->flags;
	app->ended_ms = now_ms();
	times = (struct life_app_times){ app->started_ms, app->ended_ms, app->restarts,
					 app->flags & EXIT_FLAG_OOM };
	life_note_times(directory, app->name, &times);
	result = life_write_app_status(directory, app->name, status, err);
	if (states->listener && states->listener->on_app_end(states->listener->context, app->name,
							     status, result < 0 ? NULL : err) < 0)
		return -1;
	return result;
}

int app_states_kill(struct app_states *states, const struct pod_directory *directory,
		    struct error *err)
{
	int result = 0;

	for (uint32_t i = 0; i < states->count; i++) {
		const struct machine_event event = { .app = i,
						     .kind = EXIT_KIND_SIGNAL,
						     .code = SIGKILL };

		if (states->apps[i].state == POD_APP_RUNNING &&
		    app_states_on_exit(states, &event, directory, result < 0 ? NULL : err) < 0)
			result = -1;
	}
	return result;
}

int app_states_finish(struct app_states *states, const struct pod_directory *directory,
		      struct error *err)
{
	int result = 0;

	for (uint32_t i = 0; i < states->count; i++) {
		const struct app_state *app = &states->apps[i];
		const struct machine_event last = {
			.app = i, .kind = app->kind, .code = app->code, .flags = app->flags
		};
		struct error *first = result < 0 ? NULL : err;

		if (app->state == POD_APP_WAITING && app->started_ms)
			result |= app_states_on_exit(states, &last, directory, first);
		else if (app->state == POD_APP_WAITING || app->state == POD_APP_HELD)
			result |= life_write_app_not_started(directory, app->name, first);
	}
	return result;
}
