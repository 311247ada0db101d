/*
 * The reader of the pod record, over libfdt: the tree, and what the pod has as a whole.
 *
 * The host's own process wrote the record, so it is trusted to mean well; it is checked all the
 * same, since a record that is cut off or of another version must end in a sentence, not in a
 * crash. is_whole() walks the whole tree first: after it, the offsets and lengths that libfdt
 * returns lie within the bytes, but for lengths that are negative.
 */
#include "guest-init/record.h"

#include <errno.h>
#include <libfdt.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "guest-init/protocol.h"
#include "guest-init/record_reader.h"

enum { RECORD_FORMAT = 17 }; /* of the flattened tree (Devicetree Specification 0.4, 5.2) */

static bool is_network(uint32_t family, uint32_t prefix)
{
	return (family == 4 && prefix <= 32) || (family == 6 && prefix <= 128);
}

/* <family prefix a b c d>, or without the prefix. */
static void read_addresses(struct record_reader *r, const char *name, bool with_prefix, size_t max,
			   struct record_address *out, size_t *out_count)
{
	const size_t cells_each = with_prefix ? 6 : 5;
	size_t count;
	const uint8_t *cells = reader_cells(r, name, cells_each, max, &count);

	for (size_t i = 0; cells && i < count; i++) {
		const uint8_t *at = cells + i * cells_each * sizeof(fdt32_t);
		uint32_t family = reader_cell(at, 0);
		uint32_t prefix = with_prefix ? reader_cell(at, 1) : 0;

		if (!is_network(family, prefix)) {
			reader_fail(r, name, "hold what is no address");
			return;
		}
		out[i].family = (uint8_t)family;
		out[i].prefix = (uint8_t)prefix;
		memcpy(out[i].bytes, at + (cells_each - 4) * sizeof(fdt32_t), 16);
	}
	*out_count = count;
}

/* <family prefix a b c d e f g h> */
static void read_routes(struct record_reader *r, struct record_interface *out)
{
	enum { ROUTE_CELLS = 10, TO_CELL = 2, VIA_CELL = 6 };
	const uint8_t *at =
	    reader_cells(r, RECORD_ROUTES, ROUTE_CELLS, RECORD_ROUTES_MAX, &out->route_count);

	for (size_t i = 0; at && i < out->route_count; i++) {
		struct record_route *route = &out->routes[i];

		if (!is_network(reader_cell(at, 0), reader_cell(at, 1))) {
			reader_fail(r, RECORD_ROUTES, "hold what is no network");
			return;
		}
		route->to.family = (uint8_t)reader_cell(at, 0);
		route->to.prefix = (uint8_t)reader_cell(at, 1);
		memcpy(route->to.bytes, at + TO_CELL * sizeof(fdt32_t), sizeof(route->to.bytes));
		memcpy(route->via, at + VIA_CELL * sizeof(fdt32_t), sizeof(route->via));
		at += ROUTE_CELLS * sizeof(fdt32_t);
	}
}

/* <h l>: two bytes, and four. */
static void read_mac(const uint8_t *cells, uint8_t mac[6])
{
	memcpy(mac, cells + 2, 6);
}

/* <family a b c d h l> */
static void read_neighbours(struct record_reader *r, struct record_interface *out)
{
	enum { CELLS = 7, IP_CELL = 1, MAC_CELL = 5 };
	const uint8_t *at =
	    reader_cells(r, RECORD_NEIGHBOURS, CELLS, RECORD_NEIGHBOURS_MAX, &out->neighbour_count);

	for (size_t i = 0; at && i < out->neighbour_count; i++) {
		struct record_neighbour *neighbour = &out->neighbours[i];

		if (!is_network(reader_cell(at, 0), 0)) {
			reader_fail(r, RECORD_NEIGHBOURS, "hold what is no address");
			return;
		}
		neighbour->ip.family = (uint8_t)reader_cell(at, 0);
		memcpy(neighbour->ip.bytes, at + IP_CELL * sizeof(fdt32_t),
		       sizeof(neighbour->ip.bytes));
		read_mac(at + MAC_CELL * sizeof(fdt32_t), neighbour->mac);
		at += CELLS * sizeof(fdt32_t);
	}
}

