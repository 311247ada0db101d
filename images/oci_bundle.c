/*
 * Bundles as flat fields.
 */
#include "images/oci_bundle.h"

#include <stdlib.h>
#include <string.h>

#include "images/fields.h"

static const char bundle_magic[FIELDS_MAGIC_LEN + 1] = "nacelle bundle1\n";

static void put_mount(struct field_writer *w, const struct oci_mount *mount)
{
	fields_put_text(w, FIELD_OCI_MOUNT, mount->target);
	if (mount->source)
		fields_put_text(w, FIELD_OCI_MOUNT_SOURCE, mount->source);
	fields_put_u64(w, FIELD_OCI_MOUNT_FLAGS, mount->flags);
	fields_put_u64(w, FIELD_OCI_MOUNT_MODE, mount->mode);
	fields_put_u64(w, FIELD_OCI_MOUNT_UID, mount->uid);
	fields_put_u64(w, FIELD_OCI_MOUNT_GID, mount->gid);
	fields_put_u64(w, FIELD_OCI_MOUNT_SIZE, mount->size_bytes);
}

static void put_hook(struct field_writer *w, const struct oci_hook *hook)
{
	fields_put_text(w, FIELD_OCI_HOOK, hook->path);
	fields_put_u64(w, FIELD_OCI_HOOK_KIND, hook->kind);
	fields_put_list(w, FIELD_OCI_HOOK_ARG, &hook->args);
	fields_put_list(w, FIELD_OCI_HOOK_ENV, &hook->env);
	fields_put_u64(w, FIELD_OCI_HOOK_TIMEOUT, hook->timeout_s);
}

int oci_bundle_encode(const struct oci_bundle *bundle, void **data, size_t *len)
{
	struct field_writer w;

	fields_begin(&w, bundle_magic);
	for (unsigned i = 0; i < OCI_TEXTS; i++)
		if (bundle->texts[i])
			fields_put_text(&w, FIELD_OCI_TEXT + i, bundle->texts[i]);
	for (unsigned i = 0; i < OCI_LISTS; i++)
		fields_put_list(&w, FIELD_OCI_LIST + i, &bundle->lists[i]);
	for (unsigned i = 0; i < OCI_NUMBERS; i++)
		if (bundle->numbers[i])
			fields_put_u64(&w, FIELD_OCI_NUMBER + i, bundle->numbers[i]);
	for (size_t i = 0; i < bundle->mount_count; i++)
		put_mount(&w, &bundle->mounts[i]);
	for (size_t i = 0; i < bundle->hook_count; i++)
		put_hook(&w, &bundle->hooks[i]);
	return fields_finish(&w, data, len);
}

struct oci_mount *oci_bundle_add_mount(struct oci_bundle *bundle)
{
	struct oci_mount *mounts = bundle->mounts;

	if (bundle->mount_count == OCI_MOUNTS_MAX)
		return NULL;
	mounts = reallocarray(mounts, bundle->mount_count + 1, sizeof(*mounts));
	if (!mounts)
		return NULL;
	bundle->mounts = mounts;
	mounts[bundle->mount_count] = (struct oci_mount){ 0 };
	return &mounts[bundle->mount_count++];
}

struct oci_hook *oci_bundle_add_hook(struct oci_bundle *bundle)
{
	struct oci_hook *hooks = bundle->hooks;

	if (bundle->hook_count == OCI_HOOKS_MAX)
		return NULL;
	hooks = reallocarray(hooks, bundle->hook_count + 1, sizeof(*hooks));
	if (!hooks)
		return NULL;
	bundle->hooks = hooks;
	hooks[bundle->hook_count] = (struct oci_hook){ 0 };
	return &hooks[bundle->hook_count++];
}

const char *oci_hook_name(enum oci_hook_kind kind)
{
	static const char *const names[] = {
		[OCI_PRESTART] = "prestart",
		[OCI_CREATE_RUNTIME] = "createRuntime",
		[OCI_CREATE_CONTAINER] = "createContainer",
		[OCI_START_CONTAINER] = "startContainer",
		[OCI_POSTSTART] = "poststart",
		[OCI_POSTSTOP] = "poststop",
	};

	return kind < OCI_HOOK_KINDS ? names[kind] : NULL;
}

