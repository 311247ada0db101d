/*
 * The writer of the pod record, over libfdt's sequential interface.
 *
 * What it is given has been put together from the user's options and the image's configuration,
 * both of which may hold anything: the checks here are those of the reader in the guest, so that a
 * mistake is a sentence on the host and not a guest that refuses its record.
 */
#include "vmm/pod/record.h"

#include <errno.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "guest-init/protocol.h"
#include "vmm/pod/record_writer.h"

enum { RECORD_SIZE_FIRST = 8192 }; /* times a power of 8: RECORD_SIZE_MAX */
static_assert(RECORD_SIZE_FIRST * 8 * 8 * 8 == RECORD_SIZE_MAX, "the last attempt is the limit");

/* <family prefix a b c d>, or without the prefix. */
static void put_addresses(struct record_writer *w, const char *name, bool with_prefix,
			  const struct pod_address *addresses, size_t count)
{
	fdt32_t cells[POD_ADDRESSES_MAX * 6];
	size_t used = 0;

	if (!count || w->bad)
		return;
	for (size_t i = 0; i < count; i++) {
		cells[used++] = cpu_to_fdt32(addresses[i].family);
		if (with_prefix)
			cells[used++] = cpu_to_fdt32(addresses[i].prefix);
		memcpy(cells + used, addresses[i].bytes, sizeof(addresses[i].bytes));
		used += sizeof(addresses[i].bytes) / sizeof(*cells);
	}
	writer_put(w, name, cells, used * sizeof(*cells));
}

/* <family prefix a b c d e f g h> */
static void put_routes(struct record_writer *w, const struct pod_interface *interface)
{
	enum { ROUTE_CELLS = 10, IP_CELLS = 4 };
	fdt32_t cells[POD_ROUTES_MAX * ROUTE_CELLS];
	size_t used = 0;

	if (!interface->route_count || w->bad)
		return;
	for (size_t i = 0; i < interface->route_count; i++) {
		const struct pod_route *route = &interface->routes[i];

		cells[used++] = cpu_to_fdt32(route->to.family);
		cells[used++] = cpu_to_fdt32(route->to.prefix);
		memcpy(cells + used, route->to.bytes, sizeof(route->to.bytes));
		used += IP_CELLS;
		memcpy(cells + used, route->via, sizeof(route->via));
		used += IP_CELLS;
	}
	writer_put(w, RECORD_ROUTES, cells, used * sizeof(*cells));
}

/* <h l> */
static void write_mac(fdt32_t cells[2], const uint8_t mac[6])
{
	cells[0] = 0;
	memcpy((uint8_t *)cells + 2, mac, 6);
}

/* <family a b c d h l> */
static void put_neighbours(struct record_writer *w, const struct pod_interface *interface)
{
	enum { CELLS = 7, IP_CELLS = 4 };
	fdt32_t cells[POD_NEIGHBOURS_MAX * CELLS];
	size_t used = 0;

	if (!interface->neighbour_count || w->bad)
		return;
	for (size_t i = 0; i < interface->neighbour_count; i++) {
		const struct pod_neighbour *neighbour = &interface->neighbours[i];

		cells[used++] = cpu_to_fdt32(neighbour->ip.family);
		memcpy(cells + used, neighbour->ip.bytes, sizeof(neighbour->ip.bytes));
		used += IP_CELLS;
		write_mac(cells + used, neighbour->mac);
		used += 2;
	}
	writer_put(w, RECORD_NEIGHBOURS, cells, used * sizeof(*cells));
}

/* <mtu h l> */
static void put_link(struct record_writer *w, const struct pod_interface *interface)
{
	fdt32_t cells[3] = { cpu_to_fdt32(interface->mtu) };

	if (interface->name)
		writer_component(w, RECORD_NAME, interface->name);
	if (!interface->has_link || w->bad)
		return;
	write_mac(cells + 1, interface->mac);
	writer_put(w, RECORD_LINK, cells, sizeof(cells));
}

static void put_interfaces(struct record_writer *w, const struct pod_interface *interfaces,
			   size_t count)
{
	if (count > RECORD_INTERFACES_MAX)
		writer_fail(w, RECORD_INTERFACES, "are too many");
	if (!count || w->bad)
		return;
	writer_begin(w, RECORD_INTERFACES);
	for (size_t i = 0; i < count; i++) {
		const struct pod_interface *interface = &interfaces[i];

		writer_begin_indexed(w, "interface", i);
		put_addresses(w, RECORD_ADDRESSES, true, interface->addresses,
			      interface->address_count);
		put_addresses(w, RECORD_GATEWAYS, false, interface->gateways,
			      interface->gateway_count);
		put_routes(w, interface);
		put_neighbours(w, interface);
		put_link(w, interface);
		writer_end(w);
	}
	writer_end(w);
}

