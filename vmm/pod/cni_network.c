/*
 * A pod's CNI networks: the order of plug-ins, and the file that lets DEL happen after any end.
 */
#include "vmm/pod/cni_network.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/fields.h"
#include "images/json.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/pod/cni_record.h"
#include "vmm/pod/cni_reader.h"

#define STATE  ".json"
#define RESULT ".result"

enum { FILE_NAME_MAX = 32 };

/*
 * What one plug-in gets on its stdin (specification 1.0.0, section 3, "Deriving"). The result of
 * the one before it goes in as it came.
 */
static char *make_configuration(const struct cni_request *request, const struct cni_plugin *plugin,
				const char *previous)
{
	struct cJSON *config = json_copy(plugin->config);
	bool good = config && json_set(config, "name", json_make_text(request->list->name)) == 0 &&
		    json_set(config, "cniVersion", json_make_text(request->list->version)) == 0;
	char *text;

	if (good && previous)
		good = json_set(config, "prevResult", json_make_raw(previous)) == 0;
	if (good && plugin->port_mappings && request->ports) {
		struct cJSON *runtime = json_make_object();

		good = json_set(runtime, "portMappings", json_copy(request->ports)) == 0;
		good = json_set(config, "runtimeConfig", runtime) == 0 && good;
	}
	text = good ? json_print(config) : NULL;
	if (config)
		json_free(config);
	return text;
}

static int run(const struct cni_request *request, unsigned index, const char *command,
	       const char *previous, char **output, size_t *len, struct error *err)
{
	const struct cni_plugin *plugin = &request->list->plugins[index];
	_cleanup_free_ char *configuration = make_configuration(request, plugin, previous);

	if (!configuration)
		return error_set(err, ENOMEM, "cannot configure the plug-in %s", plugin->type);
	return cni_plugin_run(&request->call, plugin->type, command, configuration, output, len,
			      err);
}

static int undo_one(const struct cni_request *request, unsigned index, const char *result,
		    struct error *err)
{
	/* Before 0.4.0, DEL is not told the result. */
	bool tell = strncmp(request->list->version, "0.3.", 4) != 0;
	_cleanup_free_ char *output = NULL;
	size_t len;

	return run(request, index, "DEL", tell ? result : NULL, &output, &len, err) < 0 ? -1 : 0;
}

/* DEL of the first `count` plug-ins, the last one first. Goes on after a failure. */
static int undo(const struct cni_request *request, unsigned count, const char *result,
		struct error *err)
{
	int status = 0;

	while (count-- > 0) {
		struct error why = ERROR_NONE;

		if (undo_one(request, count, result, &why) == 0)
			continue;
		if (status == 0)
			error_set(err, 0, "%s", why.text);
		status = -1;
	}
	return status;
}

/* Writes a file anew, durable when this returns. */
static int write_file(int dir_fd, const char *name, const void *data, size_t len, struct error *err)
{
	char temporary[FILE_NAME_MAX + 8];
	_cleanup_fd_ int fd = -1;

	(void)snprintf(temporary, sizeof(temporary), "%s.new", name);
	fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || io_write_all(fd, data, len) < 0 || fsync(fd) < 0 ||
	    renameat(dir_fd, temporary, dir_fd, name) < 0 || fsync(dir_fd) < 0)
		return error_set(err, errno, "cannot write %s into the pod's directory", name);
	return 0;
}

static struct cJSON *make_directories(const struct text_list *directories)
{
	struct cJSON *array = json_make_array();

	for (unsigned i = 0; i < directories->count; i++)
		(void)json_append(array, json_make_text(directories->items[i]));
	return array;
}

static void name_file(char name[FILE_NAME_MAX], const char *interface, const char *suffix)
{
	(void)snprintf(name, FILE_NAME_MAX, "%.16s%s", interface, suffix);
}

