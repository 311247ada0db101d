/*
 * The reader of passwd(5) and group(5). The image wrote both files: lines that are not as those
 * pages say are skipped, nothing is copied without a limit.
 */
#include "guest-init/users.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Takes what precedes the first `end`, and that character, from the text. */
static struct text take_until(struct text *from, char end)
{
	const char *found = from->len ? memchr(from->at, end, from->len) : NULL;
	struct text taken = { from->at, found ? (size_t)(found - from->at) : from->len };
	size_t gone = found ? taken.len + 1 : taken.len;

	from->at += gone;
	from->len -= gone;
	return taken;
}

static bool text_is(struct text text, struct text other)
{
	return text.len == other.len && (!text.len || !memcmp(text.at, other.at, text.len));
}

static bool is_number(struct text text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
	}
	return text.len > 0;
}

/* False if it is no id: (uint32_t)-1 means "no change" to the kernel and is none. */
static bool parse_id(struct text text, uint32_t *id)
{
	uint64_t value = 0;

	if (!is_number(text))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		value = value * 10 + (uint64_t)(text.at[i] - '0');
		if (value >= UINT32_MAX)
			return false;
	}
	*id = (uint32_t)value;
	return true;
}

/* Fills user and *name from the line that matches; false if there is none. */
static bool find_user(struct text passwd, struct text wanted, struct user *user, struct text *name)
{
	uint32_t wanted_uid = 0;
	bool by_id = parse_id(wanted, &wanted_uid);

	while (passwd.len) {
		struct text line = take_until(&passwd, '\n');
		uint32_t uid, gid;
		struct text home;

		*name = take_until(&line, ':');
		take_until(&line, ':');
		if (!parse_id(take_until(&line, ':'), &uid) ||
		    !parse_id(take_until(&line, ':'), &gid) || !name->len)
			continue;
		if (by_id ? uid != wanted_uid : !text_is(*name, wanted))
			continue;
		user->uid = uid;
		user->gid = gid;
		take_until(&line, ':');
		home = take_until(&line, ':');
		if (home.len && home.at[0] == '/' && home.len < sizeof(user->home) &&
		    !memchr(home.at, '\0', home.len)) {
			memcpy(user->home, home.at, home.len);
			user->home[home.len] = '\0';
		}
		return true;
	}
	return false;
}

static bool lists_member(struct text members, struct text name)
{
	while (members.len) {
		if (text_is(take_until(&members, ','), name))
			return true;
	}
	return false;
}

static void add_group(struct user *user, uint32_t gid)
{
	for (size_t i = 0; i < user->group_count; i++) {
		if (user->groups[i] == gid)
			return;
	}
	if (user->group_count < USER_GROUPS_MAX)
		user->groups[user->group_count++] = gid;
}

static void find_supplementary(struct text group, struct text name, struct user *user)
{
	while (group.len) {
		struct text line = take_until(&group, '\n');
		uint32_t gid;

		take_until(&line, ':');
		take_until(&line, ':');
		if (parse_id(take_until(&line, ':'), &gid) && lists_member(line, name))
			add_group(user, gid);
	}
}

static bool find_group(struct text group, struct text wanted, uint32_t *gid)
{
	while (group.len) {
		struct text line = take_until(&group, '\n');
		struct text name = take_until(&line, ':');

		take_until(&line, ':');
		if (text_is(name, wanted) && parse_id(take_until(&line, ':'), gid))
			return true;
	}
	return false;
}

int user_resolve(const char *spec, struct text passwd, struct text group, struct user *user,
		 struct error *err)
{
	struct text rest = { spec, strlen(spec) };
	struct text wanted = take_until(&rest, ':');
	struct text name = { NULL, 0 };

	*user = (struct user){ .home = "/" };
	if (!wanted.len)
		wanted = (struct text){ "0", 1 };
	if (!find_user(passwd, wanted, user, &name)) {
		name.len = 0;
		if (!is_number(wanted))
			return error_set(err, 0,
					 "there is no user \"%.*s\" in the image's /etc/passwd",
					 (int)wanted.len, wanted.at);
		if (!parse_id(wanted, &user->uid))
			return error_set(err, ERANGE, "user %.*s", (int)wanted.len, wanted.at);
	}
	if (rest.len && !parse_id(rest, &user->gid)) {
		if (is_number(rest))
			return error_set(err, ERANGE, "group %.*s", (int)rest.len, rest.at);
		if (!find_group(group, rest, &user->gid))
			return error_set(err, 0,
					 "there is no group \"%.*s\" in the image's /etc/group",
					 (int)rest.len, rest.at);
	}
	/* As initgroups(3) has it: the primary group is one of the supplementary groups. */
	add_group(user, user->gid);
	if (!rest.len && name.len)
		find_supplementary(group, name, user);
	return 0;
}
