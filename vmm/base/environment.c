/*
 * The list of variables that are handed on.
 */
#include "vmm/base/environment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static bool is_allowed(const char *variable)
{
	static const char *const names[] = {
		/* where the user's own files are */
		"HOME", "USER", "LOGNAME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR",
		"REGISTRY_AUTH_FILE",
		/* the way to a registry, whose bytes are verified whichever it is */
		"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy",
		"NO_PROXY",
		/* the terminal */
		"TERM", "COLUMNS", "LANG", "LC_ALL", "LC_CTYPE", "LC_MESSAGES"
	};
	size_t len = strcspn(variable, "=");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) == len && !memcmp(names[i], variable, len))
			return true;
	}
	return false;
}

char **environment_clean(void)
{
	size_t count = 0, kept = 0;
	char **clean;

	while (environ && environ[count])
		count++;
	clean = calloc(count + 1, sizeof(*clean));
	for (size_t i = 0; clean && i < count; i++) {
		if (is_allowed(environ[i]))
			clean[kept++] = environ[i];
	}
	return clean;
}
