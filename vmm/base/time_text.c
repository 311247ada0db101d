/*
 * Times as text. Days are counted in years that begin in March, so that the odd day comes last
 * (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
 */
#include "vmm/base/time_text.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "vmm/base/bytes.h"

enum {
	DAYS_OF_ERA = 146097,	   /* 400 years */
	DAYS_BEFORE_1970 = 719468, /* since the first of March of the year 0 */
	SECONDS_OF_DAY = 86400,
};

#define NS_OF_SECOND ((uint64_t)1000000000)

struct date {
	unsigned year, month, day;
};

static struct date date_of(uint64_t days)
{
	uint64_t n = days + DAYS_BEFORE_1970;
	uint64_t era = n / DAYS_OF_ERA;
	unsigned in_era = (unsigned)(n % DAYS_OF_ERA);
	unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * in_year + 2) / 153; /* 0 is March */
	struct date date = {
		.year = (unsigned)(era * 400) + year + (month >= 10),
		.month = month < 10 ? month + 3 : month - 9,
		.day = in_year - (153 * month + 2) / 5 + 1,
	};

	return date;
}

/* Negative before 1970. */
static int64_t days_of(const struct date *date)
{
	unsigned year = date->year - (date->month <= 2);
	unsigned month = date->month > 2 ? date->month - 3 : date->month + 9;
	unsigned in_era_year = year % 400;
	unsigned in_era = in_era_year * 365 + in_era_year / 4 - in_era_year / 100 +
			  (153 * month + 2) / 5 + date->day - 1;

	return (int64_t)(year / 400) * DAYS_OF_ERA + in_era - DAYS_BEFORE_1970;
}

static char *put(char *at, uint64_t value, unsigned digits, char after)
{
	for (unsigned i = digits; i > 0; i--, value /= 10)
		at[i - 1] = (char)('0' + value % 10);
	at[digits] = after;
	return at + digits + 1;
}

void time_text_write(char *text, uint64_t time_ns)
{
	uint64_t seconds = time_ns / NS_OF_SECOND;
	uint64_t of_day = seconds % SECONDS_OF_DAY;
	struct date date = date_of(seconds / SECONDS_OF_DAY);

	text = put(text, date.year, 4, '-');
	text = put(text, date.month, 2, '-');
	text = put(text, date.day, 2, 'T');
	text = put(text, of_day / 3600, 2, ':');
	text = put(text, of_day / 60 % 60, 2, ':');
	text = put(text, of_day % 60, 2, '.');
	(void)put(text, time_ns % NS_OF_SECOND, 9, 'Z');
}

struct reader {
	const char *at, *end;
	bool bad;
};

static bool next_is(const struct reader *reader, char c)
{
	return reader->at < reader->end && *reader->at == c;
}

static void expect(struct reader *reader, char c)
{
	if (next_is(reader, c))
		reader->at++;
	else
		reader->bad = true;
}

static unsigned number(struct reader *reader, unsigned digits, unsigned least, unsigned most)
{
	unsigned value = 0;

	for (unsigned i = 0; i < digits; i++, reader->at++) {
		if (reader->at == reader->end || !isdigit((unsigned char)*reader->at)) {
			reader->bad = true;
			return least;
		}
		value = 10 * value + (unsigned)(*reader->at - '0');
	}
	if (value < least || value > most)
		reader->bad = true;
	return value;
}

static uint64_t decimals(struct reader *reader)
{
	uint64_t value = 0;
	unsigned digits = 0;

	for (; reader->at < reader->end && isdigit((unsigned char)*reader->at); reader->at++)
		if (digits++ < 9)
			value = 10 * value + (uint64_t)(*reader->at - '0');
	if (!digits)
		reader->bad = true;
	for (; digits < 9; digits++)
		value *= 10;
	return value;
}

/* Seconds that the local time is ahead. */
static int64_t zone(struct reader *reader)
{
	int64_t ahead;
	bool west;

	if (next_is(reader, 'Z') || next_is(reader, 'z')) {
		reader->at++;
		return 0;
	}
	west = next_is(reader, '-');
	if (!west)
		expect(reader, '+');
	else
		reader->at++;
	ahead = number(reader, 2, 0, 23) * 3600;
	expect(reader, ':');
	ahead += number(reader, 2, 0, 59) * 60;
	return west ? -ahead : ahead;
}

static int64_t time_of_day(struct reader *reader, uint64_t *ns)
{
	int64_t seconds;

	seconds = number(reader, 2, 0, 23) * 3600;
	expect(reader, ':');
	seconds += number(reader, 2, 0, 59) * 60;
	expect(reader, ':');
	seconds += number(reader, 2, 0, 60);
	if (next_is(reader, '.')) {
		reader->at++;
		*ns = decimals(reader);
	}
	return seconds - zone(reader);
}

int time_text_read(const char *text, size_t len, uint64_t *time_ns)
{
	struct reader reader = { .at = text, .end = text + len };
	struct date date;
	uint64_t ns = 0;
	int64_t seconds;

	/* Later than 2553 no count of nanoseconds fits. */
	date.year = number(&reader, 4, 1969, 2553);
	expect(&reader, '-');
	date.month = number(&reader, 2, 1, 12);
	expect(&reader, '-');
	date.day = number(&reader, 2, 1, 31);
	seconds = days_of(&date) * SECONDS_OF_DAY;
	if (reader.at < reader.end) {
		expect(&reader, 'T');
		seconds += time_of_day(&reader, &ns);
	}
	if (reader.bad || reader.at != reader.end || seconds < 0)
		return -1;
	*time_ns = (uint64_t)seconds * NS_OF_SECOND + ns;
	return 0;
}

int time_text_read_duration(const char *text, uint64_t *duration_ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "ms", 1000000 },
		{ "s", NS_OF_SECOND },
		{ "m", 60 * NS_OF_SECOND },
		{ "h", 3600 * NS_OF_SECOND },
		{ "d", SECONDS_OF_DAY * NS_OF_SECOND },
	};
	uint64_t total = 0;

	if (!*text)
		return -1;
	while (*text) {
		uint64_t value = 0, part = 0;
		size_t letters, i;

		if (!isdigit((unsigned char)*text))
			return -1;
		for (; isdigit((unsigned char)*text); text++)
			if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
			    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
				return -1;
		letters = strcspn(text, "0123456789");
		for (i = 0; i < ARRAY_SIZE(units); i++)
			if (strlen(units[i].name) == letters &&
			    strncmp(units[i].name, text, letters) == 0)
				break;
		if (i == ARRAY_SIZE(units) || __builtin_mul_overflow(value, units[i].ns, &part) ||
		    __builtin_add_overflow(total, part, &total))
			return -1;
		text += letters;
	}
	*duration_ns = total;
	return 0;
}
