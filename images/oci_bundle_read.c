/*
 * Reading config.json (OCI runtime specification 1.2, config.md). The document is an engine's, made
 * from what its users and images say, so it is parsed in a confined process.
 *
 * As the specification asks, members that are not known are ignored. Those that are known have
 * their type, and what a virtual machine cannot do is refused or warned about (oci_fields.c).
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/limits.h"
#include "images/oci_bundle_internal.h"
#include "images/oci_fields.h"
#include "vmm/base/cleanup.h"

enum { WARNINGS_MAX = 64, UMASK_MAX = 0777, WINDOW_MAX = UINT16_MAX, OOM_SCORE_MAX = 1000 };

int oci_take(const char *text, char **out, struct error *err)
{
	*out = strdup(text);
	return *out ? 0 : error_set(err, ENOMEM, "cannot read a bundle");
}

int oci_warn(struct oci_bundle *bundle, struct error *err, const char *format, ...)
{
	struct string_list *warnings = &bundle->lists[OCI_WARNINGS];
	char text[ERROR_TEXT_MAX];
	va_list args;

	if (warnings->count == WARNINGS_MAX)
		return 0;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return string_list_add(warnings, text, strlen(text)) < 0
		   ? error_set(err, ENOMEM, "cannot read a bundle")
		   : 0;
}

int oci_int(const struct appc_node *object, const char *key, int64_t min, int64_t max, int64_t *out,
	    struct error *err)
{
	const struct cJSON *value;
	double number;
	int found = json_member(object->json, key, &value, err);

	if (found <= 0)
		return found < 0 ? appc_refuse(object, key, err, "it stands there in another case")
				 : 0;
	if (!json_number(value, &number) || number != number)
		return appc_refuse(object, key, err, "it is no whole number");
	/* What no int64_t is stands for more than any of them. */
	if (number >= -(double)INT64_MIN && max == INT64_MAX) {
		*out = INT64_MAX;
		return 1;
	}
	if (number < (double)min || number > (double)max)
		return appc_refuse(object, key, err, "%.0f is out of range", number);
	if (number != (double)(int64_t)number)
		return appc_refuse(object, key, err, "it is no whole number");
	*out = (int64_t)number;
	return 1;
}

static bool is_empty(const struct cJSON *object, const char *key, const struct cJSON *value)
{
	const char *text = json_text(value);
	bool flag = true;
	double number;

	if (text)
		return !*text;
	if (json_is_object(value) || json_is_array(value))
		return !json_first(value);
	if (json_number(value, &number))
		return number == 0;
	return json_bool(object, key, &flag, NULL) > 0 && !flag;
}

/* Whether there is something at the path. */
static int find_field(const struct appc_node *top, const char *path, struct error *err)
{
	const struct cJSON *object = top->json, *value = NULL;
	char key[64];

	for (const char *at = path; at; at = strchr(at, '.') ? strchr(at, '.') + 1 : NULL) {
		int found;

		(void)snprintf(key, sizeof(key), "%.*s", (int)strcspn(at, "."), at);
		found = json_member(object, key, &value, err);
		if (found <= 0)
			return found < 0 ? error_prefix(err, "%s", path) : 0;
		if (strchr(at, '.')) {
			if (!json_is_object(value))
				return 0;
			object = value;
		}
	}
	return value && !is_empty(object, key, value);
}

int oci_fields_check(const struct appc_node *top, const char *prefix, struct oci_bundle *bundle,
		     struct error *err)
{
	size_t prefix_len = strlen(prefix);

	for (size_t i = 0; i < oci_field_count; i++) {
		const struct oci_field *field = &oci_fields[i];
		const char *note = field->note;
		int found;

		if ((field->effect != OCI_UNUSED && field->effect != OCI_REFUSED) ||
		    strchr(field->path, '[') || strncmp(field->path, prefix, prefix_len) != 0)
			continue;
		found = find_field(top, field->path + prefix_len, err);
		if (found < 0)
			return -1;
		if (found && field->effect == OCI_REFUSED)
			return error_set(err, 0, "%s: it is not supported%s%s", field->path,
					 *note ? ": " : "", note);
		if (found && oci_warn(bundle, err, "%s is not applied%s%s", field->path,
				      *note ? ": " : "", note) < 0)
			return -1;
	}
	return 0;
}