/* <mtu h l>, and the name */
static void read_link(struct record_reader *r, struct record_interface *out)
{
	enum { CELLS = 3 };
	size_t count;
	const uint8_t *cells = reader_cells(r, RECORD_LINK, CELLS, 1, &count);

	out->name = reader_component(r, RECORD_NAME);
	if (out->name && (!*out->name || strlen(out->name) >= IF_NAMESIZE))
		reader_fail(r, RECORD_NAME, "is none of an interface");
	out->has_link = cells != NULL;
	if (!cells)
		return;
	out->mtu = reader_cell(cells, 0);
	read_mac(cells + sizeof(fdt32_t), out->mac);
}

static void read_interfaces(struct record_reader *top, struct record *record)
{
	int interfaces = fdt_subnode_offset(top->dtb, top->node, RECORD_INTERFACES);
	struct record_reader r = *top;

	if (interfaces < 0 ||
	    !reader_count_children(top, interfaces, "interface", RECORD_INTERFACES_MAX))
		return;
	fdt_for_each_subnode(r.node, r.dtb, interfaces)
	{
		struct record_interface *out = &record->interfaces[record->interface_count++];

		r.where = fdt_get_name(r.dtb, r.node, NULL);
		read_addresses(&r, RECORD_ADDRESSES, true, RECORD_ADDRESSES_MAX, out->addresses,
			       &out->address_count);
		read_addresses(&r, RECORD_GATEWAYS, false, RECORD_GATEWAYS_MAX, out->gateways,
			       &out->gateway_count);
		read_routes(&r, out);
		read_neighbours(&r, out);
		read_link(&r, out);
	}
	top->bad |= r.bad;
}

static void read_volume(struct record_reader *r, struct record_volume *volume)
{
	volume->name = reader_need_component(r, RECORD_NAME);
	volume->mode = reader_number(r, RECORD_MODE, 0755, 07777);
	volume->uid = reader_u32(r, RECORD_UID, 0);
	volume->gid = reader_u32(r, RECORD_GID, 0);
	volume->size_bytes = reader_u64(r, RECORD_SIZE, 0);
	volume->upper_device = reader_component(r, RECORD_UPPER_DEVICE);
	volume->share = reader_component(r, RECORD_SHARE);
}

static void read_volumes(struct record_reader *top, struct record *record)
{
	int volumes = fdt_subnode_offset(top->dtb, top->node, RECORD_VOLUMES);
	struct record_reader r = *top;
	size_t count;

	if (volumes < 0)
		return;
	count = reader_count_children(top, volumes, "volume", RECORD_VOLUMES_MAX);
	if (!count)
		return;
	record->volumes = reader_allocate(top, RECORD_VOLUMES, count, sizeof(*record->volumes));
	if (!record->volumes)
		return;
	fdt_for_each_subnode(r.node, r.dtb, volumes)
	{
		r.where = fdt_get_name(r.dtb, r.node, NULL);
		read_volume(&r, &record->volumes[record->volume_count++]);
	}
	top->bad |= r.bad;
}

/* A mount of a volume names one that the record has. */
static void check_volumes(struct record_reader *r, const struct record *record,
			  const struct record_app *app)
{
	for (size_t m = 0; m < app->mount_count; m++) {
		bool found = app->mounts[m].type != RECORD_MOUNT_VOLUME;

		for (size_t v = 0; v < record->volume_count && !found; v++)
			found = !strcmp(record->volumes[v].name, app->mounts[m].source);
		if (!found)
			reader_fail(r, RECORD_SOURCE, "is no volume of the pod");
	}
}

static void read_sysctls(struct record_reader *r, struct record *record)
{
	size_t count;

	record->sysctls = reader_list(r, RECORD_SYSCTLS, 0, &count);
	if (count > RECORD_SYSCTLS_MAX)
		reader_fail(r, RECORD_SYSCTLS, "are too many");
	for (size_t i = 0; i < count; i++) {
		if (!strchr(record->sysctls[i], '=') || strstr(record->sysctls[i], "..") ||
		    strchr("=/.", record->sysctls[i][0]))
			reader_fail(r, RECORD_SYSCTLS, "hold an entry that is not key=value");
	}
}

