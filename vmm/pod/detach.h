/*
 * A pod in the background: the process that the user started waits for the pod's start, and the
 * supervisor is a child of it, in a session of its own, that holds nothing of the caller's.
 */
#ifndef NACELLE_POD_DETACH_H
#define NACELLE_POD_DETACH_H

#include <stdbool.h>
#include <sys/types.h>

#include "vmm/base/error.h"

#define DETACH_MESSAGES_NAME "messages" /* in the pod's directory: what the supervisor says */

struct detach {
	int news;     /* to the one who waits: the pod's UUID, once it has started; or -1 */
	int messages; /* the same one's stderr, while the pod's own is a file; or -1 */
	int file;     /* that file, or -1 */
	int stdio[3]; /* what apps inherit, until they have it; or -1 */
	int kept;     /* one more that detach_become() leaves open; or -1 */
	pid_t pid;    /* of this process, for others, if an ordinary user's engine made it; or 0 */
};

#define DETACH_NONE                                                                                \
	((struct detach){                                                                          \
	    .news = -1, .messages = -1, .file = -1, .stdio = { -1, -1, -1 }, .kept = -1 })

/*
 * Splits the process. Returns -1 in the child, which goes on as the supervisor with its stdin and
 * stdout on /dev/null; or the exit status, in the parent, once the pod has started (its UUID has
 * been printed) or failed. -2 with err filled: that could not be done.
 */
int detach_split(struct detach *detach, struct error *err);

/* The parts of that, for one who waits in another way. */
struct detach_waiter {
	pid_t pid;
	int news, messages; /* to be read */
};

/*
 * Returns 0 in the child, which leads a session of its own; its number in the parent, which passes
 * signals on to it from now on; -1 with err filled, in either. split is fork(), or does as it.
 */
pid_t detach_fork(struct detach *detach, struct detach_waiter *waiter, pid_t (*split)(void),
		  struct error *err);

/* In the child: lets go of all that is the caller's but detach->stdio and ->kept. Returns 0 or -1.
 */
int detach_become(struct detach *detach, struct error *err);

/*
 * Waits for the end of a child, to which no signal is passed on any more then; its status, 128 + n
 * for a signal, or -1.
 */
int detach_exit_status(pid_t pid);

/* Lets stderr go to a file in the pod's directory. */
int detach_keep_messages(struct detach *detach, int pod_directory, struct error *err);

/* All apps have started: tells the one who waits, who then leaves. */
void detach_started(struct detach *detach, const char *uuid);

/*
 * The pod has ended. If that was before all apps had started, the one who waits hears what the
 * supervisor and the apps have said.
 */
void detach_ended(struct detach *detach, int pod_directory);

#endif