static int read_root(const struct appc_node *top, struct oci_bundle *bundle, struct error *err)
{
	struct appc_node root;
	const char *path;
	bool read_only = false;
	int found = appc_object(top, "root", &root, err);

	if (found <= 0)
		return found < 0 ? -1 : appc_refuse(top, "root", err, "it is missing");
	if (appc_need_string(&root, "path", &path, err) < 0 ||
	    appc_bool(&root, "readonly", &read_only, err) < 0)
		return -1;
	bundle->numbers[OCI_ROOT_READ_ONLY] = read_only;
	return oci_take(path, &bundle->texts[OCI_ROOT_PATH], err);
}

static int read_user(const struct appc_node *process, struct oci_bundle *bundle, struct error *err)
{
	uint64_t uid = 0, gid = 0, extra;
	struct appc_node user = { 0 }, list, item = { 0 };
	char text[48];
	int found = appc_object(process, "user", &user, err);

	if (found <= 0)
		return found < 0 ? -1 : oci_take("0:0", &bundle->texts[OCI_USER], err);
	if (appc_uint(&user, "uid", IMAGE_ID_MAX, &uid, err) < 0 ||
	    appc_uint(&user, "gid", IMAGE_ID_MAX, &gid, err) < 0 ||
	    appc_list(&user, "additionalGids", &list, err) < 0)
		return -1;
	found = appc_uint(&user, "umask", UMASK_MAX, &bundle->numbers[OCI_UMASK], err);
	if (found < 0)
		return -1;
	bundle->numbers[OCI_HAS_UMASK] = (uint64_t)found;
	while (appc_next(&list, &item)) {
		double number;

		if (!json_number(item.json, &number) || number < 0 || number > IMAGE_ID_MAX ||
		    number != (double)(uint64_t)number)
			return appc_refuse(&item, NULL, err, "it is no group's number");
		extra = (uint64_t)number;
		(void)snprintf(text, sizeof(text), "%ju", (uintmax_t)extra);
		if (appc_add(&item, NULL, &bundle->lists[OCI_GIDS], text, err) < 0)
			return -1;
	}
	(void)snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)uid, (uintmax_t)gid);
	return oci_take(text, &bundle->texts[OCI_USER], err);
}

static int read_limit(const struct appc_node *item, const char *key, char text[32],
		      struct error *err)
{
	const struct cJSON *value;
	double number;

	if (json_member(item->json, key, &value, err) <= 0 || !json_number(value, &number) ||
	    number < -1)
		return appc_refuse(item, key, err, "it is missing or no number");
	/* RLIM_INFINITY, which no double is. */
	if (number == -1 || number >= -(double)INT64_MIN)
		(void)snprintf(text, 32, "unlimited");
	else
		(void)snprintf(text, 32, "%.0f", number);
	return 0;
}

/* "RLIMIT_NOFILE", 1024, 2048 as "nofile=1024:2048". */
static int read_rlimit(const struct appc_node *item, struct oci_bundle *bundle, struct error *err)
{
	char soft[32], hard[32], text[128];
	const char *type;
	size_t len;

	if (appc_need_string(item, "type", &type, err) < 0 ||
	    read_limit(item, "soft", soft, err) < 0 || read_limit(item, "hard", hard, err) < 0)
		return -1;
	if (strncmp(type, "RLIMIT_", 7) != 0)
		return appc_refuse(item, "type", err, "\"%.64s\" is no resource", type);
	(void)snprintf(text, sizeof(text), "%.32s=%s:%s", type + 7, soft, hard);
	len = strcspn(text, "=");
	for (size_t i = 0; i < len; i++)
		if (text[i] >= 'A' && text[i] <= 'Z')
			text[i] = (char)(text[i] - 'A' + 'a');
	return appc_add(item, NULL, &bundle->lists[OCI_ULIMITS], text, err);
}

static int read_rlimits(const struct appc_node *process, struct oci_bundle *bundle,
			struct error *err)
{
	struct appc_node list, item = { 0 };
	int more;

