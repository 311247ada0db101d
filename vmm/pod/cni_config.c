/*
 * Configuration lists. The administrator writes them, so they are trusted to name what runs as
 * root; what is checked is that they say it clearly.
 */
#include "vmm/pod/cni_config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/json.h"
#include "vmm/base/cleanup.h"

bool cni_is_name(const char *text)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t len = strlen(text);

	return len > 0 && len <= CNI_NAME_MAX && strspn(text, letters) == len &&
	       !strchr("_.-", text[0]);
}

bool cni_is_version(const char *text)
{
	static const char *const versions[] = { "0.3.0", "0.3.1", "0.4.0", "1.0.0" };

	for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++)
		if (strcmp(text, versions[i]) == 0)
			return true;
	return false;
}

/*
 * Before 0.3.0 configurations had the same form, and results another: they are asked for in the
 * next form, which plug-ins of either age know. No version at all means the first.
 */
static bool is_old(const char *version)
{
	return !version || strcmp(version, "0.1.0") == 0 || strcmp(version, "0.2.0") == 0;
}

static int read_plugin(struct cni_list *list, const struct cJSON *config, struct error *err)
{
	struct cni_plugin *plugin = &list->plugins[list->plugin_count];
	const struct cJSON *capabilities = NULL;

	if (list->plugin_count == CNI_PLUGINS_MAX)
		return error_set(err, 0, "more than %d plug-ins", CNI_PLUGINS_MAX);
	*plugin = (struct cni_plugin){ .config = config };
	if (!json_is_object(config))
		return error_set(err, 0, "a plug-in that is no object");
	if (json_string(config, "type", &plugin->type, err) < 0 ||
	    json_object(config, "capabilities", &capabilities, err) < 0)
		return -1;
	if (!plugin->type || !cni_is_name(plugin->type))
		return error_set(err, 0, "a plug-in whose type is no name of a program");
	if (capabilities &&
	    json_bool(capabilities, "portMappings", &plugin->port_mappings, err) < 0)
		return -1;
	list->plugin_count++;
	return 0;
}

/* A configuration with one plug-in as a list of one. */
static int wrap(struct cJSON **document, const char *name, const char *version, struct error *err)
{
	struct cJSON *list = json_make_object(), *plugins = json_make_array();
	struct cJSON *single = *document;

	*document = list;
	if (json_append(plugins, single) < 0 || json_set(list, "plugins", plugins) < 0 ||
	    json_set(list, "name", json_make_text(name)) < 0 ||
	    json_set(list, "cniVersion", json_make_text(version)) < 0)
		return error_set(err, ENOMEM, "cannot read a network's configuration");
	return 0;
}

static int read_head(struct cni_list *list, struct error *err)
{
	list->name = list->version = NULL;
	if (!json_is_object(list->document))
		return error_set(err, 0, "no object");
	if (json_string(list->document, "name", &list->name, err) < 0 ||
	    json_string(list->document, "cniVersion", &list->version, err) < 0)
		return -1;
	if (!list->name || !cni_is_name(list->name))
		return error_set(err, 0, "no \"name\" of letters, digits, '_', '.' and '-'");
	if (is_old(list->version))
		list->version = "0.3.1";
	if (!cni_is_version(list->version))
		return error_set(err, 0,
				 "the cniVersion is %s; 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0 and "
				 "1.0.0 are known",
				 list->version);
	return 0;
}

static int read_list(struct cni_list *list, struct error *err)
{
	const struct cJSON *plugins = NULL;
	int found;

	if (read_head(list, err) < 0)
		return -1;
	found = json_array(list->document, "plugins", &plugins, err);
	if (found < 0)
		return -1;
	if (found == 0 &&
	    (wrap(&list->document, list->name, list->version, err) < 0 ||
	     read_head(list, err) < 0 || json_array(list->document, "plugins", &plugins, err) < 0))
		return -1;
	for (const struct cJSON *item = json_first(plugins); item; item = json_next(item))
		if (read_plugin(list, item, err) < 0)
			return -1;
	if (!list->plugin_count)
		return error_set(err, 0, "no plug-in");
	return 0;
}

int cni_list_parse(struct cni_list *list, const char *text, size_t len, struct error *err)
{
	*list = (struct cni_list){ .document = NULL };
	if (json_parse(&list->document, text, len, err) < 0)
		return -1;
	if (read_list(list, err) < 0) {
		cni_list_free(list);
		return -1;
	}
	return 0;
}

void cni_list_free(struct cni_list *list)
{
	if (list->document)
		json_free(list->document);
	list->document = NULL;
	free(steal_ptr(list->file));
}
