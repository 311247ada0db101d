/*
 * From the all-powerful child of guest-init to the app's user. The order is the point: each step
 * needs a right that a later one gives up.
 */
#include "guest-init/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest-init/seccomp.h"
#include "vmm/base/cleanup.h"

static int set_rlimits(const struct record_app *app, struct error *err)
{
	for (size_t i = 0; i < app->rlimit_count; i++) {
		const struct record_rlimit *limit = &app->rlimits[i];
		struct rlimit value = { limit->soft, limit->hard };

		if (syscall(SYS_prlimit64, 0, limit->resource, &value, NULL) < 0)
			return error_set(err, errno, "cannot set resource limit %u",
					 limit->resource);
	}
	return 0;
}

/* Drops from the bounding set all that keep does not hold; the kernel says which is the last. */
static int limit_bounding_set(uint64_t keep, struct error *err)
{
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (keep >> cap & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
			if (errno == EINVAL && cap > CAP_SETPCAP)
				return 0;
			return error_set(err, errno, "cannot drop capability %lu", cap);
		}
	}
	return 0;
}

static int set_capabilities(uint64_t mask, struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = (uint32_t)mask, .permitted = (uint32_t)mask },
		{ .effective = (uint32_t)(mask >> 32), .permitted = (uint32_t)(mask >> 32) },
	};

	if (syscall(SYS_capset, &header, data) < 0)
		return error_set(err, errno, "cannot set the capabilities");
	return 0;
}

/* Only root has any; others get them from a program's file, within the bounding set. */
static uint64_t own_capabilities(const struct record_app *app, const struct user *user)
{
	return user->uid == 0 ? app->capabilities : 0;
}

/*
 * The primary group is among the supplementary ones too: an app that calls a setgid program would
 * otherwise lose it, and with it what the group is denied (as runc sees it since CVE-2022-36109).
 */
static int set_groups(const struct record_app *app, const struct user *user)
{
	gid_t groups[1 + USER_GROUPS_MAX + RECORD_GROUPS_MAX] = { user->gid };
	size_t count = 1;

	for (size_t i = 0; i < user->group_count; i++)
		if (user->groups[i] != user->gid)
			groups[count++] = user->groups[i];
	for (size_t i = 0; i < app->supplementary_gid_count; i++)
		groups[count++] = app->supplementary_gids[i];
	/* Not by the C library, which would look for threads to change as well. */
	return (int)syscall(SYS_setgroups, count, groups);
}

int credentials_oom_score(const struct record_app *app, struct error *err)
{
	_cleanup_fd_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || dprintf(fd, "%d", app->oom_score_adj) < 0)
		return error_set(err, errno, "cannot set the OOM score");
	return 0;
}

int credentials_apply(const struct record_app *app, const struct user *user, struct error *err)
{
	uint64_t last = seccomp_capability(app);

	if (set_rlimits(app, err) < 0 || limit_bounding_set(app->capabilities, err) < 0)
		return -1;
	if (last && user->uid != 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return error_set(err, errno, "cannot keep capabilities");
	if (set_groups(app, user) < 0 ||
	    syscall(SYS_setresgid, user->gid, user->gid, user->gid) < 0 ||
	    syscall(SYS_setresuid, user->uid, user->uid, user->uid) < 0)
		return error_set(err, errno, "cannot become user %u, group %u", user->uid,
				 user->gid);
	if (set_capabilities(own_capabilities(app, user) | last, err) < 0)
		return -1;
	if (app->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(err, errno, "cannot set no_new_privs");
	return 0;
}

int credentials_finish(const struct record_app *app, const struct user *user, struct error *err)
{
	if (!seccomp_capability(app))
		return 0;
	return set_capabilities(own_capabilities(app, user), err);
}