static void put_volumes(struct record_writer *w, const struct pod *pod)
{
	if (pod->volume_count > RECORD_VOLUMES_MAX)
		writer_fail(w, RECORD_VOLUMES, "are too many");
	if (!pod->volume_count || w->bad)
		return;
	writer_begin(w, RECORD_VOLUMES);
	for (size_t i = 0; i < pod->volume_count; i++) {
		const struct pod_volume *volume = &pod->volumes[i];

		writer_begin_indexed(w, "volume", i);
		writer_component(w, RECORD_NAME, volume->name);
		writer_u32_unless_0(w, RECORD_MODE, volume->mode);
		writer_u32_unless_0(w, RECORD_UID, volume->uid);
		writer_u32_unless_0(w, RECORD_GID, volume->gid);
		writer_u64_unless_0(w, RECORD_SIZE, volume->size_bytes);
		if (volume->upper_device)
			writer_component(w, RECORD_UPPER_DEVICE, volume->upper_device);
		if (volume->share)
			writer_component(w, RECORD_SHARE, volume->share);
		writer_end(w);
	}
	writer_end(w);
}

static void put_sysctls(struct record_writer *w, const struct pod *pod)
{
	size_t count = 0;

	for (; pod->sysctls && pod->sysctls[count]; count++) {
		const char *text = pod->sysctls[count];

		if (!strchr(text, '=') || strstr(text, "..") || strchr("=/.", text[0]))
			writer_fail(w, text, "is not KEY=VALUE");
	}
	if (count > RECORD_SYSCTLS_MAX)
		writer_fail(w, RECORD_SYSCTLS, "are too many");
	writer_list(w, RECORD_SYSCTLS, pod->sysctls);
}

static void put_pod(struct record_writer *w, const struct pod *pod)
{
	static const char *const exports[] = {
		[POD_EXPORT_NO] = NULL,
		[POD_EXPORT_LAYER] = "layer",
		[POD_EXPORT_ROOT] = "root",
	};

	writer_begin(w, "");
	writer_u32(w, RECORD_VERSION_PROP, RECORD_VERSION);
	writer_string(w, RECORD_HOSTNAME, pod->hostname);
	writer_flag(w, RECORD_TRACE, pod->trace);
	writer_flag(w, RECORD_METADATA, pod->metadata);
	writer_string(w, RECORD_EXPORT, exports[pod->export]);
	writer_u32(w, RECORD_CPUS, pod->cpus);
	writer_string(w, RECORD_HOSTS, pod->hosts);
	writer_string(w, RECORD_RESOLV_CONF, pod->resolv_conf);
	put_sysctls(w, pod);
	writer_u32_unless_0(w, RECORD_STOP_TIMEOUT, pod->stop_timeout_ms);
	put_interfaces(w, pod->interfaces, pod->interface_count);
	put_volumes(w, pod);
	if (!pod->app_count || pod->app_count > RECORD_APPS_MAX)
		writer_fail(w, RECORD_APPS, pod->app_count ? "are too many" : "are missing");
	writer_begin(w, RECORD_APPS);
	for (size_t i = 0; i < pod->app_count && !w->bad; i++) {
		writer_begin_indexed(w, "app", i);
		record_write_app(w, &pod->apps[i]);
		writer_end(w);
	}
	writer_end(w);
	writer_end(w);
}

static void put_member(struct record_writer *w, const struct pod_app *app)
{
	writer_begin(w, "");
	writer_u32(w, RECORD_VERSION_PROP, RECORD_VERSION);
	writer_begin(w, RECORD_APP);
	record_write_member(w, app);
	writer_end(w);
	writer_end(w);
}

/* The pod, or a process, container, limits or a question that is added to one, or else networks. */
struct content {
	const struct pod *pod;
	const struct pod_app *added;
	const struct pod_app *member;
	const struct pod_app *limits;
	const char *question; /* its node */
	bool is_answered;     /* by a text */
	const struct pod_interface *interfaces;
	size_t interface_count;
};

