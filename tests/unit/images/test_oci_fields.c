/*
 * The table of config.json's members: it has every member of the specification's schemas, and what
 * it says of each is what the reader does. That the manual repeats it is test_oci_bundle's matter.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/oci_bundle.h"
#include "images/oci_fields.h"
#include "tests/unit/images/test.h"
#include "vmm/base/bytes.h"

/* oci_members.txt: the paths in schema/config-*.json of runtime-spec 1.3, "[]" for an item. */
enum { MEMBERS_MAX = 512, PATH_SIZE = 128, DOCUMENT_MAX = 4096 };
static char members[MEMBERS_MAX][PATH_SIZE];
static size_t member_count;

static void read_members(void)
{
	static const char own[] = "test_oci_fields.c";
	char path[4096];
	FILE *in;

	(void)snprintf(path, sizeof(path), "%.*soci_members.txt",
		       (int)(strlen(__FILE__) - strlen(own)), __FILE__);
	in = fopen(path, "r");
	assert_non_null(in);
	while (member_count < MEMBERS_MAX && fscanf(in, "%127s", members[member_count]) == 1)
		member_count++;
	assert_int_equal(fclose(in), 0);
}

/* Whether one of them is the other, or lies in it. */
static bool is_in(const char *inner, const char *outer)
{
	size_t len = strlen(outer);

	return strncmp(inner, outer, len) == 0 && (!inner[len] || strchr(".[", inner[len]));
}

static void test_complete(void **state)
{
	(void)state;
	read_members();
	assert_true(member_count > 150);
	for (size_t i = 0; i < member_count; i++) {
		bool is_there = false;

		for (size_t j = 0; j < oci_field_count; j++)
			is_there |= is_in(members[i], oci_fields[j].path) ||
				    is_in(oci_fields[j].path, members[i]);
		if (!is_there)
			fail_msg("%s is not in the table", members[i]);
	}
	for (size_t j = 0; j < oci_field_count; j++) {
		bool is_there = false;

		for (size_t i = 0; i < member_count; i++)
			is_there |= is_in(members[i], oci_fields[j].path) ||
				    is_in(oci_fields[j].path, members[i]);
		if (!is_there)
			fail_msg("%s is in the table alone", oci_fields[j].path);
	}
}

/* What a member is tried with. Others get an object, which is as good as anything not read. */
static const struct sample {
	const char *path, *value;
	const char *beside; /* more members of the same object */
	bool leaves_none;   /* no trace in what is read, since it is so anyway */
} samples[] = {
	{ "ociVersion", "\"1.1.0\"", NULL, true },
	{ "root.path", "\"/other\"", NULL, false },
	{ "root.readonly", "true", NULL, false },
	{ "process.terminal", "true", NULL, false },
	{ "process.consoleSize", "{\"height\":5,\"width\":6}", NULL, false },
	{ "process.cwd", "\"/tmp\"", NULL, false },
	{ "process.env", "[\"A=b\"]", NULL, false },
	{ "process.args", "[\"ls\"]", NULL, false },
	{ "process.user.uid", "1", NULL, false },
	{ "process.user.gid", "1", NULL, false },
	{ "process.user.umask", "7", NULL, false },
	{ "process.user.additionalGids", "[1]", NULL, false },
	{ "process.rlimits", "[{\"type\":\"RLIMIT_CORE\",\"soft\":1,\"hard\":1}]", NULL, false },
	{ "process.capabilities.bounding", "[\"CAP_KILL\"]", NULL, false },
	{ "process.capabilities.effective", "[\"CAP_KILL\"]", NULL, true },
	{ "process.capabilities.permitted", "[\"CAP_KILL\"]", NULL, true },
	{ "process.capabilities.inheritable", "[\"CAP_KILL\"]", NULL, true },
	{ "process.capabilities.ambient", "[\"CAP_KILL\"]", NULL, true },
	{ "process.noNewPrivileges", "true", NULL, false },
	{ "process.oomScoreAdj", "5", NULL, false },
	{ "hostname", "\"box\"", NULL, false },
	{ "domainname", "\"example.org\"", NULL, false },
	{ "hooks.prestart", "[{\"path\":\"/x\"}]", NULL, false },
	{ "hooks.createRuntime", "[{\"path\":\"/x\"}]", NULL, false },
	{ "hooks.createContainer", "[{\"path\":\"/x\"}]", NULL, false },
	{ "hooks.startContainer", "[{\"path\":\"/x\"}]", NULL, false },
	{ "hooks.poststart", "[{\"path\":\"/x\"}]", NULL, false },
	{ "hooks.poststop", "[{\"path\":\"/x\"}]", NULL, false },
	{ "annotations", "{\"a\":\"b\"}", NULL, false },
	{ "linux.devices", "[{\"path\":\"/dev/null\"}]", NULL, true },
	{ "linux.cgroupsPath", "\"/x\"", NULL, false },
	{ "linux.resources.devices", "[{\"allow\":false}]", NULL, true },
	{ "linux.resources.memory.limit", "67108864", NULL, false },
	{ "linux.resources.cpu.shares", "512", NULL, false },
	{ "linux.resources.cpu.quota", "50000", NULL, false },
	{ "linux.resources.cpu.period", "50000", "\"quota\":50000", false },
	{ "linux.resources.pids.limit", "9", NULL, false },
	{ "linux.sysctl", "{\"net.core.somaxconn\":\"9\"}", NULL, false },
	{ "linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}", NULL, false },
	{ "linux.maskedPaths", "[\"/proc/kcore\"]", NULL, false },
	{ "linux.readonlyPaths", "[\"/proc/sys\"]", NULL, false },
	{ "vm.kernel.path", "\"/vmlinux\"", NULL, false },
	{ "vm.kernel.parameters", "[\"a\"]", "\"path\":\"/vmlinux\"", false },
	{ "vm.hwConfig.vcpus", "2", NULL, false },
	{ "vm.hwConfig.memory", "268435456", NULL, false },
};

