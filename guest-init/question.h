/*
 * What the host asks of an app that runs, in place of a process: figures of its cgroup, and limits.
 * The answer is a text that somebody else sends on; this process reads the files itself.
 */
#ifndef NACELLE_GUEST_INIT_QUESTION_H
#define NACELLE_GUEST_INIT_QUESTION_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest-init/record.h"
#include "vmm/base/error.h"

/* An answer on its way: text is the caller's to free, NULL: there is none. */
struct answer {
	char *text;
	size_t len, sent;
};

/* The text of protocol.h for the app whose group this is, below `base`. Returns 0 or -1. */
int question_figures(const char *base, uint32_t group, struct answer *answer, struct error *err);

/*
 * Sends what the socket takes now. Returns 1 when the other side has all of it, and its end; 0 if
 * some is left; -1 with errno set.
 */
int question_send(struct answer *answer, int socket);

/*
 * Changes the limits of a group by a process of its own, which may take long (cgroup_change()). Its
 * exit status is 0 or an errno. Returns its number, or -1 with errno set.
 */
pid_t question_change(const char *base, uint32_t group, const struct record_app *limits);

#endif