static void put_networks(struct record_writer *w, const struct content *content)
{
	writer_begin(w, "");
	writer_u32(w, RECORD_VERSION_PROP, RECORD_VERSION);
	put_interfaces(w, content->interfaces, content->interface_count);
	writer_end(w);
}

static void put_added(struct record_writer *w, const struct pod_app *process)
{
	writer_begin(w, "");
	writer_u32(w, RECORD_VERSION_PROP, RECORD_VERSION);
	writer_begin(w, RECORD_EXEC);
	record_write_process(w, process);
	record_write_own(w, process);
	writer_string(w, RECORD_USER, process->user);
	if (process->workdir)
		writer_path(w, RECORD_WORKDIR, process->workdir);
	writer_end(w);
	writer_end(w);
}

enum { ANSWER_PORT = 2 };

static void put_question(struct record_writer *w, const struct content *content)
{
	writer_begin(w, "");
	writer_u32(w, RECORD_VERSION_PROP, RECORD_VERSION);
	writer_begin(w, content->question);
	if (content->limits)
		record_write_limits(w, content->limits);
	else if (content->is_answered)
		writer_u32(w, RECORD_STDOUT_PORT, ANSWER_PORT);
	writer_end(w);
	writer_end(w);
}

static int build_within(const struct content *content, size_t size, struct record_writer *w)
{
	w->dtb = malloc(size);
	if (!w->dtb)
		return error_set(w->err, ENOMEM, "cannot write the pod record");
	/* To look for each name among those before it would cost more than their bytes. */
	writer_check(w, fdt_create_with_flags(w->dtb, (int)size, FDT_CREATE_FLAG_NO_NAME_DEDUP));
	if (!w->bad)
		writer_check(w, fdt_finish_reservemap(w->dtb));
	if (content->pod)
		put_pod(w, content->pod);
	else if (content->added)
		put_added(w, content->added);
	else if (content->member)
		put_member(w, content->member);
	else if (content->question)
		put_question(w, content);
	else
		put_networks(w, content);
	if (!w->bad)
		writer_check(w, fdt_finish(w->dtb));
	if (w->bad) {
		free(w->dtb);
		return -1;
	}
	return 0;
}

/*
 * The writer fills its buffer from both ends, so a buffer of the largest size would make the kernel
 * clear a huge page at either end: most records fit into the first, small one.
 */
static int build(const struct content *content, void **dtb, size_t *len, struct error *err)
{
	struct record_writer w = { .full = true };

	for (size_t size = RECORD_SIZE_FIRST; w.full && size <= RECORD_SIZE_MAX; size *= 8) {
		w = (struct record_writer){ .err = err };
		if (build_within(content, size, &w) == 0) {
			*dtb = w.dtb;
			*len = fdt_totalsize(w.dtb);
			return 0;
		}
	}
	return -1;
}

int record_build(const struct pod *pod, void **dtb, size_t *len, struct error *err)
{
	return build(&(struct content){ .pod = pod }, dtb, len, err);
}

int record_build_added(const struct pod_app *process, void **dtb, size_t *len, struct error *err)
{
	return build(&(struct content){ .added = process }, dtb, len, err);
}

int record_build_member(const struct pod_app *app, void **dtb, size_t *len, struct error *err)
{
	return build(&(struct content){ .member = app }, dtb, len, err);
}

int record_build_networks(const struct pod_interface *interfaces, size_t count, void **dtb,
			  size_t *len, struct error *err)
{
	return build(&(struct content){ .interfaces = interfaces, .interface_count = count }, dtb,
		     len, err);
}

int record_build_figures(void **dtb, size_t *len, struct error *err)
{
	return build(&(struct content){ .question = RECORD_FIGURES, .is_answered = true }, dtb, len,
		     err);
}

int record_build_processes(void **dtb, size_t *len, struct error *err)
{
	return build(&(struct content){ .question = RECORD_PROCESSES, .is_answered = true }, dtb,
		     len, err);
}

int record_build_freeze(bool freeze, void **dtb, size_t *len, struct error *err)
{
	return build(&(struct content){ .question = freeze ? RECORD_FREEZE : RECORD_THAW }, dtb,
		     len, err);
}

int record_build_limits(const struct pod_app *limits, void **dtb, size_t *len, struct error *err)
{
	return build(&(struct content){ .question = RECORD_LIMITS, .limits = limits }, dtb, len,
		     err);
}