static void read_apps(struct record_reader *top, struct record *record)
{
	int apps = fdt_subnode_offset(top->dtb, top->node, RECORD_APPS);
	struct record_reader r = *top;
	size_t count = apps < 0 ? 0 : reader_count_children(top, apps, "app", RECORD_APPS_MAX);

	if (!count) {
		reader_fail(top, RECORD_APPS, "are missing");
		return;
	}
	record->apps = reader_allocate(top, RECORD_APPS, count, sizeof(*record->apps));
	if (!record->apps)
		return;
	fdt_for_each_subnode(r.node, r.dtb, apps)
	{
		r.where = fdt_get_name(r.dtb, r.node, NULL);
		record_read_app(&r, &record->apps[record->app_count++]);
		if (r.bad)
			break;
		check_volumes(&r, record, &record->apps[record->app_count - 1]);
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

/* Puts the reader on the root of a record of this version. */
static int open_record(const void *dtb, size_t len, struct record_reader *r, struct error *err)
{
	uint32_t version;

	*r = (struct record_reader){
		.dtb = dtb,
		.where = "/",
		.err = err,
		.listed_node = READER_LISTED_NONE,
	};
	if (len > RECORD_SIZE_MAX)
		return error_set(err, EFBIG, "pod record: %zu bytes are too many", len);
	if (!is_whole(dtb, len))
		return error_set(err, EINVAL, "pod record: it is damaged");
	r->node = fdt_path_offset(dtb, "/");
	version = reader_u32(r, RECORD_VERSION_PROP, 0);
	if (version != RECORD_VERSION)
		return error_set(err, EPROTO, "pod record: version %u, this guest knows %u",
				 version, RECORD_VERSION);
	return 0;
}

static enum record_export read_export(struct record_reader *r)
{
	static const char *const what[] = { "layer", "root", NULL };

	return reader_choice(r, RECORD_EXPORT, what) ? RECORD_EXPORT_ROOT : RECORD_EXPORT_LAYER;
}

int record_read(const void *dtb, size_t len, struct record *record, struct error *err)
{
	struct record_reader r;

	*record = (struct record){ .cpus = 1 };
	if (open_record(dtb, len, &r, err) < 0)
		return -1;
	record->hostname = reader_string(&r, RECORD_HOSTNAME);
	record->trace = reader_flag(&r, RECORD_TRACE);
	record->metadata = reader_flag(&r, RECORD_METADATA);
	if (reader_flag(&r, RECORD_EXPORT))
		record->export = read_export(&r);
	record->cpus = reader_u32(&r, RECORD_CPUS, 1);
	record->hosts = reader_string(&r, RECORD_HOSTS);
	record->resolv_conf = reader_string(&r, RECORD_RESOLV_CONF);
	record->stop_timeout_ms = reader_u32(&r, RECORD_STOP_TIMEOUT, RECORD_STOP_TIMEOUT_MS);
	read_sysctls(&r, record);
	read_interfaces(&r, record);
	read_volumes(&r, record);
	read_apps(&r, record);
	if (!r.bad)
		return 0;
	record_free(record);
	return -1;
}

void record_free(struct record *record)
{
	for (size_t i = 0; i < record->app_count; i++)
		record_free_app(&record->apps[i]);
	free(record->apps);
	free(record->volumes);
	free(record->sysctls);
	*record = (struct record){ 0 };
}

static void check_ports(struct record_reader *r, const struct record_app *process)
{
	for (size_t i = 0; i < 3; i++) {
		if (process->ports[i] >= NACELLE_PORTS_ADDED)
			reader_fail(r, RECORD_STDIN_PORT, "is none of those of an added process");
	}
}

int record_read_added(const void *dtb, size_t len, struct record_app *process, struct error *err)
{
	struct record_reader r;

	*process = (struct record_app){ .name = NULL };
	if (open_record(dtb, len, &r, err) < 0)
		return -1;
	r.node = fdt_subnode_offset(dtb, r.node, RECORD_EXEC);
	r.where = RECORD_EXEC;
	if (r.node < 0)
		return error_set(err, EINVAL, "pod record: it holds no process");
	record_read_process(&r, process, true);
	record_read_own(&r, process);
	check_ports(&r, process);
	if (!r.bad)
		return 0;
	record_free_app(process);
	return -1;
}

/* It comes without a disk, and goes with all that it had; its shares are those of one device. */
static void check_member(struct record_reader *r, struct record_app *member)
{
	if (!member->root.p9 || member->root.upper == RECORD_UPPER_DISK)
		reader_fail(r, RECORD_ROOT, "is none of a container that is added");
	if (member->restart != RECORD_RESTART_NO || member->post_stop[0])
		reader_fail(r, RECORD_RESTART, "is none of a container that is added");
	member->root.uncached = true;
	for (size_t i = 0; i < member->mount_count; i++) {
		struct record_mount *mount = &member->mounts[i];

		if (mount->type != RECORD_MOUNT_SHARE && mount->type != RECORD_MOUNT_TMPFS)
			reader_fail(r, RECORD_MOUNTS, "are none of a container that is added");
		if (mount->cache == RECORD_CACHE_LOOSE)
			mount->cache = RECORD_CACHE_MMAP;
	}
}

int record_read_member(const void *dtb, size_t len, struct record_app *member, struct error *err)
{
	struct record_reader r;

	*member = (struct record_app){ .name = NULL };
	if (open_record(dtb, len, &r, err) < 0)
		return -1;
	r.node = fdt_subnode_offset(dtb, r.node, RECORD_APP);
	r.where = RECORD_APP;
	if (r.node < 0)
		return error_set(err, EINVAL, "pod record: it holds no container");
	record_read_app(&r, member);
	member->own_ipc = reader_flag(&r, RECORD_OWN_IPC);
	member->hostname = reader_string(&r, RECORD_HOSTNAME);
	check_ports(&r, member);
	if (!r.bad)
		check_member(&r, member);
	if (!r.bad)
		return 0;
	record_free_app(member);
	return -1;
}

bool record_holds_networks(const void *dtb, size_t len)
{
	struct error ignored = ERROR_NONE;
	struct record_reader r;

	return open_record(dtb, len, &r, &ignored) == 0 &&
	       fdt_subnode_offset(dtb, r.node, RECORD_INTERFACES) >= 0;
}

int record_read_networks(const void *dtb, size_t len, struct record *record, struct error *err)
{
	struct record_reader r;

	*record = (struct record){ .cpus = 1 };
	if (open_record(dtb, len, &r, err) < 0)
		return -1;
	read_interfaces(&r, record);
	return r.bad ? -1 : 0;
}

int record_read_question(const void *dtb, size_t len, struct record_app *asked, struct error *err)
{
	static const char *const names[RECORD_QUESTIONS] = {
		[RECORD_QUESTION_FIGURES] = RECORD_FIGURES,
		[RECORD_QUESTION_PROCESSES] = RECORD_PROCESSES,
		[RECORD_QUESTION_LIMITS] = RECORD_LIMITS,
		[RECORD_QUESTION_FREEZE] = RECORD_FREEZE,
		[RECORD_QUESTION_THAW] = RECORD_THAW,
	};
	int question = RECORD_QUESTION_NONE, top;
	struct record_reader r;

	*asked = (struct record_app){ .name = NULL };
	if (open_record(dtb, len, &r, err) < 0)
		return -1;
	top = r.node;
	do {
		if (++question == RECORD_QUESTIONS)
			return RECORD_QUESTION_NONE;
		r.where = names[question];
		r.node = fdt_subnode_offset(dtb, top, r.where);
	} while (r.node < 0);
	if (question == RECORD_QUESTION_LIMITS) {
		record_read_limits(&r, asked);
	} else if (question == RECORD_QUESTION_FIGURES || question == RECORD_QUESTION_PROCESSES) {
		asked->ports[1] = reader_u32(&r, RECORD_STDOUT_PORT, 0);
		if (!asked->ports[1] || asked->ports[1] >= NACELLE_PORTS_ADDED)
			reader_fail(&r, RECORD_STDOUT_PORT, "is none of those of an added process");
	}
	return r.bad ? -1 : question;
}

void record_free_added(struct record_app *process)
{
	record_free_app(process);
}
