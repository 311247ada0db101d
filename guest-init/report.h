/*
 * What an app's process tells guest-init before it becomes the app: messages over a SEQPACKET
 * socket that execve() closes. Its end without a failure means that the app has started.
 */
#ifndef NACELLE_GUEST_INIT_REPORT_H
#define NACELLE_GUEST_INIT_REPORT_H

#include <stdint.h>

#include "vmm/base/error.h"

enum report_type {
	REPORT_TERMINAL = 1, /* with two descriptors: the terminal's master and its slave */
	REPORT_MOUNTS,	     /* with a descriptor, twice: the app's mount namespace */
	REPORT_FAILED,	     /* kind, code and text say what of */
	REPORT_HELD,	     /* it waits for report_release() */
};

/* Why an app's process did not become its program: as in struct frame_app_exit. */
struct start_failure {
	uint8_t step; /* enum start_step */
	uint8_t hook;
	uint16_t error;
};

struct report {
	uint32_t type; /* enum report_type */
	uint32_t kind; /* enum exit_kind */
	uint32_t code;
	struct start_failure why; /* with EXIT_KIND_NOT_STARTED */
	char text[ERROR_TEXT_MAX];
};

/* Sends the report, with the two descriptors if fds is not NULL. -1 with errno set. */
int report_send(int socket, const struct report *report, const int fds[2]);

/*
 * Receives one without waiting; fds are -1 where none came. Returns 1; 0 if all processes that had
 * the other end have closed it; -1 with errno set, EAGAIN if there is none yet.
 */
int report_receive(int socket, struct report *report, int fds[2]);

/* Lets the one go on that has sent REPORT_HELD; which waits for that. -1 with errno set. */
int report_release(int socket);
int report_await_release(int socket);

#endif
