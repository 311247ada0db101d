/*
 * The image wrote what is read here: /etc/passwd, /etc/group, and the owners of its files.
 */
#include "guest-init/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-init/inside.h"
#include "vmm/base/cleanup.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum {
	USER_FILE_MAX = 4 * 1024 * 1024,
	USER_SPEC_SIZE = 1024, /* of a specification whose paths have become numbers */
};

/* Its memory stays: the process that asks becomes another program, or ends. */
static int read_user_file(int root, const char *path, struct text *text, struct error *err)
{
	char *data = NULL;

	*text = (struct text){ NULL, 0 };
	if (inside_read(root, path, USER_FILE_MAX, &data, &text->len) == 0)
		text->at = data;
	else if (errno != ENOENT && errno != ENOTDIR)
		return error_set(err, errno, "cannot read the image's %s", path);
	return 0;
}

/*
 * One half of a user's specification. appc (aci.md, "user, group"): a path stands for the owner, or
 * the group, of what is there; a link that is there is not followed.
 */
static int format_half(char *out, size_t size, const char *half, size_t len, bool is_group,
		       struct error *err)
{
	char path[PATH_MAX];
	struct stat st;
	int n;

	if (half[0] != '/') {
		n = snprintf(out, size, "%.*s", (int)len, half);
		return n >= 0 && (size_t)n < size ? n : error_set(err, ENAMETOOLONG, "user");
	}
	if (len >= sizeof(path))
		return error_set(err, ENAMETOOLONG, "user");
	memcpy(path, half, len);
	path[len] = '\0';
	if (lstat(path, &st) < 0)
		return error_set(err, errno, "cannot find the owner of the image's %s", path);
	return snprintf(out, size, "%u", is_group ? st.st_gid : st.st_uid);
}

/* The specification without paths, as names or numbers. */
static int replace_paths(const char *spec, char out[USER_SPEC_SIZE], struct error *err)
{
	size_t len = strcspn(spec, ":");
	int at = format_half(out, USER_SPEC_SIZE - 1, spec, len, false, err);

	if (at < 0)
		return -1;
	if (!spec[len])
		return 0;
	out[at++] = ':';
	return format_half(out + at, (size_t)(USER_SPEC_SIZE - at), spec + len + 1,
			   strlen(spec + len + 1), true, err) < 0
		   ? -1
		   : 0;
}

int identity_find(const char *spec, struct user *user, struct error *err)
{
	char replaced[USER_SPEC_SIZE];
	_cleanup_fd_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct text passwd, groups = { NULL, 0 };
	const char *group;

	spec = spec ? spec : "0:0";
	group = strchr(spec, ':');
	if (read_user_file(root, "/etc/passwd", &passwd, err) < 0)
		return -1;
	if (spec[0] == '/' || (group && group[1] == '/')) {
		if (replace_paths(spec, replaced, err) < 0)
			return -1;
		spec = replaced;
		group = strchr(spec, ':');
	}
	/* A numeric group needs no look at the list. */
	if ((!group || group[1 + strspn(group + 1, "0123456789")]) &&
	    read_user_file(root, "/etc/group", &groups, err) < 0)
		return -1;
	return user_resolve(spec, passwd, groups, user, err);
}

static bool has_variable(const struct record_app *app, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < app->env_count; i++) {
		if (!strncmp(app->env[i], name, len) && app->env[i][len] == '=')
			return true;
	}
	return false;
}

void identity_complete_environment(struct record_app *app, const char *home)
{
	static char home_variable[sizeof("HOME=") + USER_HOME_MAX];

	if (!has_variable(app, "PATH"))
		app->env[app->env_count++] = DEFAULT_PATH;
	if (!has_variable(app, "HOME")) {
		(void)snprintf(home_variable, sizeof(home_variable), "HOME=%s", home);
		app->env[app->env_count++] = home_variable;
	}
	if (app->terminal && !has_variable(app, "TERM"))
		app->env[app->env_count++] = "TERM=xterm";
}
