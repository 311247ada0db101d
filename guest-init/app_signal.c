/*
 * What a signal means to an app, and to its process that is not its program yet.
 */
#include <signal.h>

#include "guest-init/app_internal.h"
#include "guest-init/disposition.h"

/*
 * The app is PID 1 of its namespace, which the kernel shields from the default action of signals.
 * It shall end by them all the same, as it would elsewhere; its status then names the signal. With
 * a reaper, that is PID 1, and the app behind it an ordinary process.
 */
static void send_signal(struct app *app, int signal)
{
	if (app->joined) {
		/* A hang-up is for all that the terminal, or the user, had there. */
		kill(signal == SIGHUP ? -app->pid : app->pid, signal);
		return;
	}
	if (signal != SIGKILL && !app->config->init && disposition_is_fatal(app->pid, signal)) {
		app->ended_by = signal;
		signal = SIGKILL;
	} else if (signal == SIGKILL) {
		app->ended_by = app->ended_by ? app->ended_by : SIGKILL;
	}
	kill(app->pid, signal);
}

void app_send_held_signals(struct app *app)
{
	for (int signal = 1; app->held_signals; signal++, app->held_signals >>= 1) {
		if (app->held_signals & 1)
			send_signal(app, signal);
	}
}

void app_end_held(struct app *app)
{
	const int ends[] = { SIGKILL, SIGTERM, SIGINT,
			     SIGQUIT, SIGHUP,  (int)app->config->stop_signal };
	size_t count = app->held ? sizeof(ends) / sizeof(*ends) : app->state == APP_STARTING;

	for (size_t i = 0; i < count; i++) {
		if (!(app->held_signals >> (ends[i] - 1) & 1))
			continue;
		app->ended_by = ends[i];
		kill(app->pid, SIGKILL);
		return;
	}
}

void app_signal(struct app *app, uint32_t signal)
{
	if (app->state <= APP_STARTING) {
		app->held_signals |= (uint64_t)1 << (signal - 1);
		app_end_held(app);
	} else if (app->state == APP_RUNNING) {
		send_signal(app, (int)signal);
	}
}

void app_kill(struct app *app)
{
	if (app->state == APP_STARTING || app->state == APP_RUNNING)
		send_signal(app, SIGKILL);
	else if (app->state == APP_CLEANING)
		kill(app->pid, SIGKILL);
}