/* The state, with the number of plug-ins that there may be something of to undo. */
static int save(int dir_fd, const struct cni_request *request, unsigned begun, struct error *err)
{
	const struct cni_call *call = &request->call;
	struct cJSON *state = json_make_object();
	_cleanup_free_ char *text = NULL;
	char name[FILE_NAME_MAX];

	name_file(name, call->interface, STATE);
	if (json_set(state, "containerId", json_make_text(call->container_id)) == 0 &&
	    json_set(state, "netns", json_make_text(call->netns)) == 0 &&
	    json_set(state, "interface", json_make_text(call->interface)) == 0 &&
	    json_set(state, "arguments", json_make_text(call->arguments)) == 0 &&
	    json_set(state, "directories", make_directories(&call->directories)) == 0 &&
	    (!request->ports || json_set(state, "ports", json_copy(request->ports)) == 0) &&
	    json_set(state, "begun", json_make_number(begun)) == 0 &&
	    json_set(state, "list", json_copy(request->list->document)) == 0)
		text = json_print(state);
	json_free(state);
	if (!text)
		return error_set(err, ENOMEM, "cannot keep a network's state");
	return write_file(dir_fd, name, text, strlen(text), err);
}

static int save_result(int dir_fd, const char *interface, const char *result, struct error *err)
{
	char name[FILE_NAME_MAX];

	name_file(name, interface, RESULT);
	return write_file(dir_fd, name, result, strlen(result), err);
}

static int write_record(int dir_fd, const struct cni_request *request,
			const struct cni_result *result, struct error *err)
{
	_cleanup_free_ void *data = NULL;
	char plugin[PATH_MAX];
	struct field_writer w;
	size_t len;

	if (cni_plugin_find(&request->call.directories, request->list->plugins[0].type, plugin,
			    sizeof(plugin), err) < 0)
		return -1;
	fields_begin(&w, CNI_RECORD_MAGIC);
	fields_put_text(&w, FIELD_NETWORK_NAME, request->list->name);
	if (request->list->file)
		fields_put_text(&w, FIELD_NETWORK_FILE, request->list->file);
	fields_put_text(&w, FIELD_NETWORK_PLUGIN, plugin);
	cni_result_put(result, &w);
	if (fields_finish(&w, &data, &len) < 0)
		return error_set(err, ENOMEM, "cannot keep a network's result");
	return write_file(dir_fd, request->call.interface, data, len, err);
}

/* What the plug-ins have come to so far. */
struct progress {
	char *text; /* the last one's result; NULL: none yet */
	struct cni_result result;
	unsigned done;
};

/* Runs the next plug-in and puts its result in the place of the one before. */
static int add_one(int dir_fd, const struct cni_request *request, struct progress *progress,
		   struct error *err)
{
	const char *type = request->list->plugins[progress->done].type;
	_cleanup_free_ char *output = NULL;
	struct cni_result next;
	size_t len;
	int status;

	if (save(dir_fd, request, progress->done + 1, err) < 0)
		return CNI_PLUGIN_REFUSED;
	status = run(request, progress->done, "ADD", progress->text, &output, &len, err);
	if (status < 0)
		return status;
	if (cni_result_read(&next, output, len, err) < 0) {
		error_prefix(err, "the result of the plug-in %s", type);
		return CNI_PLUGIN_CUT_OFF;
	}
	cni_result_free(&progress->result);
	progress->result = next;
	free(progress->text);
	progress->text = steal_ptr(output);
	progress->done++;
	return save_result(dir_fd, request->call.interface, progress->text, err);
}

static void forget(int dir_fd, const char *interface)
{
	static const char *const suffixes[] = { "", RESULT, STATE };
	char name[FILE_NAME_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		name_file(name, interface, suffixes[i]);
		(void)unlinkat(dir_fd, name, 0);
	}
}

/* After a failure of the plug-in behind those that are done, or of none. */
static void give_up(int dir_fd, const struct cni_request *request, const struct progress *progress,
		    bool has_refused)
{
	struct error ignored = ERROR_NONE;
	unsigned begun = progress->done;

	if (begun < request->list->plugin_count &&
	    undo_one(request, begun, progress->text, &ignored) < 0 && !has_refused)
		begun++;
	if (undo(request, progress->done, progress->text, &ignored) == 0 && begun == progress->done)
		forget(dir_fd, request->call.interface);
	else
		(void)save(dir_fd, request, begun, &ignored);
}

int cni_network_add(int dir_fd, const struct cni_request *request, struct error *err)
{
	struct progress progress = { .text = NULL };
	int status = 0;

	while (status == 0 && progress.done < request->list->plugin_count)
		status = add_one(dir_fd, request, &progress, err);
	if (status == 0)
		status = write_record(dir_fd, request, &progress.result, err);
	if (status < 0) {
		give_up(dir_fd, request, &progress, status == CNI_PLUGIN_REFUSED);
		error_prefix(err, "network %s", request->list->name);
	}
	cni_result_free(&progress.result);
	free(progress.text);
	return status < 0 ? -1 : 0;
}

