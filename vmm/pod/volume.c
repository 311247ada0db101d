/*
 * Volumes as the command line gives them: the text comes from the caller, who is trusted, and may
 * be mistyped. Every form is words between commas, cut in a copy; a table says what each means.
 */
#include "vmm/pod/volume.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/bytes.h"
#include "vmm/base/number.h"

enum { NAME_BYTES_MAX = 128, FILE_SYSTEM_BYTES_MAX = 32 };

static const char lower_case[] = "abcdefghijklmnopqrstuvwxyz0123456789";

/* One option in hand: where it came from, for messages, and what it fills. */
struct parse {
	const char *option; /* "--volume" */
	const char *text;
	struct volume *volume;
	struct volume_mount *mount;
	struct pod_mount *tmpfs;
	struct error *err;
};

static int refuse(const struct parse *parse, const char *word, const char *why)
{
	return error_set(parse->err, 0, "%s %s: %s%s%s", parse->option, parse->text, word,
			 *word ? ": " : "", why);
}

/* The next word of a list; NULL at its end. */
static char *next_word(char **at)
{
	char *word = *at;

	if (!word)
		return NULL;
	*at = strchr(word, ',');
	if (*at)
		*(*at)++ = '\0';
	return word;
}

/* A number in this base and nothing behind it, at most `max`. */
static int to_number(const char *value, int base, uint32_t max, uint32_t *number)
{
	static const char digits[] = "0123456789";
	unsigned long read;

	if (!*value || strspn(value, digits) != strlen(value))
		return -1;
	errno = 0;
	read = strtoul(value, NULL, base);
	if (errno || read > max || (base == 8 && strpbrk(value, "89")))
		return -1;
	*number = (uint32_t)read;
	return 0;
}

static int to_flag(const char *value, enum volume_flag *flag)
{
	if (strcmp(value, "true") == 0)
		*flag = VOLUME_YES;
	else if (strcmp(value, "false") == 0)
		*flag = VOLUME_NO;
	else
		return -1;
	return 0;
}

static int to_cache(const char *value, enum pod_cache *cache)
{
	static const char *const names[] = {
		[POD_CACHE_NONE] = "none",
		[POD_CACHE_MMAP] = "mmap",
		[POD_CACHE_LOOSE] = "loose",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(value, names[i]) == 0) {
			*cache = (enum pod_cache)i;
			return 0;
		}
	}
	return -1;
}

