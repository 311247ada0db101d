/*
 * Configurations as flat fields. Taking checks every length and number; strings are only known to
 * have no NUL.
 */
#include "images/image_config.h"

#include <stdlib.h>

#include "images/fields.h"

static void put_number(struct field_writer *w, enum field_tag tag, uint64_t value)
{
	if (value)
		fields_put_u64(w, tag, value);
}

void image_isolators_put(struct field_writer *w, const struct image_isolators *isolators)
{
	put_number(w, FIELD_MEMORY_LIMIT, isolators->memory_limit_bytes);
	put_number(w, FIELD_MEMORY_REQUEST, isolators->memory_request_bytes);
	put_number(w, FIELD_CPU_LIMIT, isolators->cpu_limit);
	put_number(w, FIELD_CPU_REQUEST, isolators->cpu_request);
	put_number(w, FIELD_CPU_SHARES, isolators->cpu_shares);
	if (isolators->has_oom_score_adj)
		fields_put_u64(w, FIELD_OOM_SCORE,
			       (uint64_t)(isolators->oom_score_adj + IMAGE_OOM_SCORE_MAX));
	put_number(w, FIELD_NO_NEW_PRIVILEGES, isolators->no_new_privileges);
	put_number(w, FIELD_CAPABILITY_SET, (uint64_t)isolators->capability_set);
	fields_put_list(w, FIELD_CAPABILITY, &isolators->capabilities);
	put_number(w, FIELD_SYSTEM_CALL_SET, (uint64_t)isolators->system_call_set);
	fields_put_list(w, FIELD_SYSTEM_CALL, &isolators->system_calls);
	if (isolators->seccomp_errno)
		fields_put_text(w, FIELD_SECCOMP_ERRNO, isolators->seccomp_errno);
	fields_put_list(w, FIELD_SYSCTL, &isolators->sysctls);
	fields_put_list(w, FIELD_ISOLATOR_UNAPPLIED, &isolators->unapplied);
}

static int take_set(const struct field *field, enum image_set *out)
{
	uint64_t value;

	if (field_take_u64(field, IMAGE_SET_REMOVE, &value) < 0 || value < IMAGE_SET_RETAIN)
		return -1;
	*out = (enum image_set)value;
	return 0;
}

static int take_score(const struct field *field, struct image_isolators *isolators)
{
	uint64_t value;

	if (field_take_u64(field, 2 * IMAGE_OOM_SCORE_MAX, &value) < 0)
		return -1;
	isolators->has_oom_score_adj = true;
	isolators->oom_score_adj = (int)value - IMAGE_OOM_SCORE_MAX;
	return 0;
}

static int take_shares(const struct field *field, struct image_isolators *isolators)
{
	uint64_t value;

	if (field_take_u64(field, IMAGE_SHARES_MAX, &value) < 0 || value < IMAGE_SHARES_MIN)
		return -1;
	isolators->cpu_shares = (uint32_t)value;
	return 0;
}

static int take_bool(const struct field *field, bool *out)
{
	uint64_t value;

	if (field_take_u64(field, 1, &value) < 0)
		return -1;
	*out = value != 0;
	return 0;
}

int image_isolators_take(struct image_isolators *isolators, const struct field *field)
{
	switch (field->tag) {
	case FIELD_MEMORY_LIMIT:
		return field_take_u64(field, INT64_MAX, &isolators->memory_limit_bytes);
	case FIELD_MEMORY_REQUEST:
		return field_take_u64(field, INT64_MAX, &isolators->memory_request_bytes);
	case FIELD_CPU_LIMIT:
		return field_take_u64(field, INT64_MAX, &isolators->cpu_limit);
	case FIELD_CPU_REQUEST:
		return field_take_u64(field, INT64_MAX, &isolators->cpu_request);
	case FIELD_CPU_SHARES:
		return take_shares(field, isolators);
	case FIELD_OOM_SCORE:
		return take_score(field, isolators);
	case FIELD_NO_NEW_PRIVILEGES:
		return take_bool(field, &isolators->no_new_privileges);
	case FIELD_CAPABILITY_SET:
		return take_set(field, &isolators->capability_set);
	case FIELD_CAPABILITY:
		return field_take_item(field, &isolators->capabilities);
	case FIELD_SYSTEM_CALL_SET:
		return take_set(field, &isolators->system_call_set);
	case FIELD_SYSTEM_CALL:
		return field_take_item(field, &isolators->system_calls);
	case FIELD_SECCOMP_ERRNO:
		return field_take_text(field, &isolators->seccomp_errno);
	case FIELD_SYSCTL:
		return field_take_item(field, &isolators->sysctls);
	case FIELD_ISOLATOR_UNAPPLIED:
		return field_take_item(field, &isolators->unapplied);
	default:
		return 0;
	}
}

