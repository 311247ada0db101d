/*
 * Values of app options.
 */
#include "vmm/pod/app_values.h"

#include <stdlib.h>
#include <string.h>

#include "guest-init/protocol.h"
#include "vmm/base/bytes.h"
#include "vmm/base/number.h"
#include "vmm/base/signal_text.h"

static const struct {
	const char *name;
	uint32_t resource;
} resources[] = {
	{ "as", RLIMIT_AS },
	{ "core", RLIMIT_CORE },
	{ "cpu", RLIMIT_CPU },
	{ "data", RLIMIT_DATA },
	{ "fsize", RLIMIT_FSIZE },
	{ "locks", RLIMIT_LOCKS },
	{ "memlock", RLIMIT_MEMLOCK },
	{ "msgqueue", RLIMIT_MSGQUEUE },
	{ "nice", RLIMIT_NICE },
	{ "nofile", RLIMIT_NOFILE },
	{ "nproc", RLIMIT_NPROC },
	{ "rss", RLIMIT_RSS },
	{ "rtprio", RLIMIT_RTPRIO },
	{ "rttime", RLIMIT_RTTIME },
	{ "sigpending", RLIMIT_SIGPENDING },
	{ "stack", RLIMIT_STACK },
};

const char *app_value_ulimit_name(uint32_t resource)
{
	for (size_t i = 0; i < ARRAY_SIZE(resources); i++)
		if (resources[i].resource == resource)
			return resources[i].name;
	return NULL;
}

int app_value_signal(const char *text, uint32_t *signal, struct error *err)
{
	int number = signal_text_number(text);

	if (number <= 0 || number > RECORD_SIGNAL_MAX)
		return error_set(err, 0, "--stop-signal %s: there is no such signal", text);
	*signal = (uint32_t)number;
	return 0;
}

static int read_limit(const char *text, size_t len, uint64_t *value)
{
	char number[24];

	if ((len == 9 && strncmp(text, "unlimited", len) == 0) ||
	    (len == 2 && strncmp(text, "-1", len) == 0)) {
		*value = RLIM_INFINITY;
		return 0;
	}
	if (len >= sizeof(number))
		return -1;
	memcpy(number, text, len);
	number[len] = '\0';
	return number_parse(number, value);
}

int app_value_ulimit(const char *text, struct pod_rlimit *limit, struct error *err)
{
	size_t len = strcspn(text, "="), i = 0;
	const char *soft = text + len + 1, *colon;

	while (i < ARRAY_SIZE(resources) &&
	       (strlen(resources[i].name) != len || strncmp(resources[i].name, text, len) != 0))
		i++;
	if (!text[len] || i == ARRAY_SIZE(resources))
		return error_set(err, 0,
				 "--ulimit %s: NAME=SOFT[:HARD] is expected, such as "
				 "nofile=1024:4096",
				 text);
	colon = strchr(soft, ':');
	limit->resource = resources[i].resource;
	if (read_limit(soft, strcspn(soft, ":"), &limit->soft) < 0 ||
	    read_limit(colon ? colon + 1 : soft, strlen(colon ? colon + 1 : soft), &limit->hard) <
		0)
		return error_set(err, 0, "--ulimit %s: a number or unlimited is expected", text);
	if (limit->soft > limit->hard)
		return error_set(err, 0, "--ulimit %s: the soft limit is above the hard one", text);
	return 0;
}

static int read_gids(const char *text, uint32_t *gids, size_t *count, struct error *err)
{
	for (const char *at = text;;) {
		char *end;
		unsigned long gid = strtoul(at, &end, 10);

		if (*at < '0' || *at > '9' || (*end && *end != ',') || gid > INT32_MAX)
			return error_set(err, 0,
					 "--supplementary-gids %s: group numbers are "
					 "expected, with commas between them",
					 text);
		if (*count == RECORD_GROUPS_MAX)
			return error_set(err, 0, "--supplementary-gids: at most %d are possible",
					 RECORD_GROUPS_MAX);
		gids[(*count)++] = (uint32_t)gid;
		if (!*end)
			return 0;
		at = end + 1;
	}
}

int app_value_gids(const struct text_list *list, struct keep *keep, const uint32_t **gids,
		   size_t *count, struct error *err)
{
	uint32_t *values = keep_array(keep, RECORD_GROUPS_MAX, sizeof(*values), err);

	*count = 0;
	if (!values)
		return -1;
	for (unsigned i = 0; i < list->count; i++)
		if (read_gids(list->items[i], values, count, err) < 0)
			return -1;
	*gids = values;
	return 0;
}

int app_value_restart(const char *text, enum pod_restart *restart, struct error *err)
{
	if (strcmp(text, "no") == 0 || strcmp(text, "never") == 0)
		*restart = POD_RESTART_NO;
	else if (strcmp(text, "on-failure") == 0)
		*restart = POD_RESTART_ON_FAILURE;
	else if (strcmp(text, "always") == 0)
		*restart = POD_RESTART_ALWAYS;
	else
		return error_set(err, 0, "--restart %s: no, on-failure or always is expected",
				 text);
	return 0;
}

int app_value_oom_score(const char *text, int32_t *score, struct error *err)
{
	const char *digits = text + (*text == '-');
	uint64_t value;

	if (number_parse(digits, &value) < 0 || value > RECORD_OOM_SCORE_MAX)
		return error_set(err, 0, "--oom-score-adj %s: a number from -%d to %d is expected",
				 text, RECORD_OOM_SCORE_MAX, RECORD_OOM_SCORE_MAX);
	*score = *text == '-' ? -(int32_t)value : (int32_t)value;
	return 0;
}

int app_value_words(const char *option, const char *text, struct keep *list, const char ***words,
		    struct error *err)
{
	char *copy = keep(list, strdup(text), err), *rest = copy, *word;
	const char **items;
	size_t count = 0;

	items = copy ? keep_array(list, strlen(text) / 2 + 2, sizeof(*items), err) : NULL;
	if (!items)
		return -1;
	while ((word = strsep(&rest, " ")))
		if (*word)
			items[count++] = word;
	if (!count)
		return error_set(err, 0, "%s names no program", option);
	*words = items;
	return 0;
}