static struct sample find_sample(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		if (strcmp(samples[i].path, path) == 0)
			return samples[i];
	return (struct sample){ path, "{\"x\":1}", NULL, true };
}

/* What each document has. */
static const struct {
	const char *section, *key, *value;
} always[] = {
	{ "root", "path", "\"rootfs\"" },
	{ "process", "cwd", "\"/\"" },
	{ "process", "args", "[\"sh\"]" },
	{ "linux", "namespaces",
	  "[{\"type\":\"network\"},{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},"
	  "{\"type\":\"mount\"}]" },
};

static void put_members(FILE *out, const char *section, const char *but_for)
{
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		if (strcmp(always[i].section, section) == 0 && strcmp(always[i].key, but_for) != 0)
			(void)fprintf(out, "\"%s\":%s,", always[i].key, always[i].value);
}

/* The members on the way to the sample's, and itself or, without a value, a stand-in. */
static void put_way(FILE *out, const char *way, const struct sample *sample, bool with)
{
	const char *dot = strchr(way, '.');

	/* An object that has nothing may have to have something. */
	if (!with && !sample->beside)
		dot = NULL;
	if (dot) {
		(void)fprintf(out, "\"%.*s\":{", (int)(dot - way), way);
		put_way(out, dot + 1, sample, with);
		(void)fputc('}', out);
		return;
	}
	if (sample->beside)
		(void)fprintf(out, "%s,", sample->beside);
	(void)fprintf(out, "\"%s\":%s", with ? way : "nobody-knows", with ? sample->value : "1");
}

/* A bundle with the member, or as it is without. */
static void make_document(char text[DOCUMENT_MAX], const struct sample *sample, bool with)
{
	static const char *const sections[] = { "root", "process", "linux" };
	FILE *out = fmemopen(text, DOCUMENT_MAX, "w");
	size_t first = strcspn(sample->path, ".");
	bool done = false;

	assert_non_null(out);
	(void)fputc('{', out);
	if (strcmp(sample->path, "ociVersion") != 0 || !with)
		(void)fputs("\"ociVersion\":\"1.0.2\",", out);
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		const char *section = sections[i];
		bool is_its =
		    strlen(section) == first && strncmp(section, sample->path, first) == 0;

		(void)fprintf(out, "\"%s\":{", section);
		put_members(out, section, is_its && with ? sample->path + first + 1 : "");
		if (is_its)
			put_way(out, sample->path + first + 1, sample, with);
		else
			(void)fputs("\"nobody-knows\":1", out);
		(void)fputs("},", out);
		done |= is_its;
	}
	if (done)
		(void)fputs("\"nobody-knows\":1", out);
	else
		put_way(out, sample->path, sample, with);
	(void)fputc('}', out);
	assert_int_equal(fclose(out), 0);
}

/* What is read, encoded; NULL with err filled. */
static void *read_document(const char *text, size_t *len, size_t *warnings, char *warning,
			   struct error *err)
{
	struct oci_bundle bundle;
	void *data;

	if (oci_bundle_read(&bundle, text, strlen(text), err) < 0)
		return NULL;
	*warnings = bundle.lists[OCI_WARNINGS].count;
	if (*warnings)
		(void)snprintf(warning, ERROR_TEXT_MAX, "%s", bundle.lists[OCI_WARNINGS].items[0]);
	assert_int_equal(oci_bundle_encode(&bundle, &data, len), 0);
	oci_bundle_free(&bundle);
	return data;
}

static void expect_effect(const struct oci_field *field, const struct sample *sample,
			  const char *without, const char *with)
{
	char warning[ERROR_TEXT_MAX] = "", want[ERROR_TEXT_MAX];
	size_t len = 0, base_len = 0, warnings = 0, none = 0;
	struct error err = ERROR_NONE;
	void *base = read_document(without, &base_len, &none, warning, &err), *data;

	if (!base)
		fail_msg("%s: %s: %s", field->path, err.text, without);
	data = read_document(with, &len, &warnings, warning, &err);
	(void)snprintf(want, sizeof(want), "%s is not applied", field->path);
	if (!data != (field->effect == OCI_REFUSED))
		fail_msg("%s is %s: %s: %s", field->path, data ? "read" : "refused", err.text,
			 with);
	if (data && warnings - none != (field->effect == OCI_UNUSED))
		fail_msg("%s: %s", field->path, warnings ? warning : "there is no warning");
	if (field->effect == OCI_UNUSED && strncmp(warning, want, strlen(want)) != 0)
		fail_msg("%s: %s", field->path, warning);
	if (data && warnings == none && !sample->leaves_none && len == base_len &&
	    memcmp(data, base, len) == 0)
		fail_msg("%s changes nothing", field->path);
	free(base);
	free(data);
}

