/*
 * What the apps of a pod have written, for people: nacelle logs.
 */
#ifndef NACELLE_POD_LOGS_H
#define NACELLE_POD_LOGS_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/error.h"

enum { LOGS_BOTH_STREAMS = -1 };

struct logs_request {
	const char *app; /* NULL: all, in the order of time, each line with the app's name */
	int stream;	 /* enum log_stream, or LOGS_BOTH_STREAMS */
	bool has_tail;	 /* only the last tail lines of each app */
	uint64_t tail;
	uint64_t since_ns; /* only what is as young; 0: all */
	bool timestamps;   /* in front of each line */
	/*
	 * A descriptor that is readable once the pod has ended: until then what comes is printed
	 * too. -1: only what is there.
	 */
	int follow_fd;
};

/*
 * Prints the logs in that directory: what came from stdout to stdout, and from stderr to stderr.
 * The bytes are the apps' own.
 */
int logs_print(int directory, const struct logs_request *request, struct error *err);

#endif
