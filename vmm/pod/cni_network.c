/*
 * A pod's CNI networks: the order of plug-ins, and the file that lets DEL happen after any end.
 */
#include "vmm/pod/cni_network.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/fields.h"
#include "images/json.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/pod/cni_record.h"
#include "vmm/pod/cni_result.h"

enum { FILE_NAME_MAX = 32 };

/* What one plug-in gets on its stdin (specification 1.0.0, section 3, "Deriving"). */
static char *make_configuration(const struct cni_request *request, const struct cni_plugin *plugin,
				const struct cJSON *previous)
{
	struct cJSON *config = json_copy(plugin->config);
	bool good = config && json_set(config, "name", json_make_text(request->list->name)) == 0 &&
		    json_set(config, "cniVersion", json_make_text(request->list->version)) == 0;
	char *text;

	if (good && previous)
		good = json_set(config, "prevResult", json_copy(previous)) == 0;
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
	       const struct cJSON *previous, char **output, size_t *len, struct error *err)
{
	const struct cni_plugin *plugin = &request->list->plugins[index];
	_cleanup_free_ char *configuration = make_configuration(request, plugin, previous);

	if (!configuration)
		return error_set(err, ENOMEM, "cannot configure the plug-in %s", plugin->type);
	return cni_plugin_run(&request->call, plugin->type, command, configuration, output, len,
			      err);
}

static int undo_one(const struct cni_request *request, unsigned index, const struct cJSON *result,
		    struct error *err)
{
	/* Before 0.4.0, DEL is not told the result. */
	bool tell = strncmp(request->list->version, "0.3.", 4) != 0;
	_cleanup_free_ char *output = NULL;
	size_t len;

	return run(request, index, "DEL", tell ? result : NULL, &output, &len, err);
}

/* DEL of the first `count` plug-ins, the last one first. Goes on after a failure. */
static int undo(const struct cni_request *request, unsigned count, const struct cJSON *result,
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

static int save(int dir_fd, const struct cni_request *request, const struct cJSON *result,
		struct error *err)
{
	const struct cni_call *call = &request->call;
	struct cJSON *state = json_make_object();
	_cleanup_free_ char *text = NULL;
	char name[FILE_NAME_MAX];

	(void)snprintf(name, sizeof(name), "%.16s.json", call->interface);
	if (json_set(state, "containerId", json_make_text(call->container_id)) == 0 &&
	    json_set(state, "netns", json_make_text(call->netns)) == 0 &&
	    json_set(state, "interface", json_make_text(call->interface)) == 0 &&
	    json_set(state, "arguments", json_make_text(call->arguments)) == 0 &&
	    json_set(state, "directories", make_directories(&call->directories)) == 0 &&
	    (!request->ports || json_set(state, "ports", json_copy(request->ports)) == 0) &&
	    (!result || json_set(state, "result", json_copy(result)) == 0) &&
	    json_set(state, "list", json_copy(request->list->document)) == 0)
		text = json_print(state);
	json_free(state);
	if (!text)
		return error_set(err, ENOMEM, "cannot keep a network's state");
	return write_file(dir_fd, name, text, strlen(text), err);
}

static int write_record(int dir_fd, const struct cni_request *request,
			const struct cni_result *result, struct error *err)
{
	_cleanup_free_ void *data = NULL;
	struct field_writer w;
	size_t len;

	fields_begin(&w, CNI_RECORD_MAGIC);
	fields_put_text(&w, FIELD_NETWORK_NAME, request->list->name);
	fields_put_list(&w, FIELD_NETWORK_ADDRESS, &result->addresses);
	fields_put_list(&w, FIELD_NETWORK_SERVER, &result->servers);
	fields_put_list(&w, FIELD_NETWORK_DOMAIN, &result->domains);
	if (fields_finish(&w, &data, &len) < 0)
		return error_set(err, ENOMEM, "cannot keep a network's result");
	return write_file(dir_fd, request->call.interface, data, len, err);
}

/* Runs plug-in `index` and puts its result in the place of the one before. */
static int add_one(const struct cni_request *request, unsigned index, struct cni_result *result,
		   struct error *err)
{
	const char *type = request->list->plugins[index].type;
	_cleanup_free_ char *output = NULL;
	struct cni_result next;
	size_t len;

	if (run(request, index, "ADD", result->document, &output, &len, err) < 0)
		return -1;
	if (cni_result_parse(&next, output, len, err) < 0)
		return error_prefix(err, "the result of the plug-in %s", type);
	cni_result_free(result);
	*result = next;
	return 0;
}

static void forget(int dir_fd, const char *interface)
{
	char name[FILE_NAME_MAX];

	(void)unlinkat(dir_fd, interface, 0);
	(void)snprintf(name, sizeof(name), "%.16s.json", interface);
	(void)unlinkat(dir_fd, name, 0);
}

int cni_network_add(int dir_fd, const struct cni_request *request, struct error *err)
{
	struct cni_result result = { .document = NULL };
	struct error ignored = ERROR_NONE;
	unsigned done = 0;
	int status;

	if (save(dir_fd, request, NULL, err) < 0)
		return -1;
	while (done < request->list->plugin_count && add_one(request, done, &result, err) == 0)
		done++;
	status = done == request->list->plugin_count ? 0 : -1;
	if (status == 0 && (save(dir_fd, request, result.document, err) < 0 ||
			    write_record(dir_fd, request, &result, err) < 0))
		status = -1;
	if (status < 0) {
		/* The one that failed too: it may have done a part, or fail again. */
		if (done < request->list->plugin_count)
			(void)undo_one(request, done, result.document, &ignored);
		if (undo(request, done, result.document, &ignored) == 0)
			forget(dir_fd, request->call.interface);
		error_prefix(err, "network %s", request->list->name);
	}
	cni_result_free(&result);
	return status;
}

/* What a state file says, and what of it has to be released. */
struct state {
	struct cJSON *document;
	struct cni_list list;
	struct cni_request request;
	const struct cJSON *result;
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
	    json_object(state->document, "result", &state->result, err) < 0)
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
	return cni_list_parse(&state->list, text, strlen(text), err);
}

static void state_free(struct state *state)
{
	cni_list_free(&state->list);
	string_list_free(&state->directories);
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
	    read_list(&state, err) < 0)
		error_prefix(err, "%s in the pod's directory", file);
	else if (undo(&state.request, state.list.plugin_count, state.result, err) < 0 &&
		 state.result) /* else ADD has not come to its end, and some had nothing to undo */
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