bool oci_bundle_has_hooks(const struct oci_bundle *bundle, enum oci_hook_kind first,
			  enum oci_hook_kind last)
{
	for (size_t i = 0; i < bundle->hook_count; i++)
		if (bundle->hooks[i].kind >= first && bundle->hooks[i].kind <= last)
			return true;
	return false;
}

static int take_u32(const struct field *field, uint32_t max, uint32_t *out)
{
	uint64_t value;

	if (field_take_u64(field, max, &value) < 0)
		return -1;
	*out = (uint32_t)value;
	return 0;
}

static int take_mount(struct oci_bundle *bundle, const struct field *field)
{
	struct oci_mount *mount;

	if (field->tag == FIELD_OCI_MOUNT) {
		mount = oci_bundle_add_mount(bundle);
		return mount ? field_take_text(field, &mount->target) : -1;
	}
	if (!bundle->mount_count)
		return -1;
	mount = &bundle->mounts[bundle->mount_count - 1];
	switch (field->tag) {
	case FIELD_OCI_MOUNT_SOURCE:
		return field_take_text(field, &mount->source);
	case FIELD_OCI_MOUNT_FLAGS:
		return take_u32(field, OCI_MOUNT_FLAGS, &mount->flags);
	case FIELD_OCI_MOUNT_MODE:
		return take_u32(field, 07777, &mount->mode);
	case FIELD_OCI_MOUNT_UID:
		return take_u32(field, INT32_MAX, &mount->uid);
	case FIELD_OCI_MOUNT_GID:
		return take_u32(field, INT32_MAX, &mount->gid);
	default:
		return field_take_u64(field, INT64_MAX, &mount->size_bytes);
	}
}

static int take_hook_item(const struct field *field, struct string_list *list)
{
	return list->count < OCI_LIST_MAX ? field_take_item(field, list) : -1;
}

static int take_hook(struct oci_bundle *bundle, const struct field *field)
{
	struct oci_hook *hook;
	uint32_t kind;

	if (field->tag == FIELD_OCI_HOOK) {
		hook = oci_bundle_add_hook(bundle);
		return hook ? field_take_text(field, &hook->path) : -1;
	}
	if (!bundle->hook_count)
		return -1;
	hook = &bundle->hooks[bundle->hook_count - 1];
	switch (field->tag) {
	case FIELD_OCI_HOOK_KIND:
		if (take_u32(field, OCI_HOOK_KINDS - 1, &kind) < 0)
			return -1;
		hook->kind = (enum oci_hook_kind)kind;
		return 0;
	case FIELD_OCI_HOOK_ARG:
		return take_hook_item(field, &hook->args);
	case FIELD_OCI_HOOK_ENV:
		return take_hook_item(field, &hook->env);
	default:
		return take_u32(field, INT32_MAX, &hook->timeout_s);
	}
}

static int take_field(struct oci_bundle *bundle, const struct field *field)
{
	if (field->tag >= FIELD_OCI_TEXT && field->tag < FIELD_OCI_TEXT + OCI_TEXTS)
		return field_take_text(field, &bundle->texts[field->tag - FIELD_OCI_TEXT]);
	if (field->tag >= FIELD_OCI_LIST && field->tag < FIELD_OCI_LIST + OCI_LISTS) {
		struct string_list *list = &bundle->lists[field->tag - FIELD_OCI_LIST];

		return list->count < OCI_LIST_MAX ? field_take_item(field, list) : -1;
	}
	if (field->tag >= FIELD_OCI_NUMBER && field->tag < FIELD_OCI_NUMBER + OCI_NUMBERS)
		return field_take_u64(field, INT64_MAX,
				      &bundle->numbers[field->tag - FIELD_OCI_NUMBER]);
	if (field->tag >= FIELD_OCI_MOUNT && field->tag <= FIELD_OCI_MOUNT_SIZE)
		return take_mount(bundle, field);
	if (field->tag >= FIELD_OCI_HOOK && field->tag <= FIELD_OCI_HOOK_TIMEOUT)
		return take_hook(bundle, field);
	return 0;
}

