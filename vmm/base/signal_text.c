/*
 * Signals as people and images name them.
 */
#include "vmm/base/signal_text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int signal_text_number(const char *text)
{
	const char *name = strncmp(text, "SIG", 3) ? text : text + 3;
	char *end;
	long value;

	if ((*text >= '1' && *text <= '9') || !strncmp(name, "RTMIN+", 6) ||
	    !strncmp(name, "RTMAX-", 6)) {
		bool is_plain = *text >= '1' && *text <= '9';
		bool is_max = !is_plain && name[2] == 'M' && name[3] == 'A';

		value = strtol(is_plain ? text : name + 6, &end, 10);
		if (*end || end == name + 6 || value < 0 || value > SIGNAL_TEXT_MAX)
			return 0;
		value = is_plain ? value : is_max ? 64 - value : 34 + value;
		return value > 0 && value <= SIGNAL_TEXT_MAX ? (int)value : 0;
	}
	if (!strcmp(name, "RTMIN"))
		return 34;
	if (!strcmp(name, "RTMAX"))
		return 64;
	for (int number = 1; number < 32; number++) {
		const char *known = sigabbrev_np(number);

		if (known && !strcmp(known, name))
			return number;
	}
	return 0;
}
