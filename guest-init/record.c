/*
 * The reader of the pod record, over libfdt.
 *
 * The host's own process wrote the record, so it is trusted to mean well; it is checked all the
 * same, since a record that is cut off or of another version must end in a sentence, not in a
 * crash. is_whole() walks the whole tree first: after it, the offsets and lengths that libfdt
 * returns lie within the bytes, but for lengths that are negative.
 */
#include "guest-init/record.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-init/protocol.h"

enum { RECORD_FORMAT = 17 }; /* of the flattened tree (Devicetree Specification 0.4, 5.2) */

/* One node while it is read: `bad` is sticky and err then says why. */
struct reader {
	const void *dtb;
	int node;
	const char *where; /* for messages */
	bool bad;
	struct error *err;
};

static void fail(struct reader *r, const char *name, const char *why)
{
	if (!r->bad)
		error_set(r->err, EINVAL, "pod record: %s: %s %s", r->where, name, why);
	r->bad = true;
}

static const void *property(struct reader *r, const char *name, size_t *len)
{
	int signed_len;
	const void *data = fdt_getprop(r->dtb, r->node, name, &signed_len);

	*len = 0;
	if (!data)
		return NULL;
	if (signed_len < 0) {
		fail(r, name, "has a negative length");
		return NULL;
	}
	*len = (size_t)signed_len;
	return data;
}

/* The property's cells; NULL, and an error, if their count is not a multiple of `group`. */
static const uint8_t *read_cells(struct reader *r, const char *name, size_t group, size_t *groups)
{
	size_t len;
	const uint8_t *cells = property(r, name, &len);

	*groups = len / (group * sizeof(fdt32_t));
	if (cells && len % (group * sizeof(fdt32_t)) != 0) {
		fail(r, name, "has a wrong size");
		*groups = 0;
		return NULL;
	}
	return cells;
}

static uint32_t cell_at(const uint8_t *cells, size_t index)
{
	fdt32_t raw;

	memcpy(&raw, cells + index * sizeof(raw), sizeof(raw));
	return fdt32_to_cpu(raw);
}

static uint64_t cell64_at(const uint8_t *cells, size_t index)
{
	return (uint64_t)cell_at(cells, index) << 32 | cell_at(cells, index + 1);
}

static uint32_t read_u32(struct reader *r, const char *name, uint32_t otherwise)
{
	size_t groups;
	const uint8_t *cells = read_cells(r, name, 1, &groups);

	if (!cells)
		return otherwise;
	if (groups != 1) {
		fail(r, name, "is not one number");
		return otherwise;
	}
	return cell_at(cells, 0);
}

static uint64_t read_u64(struct reader *r, const char *name, uint64_t otherwise)
{
	size_t groups;
	const uint8_t *cells = read_cells(r, name, 2, &groups);

	if (!cells)
		return otherwise;
	if (groups != 1) {
		fail(r, name, "is not one 64-bit number");
		return otherwise;
	}
	return cell64_at(cells, 0);
}

static bool read_flag(struct reader *r, const char *name)
{
	size_t len;

	return property(r, name, &len) != NULL;
}

/* NULL if absent. */
static const char *read_string(struct reader *r, const char *name)
{
	size_t len;
	const char *text = property(r, name, &len);

	if (!text)
		return NULL;
	if (len < 2 || memchr(text, '\0', len) != text + len - 1) {
		fail(r, name, "is not one string");
		return NULL;
	}
	return text;
}

static const char *need_string(struct reader *r, const char *name)
{
	const char *text = read_string(r, name);

	if (!text)
		fail(r, name, "is missing");
	return text;
}

static const char *need_path(struct reader *r, const char *name)
{
	const char *text = need_string(r, name);

	if (text && text[0] != '/')
		fail(r, name, "is not an absolute path");
	return text;
}

/* A name that becomes one component of a path. */
static const char *need_component(struct reader *r, const char *name)
{
	const char *text = need_string(r, name);

	if (text && (strchr(text, '/') || !strcmp(text, ".") || !strcmp(text, "..")))
		fail(r, name, "is not a plain name");
	return text;
}