/* Whether the text is an AC name (appc, types.md): what a volume may be called. */
static bool is_name(const char *text)
{
	size_t len = strlen(text);

	return len && len <= NAME_BYTES_MAX && strspn(text, "-") == 0 && text[len - 1] != '-' &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static bool is_file_system(const char *text)
{
	size_t len = strlen(text);

	return len && len <= FILE_SYSTEM_BYTES_MAX && strspn(text, lower_case) == len;
}

/* If word is KEY=..., its value; else NULL. */
static const char *value_of(const char *word, const char *key)
{
	size_t len = strlen(key);

	return strncmp(word, key, len) == 0 && word[len] == '=' ? word + len + 1 : NULL;
}

/* What the words of an empty volume and of a tmpfs have in common. Returns 1 if it is none. */
static int take_owner(const struct parse *parse, const char *word, uint32_t *mode, uint32_t *uid,
		      uint32_t *gid, uint64_t *size)
{
	const char *value;

	if ((value = value_of(word, "mode")))
		return to_number(value, 8, 07777, mode) < 0 || !*mode
			   ? refuse(parse, word, "an octal mode up to 7777 is expected")
			   : 0;
	if ((value = value_of(word, "uid")))
		return to_number(value, 10, INT_MAX, uid) < 0
			   ? refuse(parse, word, "a number is expected")
			   : 0;
	if ((value = value_of(word, "gid")))
		return to_number(value, 10, INT_MAX, gid) < 0
			   ? refuse(parse, word, "a number is expected")
			   : 0;
	if ((value = value_of(word, "size")))
		return number_parse_size(value, size) < 0 || !*size
			   ? refuse(parse, word, "a size such as 64M is expected")
			   : 0;
	return 1;
}

/* One word behind SRC:DST. */
static int take_option(const struct parse *parse, const char *word)
{
	struct volume *volume = parse->volume;
	const char *value;

	if (strcmp(word, "ro") == 0 || strcmp(word, "rw") == 0)
		volume->read_only = word[1] == 'o' ? VOLUME_YES : VOLUME_NO;
	else if (strcmp(word, "rec") == 0 || strcmp(word, "norec") == 0)
		volume->recursive = word[0] == 'r' ? VOLUME_YES : VOLUME_NO;
	else if (strcmp(word, "block") == 0)
		volume->kind = VOLUME_BLOCK;
	else if (strcmp(word, "nosuid") == 0)
		volume->nosuid = true;
	else if (strcmp(word, "noexec") == 0)
		volume->noexec = true;
	else if ((value = value_of(word, "fs")) && is_file_system(value))
		volume->file_system = value;
	else if ((value = value_of(word, "cache")) && to_cache(value, &volume->cache) == 0)
		volume->has_cache = true;
	else
		return refuse(parse, word,
			      "not an option; there are ro, rw, rec, norec, nosuid, noexec, "
			      "cache=none|mmap|loose, block and fs=TYPE");
	return 0;
}

/* Options that do not go together, and what follows from the others. */
static int settle_host(const struct parse *parse)
{
	struct volume *volume = parse->volume;

	if (volume->kind != VOLUME_BLOCK)
		return volume->file_system ? refuse(parse, "fs", "only with block") : 0;
	if (volume->recursive || volume->has_cache)
		return refuse(parse, "block", "goes with neither rec, norec nor cache");
	if (!volume->file_system && strncmp(volume->target, "/dev/", 5) != 0)
		volume->file_system = "ext4";
	return 0;
}

/* SRC:DST[:OPTION,...], cut at its colons. */
static int parse_pair(const struct parse *parse)
{
	struct volume *volume = parse->volume;
	char *target = strchr(volume->memory, ':');
	char *options, *word;

	if (!target || target == volume->memory || target[1] != '/')
		return error_set(parse->err, 0,
				 "--volume %s: SRC:DST or SRC:DST:OPTIONS is expected, DST an "
				 "absolute path",
				 volume->text);
	*target++ = '\0';
	volume->source = volume->memory;
	volume->target = target;
	options = strchr(target, ':');
	if (options)
		*options++ = '\0';
	while ((word = next_word(&options))) {
		if (take_option(parse, word) < 0)
			return -1;
	}
	return settle_host(parse);
}

/* One KEY=VALUE of rkt's form. */
static int take_key(const struct parse *parse, const char *word, bool *owned)
{
	struct volume *volume = parse->volume;
	const char *value;
	int taken;

	if ((value = value_of(word, "source"))) {
		volume->source = value;
		return 0;
	}
	if ((value = value_of(word, "readOnly")))
		return to_flag(value, &volume->read_only) < 0
			   ? refuse(parse, word, "true or false is expected")
			   : 0;
	if ((value = value_of(word, "recursive")))
		return to_flag(value, &volume->recursive) < 0
			   ? refuse(parse, word, "true or false is expected")
			   : 0;
	taken =
	    take_owner(parse, word, &volume->mode, &volume->uid, &volume->gid, &volume->size_bytes);
	if (taken > 0)
		return refuse(parse, word,
			      "not known; there are kind, source, readOnly, recursive, mode, uid, "
			      "gid and size");
	*owned = true;
	return taken;
}

static int settle_named(const struct parse *parse, const char *kind, bool owned)
{
	struct volume *volume = parse->volume;

	if (!kind || (strcmp(kind, "host") != 0 && strcmp(kind, "empty") != 0))
		return refuse(parse, "kind", "host or empty is expected");
	if (kind[0] == 'e') {
		volume->kind = VOLUME_EMPTY;
		if (volume->source || volume->recursive)
			return refuse(parse, "source and recursive", "only with kind=host");
		return 0;
	}
	if (!volume->source || volume->source[0] != '/')
		return refuse(parse, "source", "an absolute path is expected");
	return owned ? refuse(parse, "mode, uid, gid and size", "only with kind=empty") : 0;
}

/* NAME,kind=...; the name and its comma are there. */
static int parse_named(const struct parse *parse)
{
	char *at = parse->volume->memory, *word;
	const char *kind = NULL;
	bool owned = false;

	parse->volume->name = next_word(&at);
	if (!is_name(parse->volume->name))
		return refuse(parse, "",
			      "a name has lower-case letters, digits and dashes, the last not at "
			      "its ends");
	while ((word = next_word(&at))) {
		const char *value = value_of(word, "kind");

		if (value)
			kind = value;
		else if (take_key(parse, word, &owned) < 0)
			return -1;
	}
	return settle_named(parse, kind, owned);
}

static char *copy_text(const struct parse *parse)
{
	char *memory = strdup(parse->text);

	if (!memory)
		(void)error_set(parse->err, ENOMEM, "%s %s", parse->option, parse->text);
	return memory;
}

int volume_parse(const char *text, struct volume *volume, struct error *err)
{
	const struct parse parse = {
		.option = "--volume", .text = text, .volume = volume, .err = err
	};

	*volume = (struct volume){ .kind = VOLUME_HOST, .text = text };
	volume->memory = copy_text(&parse);
	if (!volume->memory)
		return -1;
	if ((text[strcspn(text, ",:")] == ',' ? parse_named(&parse) : parse_pair(&parse)) < 0) {
		volume_free(volume);
		return -1;
	}
	return 0;
}

void volume_free(struct volume *volume)
{
	free(volume->memory);
	volume->memory = NULL;
}

static int parse_mount_words(const struct parse *parse)
{
	struct volume_mount *mount = parse->mount;
	char *at = mount->memory, *word;
	const char *value;

	while ((word = next_word(&at))) {
		if ((value = value_of(word, "volume")))
			mount->volume = value;
		else if ((value = value_of(word, "target")))
			mount->target = value;
		else if (!(value = value_of(word, "readOnly")))
			return refuse(parse, word,
				      "not known; there are volume, target and readOnly");
		else if (to_flag(value, &mount->read_only) < 0)
			return refuse(parse, word, "true or false is expected");
	}
	if (!mount->volume || !is_name(mount->volume))
		return refuse(parse, "volume", "the name of a volume is expected");
	if (!mount->target || mount->target[0] != '/')
		return refuse(parse, "target", "an absolute path is expected");
	return 0;
}

int volume_mount_parse(const char *text, struct volume_mount *mount, struct error *err)
{
	const struct parse parse = {
		.option = "--mount", .text = text, .mount = mount, .err = err
	};

	*mount = (struct volume_mount){ 0 };
	mount->memory = copy_text(&parse);
	if (!mount->memory)
		return -1;
	if (parse_mount_words(&parse) < 0) {
		volume_mount_free(mount);
		return -1;
	}
	return 0;
}

void volume_mount_free(struct volume_mount *mount)
{
	free(mount->memory);
	mount->memory = NULL;
}

static int take_tmpfs_word(const struct parse *parse, const char *word)
{
	struct pod_mount *mount = parse->tmpfs;
	int taken;

	if (strcmp(word, "ro") == 0 || strcmp(word, "rw") == 0)
		mount->read_only = word[1] == 'o';
	else if (strcmp(word, "exec") == 0 || strcmp(word, "noexec") == 0)
		mount->noexec = word[0] == 'n';
	else if (strcmp(word, "suid") == 0 || strcmp(word, "nosuid") == 0)
		mount->nosuid = word[0] == 'n';
	else if (strcmp(word, "nodev") != 0) {
		taken = take_owner(parse, word, &mount->mode, &mount->uid, &mount->gid,
				   &mount->size_bytes);
		return taken > 0
			   ? refuse(parse, word,
				    "not known; there are size, mode, uid, gid, ro, rw, exec, "
				    "noexec, suid, nosuid and nodev")
			   : taken;
	}
	return 0;
}

int volume_tmpfs_parse(const char *text, struct pod_mount *mount, char **memory, struct error *err)
{
	const struct parse parse = {
		.option = "--tmpfs", .text = text, .tmpfs = mount, .err = err
	};
	char *copy = copy_text(&parse);
	char *options, *word;

	if (!copy)
		return -1;
	*mount = (struct pod_mount){
		.type = POD_MOUNT_TMPFS, .target = copy, .nodev = true, .nosuid = true
	};
	options = strchr(copy, ':');
	if (options)
		*options++ = '\0';
	if (copy[0] != '/') {
		free(copy);
		return refuse(&parse, "", "DST or DST:OPTIONS is expected, DST an absolute path");
	}
	while ((word = next_word(&options))) {
		if (take_tmpfs_word(&parse, word) < 0) {
			free(copy);
			return -1;
		}
	}
	*memory = copy;
	return 0;
}

bool volume_read_only(const struct volume *volume, enum volume_flag mount)
{
	enum volume_flag flag = volume->read_only ? volume->read_only : mount;

	return flag == VOLUME_YES;
}