static bool all_have_values(const struct string_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i][0] == '=' || !strchr(list->items[i], '='))
			return false;
	return true;
}

static bool is_sound_process(const struct oci_bundle *bundle)
{
	return bundle->texts[OCI_CWD] && bundle->texts[OCI_CWD][0] == '/' &&
	       bundle->texts[OCI_USER] && bundle->lists[OCI_ARGS].count &&
	       all_have_values(&bundle->lists[OCI_ENV]) && bundle->numbers[OCI_UMASK] <= 0777;
}

static bool is_sound(const struct oci_bundle *bundle)
{
	for (size_t i = 0; i < bundle->mount_count; i++) {
		const struct oci_mount *mount = &bundle->mounts[i];

		if (!mount->target || mount->target[0] != '/' ||
		    !(mount->flags & OCI_MOUNT_BIND) != !mount->source)
			return false;
	}
	for (size_t i = 0; i < bundle->hook_count; i++)
		if (!bundle->hooks[i].path || bundle->hooks[i].path[0] != '/')
			return false;
	return bundle->texts[OCI_ROOT_PATH] && bundle->lists[OCI_ANNOTATIONS].count % 2 == 0 &&
	       bundle->lists[OCI_NAMESPACES].count % 2 == 0 &&
	       all_have_values(&bundle->lists[OCI_SYSCTLS]) && is_sound_process(bundle);
}

static int decode(bool (*check)(const struct oci_bundle *), struct oci_bundle *bundle,
		  const void *data, size_t len, struct error *err)
{
	struct cursor c;
	struct field field;
	int more = fields_open(&c, data, len, bundle_magic) ? 1 : -1;

	*bundle = (struct oci_bundle){ 0 };
	while (more > 0) {
		more = fields_next(&c, &field);
		if (more > 0 && take_field(bundle, &field) < 0)
			more = -1;
	}
	if (more == 0 && check(bundle))
		return 0;
	oci_bundle_free(bundle);
	return error_set(err, 0, "the reader of config.json reported nonsense");
}

int oci_bundle_decode(struct oci_bundle *bundle, const void *data, size_t len, struct error *err)
{
	return decode(is_sound, bundle, data, len, err);
}

int oci_process_decode(struct oci_bundle *bundle, const void *data, size_t len, struct error *err)
{
	return decode(is_sound_process, bundle, data, len, err);
}

/* Numbers and warnings; each is used as if it had stood on a command line. */
static bool is_sound_resources(const struct oci_bundle *bundle)
{
	return !bundle->mount_count && !bundle->texts[OCI_ROOT_PATH];
}

int oci_resources_decode(struct oci_bundle *bundle, const void *data, size_t len, struct error *err)
{
	return decode(is_sound_resources, bundle, data, len, err);
}

const char *oci_bundle_annotation(const struct oci_bundle *bundle, const char *name)
{
	const struct string_list *list = &bundle->lists[OCI_ANNOTATIONS];

	for (size_t i = 0; i + 1 < list->count; i += 2)
		if (strcmp(list->items[i], name) == 0)
			return list->items[i + 1];
	return NULL;
}

void oci_bundle_free(struct oci_bundle *bundle)
{
	for (unsigned i = 0; i < OCI_TEXTS; i++)
		free(bundle->texts[i]);
	for (unsigned i = 0; i < OCI_LISTS; i++)
		string_list_free(&bundle->lists[i]);
	for (size_t i = 0; i < bundle->mount_count; i++) {
		free(bundle->mounts[i].source);
		free(bundle->mounts[i].target);
	}
	free(bundle->mounts);
	for (size_t i = 0; i < bundle->hook_count; i++) {
		free(bundle->hooks[i].path);
		string_list_free(&bundle->hooks[i].args);
		string_list_free(&bundle->hooks[i].env);
	}
	free(bundle->hooks);
	*bundle = (struct oci_bundle){ 0 };
}