void image_isolators_free(struct image_isolators *isolators)
{
	string_list_free(&isolators->capabilities);
	string_list_free(&isolators->system_calls);
	string_list_free(&isolators->sysctls);
	string_list_free(&isolators->unapplied);
	free(isolators->seccomp_errno);
	*isolators = (struct image_isolators){ 0 };
}

static void put_mount_points(struct field_writer *w, const struct image_config *config)
{
	for (size_t i = 0; i < config->mount_point_count; i++) {
		const struct image_mount_point *point = &config->mount_points[i];

		fields_put_text(w, FIELD_MOUNT_POINT, point->name);
		fields_put_text(w, FIELD_MOUNT_POINT_PATH, point->path);
		fields_put_u64(w, FIELD_MOUNT_POINT_READ_ONLY, point->read_only);
	}
}

static void put_ports(struct field_writer *w, const struct image_config *config)
{
	for (size_t i = 0; i < config->port_count; i++) {
		const struct image_port *port = &config->ports[i];

		fields_put_text(w, FIELD_APP_PORT, port->name);
		fields_put_u64(w, FIELD_APP_PORT_UDP, port->udp);
		fields_put_u64(w, FIELD_APP_PORT_NUMBER, port->port);
		fields_put_u64(w, FIELD_APP_PORT_COUNT, port->count);
		fields_put_u64(w, FIELD_APP_PORT_SOCKET, port->socket_activated);
	}
}

void image_config_put(struct field_writer *w, const struct image_config *config)
{
	fields_put_list(w, FIELD_ENTRYPOINT, &config->entrypoint);
	fields_put_list(w, FIELD_CMD, &config->cmd);
	fields_put_list(w, FIELD_ENV, &config->env);
	fields_put_list(w, FIELD_VOLUME, &config->volumes);
	fields_put_text(w, FIELD_USER, config->user ? config->user : "");
	fields_put_text(w, FIELD_WORKING_DIR, config->working_dir ? config->working_dir : "");
	fields_put_u64(w, FIELD_STOP_SIGNAL, (uint64_t)config->stop_signal);
	for (size_t i = 0; i < config->supplementary_gid_count; i++)
		fields_put_u64(w, FIELD_GID, config->supplementary_gids[i]);
	fields_put_list(w, FIELD_PRE_START, &config->pre_start);
	fields_put_list(w, FIELD_POST_STOP, &config->post_stop);
	put_mount_points(w, config);
	put_ports(w, config);
	image_isolators_put(w, &config->isolators);
}

static int take_gid(struct image_config *config, const struct field *field)
{
	uint64_t value;

	if (config->supplementary_gid_count == IMAGE_GIDS_MAX ||
	    field_take_u64(field, INT32_MAX, &value) < 0)
		return -1;
	config->supplementary_gids[config->supplementary_gid_count++] = (uint32_t)value;
	return 0;
}

/* A name begins a mount point. */
static int take_mount_point(struct image_config *config, const struct field *field)
{
	size_t count = config->mount_point_count;
	struct image_mount_point *last;

	if (field->tag == FIELD_MOUNT_POINT) {
		if (count == IMAGE_MOUNT_POINTS_MAX)
			return -1;
		last = reallocarray(config->mount_points, count + 1, sizeof(*last));
		if (!last)
			return -1;
		config->mount_points = last;
		last[count] = (struct image_mount_point){ 0 };
		config->mount_point_count++;
		return field_take_text(field, &last[count].name);
	}
	if (count == 0)
		return -1;
	last = &config->mount_points[count - 1];
	return field->tag == FIELD_MOUNT_POINT_PATH ? field_take_text(field, &last->path)
						    : take_bool(field, &last->read_only);
}