/* What a state file says, and what of it has to be released. */
struct state {
	struct cJSON *document;
	struct cni_list list;
	struct cni_request request;
	uint64_t begun;
	char *result; /* NULL: none */
	struct string_list directories;
};

static int read_call(struct state *state, struct error *err)
{
	struct cni_call *call = &state->request.call;
	const struct cJSON *directories = NULL;
	const struct cJSON *item;

	if (json_string(state->document, "containerId", &call->container_id, err) < 0 ||
	    json_string(state->document, "netns", &call->netns, err) < 0 ||
	    json_string(state->document, "interface", &call->interface, err) < 0 ||
	    json_string(state->document, "arguments", &call->arguments, err) < 0 ||
	    json_array(state->document, "directories", &directories, err) < 0 ||
	    json_array(state->document, "ports", &state->request.ports, err) < 0 ||
	    json_uint(state->document, "begun", CNI_PLUGINS_MAX, &state->begun, err) < 0)
		return -1;
	if (!call->container_id || !call->netns || !call->interface || !call->arguments ||
	    !directories)
		return error_set(err, 0, "incomplete");
	for (item = json_first(directories); item; item = json_next(item)) {
		const char *text = json_text(item);

		if (!text || string_list_add(&state->directories, text, strlen(text)) < 0)
			return error_set(err, 0, "incomplete");
	}
	call->directories = (struct text_list){ (void *)state->directories.items,
						(unsigned)state->directories.count };
	return 0;
}

static int read_list(struct state *state, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	const struct cJSON *list = NULL;

	if (json_object(state->document, "list", &list, err) < 0)
		return -1;
	if (!list)
		return error_set(err, 0, "incomplete");
	text = json_print(list);
	if (!text)
		return error_set(err, ENOMEM, "cannot read it");
	state->request.list = &state->list;
	if (cni_list_parse(&state->list, text, strlen(text), err) < 0)
		return -1;
	return state->begun > state->list.plugin_count ? error_set(err, 0, "incomplete") : 0;
}

/* It is handed on as it is, so it is looked at again: this file is not written at once with the
 * state. */
static int read_result(struct state *state, int dir_fd, const char *interface, struct error *err)
{
	char name[FILE_NAME_MAX];
	size_t len;

	name_file(name, interface, RESULT);
	if (faccessat(dir_fd, name, F_OK, 0) < 0 && errno == ENOENT)
		return 0;
	if (io_read_file(dir_fd, name, CNI_OUTPUT_MAX, &state->result, &len, err) < 0)
		return -1;
	return json_scan(state->result, len, err);
}

static void state_free(struct state *state)
{
	cni_list_free(&state->list);
	string_list_free(&state->directories);
	free(state->result);
	if (state->document)
		json_free(state->document);
}

static int delete_one(int dir_fd, const char *file, const char *interface, struct error *err)
{
	struct state state = { .document = NULL };
	_cleanup_free_ char *text = NULL;
	int status = -1;
	size_t len;

	if (io_read_file(dir_fd, file, 4 * CNI_DOCUMENT_MAX, &text, &len, err) < 0)
		return -1;
	if (json_parse(&state.document, text, len, err) < 0 || read_call(&state, err) < 0 ||
	    read_list(&state, err) < 0 || read_result(&state, dir_fd, interface, err) < 0)
		error_prefix(err, "%s in the pod's directory", file);
	else if (undo(&state.request, (unsigned)state.begun, state.result, err) < 0)
		error_prefix(err, "network %s", state.list.name);
	else
		status = 0;
	if (status == 0)
		forget(dir_fd, interface);
	state_free(&state);
	return status;
}

int cni_networks_delete(int dir_fd, struct error *err)
{
	int status = 0;

	for (unsigned i = CNI_INTERFACES_MAX; i-- > 0;) {
		struct error why = ERROR_NONE;
		char interface[FILE_NAME_MAX], file[FILE_NAME_MAX];

		(void)snprintf(interface, sizeof(interface), "eth%u", i);
		(void)snprintf(file, sizeof(file), "eth%u.json", i);
		if (faccessat(dir_fd, file, F_OK, 0) < 0 && errno == ENOENT)
			continue;
		if (delete_one(dir_fd, file, interface, &why) == 0)
			continue;
		if (status == 0)
			error_set(err, 0, "%s", why.text);
		status = -1;
	}
	return status;
}