/* A fresh NULL-terminated array with `spare` more entries; absent means empty. */
static const char **read_list(struct reader *r, const char *name, size_t spare, size_t *count)
{
	size_t len, strings = 0;
	const char *text = property(r, name, &len);
	const char **list;

	*count = 0;
	if (len && text[len - 1] != '\0') {
		fail(r, name, "is not a list of strings");
		len = 0;
	}
	for (size_t i = 0; i < len; i++)
		strings += text[i] == '\0';
	if (strings > RECORD_STRINGS_MAX) {
		fail(r, name, "has too many strings");
		strings = len = 0;
	}
	list = calloc(strings + 1 + spare, sizeof(*list));
	if (!list) {
		fail(r, name, "needs more memory than there is");
		return NULL;
	}
	for (const char *at = text; *count < strings; at += strlen(at) + 1)
		list[(*count)++] = at;
	return list;
}

static const char **read_paths(struct reader *r, const char *name)
{
	size_t count;
	const char **list = read_list(r, name, 0, &count);

	for (size_t i = 0; i < count; i++) {
		if (list[i][0] != '/')
			fail(r, name, "holds a path that is not absolute");
	}
	return list;
}

/* True if the string is `yes`, false if it is `no`; an error if it is neither. */
static bool read_choice(struct reader *r, const char *name, const char *yes, const char *no)
{
	const char *text = need_string(r, name);

	if (text && strcmp(text, yes) != 0 && strcmp(text, no) != 0)
		fail(r, name, "has an unknown value");
	return text && !strcmp(text, yes);
}

static void read_root(struct reader *app, struct record_root *root)
{
	struct reader r = *app;

	r.node = fdt_subnode_offset(r.dtb, app->node, RECORD_ROOT);
	r.where = RECORD_ROOT;
	if (r.node < 0) {
		fail(app, RECORD_ROOT, "is missing");
		return;
	}
	root->p9 = read_choice(&r, RECORD_TYPE, "9p", "erofs");
	root->source = need_component(&r, RECORD_SOURCE);
	root->upper_tmpfs = read_choice(&r, RECORD_UPPER, "tmpfs", "none");
	root->upper_size_bytes = read_u64(&r, RECORD_UPPER_SIZE, 0);
	root->read_only = read_flag(&r, RECORD_READ_ONLY);
	app->bad |= r.bad;
}

static void read_mount(struct reader *r, struct record_mount *mount)
{
	mount->tmpfs = read_choice(r, RECORD_TYPE, "tmpfs", "share");
	if (!mount->tmpfs)
		mount->source = need_component(r, RECORD_SOURCE);
	mount->target = need_path(r, RECORD_TARGET);
	mount->read_only = read_flag(r, RECORD_READ_ONLY);
}

/*
 * How many children the node has. An error if there are more than max, or if they are not
 * called PREFIX@0, PREFIX@1, ... in this order.
 */
static size_t count_children(struct reader *r, int node, const char *prefix, size_t max)
{
	size_t count = 0;
	int child;

	fdt_for_each_subnode(child, r->dtb, node)
	{
		char expected[32];
		const char *name = fdt_get_name(r->dtb, child, NULL);

		(void)snprintf(expected, sizeof(expected), "%s@%zu", prefix, count);
		if (count == max || !name || strcmp(name, expected) != 0) {
			fail(r, prefix, "has a child too many or out of order");
			return 0;
		}
		count++;
	}
	return count;
}

static void read_mounts(struct reader *app, struct record_app *out)
{
	int mounts = fdt_subnode_offset(app->dtb, app->node, RECORD_MOUNTS);
	struct reader r = *app;
	size_t count;

	if (mounts < 0)
		return;
	count = count_children(app, mounts, "mount", RECORD_MOUNTS_MAX);
	if (!count)
		return;
	out->mounts = calloc(count, sizeof(*out->mounts));
	if (!out->mounts) {
		fail(app, RECORD_MOUNTS, "need more memory than there is");
		return;
	}
	fdt_for_each_subnode(r.node, r.dtb, mounts)
	{
		r.where = fdt_get_name(r.dtb, r.node, NULL);
		read_mount(&r, &out->mounts[out->mount_count++]);
	}
	app->bad |= r.bad;
}