static int take_port_number(struct image_port *port, const struct field *field)
{
	uint64_t value;

	if (field->tag == FIELD_APP_PORT_UDP)
		return take_bool(field, &port->udp);
	if (field->tag == FIELD_APP_PORT_SOCKET)
		return take_bool(field, &port->socket_activated);
	if (field_take_u64(field, UINT16_MAX, &value) < 0 || value == 0)
		return -1;
	if (field->tag == FIELD_APP_PORT_NUMBER)
		port->port = (uint16_t)value;
	else
		port->count = (uint32_t)value;
	return 0;
}

/* Likewise. */
static int take_port(struct image_config *config, const struct field *field)
{
	size_t count = config->port_count;
	struct image_port *last;

	if (field->tag != FIELD_APP_PORT)
		return count ? take_port_number(&config->ports[count - 1], field) : -1;
	if (count == IMAGE_PORTS_MAX)
		return -1;
	last = reallocarray(config->ports, count + 1, sizeof(*last));
	if (!last)
		return -1;
	config->ports = last;
	last[count] = (struct image_port){ .count = 1 };
	config->port_count++;
	return field_take_text(field, &last[count].name);
}

static int take_stop_signal(struct image_config *config, const struct field *field)
{
	uint64_t value;

	if (field_take_u64(field, IMAGE_SIGNAL_MAX, &value) < 0)
		return -1;
	config->stop_signal = (int)value;
	return 0;
}

int image_config_take(struct image_config *config, const struct field *field)
{
	switch (field->tag) {
	case FIELD_ENTRYPOINT:
		return field_take_item(field, &config->entrypoint);
	case FIELD_CMD:
		return field_take_item(field, &config->cmd);
	case FIELD_ENV:
		return field_take_item(field, &config->env);
	case FIELD_VOLUME:
		return field_take_item(field, &config->volumes);
	case FIELD_USER:
		return field_take_text(field, &config->user);
	case FIELD_WORKING_DIR:
		return field_take_text(field, &config->working_dir);
	case FIELD_STOP_SIGNAL:
		return take_stop_signal(config, field);
	case FIELD_GID:
		return take_gid(config, field);
	case FIELD_PRE_START:
		return field_take_item(field, &config->pre_start);
	case FIELD_POST_STOP:
		return field_take_item(field, &config->post_stop);
	case FIELD_MOUNT_POINT:
	case FIELD_MOUNT_POINT_PATH:
	case FIELD_MOUNT_POINT_READ_ONLY:
		return take_mount_point(config, field);
	case FIELD_APP_PORT:
	case FIELD_APP_PORT_UDP:
	case FIELD_APP_PORT_NUMBER:
	case FIELD_APP_PORT_COUNT:
	case FIELD_APP_PORT_SOCKET:
		return take_port(config, field);
	default:
		return image_isolators_take(&config->isolators, field);
	}
}

static bool mount_points_are_sound(const struct image_config *config)
{
	for (size_t i = 0; i < config->mount_point_count; i++)
		if (!config->mount_points[i].path || config->mount_points[i].path[0] != '/')
			return false;
	return true;
}

bool image_config_is_sound(const struct image_config *config)
{
	const struct image_isolators *isolators = &config->isolators;

	if (!config->user || !config->working_dir || !mount_points_are_sound(config) ||
	    !isolators->capability_set != !isolators->capabilities.count ||
	    !isolators->system_call_set != !isolators->system_calls.count ||
	    isolators->sysctls.count % 2)
		return false;
	for (size_t i = 0; i < config->port_count; i++)
		if (!config->ports[i].port ||
		    config->ports[i].port + config->ports[i].count > UINT16_MAX + 1)
			return false;
	return true;
}

void image_config_free(struct image_config *config)
{
	for (size_t i = 0; i < config->mount_point_count; i++) {
		free(config->mount_points[i].name);
		free(config->mount_points[i].path);
	}
	for (size_t i = 0; i < config->port_count; i++)
		free(config->ports[i].name);
	string_list_free(&config->entrypoint);
	string_list_free(&config->cmd);
	string_list_free(&config->env);
	string_list_free(&config->volumes);
	string_list_free(&config->pre_start);
	string_list_free(&config->post_stop);
	image_isolators_free(&config->isolators);
	free(config->mount_points);
	free(config->ports);
	free(config->user);
	free(config->working_dir);
	*config = (struct image_config){ 0 };
}