	if (appc_list(process, "rlimits", &list, err) < 0)
		return -1;
	while ((more = appc_next_object(&list, &item, err)) > 0)
		if (read_rlimit(&item, bundle, err) < 0)
			return -1;
	return more;
}

static int read_capabilities(const struct appc_node *process, struct oci_bundle *bundle,
			     struct error *err)
{
	static const char *const others[] = { "effective", "permitted", "inheritable", "ambient" };
	struct appc_node sets;
	int found = appc_object(process, "capabilities", &sets, err);

	if (found <= 0)
		return found;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		struct string_list unused = { 0 };
		int result = appc_strings(&sets, others[i], &unused, err);

		string_list_free(&unused);
		if (result < 0)
			return -1;
	}
	return appc_strings(&sets, "bounding", &bundle->lists[OCI_CAPABILITIES], err);
}

static int read_terminal(const struct appc_node *process, struct oci_bundle *bundle,
			 struct error *err)
{
	struct appc_node size;
	bool terminal = false;
	int found;

	if (appc_bool(process, "terminal", &terminal, err) < 0)
		return -1;
	bundle->numbers[OCI_TERMINAL] = terminal;
	found = appc_object(process, "consoleSize", &size, err);
	if (found <= 0)
		return found;
	if (appc_uint(&size, "height", WINDOW_MAX, &bundle->numbers[OCI_ROWS], err) < 0 ||
	    appc_uint(&size, "width", WINDOW_MAX, &bundle->numbers[OCI_COLUMNS], err) < 0)
		return -1;
	return 0;
}

static int check_env(const struct appc_node *process, const struct string_list *env,
		     struct error *err)
{
	struct appc_node list = { .parent = process, .key = "env" };

	for (size_t i = 0; i < env->count; i++) {
		const struct appc_node item = { .parent = &list, .index = i };

		if (env->items[i][0] == '=' || !strchr(env->items[i], '='))
			return appc_refuse(&item, NULL, err, "\"%.64s\" is not NAME=VALUE",
					   env->items[i]);
	}
	return 0;
}

static int read_rest(const struct appc_node *process, struct oci_bundle *bundle, struct error *err)
{
	bool no_new_privileges = false;
	int64_t score;
	char text[32];
	int found;

	if (appc_bool(process, "noNewPrivileges", &no_new_privileges, err) < 0)
		return -1;
	bundle->numbers[OCI_NO_NEW_PRIVILEGES] = no_new_privileges;
	found = oci_int(process, "oomScoreAdj", -OOM_SCORE_MAX, OOM_SCORE_MAX, &score, err);
	if (found <= 0)
		return found;
	(void)snprintf(text, sizeof(text), "%jd", (intmax_t)score);
	return oci_take(text, &bundle->texts[OCI_OOM_SCORE], err);
}

static int read_process(const struct appc_node *process, struct oci_bundle *bundle,
			struct error *err)
{
	const char *cwd;

	if (appc_need_string(process, "cwd", &cwd, err) < 0)
		return -1;
	if (cwd[0] != '/')
		return appc_refuse(process, "cwd", err, "\"%.64s\" is no absolute path", cwd);
	if (oci_take(cwd, &bundle->texts[OCI_CWD], err) < 0 ||
	    appc_strings(process, "args", &bundle->lists[OCI_ARGS], err) < 0 ||
	    appc_strings(process, "env", &bundle->lists[OCI_ENV], err) < 0 ||
	    check_env(process, &bundle->lists[OCI_ENV], err) < 0)
		return -1;
	if (!bundle->lists[OCI_ARGS].count || !bundle->lists[OCI_ARGS].items[0][0])
		return appc_refuse(process, "args", err, "it names no program");
	if (read_user(process, bundle, err) < 0 || read_terminal(process, bundle, err) < 0 ||
	    read_rlimits(process, bundle, err) < 0 || read_capabilities(process, bundle, err) < 0)
		return -1;
	return read_rest(process, bundle, err);
}

static int find_process(const struct appc_node *top, struct oci_bundle *bundle, struct error *err)
{
	struct appc_node process;
	int found = appc_object(top, "process", &process, err);

	if (found <= 0)
		return found < 0 ? -1 : appc_refuse(top, "process", err, "it is missing");
	return read_process(&process, bundle, err);
}