static void test_effects(void **state)
{
	char with[DOCUMENT_MAX], without[DOCUMENT_MAX];

	(void)state;
	for (size_t i = 0; i < oci_field_count; i++) {
		const struct oci_field *field = &oci_fields[i];
		struct sample sample = find_sample(field->path);

		if (strchr(field->path, '['))
			continue;
		make_document(with, &sample, true);
		make_document(without, &sample, false);
		if (field->effect == OCI_HONOURED && !strcmp(sample.value, "{\"x\":1}"))
			fail_msg("%s has no sample", field->path);
		expect_effect(field, &sample, without, with);
	}
}

#define MOUNT(more)  "[{\"destination\":\"/x\",\"type\":\"bind\",\"source\":\"/y\"" more "}]"
#define SPACES(more) "[{\"type\":\"network\"},{\"type\":\"mount\"}" more "]"
#define OWN(type)    SPACES(",{\"type\":\"" type "\"}")

/* Members of items, with the list that has them and one that has not. */
static const struct {
	const char *path, *list, *with, *without;
} items[] = {
	{ "mounts[].destination", "mounts",
	  "[{\"destination\":\"/z\",\"type\":\"bind\",\"source\":\"/y\"}]", MOUNT("") },
	{ "mounts[].type", "mounts", "[{\"destination\":\"/x\",\"type\":\"tmpfs\"}]", MOUNT("") },
	{ "mounts[].source", "mounts",
	  "[{\"destination\":\"/x\",\"type\":\"bind\",\"source\":\"/z\"}]", MOUNT("") },
	{ "mounts[].options", "mounts", MOUNT(",\"options\":[\"ro\"]"), MOUNT("") },
	{ "mounts[].uidMappings", "mounts", MOUNT(",\"uidMappings\":[{}]"), MOUNT("") },
	{ "mounts[].gidMappings", "mounts", MOUNT(",\"gidMappings\":[{}]"), MOUNT("") },
	{ "linux.namespaces[network]", "linux.namespaces",
	  "[{\"type\":\"network\",\"path\":\"/x\"},{\"type\":\"mount\"}]", SPACES("") },
	{ "linux.namespaces[pid]", "linux.namespaces", OWN("pid"), SPACES("") },
	{ "linux.namespaces[ipc]", "linux.namespaces", OWN("ipc"), SPACES("") },
	{ "linux.namespaces[uts]", "linux.namespaces", OWN("uts"), SPACES("") },
	{ "linux.namespaces[mount]", "linux.namespaces", OWN("mount"), "[{\"type\":\"network\"}]" },
	{ "linux.namespaces[cgroup]", "linux.namespaces", OWN("cgroup"), SPACES("") },
	{ "linux.namespaces[user]", "linux.namespaces", OWN("user"), SPACES("") },
	{ "linux.namespaces[time]", "linux.namespaces", OWN("time"), SPACES("") },
};

static void test_items(void **state)
{
	size_t seen = 0;

	(void)state;
	for (size_t i = 0; i < oci_field_count; i++) {
		const struct oci_field *field = &oci_fields[i];
		struct error err = ERROR_NONE;
		size_t len = 0, other_len = 0, warnings, at = 0;
		char text[DOCUMENT_MAX], warning[ERROR_TEXT_MAX];
		struct sample sample;
		void *data, *other;

		if (!strchr(field->path, '['))
			continue;
		while (at < ARRAY_SIZE(items) && strcmp(items[at].path, field->path) != 0)
			at++;
		if (at == ARRAY_SIZE(items))
			fail_msg("%s has no sample", field->path);
		seen++;
		sample = (struct sample){ items[at].list, items[at].without, NULL, true };
		make_document(text, &sample, true);
		other = read_document(text, &other_len, &warnings, warning, &err);
		if (!other)
			fail_msg("%s: %s", field->path, err.text);
		sample.value = items[at].with;
		make_document(text, &sample, true);
		data = read_document(text, &len, &warnings, warning, &err);
		if (!data != (field->effect == OCI_REFUSED))
			fail_msg("%s: %s", field->path, err.text);
		if (data && !strstr(field->path, "[cgroup]") && len == other_len &&
		    memcmp(data, other, len) == 0)
			fail_msg("%s changes nothing", field->path);
		free(data);
		free(other);
	}
	assert_int_equal(seen, ARRAY_SIZE(items));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_complete),
					    cmocka_unit_test(test_effects),
					    cmocka_unit_test(test_items) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
