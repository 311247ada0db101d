/*
 * What nacelle itself has to say: one line on stderr, as a sentence or (--json-log) as a JSON
 * object with the members time, level, msg and, where there are any, pod and more.
 */
#ifndef NACELLE_POD_REPORT_H
#define NACELLE_POD_REPORT_H

#include <stdbool.h>

enum report_level {
	REPORT_INFO, /* shown with --json-log only */
	REPORT_WARNING,
	REPORT_ERROR,
};

/* From here on lines are JSON objects, and name the pod. */
void report_use_json(const char *pod_name);

void report(enum report_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
