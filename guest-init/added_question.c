/*
 * What the host asks of PID 1 about an app or a member, in place of a process: networks, figures,
 * processes, limits, to stop it and to let it go on. The record has been read; nothing here waits.
 */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest-init/added_internal.h"
#include "guest-init/cgroup.h"
#include "guest-init/mounts.h"
#include "guest-init/net.h"
#include "guest-init/platform.h"
#include "guest-init/processes.h"

/* The pod's networks, which the host has come to know: this process itself does what is to do. */
int added_take_networks(struct added *added, struct added_process *p, struct error *err)
{
	static struct record record;
	struct error why = ERROR_NONE;

	if (record_read_networks(p->bytes, p->len, &record, &why) < 0)
		return added_give_up(added, p, why.code, err);
	/* The pod's record is not at hand here; all of its CPUs are up. */
	record.cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	if (net_configure(&record, &why) < 0)
		return added_give_up(added, p, why.code, err);
	return added_end_done(added, p, err);
}

/* Of two who change limits, the second waits: each puts back what it found if it fails. */
static int step_change(struct added *added, struct added_process *p, struct error *err)
{
	if (added->changer)
		return 0;
	if (p->home->state > APP_RUNNING)
		return added_give_up(added, p, ESRCH, err);
	added->changer = question_change(DIR_CGROUP, p->home->group, &p->own);
	if (added->changer < 0) {
		added->changer = 0;
		return added_give_up(added, p, errno, err);
	}
	added->changing = p;
	return 0;
}

int added_end_change(struct added *added, int wait_status, struct error *err)
{
	int code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : EINTR;
	struct added_process *p = added->changing;

	added->changer = 0;
	added->changing = NULL;
	if (!p)
		return 0;
	if (code)
		return added_give_up(added, p, code, err);
	cgroup_note_change(p->home->config, &p->own);
	return added_end_done(added, p, err);
}

static int step_freezing(struct added *added, struct added_process *p, struct error *err)
{
	return cgroup_is_frozen(p->freezing) ? added_end_done(added, p, err) : 0;
}

/* Those who wait for a stop that does not come any more, and those that wait for it to be over. */
static int end_freezing(struct added *added, const struct added_process *thaw, struct error *err)
{
	for (size_t i = 0; i < FRAME_ADDED_MAX; i++) {
		struct added_process *p = added->slots[i];

		if (!p || p == thaw || p->home != thaw->home || p->running || p->sockets[0] >= 0)
			continue;
		if ((p->freezing >= 0 ? added_give_up(added, p, ECANCELED, err)
				      : added_step_record(added, p, 0, err)) < 0)
			return -1;
	}
	return 0;
}

/*
 * Processes that are in the middle of what they do for the kernel stop a little later. Records come
 * by connections of their own: one may overtake another, and what was asked last counts.
 */
static int take_freeze(struct added *added, struct added_process *p, bool freeze, struct error *err)
{
	struct error why = ERROR_NONE;
	struct app *home = p->home;

	if (p->number < home->frozen_number)
		return added_give_up(added, p, ECANCELED, err);
	if ((freeze && (p->freezing = cgroup_watch(DIR_CGROUP, home->group, &why)) < 0) ||
	    cgroup_freeze(DIR_CGROUP, home->group, freeze, &why) < 0)
		return added_give_up(added, p, why.code, err);
	home->frozen = freeze;
	home->frozen_number = p->number;
	if (freeze)
		return step_freezing(added, p, err);
	return end_freezing(added, p, err) < 0 ? -1 : added_end_done(added, p, err);
}

int added_take_question(struct added *added, struct added_process *p, int question,
			const struct record_app *asked, struct error *err)
{
	struct error why = ERROR_NONE;

	if (p->home->state > APP_RUNNING)
		return added_give_up(added, p, ESRCH, err);
	p->own = *asked;
	p->changes = question == RECORD_QUESTION_LIMITS;
	if (p->changes)
		return step_change(added, p, err);
	if (question == RECORD_QUESTION_FREEZE || question == RECORD_QUESTION_THAW)
		return take_freeze(added, p, question == RECORD_QUESTION_FREEZE, err);
	p->answers_to = &p->sockets[asked->ports[1]];
	if ((question == RECORD_QUESTION_PROCESSES
		 ? processes_list(p->home->pid, &p->answer, &why)
		 : question_figures(DIR_CGROUP, p->home->group, &p->answer, &why)) < 0 ||
	    platform_connect_from(*p->answers_to, p->record_port + asked->ports[1], &why) < 0)
		return added_give_up(added, p, why.code, err);
	return 0;
}

static int step_answer(struct added *added, struct added_process *p, short events,
		       struct error *err)
{
	int code = events & (POLLERR | POLLHUP) ? added_socket_error(*p->answers_to) : 0;
	int sent;

	if (!events)
		return 0;
	errno = code ? code : EPIPE;
	sent = code || events & POLLHUP ? -1 : question_send(&p->answer, *p->answers_to);
	if (sent < 0)
		return added_give_up(added, p, errno, err);
	return sent > 0 ? added_end_done(added, p, err) : 0;
}

bool added_is_asked(const struct added_process *p)
{
	return p->answer.text || p->changes || p->freezing >= 0;
}

int added_step_question(struct added *added, struct added_process *p, short events,
			struct error *err)
{
	if (p->answer.text)
		return step_answer(added, p, events, err);
	if (p->changes)
		return step_change(added, p, err);
	return events ? step_freezing(added, p, err) : 0;
}