static void read_rlimits(struct reader *r, struct record_app *out)
{
	size_t count;
	const uint8_t *cells = read_cells(r, RECORD_RLIMITS, 5, &count);

	if (!cells || !count)
		return;
	if (count > RECORD_RLIMITS_MAX) {
		fail(r, RECORD_RLIMITS, "are too many");
		return;
	}
	out->rlimits = calloc(count, sizeof(*out->rlimits));
	if (!out->rlimits) {
		fail(r, RECORD_RLIMITS, "need more memory than there is");
		return;
	}
	out->rlimit_count = count;
	for (size_t i = 0; i < count; i++)
		out->rlimits[i] = (struct record_rlimit){
			.resource = cell_at(cells, i * 5),
			.soft = cell64_at(cells, i * 5 + 1),
			.hard = cell64_at(cells, i * 5 + 3),
		};
}

static void read_terminal(struct reader *r, struct record_app *out)
{
	size_t count;
	const uint8_t *cells = read_cells(r, RECORD_TERMINAL, 2, &count);

	if (!cells)
		return;
	if (count != 1 || cell_at(cells, 0) > UINT16_MAX || cell_at(cells, 1) > UINT16_MAX) {
		fail(r, RECORD_TERMINAL, "is not one window size");
		return;
	}
	out->terminal = true;
	out->rows = (uint16_t)cell_at(cells, 0);
	out->columns = (uint16_t)cell_at(cells, 1);
}

static void read_app(struct reader *r, struct record_app *app)
{
	size_t argc;

	app->name = need_string(r, RECORD_NAME);
	app->argv = read_list(r, RECORD_ARGV, 0, &argc);
	if (!argc || !app->argv[0][0])
		fail(r, RECORD_ARGV, "names no program");
	app->env = read_list(r, RECORD_ENV, RECORD_ENV_SPARE, &app->env_count);
	for (size_t i = 0; i < app->env_count; i++) {
		if (!strchr(app->env[i], '=') || app->env[i][0] == '=')
			fail(r, RECORD_ENV, "holds an entry that is not NAME=value");
	}
	app->user = read_string(r, RECORD_USER);
	app->workdir = need_path(r, RECORD_WORKDIR);
	read_terminal(r, app);
	app->ports[0] = read_u32(r, RECORD_STDIN_PORT, 0);
	app->ports[1] = read_u32(r, RECORD_STDOUT_PORT, 0);
	app->ports[2] = read_u32(r, RECORD_STDERR_PORT, 0);
	app->capabilities = read_u64(r, RECORD_CAPABILITIES, 0);
	app->no_new_privileges = read_flag(r, RECORD_NO_NEW_PRIVS);
	app->init = read_flag(r, RECORD_INIT);
	read_rlimits(r, app);
	app->masked_paths = read_paths(r, RECORD_MASKED);
	app->read_only_paths = read_paths(r, RECORD_READ_ONLY_PATHS);
	read_root(r, &app->root);
	read_mounts(r, app);
}

/* <family prefix a b c d>, or without the prefix. */
static void read_addresses(struct reader *r, const char *name, bool with_prefix, size_t max,
			   struct record_address *out, size_t *out_count)
{
	const size_t cells_each = with_prefix ? 6 : 5;
	size_t count;
	const uint8_t *cells = read_cells(r, name, cells_each, &count);

	if (count > max) {
		fail(r, name, "are too many");
		return;
	}
	for (size_t i = 0; cells && i < count; i++) {
		const uint8_t *at = cells + i * cells_each * sizeof(fdt32_t);
		uint32_t family = cell_at(at, 0);
		uint32_t prefix = with_prefix ? cell_at(at, 1) : 0;

		if ((family != 4 && family != 6) || prefix > (family == 4 ? 32 : 128)) {
			fail(r, name, "hold what is no address");
			return;
		}
		out[i].family = (uint8_t)family;
		out[i].prefix = (uint8_t)prefix;
		memcpy(out[i].bytes, at + (cells_each - 4) * sizeof(fdt32_t), 16);
	}
	*out_count = count;
}

