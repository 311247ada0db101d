/*
 * The members of an archive: collecting, sorting, looking up, and the form in which a confined
 * process reports them.
 */
#include "images/archive.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "images/fields.h"
#include "images/limits.h"
#include "images/tar.h"

static const char archive_magic[FIELDS_MAGIC_LEN + 1] = "nacelle tar   1\n";

/* Counts the bytes that were consumed of a stream. */
struct counting_stream {
	struct stream stream;
	struct stream *source;
	uint64_t lent_bytes;
};

static int counting_fill(struct stream *stream, struct error *err)
{
	struct counting_stream *self = (struct counting_stream *)stream;
	int more = stream_fill(self->source, err);

	if (more <= 0)
		return more;
	stream->at = self->source->at;
	stream->left = self->source->left;
	self->lent_bytes += stream->left;
	stream_consume(self->source, stream->left);
	return 1;
}

static uint64_t position(const struct counting_stream *self)
{
	return self->lent_bytes - self->stream.left;
}

static const char *without_dots(const char *name)
{
	while (name[0] == '.' && name[1] == '/')
		name += 2;
	return name;
}

/* The name that a symbolic link leads to, seen from the top of the archive; NULL: no memory. */
static char *resolve_link(const char *name, const char *target)
{
	const char *slash = strrchr(name, '/');
	size_t dir_len = target[0] != '/' && slash ? (size_t)(slash - name) : 0;
	char *out = malloc(dir_len + 1 + strlen(target) + 2);
	size_t len = dir_len;

	if (!out)
		return NULL;
	memcpy(out, name, dir_len);
	while (*target) {
		size_t part = strcspn(target, "/");

		if (part == 2 && target[0] == '.' && target[1] == '.') {
			while (len && out[len - 1] != '/')
				len--;
			len -= len ? 1 : 0;
		} else if (part && !(part == 1 && target[0] == '.')) {
			if (len)
				out[len++] = '/';
			memcpy(out + len, target, part);
			len += part;
		}
		target += part + (target[part] == '/');
	}
	out[len] = '\0';
	return out;
}

/* Reads past a file's data, which must lie in one piece where the header says. */
static int measure(struct tar *tar, const struct counting_stream *counter,
		   const struct tar_entry *entry, struct archive_member *member, struct error *err)
{
	uint64_t offset, expected = 0;
	const uint8_t *data;
	size_t len;
	int more;

	member->offset = position(counter);
	member->size_bytes = entry->size_bytes;
	while ((more = tar_data(tar, &data, &len, &offset, err)) > 0) {
		if (offset != expected)
			break;
		expected += len;
	}
	if (more < 0)
		return -1;
	if (expected != entry->size_bytes || position(counter) - member->offset != expected)
		return error_set(err, 0, "%.256s is a sparse file, which no archive of images has",
				 entry->name);
	return 0;
}

static int add(struct archive *archive, size_t *capacity, struct archive_member **out,
	       struct error *err)
{
	struct archive_member *grown;

	if (archive->count == ARCHIVE_MEMBERS_MAX)
		return error_set(err, 0, "the archive has more than %d members",
				 ARCHIVE_MEMBERS_MAX);
	if (archive->count == *capacity) {
		*capacity = *capacity ? *capacity * 2 : 64;
		grown = reallocarray(archive->members, *capacity, sizeof(*grown));
		if (!grown)
			return error_set(err, ENOMEM, "cannot read an archive");
		archive->members = grown;
	}
	*out = &archive->members[archive->count++];
	**out = (struct archive_member){ 0 };
	return 0;
}

static int add_entry(struct archive *archive, size_t *capacity, struct tar *tar,
		     const struct tar_entry *entry, const struct counting_stream *counter,
		     struct error *err)
{
	const char *name = without_dots(entry->name);
	struct archive_member *member;

	if (entry->type != TAR_FILE && entry->type != TAR_SYMLINK && entry->type != TAR_HARDLINK)
		return 0;
	if (add(archive, capacity, &member, err) < 0)
		return -1;
	member->name = strdup(name);
	if (entry->type == TAR_SYMLINK)
		member->link = resolve_link(name, entry->link);
	else if (entry->type == TAR_HARDLINK)
		member->link = strdup(without_dots(entry->link));
	if (!member->name || (entry->type != TAR_FILE && !member->link))
		return error_set(err, ENOMEM, "cannot read an archive");
	return entry->type == TAR_FILE ? measure(tar, counter, entry, member, err) : 0;
}

