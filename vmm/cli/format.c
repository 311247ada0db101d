/*
 * Numbers, times and texts for people.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmm/cli/store_verbs.h"

void format_size(char text[SIZE_TEXT_SIZE], uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	uint64_t tenths = bytes * 10 / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		(void)snprintf(text, SIZE_TEXT_SIZE, "%" PRIu64 " B", bytes);
		return;
	}
	while (tenths >= 10240 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		tenths /= 1024;
		unit++;
	}
	(void)snprintf(text, SIZE_TEXT_SIZE, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10,
		       units[unit]);
}

void format_time(char text[TIME_TEXT_SIZE], int64_t time_s)
{
	time_t time = (time_t)time_s;
	struct tm tm;

	text[0] = '\0';
	if (gmtime_r(&time, &tm))
		(void)strftime(text, TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void format_short_digest(char text[SHORT_DIGEST_SIZE], const struct digest *digest)
{
	char whole[DIGEST_TEXT_SIZE];

	digest_format(digest, whole);
	(void)snprintf(text, SHORT_DIGEST_SIZE, "%s", strchr(whole, ':') + 1);
}