static void read_interfaces(struct reader *top, struct record *record)
{
	int interfaces = fdt_subnode_offset(top->dtb, top->node, RECORD_INTERFACES);
	struct reader r = *top;

	if (interfaces < 0 || !count_children(top, interfaces, "interface", RECORD_INTERFACES_MAX))
		return;
	fdt_for_each_subnode(r.node, r.dtb, interfaces)
	{
		struct record_interface *out = &record->interfaces[record->interface_count++];

		r.where = fdt_get_name(r.dtb, r.node, NULL);
		read_addresses(&r, RECORD_ADDRESSES, true, RECORD_ADDRESSES_MAX, out->addresses,
			       &out->address_count);
		read_addresses(&r, RECORD_GATEWAYS, false, RECORD_GATEWAYS_MAX, out->gateways,
			       &out->gateway_count);
	}
	top->bad |= r.bad;
}

static void read_apps(struct reader *top, struct record *record)
{
	int apps = fdt_subnode_offset(top->dtb, top->node, RECORD_APPS);
	struct reader r = *top;
	size_t count = apps < 0 ? 0 : count_children(top, apps, "app", RECORD_APPS_MAX);

	if (!count) {
		fail(top, RECORD_APPS, "are missing");
		return;
	}
	record->apps = calloc(count, sizeof(*record->apps));
	if (!record->apps) {
		fail(top, RECORD_APPS, "need more memory than there is");
		return;
	}
	fdt_for_each_subnode(r.node, r.dtb, apps)
	{
		r.where = fdt_get_name(r.dtb, r.node, NULL);
		read_app(&r, &record->apps[record->app_count++]);
		if (r.bad)
			break;
	}
	top->bad |= r.bad;
}

/*
 * fdt_check_full() of libfdt 1.6 takes property lengths just below 2^32 for small negative numbers,
 * and one of them makes it stand still.
 */
static bool goes_forward(const void *dtb)
{
	int offset = 0, next;

	while (fdt_next_tag(dtb, offset, &next) != FDT_END) {
		if (next <= offset)
			return false;
		offset = next;
	}
	return next > 0;
}

/*
 * Of the formats before 16, fdt_check_full() of libfdt 1.6 follows a NULL where the root has a
 * name; the record is in 17.
 */
static bool is_whole(const void *dtb, size_t len)
{
	return len >= sizeof(struct fdt_header) && fdt_check_header(dtb) == 0 &&
	       fdt_version(dtb) == RECORD_FORMAT && fdt_totalsize(dtb) <= len &&
	       goes_forward(dtb) && fdt_check_full(dtb, len) == 0;
}

int record_read(const void *dtb, size_t len, struct record *record, struct error *err)
{
	struct reader r = { .dtb = dtb, .where = "/", .err = err };
	uint32_t version;

	*record = (struct record){ .cpus = 1 };
	if (len > RECORD_SIZE_MAX)
		return error_set(err, EFBIG, "pod record: %zu bytes are too many", len);
	if (!is_whole(dtb, len))
		return error_set(err, EINVAL, "pod record: it is damaged");
	r.node = fdt_path_offset(dtb, "/");
	version = read_u32(&r, RECORD_VERSION_PROP, 0);
	if (version != RECORD_VERSION)
		return error_set(err, EPROTO, "pod record: version %u, this guest knows %u",
				 version, RECORD_VERSION);
	record->hostname = read_string(&r, RECORD_HOSTNAME);
	record->trace = read_flag(&r, RECORD_TRACE);
	record->cpus = read_u32(&r, RECORD_CPUS, 1);
	record->hosts = read_string(&r, RECORD_HOSTS);
	record->resolv_conf = read_string(&r, RECORD_RESOLV_CONF);
	read_interfaces(&r, record);
	read_apps(&r, record);
	if (!r.bad)
		return 0;
	record_free(record);
	return -1;
}

void record_free(struct record *record)
{
	for (size_t i = 0; i < record->app_count; i++) {
		struct record_app *app = &record->apps[i];

		free(app->argv);
		free(app->env);
		free(app->masked_paths);
		free(app->read_only_paths);
		free(app->rlimits);
		free(app->mounts);
	}
	free(record->apps);
	*record = (struct record){ 0 };
}