static int read_members(struct archive *archive, struct tar *tar,
			const struct counting_stream *counter, struct error *err)
{
	struct tar_entry entry;
	size_t capacity = 0;
	int more;

	while ((more = tar_next(tar, &entry, err)) > 0) {
		if (add_entry(archive, &capacity, tar, &entry, counter, err) < 0)
			return -1;
	}
	return more;
}

static int compare(const void *a, const void *b)
{
	const struct archive_member *one = a, *other = b;

	return strcmp(one->name, other->name);
}

static int sort(struct archive *archive, struct error *err)
{
	if (archive->count)
		qsort(archive->members, archive->count, sizeof(archive->members[0]), compare);
	for (size_t i = 1; i < archive->count; i++) {
		if (!strcmp(archive->members[i - 1].name, archive->members[i].name))
			return error_set(err, 0, "the archive has %.256s twice",
					 archive->members[i].name);
	}
	return 0;
}

int archive_read(struct archive *out, struct stream *source, struct error *err)
{
	struct counting_stream counter = { .stream.fill = counting_fill, .source = source };
	struct archive archive = { 0 };
	struct tar *tar;
	int result;

	*out = archive;
	if (tar_open(&tar, &counter.stream, err) < 0)
		return -1;
	result = read_members(&archive, tar, &counter, err);
	tar_close(tar);
	if (result == 0)
		result = sort(&archive, err);
	if (result == 0)
		*out = archive;
	else
		archive_free(&archive);
	return result;
}

void archive_free(struct archive *archive)
{
	for (size_t i = 0; i < archive->count; i++) {
		free(archive->members[i].name);
		free(archive->members[i].link);
	}
	free(archive->members);
	*archive = (struct archive){ 0 };
}

const struct archive_member *archive_find(const struct archive *archive, const char *name)
{
	const struct archive_member *member = NULL;

	for (int links = 0; links <= ARCHIVE_LINKS_MAX && archive->count; links++) {
		const struct archive_member key = {
			.name = (char *)(uintptr_t)(member ? member->link : name)
		};

		member = bsearch(&key, archive->members, archive->count, sizeof(key), compare);
		if (!member || !member->link)
			return member;
	}
	return NULL;
}

int archive_encode(const struct archive *archive, void **data, size_t *len)
{
	struct field_writer w;

	fields_begin(&w, archive_magic);
	for (size_t i = 0; i < archive->count; i++) {
		const struct archive_member *member = &archive->members[i];

		fields_put_text(&w, FIELD_MEMBER_NAME, member->name);
		if (member->link)
			fields_put_text(&w, FIELD_MEMBER_LINK, member->link);
		fields_put_u64(&w, FIELD_MEMBER_OFFSET, member->offset);
		fields_put_u64(&w, FIELD_MEMBER_SIZE, member->size_bytes);
	}
	return fields_finish(&w, data, len);
}

static int take_field(struct archive *archive, size_t *capacity, const struct field *field)
{
	struct archive_member *member;

	if (field->tag == FIELD_MEMBER_NAME) {
		if (add(archive, capacity, &member, NULL) < 0)
			return -1;
		return field_take_text(field, &member->name);
	}
	if (archive->count == 0)
		return -1;
	member = &archive->members[archive->count - 1];
	switch (field->tag) {
	case FIELD_MEMBER_LINK:
		return field_take_text(field, &member->link);
	case FIELD_MEMBER_OFFSET:
		return field_take_u64(field, INT64_MAX, &member->offset);
	case FIELD_MEMBER_SIZE:
		return field_take_u64(field, INT64_MAX, &member->size_bytes);
	default:
		return -1;
	}
}

static bool is_sound(const struct archive *archive)
{
	for (size_t i = 0; i < archive->count; i++) {
		const struct archive_member *member = &archive->members[i];

		if (i && strcmp(member[-1].name, member->name) >= 0)
			return false;
		if (member->size_bytes > INT64_MAX - member->offset)
			return false;
	}
	return true;
}

int archive_decode(struct archive *out, const void *data, size_t len, struct error *err)
{
	struct archive archive = { 0 };
	size_t capacity = 0;
	struct cursor c;
	struct field field;
	int more = fields_open(&c, data, len, archive_magic) ? 1 : -1;

	while (more > 0) {
		more = fields_next(&c, &field);
		if (more > 0 && take_field(&archive, &capacity, &field) < 0)
			more = -1;
	}
	if (more == 0 && is_sound(&archive)) {
		*out = archive;
		return 0;
	}
	archive_free(&archive);
	*out = archive;
	return error_set(err, 0, "the parser of archives reported nonsense");
}
