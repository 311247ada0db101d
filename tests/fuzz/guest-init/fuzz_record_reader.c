/*
 * The pod record's reader over any bytes: no crash, and what it accepts keeps its promises.
 */
#include <assert.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>

#include "guest-init/protocol.h"
#include "guest-init/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_app(const struct record_app *app)
{
	size_t count = 0;

	assert(app->name && app->workdir[0] == '/' && app->argv[0] && app->argv[0][0]);
	for (; app->env[count]; count++)
		assert(strchr(app->env[count], '='));
	assert(count == app->env_count);
	for (size_t i = 0; i <= RECORD_ENV_SPARE; i++)
		assert(!app->env[count + i]);
	for (size_t i = 0; app->masked_paths[i]; i++)
		assert(app->masked_paths[i][0] == '/');
	for (size_t i = 0; i < app->mount_count; i++)
		assert(app->mounts[i].target[0] == '/' &&
		       (app->mounts[i].type == RECORD_MOUNT_TMPFS ||
			!strchr(app->mounts[i].source, '/')));
	for (size_t i = 0; i < app->start_hook_count; i++)
		assert(app->start_state && app->start_hooks[i].path[0] == '/' &&
		       app->start_hooks[i].argv[0] && app->start_hooks[i].env);
	assert(!strchr(app->root.source, '/'));
	assert(app->root.upper != RECORD_UPPER_DISK || app->root.upper_directory);
	assert(!app->seccomp == !app->seccomp_count && app->seccomp_count <= RECORD_SECCOMP_MAX);
	assert(app->stop_signal && app->stop_signal <= RECORD_SIGNAL_MAX && app->pre_start);
	assert(app->rlimit_count <= RECORD_RLIMITS_MAX && app->mount_count <= RECORD_MOUNTS_MAX);
}

static void check_added(const uint8_t *data, size_t size)
{
	struct error err = ERROR_NONE;
	struct record_app process;

	if (record_read_added(data, size, &process, &err) < 0) {
		assert(err.text[0]);
		return;
	}
	assert(process.argv[0] && process.argv[0][0]);
	assert(!process.workdir || process.workdir[0] == '/');
	for (size_t i = 0; i < process.env_count; i++)
		assert(strchr(process.env[i], '='));
	for (size_t i = 0; i < 3; i++)
		assert(process.ports[i] < NACELLE_PORTS_ADDED);
	record_free_added(&process);
}

static void check_member(const uint8_t *data, size_t size)
{
	struct error err = ERROR_NONE;
	struct record_app member;

	if (record_read_member(data, size, &member, &err) < 0) {
		assert(err.text[0]);
		return;
	}
	check_app(&member);
	assert(member.root.p9 && member.root.uncached && member.root.upper != RECORD_UPPER_DISK);
	assert(member.restart == RECORD_RESTART_NO && !member.post_stop[0]);
	for (size_t i = 0; i < member.mount_count; i++)
		assert((member.mounts[i].type == RECORD_MOUNT_SHARE ||
			member.mounts[i].type == RECORD_MOUNT_TMPFS) &&
		       member.mounts[i].cache != RECORD_CACHE_LOOSE);
	for (size_t i = 0; i < 3; i++)
		assert(member.ports[i] < NACELLE_PORTS_ADDED);
	record_free_added(&member);
}

static void check_networks(const uint8_t *data, size_t size)
{
	struct error err = ERROR_NONE;
	struct record record;

	if (!record_holds_networks(data, size))
		return;
	if (record_read_networks(data, size, &record, &err) < 0) {
		assert(err.text[0]);
		return;
	}
	for (size_t i = 0; i < record.interface_count; i++) {
		const struct record_interface *interface = &record.interfaces[i];

		assert(!interface->name ||
		       (interface->name[0] && strlen(interface->name) < IF_NAMESIZE));
		for (size_t k = 0; k < interface->neighbour_count; k++)
			assert(interface->neighbours[k].ip.family == 4 ||
			       interface->neighbours[k].ip.family == 6);
	}
}

static void check_question(const uint8_t *data, size_t size)
{
	struct error err = ERROR_NONE;
	struct record_app asked;
	int question = record_read_question(data, size, &asked, &err);

	assert(question >= 0 || err.text[0]);
	assert(question != RECORD_QUESTION_FIGURES ||
	       (asked.ports[1] && asked.ports[1] < NACELLE_PORTS_ADDED));
	assert(question != RECORD_QUESTION_LIMITS || asked.cpu_weight <= RECORD_CPU_WEIGHT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_NONE;
	struct record record;

	check_added(data, size);
	check_member(data, size);
	check_networks(data, size);
	check_question(data, size);
	if (record_read(data, size, &record, &err) < 0) {
		assert(err.text[0]);
		return 0;
	}
	assert(record.app_count > 0 && record.app_count <= RECORD_APPS_MAX);
	for (size_t i = 0; i < record.app_count; i++)
		check_app(&record.apps[i]);
	record_free(&record);
	return 0;
}