static int read_names(const struct appc_node *top, struct oci_bundle *bundle, struct error *err)
{
	const char *hostname, *domain;
	char *text;
	int result;

	if (appc_string(top, "hostname", &hostname, err) < 0 ||
	    appc_string(top, "domainname", &domain, err) < 0)
		return -1;
	if (*hostname && oci_take(hostname, &bundle->texts[OCI_HOSTNAME], err) < 0)
		return -1;
	if (!*domain)
		return 0;
	if (asprintf(&text, "kernel.domainname=%s", domain) < 0)
		return error_set(err, ENOMEM, "cannot read a bundle");
	result = appc_add(top, "domainname", &bundle->lists[OCI_SYSCTLS], text, err);
	free(text);
	return result;
}

static int read_annotations(const struct appc_node *top, struct oci_bundle *bundle,
			    struct error *err)
{
	struct string_list *list = &bundle->lists[OCI_ANNOTATIONS];
	struct appc_node map, item = { 0 };
	int found = appc_object(top, "annotations", &map, err);

	if (found <= 0)
		return found;
	while (appc_next(&map, &item)) {
		const char *key = json_key(item.json), *value = json_text(item.json);

		if (!value)
			return appc_refuse(&map, key, err, "it is no string");
		if (list->count + 2 > OCI_LIST_MAX)
			return appc_refuse(top, "annotations", err, "there are too many");
		if (appc_add(&map, key, list, key, err) < 0 ||
		    appc_add(&map, key, list, value, err) < 0)
			return -1;
	}
	return 0;
}

static int read_bundle(const struct appc_node *top, struct oci_bundle *bundle, struct error *err)
{
	const char *version;

	if (!json_is_object(top->json))
		return error_set(err, 0, "it is no object");
	if (appc_need_string(top, "ociVersion", &version, err) < 0)
		return -1;
	if (strncmp(version, "1.", 2) != 0)
		return appc_refuse(top, "ociVersion", err, "\"%.64s\" is no version 1", version);
	if (oci_fields_check(top, "", bundle, err) < 0 || read_root(top, bundle, err) < 0 ||
	    find_process(top, bundle, err) < 0 || read_names(top, bundle, err) < 0 ||
	    oci_mounts_read(top, bundle, err) < 0 || oci_linux_read(top, bundle, err) < 0 ||
	    oci_vm_read(top, bundle, err) < 0 || oci_hooks_read(top, bundle, err) < 0)
		return -1;
	return read_annotations(top, bundle, err);
}

static int read_process_alone(const struct appc_node *top, struct oci_bundle *bundle,
			      struct error *err)
{
	if (!json_is_object(top->json))
		return error_set(err, 0, "it is no object");
	return oci_fields_check(top, "process.", bundle, err) < 0 ? -1
								  : read_process(top, bundle, err);
}

static int read_resources_alone(const struct appc_node *top, struct oci_bundle *bundle,
				struct error *err)
{
	if (!json_is_object(top->json))
		return error_set(err, 0, "it is no object");
	return oci_fields_check(top, "linux.resources.", bundle, err) < 0
		   ? -1
		   : oci_resources_read_node(top, bundle, err);
}

/* With one of the readers above. */
static int read_with(int (*reader)(const struct appc_node *, struct oci_bundle *, struct error *),
		     struct oci_bundle *bundle, const char *text, size_t len, struct error *err)
{
	struct appc_node top = { 0 };
	struct cJSON *json;
	int result;

	*bundle = (struct oci_bundle){ 0 };
	if (json_parse(&json, text, len, err) < 0)
		return -1;
	top.json = json;
	result = reader(&top, bundle, err);
	json_free(json);
	if (result < 0)
		oci_bundle_free(bundle);
	return result;
}

int oci_bundle_read(struct oci_bundle *bundle, const char *text, size_t len, struct error *err)
{
	return read_with(read_bundle, bundle, text, len, err);
}

int oci_process_read(struct oci_bundle *bundle, const char *text, size_t len, struct error *err)
{
	return read_with(read_process_alone, bundle, text, len, err);
}

int oci_resources_read(struct oci_bundle *bundle, const char *text, size_t len, struct error *err)
{
	return read_with(read_resources_alone, bundle, text, len, err);
}
