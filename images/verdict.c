/*
 * Kept verdicts: finding one, and comparing what it depends on with what is there now.
 */
#include "images/verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "images/fields.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

void verdict_record_name(char out[STORE_NAME_MAX], const char *name, const struct digest *manifest)
{
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a; the record holds the name in full */
	char text[DIGEST_TEXT_SIZE];

	for (const char *at = name; *at; at++)
		hash = (hash ^ (uint8_t)*at) * 0x100000001b3;
	digest_format_with(manifest, '-', text);
	(void)snprintf(out, STORE_NAME_MAX, STORE_DIR_VERDICTS "/%s-%016" PRIx64, text, hash);
}

/* The name of a kept file in its place; NULL if it is of none of them. */
static const char *name_in(const struct verdict_file *kept, const struct policy_place *places,
			   size_t count, const struct policy_place **place)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(places[i].directory);

		*place = &places[i];
		if (!strncmp(kept->path, places[i].directory, len) && kept->path[len] == '/')
			return kept->path + len + 1;
	}
	return NULL;
}

/* Whether a kept file is as it was: 1, 0, -1 with err filled. */
static int is_unchanged(const struct verdict_file *kept, const struct policy_place *places,
			size_t count, struct error *err)
{
	const struct policy_place *place = NULL;
	const char *name = name_in(kept, places, count, &place);
	struct policy_file now = { 0 };
	int found;

	if (!name)
		return 0;
	found = policy_place_read(place, name, POLICY_SIZE_MAX, &now, err);
	if (found > 0)
		found = policy_file_equal(&kept->file, &now);
	policy_file_free(&now);
	return found;
}

/* Whether the verdict still holds, for places of which exists[] says which have a policy. */
static int holds(const struct verdict *verdict, const struct policy_place *places,
		 const bool *exists, size_t count, struct error *err)
{
	for (size_t i = 0; i < verdict->file_count; i++) {
		int same = is_unchanged(&verdict->files[i], places, count, err);

		if (same <= 0)
			return same;
	}
	/* A policy that has appeared since then was never asked. */
	for (size_t i = 0; i < count; i++) {
		if (exists[i] && !verdict_has(verdict, &places[i], POLICY_FILE_NAME))
			return 0;
	}
	return 1;
}

static int find_policies(const struct policy_place *places, size_t count,
			 bool exists[POLICY_PLACES_MAX], struct error *err)
{
	int any = 0;

	for (size_t i = 0; i < count; i++) {
		struct policy_file file = { 0 };
		int found =
		    policy_place_read(&places[i], POLICY_FILE_NAME, POLICY_SIZE_MAX, &file, err);

		policy_file_free(&file);
		if (found < 0)
			return -1;
		exists[i] = found;
		any |= found;
	}
	return any;
}

int policy_exists(struct error *err)
{
	struct policy_place places[POLICY_PLACES_MAX];
	bool exists[POLICY_PLACES_MAX];

	return find_policies(places, policy_places(places), exists, err);
}

bool store_is_default(const struct store *store)
{
	struct stat here, there;

	if (geteuid() != 0)
		return true;
	return fstat(store_dir_fd(store), &here) == 0 &&
	       stat(STORE_SYSTEM_ROOT "/" STORE_DIR, &there) == 0 && here.st_dev == there.st_dev &&
	       here.st_ino == there.st_ino;
}

/* The kept verdict: 1, 0 if there is none that can be read. */
static int read_verdict(const struct store *store, const char *name, const struct digest *manifest,
			struct verdict *out)
{
	_cleanup_free_ char *data = NULL;
	char record[STORE_NAME_MAX];
	size_t len;

	verdict_record_name(record, name, manifest);
	if (io_read_file(store_dir_fd(store), record, FIELDS_SIZE_MAX, &data, &len, NULL) < 0)
		return 0;
	return verdict_decode(out, data, len) == 0;
}

int verdict_find_at(const struct store *store, const struct policy_place *places, size_t count,
		    const char *name, const struct digest *manifest, uint64_t now_s,
		    struct error *err)
{
	bool exists[POLICY_PLACES_MAX];
	int found = find_policies(places, count, exists, err);
	struct verdict verdict;

	if (found <= 0)
		return found < 0 ? -1 : 1;
	if (!read_verdict(store, name, manifest, &verdict))
		return 0;
	found = 0;
	/* A clock before the verdict's own time would make expired keys good again. */
	if (!strcmp(verdict.name, name) && digest_equal(&verdict.manifest, manifest) &&
	    now_s >= verdict.made_s && (!verdict.expires_s || now_s < verdict.expires_s))
		found = holds(&verdict, places, exists, count, err);
	verdict_free(&verdict);
	return found;
}

int verdict_find(const struct store *store, const char *name, const struct digest *manifest,
		 struct error *err)
{
	struct policy_place places[POLICY_PLACES_MAX];
	size_t count = policy_places(places);
	time_t now = time(NULL);

	if (!store_is_default(store)) {
		int any = policy_exists(err);

		return any < 0 ? -1 : !any;
	}
	return verdict_find_at(store, places, count, name, manifest, now > 0 ? (uint64_t)now : 0,
			       err);
}
