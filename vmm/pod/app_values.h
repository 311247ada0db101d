/*
 * Values of app options that are texts: signals, resource limits, groups, restart policies.
 */
#ifndef NACELLE_POD_APP_VALUES_H
#define NACELLE_POD_APP_VALUES_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/error.h"
#include "vmm/base/text_list.h"
#include "vmm/pod/keep.h"
#include "vmm/pod/pod.h"

/* Each returns 0 with the result filled, or -1 with err naming the option. */

/* --stop-signal: a name with or without SIG, or a number from 1 to 64. */
int app_value_signal(const char *text, uint32_t *signal, struct error *err);

/* NAME=SOFT[:HARD], "unlimited" or -1 for no limit. */
int app_value_ulimit(const char *text, struct pod_rlimit *limit, struct error *err);

/* Lists of numbers with commas between them; kept. */
int app_value_gids(const struct text_list *list, struct keep *keep, const uint32_t **gids,
		   size_t *count, struct error *err);

int app_value_restart(const char *text, enum pod_restart *restart, struct error *err);

/* -1000 to 1000. */
int app_value_oom_score(const char *text, int32_t *score, struct error *err);

/* Words with spaces between them, kept. */
int app_value_words(const char *option, const char *text, struct keep *keep, const char ***words,
		    struct error *err);

/* Name of a resource as ulimits have it, or NULL. */
const char *app_value_ulimit_name(uint32_t resource);

#endif
