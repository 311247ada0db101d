/*
 * Removing pods. Whatever is done is done under the pod's lock; a pod whose lock is held is
 * somebody's, and stays.
 *
 * A grace period counts from the ctime of the directory, which the rename into its place sets.
 */
#include "vmm/pod/gc.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vmm/pod/cni.h"
#include "vmm/pod/host_view.h"
#include "vmm/pod/life.h"
#include "vmm/pod/pod_name.h"
#include "vmm/pod/pods.h"

enum { TURN_MS = 10, CLEAR_UP_TURNS = 6000 };

struct collection {
	const struct gc_options *options;
};

static uint64_t to_ns(const struct timespec *time)
{
	return time->tv_sec < 0 ? 0 : (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
}

/* Since its directory was moved to where it is; a clock that was set back makes nothing old. */
static bool is_older(const struct pod_directory *pod, uint64_t age_ns)
{
	struct timespec now;
	struct stat st;

	if (age_ns == 0)
		return true;
	if (fstat(pod->fd, &st) < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0)
		return false;
	return to_ns(&st.st_ctim) <= to_ns(&now) && to_ns(&now) - to_ns(&st.st_ctim) >= age_ns;
}

static void say(const struct collection *run, const struct pod_directory *pod, const char *what)
{
	if (run->options->say)
		run->options->say(pod->uuid, what);
}

static int throw_away(struct collection *run, struct pod_directory *pod, struct error *err)
{
	if (run->options->mark_only) {
		if (pod->place != POD_PLACE_GARBAGE)
			return directory_move(pod, POD_PLACE_GARBAGE, false, err);
		return 0;
	}
	if (net_cleanup(pod->fd, err) < 0 || directory_remove(pod, err) < 0)
		return -1;
	say(run, pod, "removed");
	return 0;
}

static int collect_exited(struct collection *run, struct pod_directory *pod, struct error *err)
{
	if (pod->place == POD_PLACE_RUN) {
		/* Addresses and ports of the host are not kept for the sake of a dead pod's files.
		 */
		if (net_cleanup(pod->fd, err) < 0)
			return -1;
		if (directory_move(pod, POD_PLACE_EXITED_GARBAGE, true, err) < 0)
			return -1;
		say(run, pod, "exited");
	}
	if (run->options->mark_only || !is_older(pod, run->options->grace_ns))
		return 0;
	return throw_away(run, pod, err);
}

static int collect_locked(struct collection *run, struct pod_directory *pod, struct error *err)
{
	switch (pod->place) {
	case POD_PLACE_PREPARE:
	case POD_PLACE_GARBAGE:
		return throw_away(run, pod, err);
	case POD_PLACE_PREPARED:
		/* Of a start that was killed. */
		if (net_cleanup(pod->fd, err) < 0)
			return -1;
		if (!is_older(pod, run->options->expire_prepared_ns))
			return 0;
		return throw_away(run, pod, err);
	case POD_PLACE_RUN:
	case POD_PLACE_EXITED_GARBAGE:
		break;
	}
	return collect_exited(run, pod, err);
}

/* What is held, or has moved on or gone since it was listed, is left to whoever did that. */
static int collect_one(struct collection *run, int pods_fd, const struct pod_entry *entry,
		       struct error *err)
{
	struct error cause = ERROR_NONE;
	struct pod_directory pod;
	int result = directory_open(pods_fd, entry->place, entry->uuid, &pod, err);

	if (result <= 0)
		return result;
	result = directory_lock(&pod, &cause);
	if (result > 0)
		result = collect_locked(run, &pod, err);
	else if (result < 0 && cause.code != ENOENT)
		result = error_set(err, 0, "%s", cause.text);
	else
		result = 0;
	directory_close(&pod);
	return result;
}

int pods_collect(int pods_fd, const struct gc_options *options, struct error *err)
{
	struct collection run = { .options = options };
	struct pod_entries entries;
	int result = pods_list(pods_fd, &entries, err);

	for (size_t i = 0; i < entries.count; i++)
		if (collect_one(&run, pods_fd, &entries.items[i], err) < 0)
			result = -1;
	pod_entries_free(&entries);
	if (!options->mark_only)
		pod_names_sweep(pods_fd);
	return result;
}

int pod_remove(struct pod_directory *pod, const char *host_cgroup, struct error *given_up,
	       struct error *err)
{
	int locked = directory_lock(pod, err);

	if (locked < 0)
		return -1;
	if (locked == 0)
		return error_set(err, 0, "the pod %s is %s; stop it first", pod->uuid,
				 life_is_starting(pod) ? "starting"
						       : pod_state_name(pod->place, true));
	if (host_cgroup)
		host_cgroup_remove(host_cgroup);
	if (net_cleanup(pod->fd, given_up ? given_up : err) < 0 &&
	    (!given_up || net_give_up(pod->fd, err) < 0))
		return -1;
	if (directory_remove(pod, err) < 0)
		return -1;
	pod_names_sweep(pod->pods_fd);
	return 0;
}

/* Its other processes end by themselves soon after the one that was killed. */
static bool lock_patiently(struct pod_directory *pod)
{
	int locked = directory_lock(pod, NULL);

	for (int turn = 0; locked == 0 && turn < CLEAR_UP_TURNS; turn++) {
		(void)poll(NULL, 0, TURN_MS);
		locked = directory_lock(pod, NULL);
	}
	return locked > 0;
}

static bool remove_left(struct pod_directory *pod)
{
	struct error ignored = ERROR_NONE;

	return lock_patiently(pod) &&
	       (net_cleanup(pod->fd, &ignored) == 0 || net_give_up(pod->fd, &ignored) == 0) &&
	       directory_remove(pod, &ignored) == 0;
}

/*
 * Whoever has the name has the cgroup too: each try to remove it is made under the lock of names,
 * which others may have in between.
 */
static void give_up_name(int pods_fd, const char *uuid, const char *name, const char *host_cgroup)
{
	for (int turn = 0;; turn++) {
		int names_fd = pod_name_lock(pods_fd, name, uuid);

		if (names_fd < 0)
			return;
		if (!host_cgroup || turn == HOST_CGROUP_TURNS ||
		    host_cgroup_try_remove(host_cgroup)) {
			pod_name_give_up(names_fd, name);
			return;
		}
		close(names_fd);
		(void)poll(NULL, 0, HOST_CGROUP_TURN_MS);
	}
}

void pod_clear_up(int pods_fd, const char *uuid, const char *name, const char *host_cgroup)
{
	struct pod_directory pod;
	bool has_gone = true;

	if (pods_open_one(pods_fd, uuid, &pod, NULL) > 0) {
		has_gone = remove_left(&pod);
		directory_close(&pod);
	}
	if (has_gone)
		give_up_name(pods_fd, uuid, name, host_cgroup);
}
