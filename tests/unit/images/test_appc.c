#include "tests/unit/images/test.h"

#include "images/appc_image.h"
#include "images/appc_types.h"
#include "vmm/base/bytes.h"

static void test_names(void **state)
{
	static const char *const good[] = { "database", "product-database-release", "a", "0",
					    "a--b" };
	static const char *const bad[] = { "", "-a", "a-", "A", "a_b", "a.b", "a/b", "\xc3\xa4" };
	static const char *const identifiers[] = { "example.com/~user/app_v1", "a/b/c", "os",
						   "registry.io/library/a__b" };
	static const char *const no_identifiers[] = { "",      "/a",	  "a/",	 "a//b", "a/../b",
						      "a/./b", "Example", "a b", "a:b",	 "~a" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(appc_is_name(good[i]) && appc_is_identifier(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(appc_is_name(bad[i]));
	for (size_t i = 0; i < ARRAY_SIZE(identifiers); i++)
		assert_true(appc_is_identifier(identifiers[i]));
	for (size_t i = 0; i < ARRAY_SIZE(no_identifiers); i++)
		assert_false(appc_is_identifier(no_identifiers[i]));
	assert_true(appc_is_variable("_A.b-9"));
	assert_false(appc_is_variable("") || appc_is_variable("9A") || appc_is_variable("A=B") ||
		     appc_is_variable("A\n"));
}

static void test_dates_and_versions(void **state)
{
	static const char *const dates[] = { "2014-10-27T19:32:27.67021798Z",
					     "2014-10-27T19:32:27-07:00" };
	static const char *const no_dates[] = { "",
						"2014-10-27",
						"2014-10-27 19:32:27Z",
						"2014-13-27T19:32:27Z",
						"2014-10-00T19:32:27Z",
						"2014-10-27T24:32:27Z",
						"2014-10-27T19:32:27",
						"2014-10-27T19:32:27.Z",
						"2014-10-27T19:32:27Zx",
						"2014-10-27T19:32:27+25:00" };
	static const char *const no_versions[] = { "",	    "1",       "0.8",
						   "0.0.0", "01.2.3",  "0.8.1.1",
						   "0.8.x", "0.8.11 ", "4294967296.0.0" };
	struct appc_version version;
	struct digest id;
	char text[] = "sha512-00000000000000000000000000000000000000000000000000000000000000000000"
		      "000000000000000000000000000000000000000000000000000000000000";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(dates); i++)
		assert_true(appc_is_date(dates[i]));
	for (size_t i = 0; i < ARRAY_SIZE(no_dates); i++)
		assert_false(appc_is_date(no_dates[i]));
	assert_true(appc_version_parse("0.8.11+git", &version));
	assert_true(version.major == 0 && version.minor == 8 && version.patch == 11);
	assert_true(appc_version_parse("1.30.0-rc.1", &version));
	for (size_t i = 0; i < ARRAY_SIZE(no_versions); i++)
		assert_false(appc_version_parse(no_versions[i], &version));
	assert_true(appc_is_url("https://a") && appc_is_url("http://a"));
	assert_false(appc_is_url("ftp://a") || appc_is_url("https") || appc_is_url(""));
	assert_true(appc_image_id_parse(text, &id) && id.algorithm == DIGEST_SHA512);
	text[20] = 'A';
	assert_false(appc_image_id_parse(text, &id));
	text[30] = '\0';
	assert_false(appc_image_id_parse(text, &id) || appc_image_id_parse("sha512-", &id));
}

static void test_quantities(void **state)
{
	static const struct {
		const char *text;
		bool in_thousandths;
		uint64_t value;
	} good[] = {
		{ "0", false, 0 },
		{ "1G", false, 1000000000 },
		{ "2Gi", false, 2ull << 30 },
		{ "250m", true, 250 },
		{ "250m", false, 1 },
		{ "1.5", true, 1500 },
		{ "1.5Ki", false, 1536 },
		{ "1e3", false, 1000 },
		{ "12E6", false, 12000000 },
		{ "1E", false, 1000000000000000000 },
		{ "5e-1", true, 500 },
		{ "+7k", false, 7000 },
		{ ".5", true, 500 },
		{ "7Ei", false, 7ull << 60 },
		{ "0.0001", true, 1 },
		{ "0E99", false, 0 },
	};
	static const char *const bad[] = { "",
					   "-1",
					   "1 G",
					   "G",
					   "1K",
					   "1ki",
					   "1mi",
					   "1.2.3",
					   "1e",
					   "1e+",
					   "8Ei",
					   "1e30",
					   "1e100",
					   "99999999999999999999",
					   "1x",
					   "1Gi2",
					   "1180591620717411303424" };
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		if (!appc_quantity_parse(good[i].text, good[i].in_thousandths, &value) ||
		    value != good[i].value)
			fail_msg("%s", good[i].text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (appc_quantity_parse(bad[i], false, &value))
			fail_msg("%s", bad[i]);
	}
}

/* The example of the specification, with an image id that is one. */
#define ID                                                                                         \
	"sha512-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"  \
	"0123456789abcdef0123456789abcdef0123456789abcdef"
static const char example[] =
    "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"example.com/reduce-worker\","
    "\"labels\":[{\"name\":\"version\",\"value\":\"1.0.0\"},{\"name\":\"arch\",\"value\":\"amd64\"}"
    ","
    "{\"name\":\"os\",\"value\":\"linux\"}],"
    "\"app\":{\"exec\":[\"/usr/bin/reduce-worker\",\"--quiet\"],\"user\":\"100\",\"group\":\"300\","
    "\"supplementaryGids\":[400,500],\"eventHandlers\":["
    "{\"exec\":[\"/usr/bin/data-downloader\"],\"name\":\"pre-start\"},"
    "{\"exec\":[\"/usr/bin/deregister-worker\",\"--verbose\"],\"name\":\"post-stop\"}],"
    "\"workingDirectory\":\"/opt/work\","
    "\"environment\":[{\"name\":\"REDUCE_WORKER_DEBUG\",\"value\":\"true\"}],"
    "\"isolators\":[{\"name\":\"resource/"
    "cpu\",\"value\":{\"request\":\"250m\",\"limit\":\"500m\"}},"
    "{\"name\":\"resource/memory\",\"value\":{\"request\":\"1G\",\"limit\":\"2G\"}},"
    "{\"name\":\"os/linux/"
    "capabilities-retain-set\",\"value\":{\"set\":[\"CAP_NET_BIND_SERVICE\"]}}],"
    "\"mountPoints\":[{\"name\":\"work\",\"path\":\"/var/lib/work\",\"readOnly\":false}],"
    "\"ports\":[{\"name\":\"health\",\"port\":4000,\"protocol\":\"tcp\",\"socketActivated\":true},"
    "{\"name\":\"ftp-data\",\"port\":20000,\"count\":1000,\"protocol\":\"tcp\"}]},"
    "\"dependencies\":[{\"imageName\":\"example.com/reduce-worker-base\",\"imageID\":\"" ID "\","
    "\"labels\":[{\"name\":\"os\",\"value\":\"linux\"},{\"name\":\"env\",\"value\":\"canary\"}],"
    "\"size\":22017258}],"
    "\"pathWhitelist\":[\"/etc/systemd/system/\",\"/etc/ca/example.com/crt\",\"/etc//systemd/"
    "system\"],"
    "\"annotations\":[{\"name\":\"created\",\"value\":\"2014-10-27T19:32:27.67021798Z\"},"
    "{\"name\":\"homepage\",\"value\":\"https://example.com\"},"
    "{\"name\":\"appc.io/executor/supports-systemd-notify\",\"value\":\"false\"}]}";

static struct appc_image read_image(const char *text)
{
	struct error err = ERROR_NONE;
	struct appc_image image;

	if (appc_image_read(&image, text, strlen(text), &err) < 0)
		fail_msg("%s", err.text);
	return image;
}

static void test_example(void **state)
{
	struct appc_image image = read_image(example);
	const struct appc_app *app = &image.app;
	const struct appc_resource *resources = app->isolators.resources;

	(void)state;
	assert_string_equal(image.name, "example.com/reduce-worker");
	assert_int_equal(image.labels.count, 3);
	assert_string_equal(image.labels.items[2], "os=linux");
	assert_string_equal(app->exec.items[1], "--quiet");
	assert_string_equal(app->user, "100");
	assert_string_equal(app->group, "300");
	assert_int_equal(app->supplementary_gid_count, 2);
	assert_int_equal(app->supplementary_gids[1], 500);
	assert_string_equal(app->pre_start.items[0], "/usr/bin/data-downloader");
	assert_string_equal(app->post_stop.items[1], "--verbose");
	assert_string_equal(app->working_dir, "/opt/work");
	assert_string_equal(app->environment.items[0], "REDUCE_WORKER_DEBUG=true");
	assert_int_equal(resources[APPC_CPU].request.value, 250);
	assert_int_equal(resources[APPC_CPU].limit.value, 500);
	assert_int_equal(resources[APPC_MEMORY].limit.value, 2000000000);
	assert_true(app->isolators.has[APPC_CAPABILITIES_RETAIN]);
	assert_false(app->isolators.has[APPC_CAPABILITIES_REMOVE]);
	assert_string_equal(app->isolators.capabilities.items[0], "CAP_NET_BIND_SERVICE");
	assert_string_equal(app->mount_points[0].path, "/var/lib/work");
	assert_true(app->ports[0].is_socket_activated && app->ports[0].count == 1);
	assert_true(app->ports[1].port == 20000 && app->ports[1].count == 1000);
	assert_int_equal(image.dependency_count, 1);
	assert_int_equal(image.dependencies[0].id.bytes[1], 0x23);
	assert_int_equal(image.dependencies[0].size_bytes, 22017258);
	assert_string_equal(image.dependencies[0].labels.items[1], "env=canary");
	assert_int_equal(image.whitelist.count, 2);
	assert_string_equal(image.whitelist.items[0], "etc/ca/example.com/crt");
	assert_string_equal(image.whitelist.items[1], "etc/systemd/system");
	appc_image_free(&image);
}

static void test_config(void **state)
{
	struct appc_image image = read_image(example);
	struct image_config config = { 0 };
	struct string_list unapplied = { 0 };

	(void)state;
	assert_int_equal(appc_image_config(&image, &config, &unapplied, NULL), 0);
	assert_string_equal(config.entrypoint.items[0], "/usr/bin/reduce-worker");
	assert_int_equal(config.cmd.count, 0);
	assert_string_equal(config.env.items[0], "REDUCE_WORKER_DEBUG=true");
	assert_string_equal(config.volumes.items[0], "/var/lib/work");
	assert_string_equal(config.user, "100:300");
	assert_string_equal(config.working_dir, "/opt/work");
	assert_int_equal(unapplied.count, 0);
	assert_int_equal(config.supplementary_gid_count, 2);
	assert_int_equal(config.supplementary_gids[1], 500);
	assert_string_equal(config.pre_start.items[0], "/usr/bin/data-downloader");
	assert_string_equal(config.post_stop.items[1], "--verbose");
	assert_int_equal(config.mount_point_count, 1);
	assert_string_equal(config.mount_points[0].name, "work");
	assert_int_equal(config.port_count, 2);
	assert_true(config.ports[1].port == 20000 && config.ports[1].count == 1000);
	assert_int_equal(config.isolators.cpu_limit, 500);
	assert_int_equal(config.isolators.cpu_request, 250);
	assert_int_equal(config.isolators.memory_limit_bytes, 2000000000);
	assert_int_equal(config.isolators.capability_set, IMAGE_SET_RETAIN);
	assert_string_equal(config.isolators.capabilities.items[0], "CAP_NET_BIND_SERVICE");
	image_config_free(&config);
	string_list_free(&unapplied);
	appc_image_free(&image);
}

#define HEAD "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"a/b\""
#define APP  HEAD ",\"app\":{\"user\":\"root\",\"group\":\"root\""

static const char *const accepted[] = {
	HEAD "}",
	HEAD ",\"app\":null,\"labels\":null,\"dependencies\":null,\"pathWhitelist\":null,"
	     "\"annotations\":null,\"unknown\":{\"Name\":1}}",
	APP ",\"exec\":null,\"environment\":null,\"isolators\":null,\"ports\":null,"
	    "\"mountPoints\":null,\"eventHandlers\":null,\"workingDirectory\":\"\","
	    "\"userLabels\":null,\"userAnnotations\":{\"any key\":\"\"}}}",
	APP ",\"isolators\":[{\"name\":\"os/linux/unheard-of\",\"value\":[1]}]}}",
	APP ",\"isolators\":[{\"name\":\"resource/cpu\",\"value\":{\"limit\":0.5}}]}}",
	APP ",\"isolators\":[{\"name\":\"resource/memory\",\"value\":{\"limit\":1e9}}]}}",
	APP ",\"isolators\":[{\"name\":\"resource/block-iops\",\"value\":"
	    "{\"default\":true,\"limit\":\"1k\"}}]}}",
	APP ",\"isolators\":[{\"name\":\"os/linux/oom-score-adj\",\"value\":-1000}]}}",
	APP ",\"isolators\":[{\"name\":\"os/linux/cpu-shares\",\"value\":2}]}}",
	APP ",\"isolators\":[{\"name\":\"os/linux/no-new-privileges\",\"value\":true}]}}",
	APP ",\"isolators\":[{\"name\":\"os/linux/seccomp-retain-set\",\"value\":"
	    "{\"set\":[\"@appc.io/all\",\"read\"],\"errno\":\"ENOTSUP\"}}]}}",
	APP ",\"isolators\":[{\"name\":\"os/linux/selinux-context\",\"value\":{\"user\":\"u\","
	    "\"role\":\"r\",\"type\":\"t\",\"level\":\"s0:c1\"}},{\"name\":"
	    "\"os/linux/apparmor-profile\",\"value\":{\"profile\":\"p\"}},{\"name\":"
	    "\"os/unix/sysctl\",\"value\":{\"net.ipv4.ip_forward\":\"1\"}}]}}",
	HEAD ",\"labels\":[{\"name\":\"arch\",\"value\":\"sparc\"}]}",
	HEAD ",\"app\":{\"user\":\"/usr/bin/ping\",\"group\":\"12\"}}",
	HEAD ",\"pathWhitelist\":[\"/\"]}",
};

static void test_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(accepted); i++) {
		struct appc_image image = read_image(accepted[i]);

		appc_image_free(&image);
	}
}

#define ISOLATOR(name, value) APP ",\"isolators\":[{\"name\":\"" name "\",\"value\":" value "}]}}"

static const struct {
	const char *text;
	const char *why;
} refused[] = {
	{ "[]", "no object" },
	{ "{\"acKind\":\"PodManifest\",\"acVersion\":\"0.8.1\",\"name\":\"a\"}", "acKind: " },
	{ "{\"acVersion\":\"0.8.1\",\"name\":\"a\"}", "acKind: it is missing" },
	{ "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.9.0\",\"name\":\"a\"}", "acVersion: " },
	{ "{\"acKind\":\"ImageManifest\",\"acVersion\":\"1.0.0\",\"name\":\"a\"}", "newer" },
	{ "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8\",\"name\":\"a\"}", "no version" },
	{ "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.1\",\"name\":\"A\"}", "name: \"A\"" },
	{ "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.1\"}", "name: it is missing" },
	{ "{\"ackind\":\"ImageManifest\",\"acVersion\":\"0.8.1\",\"name\":\"a\"}", "acKind" },
	{ HEAD ",\"labels\":[{\"name\":\"name\",\"value\":\"x\"}]}", "not allowed" },
	{ HEAD ",\"labels\":[{\"name\":\"a\",\"value\":\"x\"},{\"name\":\"a\",\"value\":\"y\"}]}",
	  "labels[1].name: a stands there twice" },
	{ HEAD ",\"labels\":[{\"name\":\"os\",\"value\":\"plan9\"}]}", "plan9" },
	{ HEAD ",\"labels\":[{\"name\":\"os\",\"value\":\"linux\"},{\"name\":\"arch\",\"value\":"
	       "\"aarch64\"}]}",
	  "linux/aarch64" },
	{ HEAD ",\"labels\":{}}", "labels" },
	{ HEAD ",\"labels\":[7]}", "labels[0]: it is no object" },
	{ HEAD ",\"labels\":[{\"name\":\"a b\",\"value\":\"\"}]}", "labels[0].name" },
	{ HEAD ",\"annotations\":[{\"name\":\"created\",\"value\":\"today\"}]}", "no date" },
	{ HEAD ",\"annotations\":[{\"name\":\"homepage\",\"value\":\"ftp://a\"}]}", "no address" },
	{ HEAD ",\"annotations\":[{\"name\":\"documentation\",\"value\":\"a\"}]}", "no address" },
	{ HEAD ",\"dependencies\":[{\"imageID\":\"" ID "\"}]}", "dependencies[0].imageName" },
	{ HEAD ",\"dependencies\":[{\"imageName\":\"a\",\"imageID\":\"sha512-../../x\"}]}",
	  "dependencies[0].imageID" },
	{ HEAD ",\"dependencies\":[{\"imageName\":\"a\",\"imageID\":7}]}", "dependencies[0]: " },
	{ HEAD ",\"dependencies\":[{\"imageName\":\"a\",\"size\":-1}]}", "size" },
	{ HEAD ",\"dependencies\":[{\"imageName\":\"../a\"}]}", "AC Identifier" },
	{ HEAD ",\"pathWhitelist\":[\"foo\"]}", "pathWhitelist[0]: it is no absolute path" },
	{ HEAD ",\"pathWhitelist\":[\"/a\",\"/a/../b\"]}",
	  "pathWhitelist[1]: the name leads upwards" },
	{ HEAD ",\"pathWhitelist\":[7]}", "pathWhitelist[0]" },
	{ HEAD ",\"app\":{\"group\":\"0\"}}", "app.user: it is missing" },
	{ HEAD ",\"app\":{\"user\":\"0\"}}", "app.group: it is missing" },
	{ HEAD ",\"app\":{\"user\":\"a:b\",\"group\":\"0\"}}", "app.user" },
	{ HEAD ",\"app\":{\"user\":\"a\\nb\",\"group\":\"0\"}}", "app.user" },
	{ HEAD ",\"app\":{\"user\":\"/a/../b\",\"group\":\"0\"}}", "app.user" },
	{ HEAD ",\"app\":[]}", "app" },
	{ APP ",\"exec\":[\"a\",1]}}", "app.exec[1]: it is no string" },
	{ APP ",\"exec\":\"a\"}}", "app: \"exec\"" },
	{ APP ",\"Exec\":[]}}", "app: " },
	{ APP ",\"supplementaryGIDs\":[-1]}}", "app.supplementaryGIDs[0]" },
	{ APP ",\"supplementaryGIDs\":[1.5]}}", "no group id" },
	{ APP ",\"supplementaryGIDs\":[4294967295]}}", "no group id" },
	{ APP ",\"workingDirectory\":\"opt\"}}", "app.workingDirectory" },
	{ APP ",\"workingDirectory\":\"/..\"}}", "app.workingDirectory" },
	{ APP ",\"environment\":[{\"name\":\"\",\"value\":\"\"}]}}", "app.environment[0].name" },
	{ APP ",\"environment\":[{\"name\":\"A=B\",\"value\":\"\"}]}}", "no name of a variable" },
	{ APP ",\"environment\":[{\"name\":\"A\\nB\",\"value\":\"\"}]}}", "no name of a variable" },
	{ APP
	  ",\"environment\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"AB\",\"value\":\"2\"},"
	  "{\"name\":\"A\",\"value\":\"3\"}]}}",
	  "app.environment: A stands there twice" },
	{ APP ",\"environment\":[{\"name\":\"A\",\"value\":\"\\u0000\"}]}}", "NUL" },
	{ APP ",\"eventHandlers\":[{\"name\":\"pre-stop\",\"exec\":[\"/a\"]}]}}",
	  "app.eventHandlers[0].name" },
	{ APP ",\"eventHandlers\":[{\"name\":\"pre-start\",\"exec\":[\"/../a\"]}]}}", "upwards" },
	{ APP ",\"eventHandlers\":[{\"name\":\"pre-start\",\"exec\":[]}]}}",
	  "exec: it is missing" },
	{ APP
	  ",\"eventHandlers\":[{\"name\":\"post-stop\",\"exec\":[\"a\"]},{\"name\":\"post-stop\","
	  "\"exec\":[\"b\"]}]}}",
	  "twice" },
	{ APP ",\"mountPoints\":[{\"name\":\"a\",\"path\":\"/../..\"}]}}", "mountPoints[0].path" },
	{ APP ",\"mountPoints\":[{\"name\":\"a\",\"path\":\"/\"}]}}", "below the root" },
	{ APP ",\"mountPoints\":[{\"name\":\"a\",\"path\":\"/.//\"}]}}", "below the root" },
	{ APP ",\"mountPoints\":[{\"name\":\"a\",\"path\":\"b\"}]}}", "absolute" },
	{ APP ",\"mountPoints\":[{\"name\":\"A\",\"path\":\"/b\"}]}}", "AC Name" },
	{ APP
	  ",\"mountPoints\":[{\"name\":\"a\",\"path\":\"/b\"},{\"name\":\"a\",\"path\":\"/c\"}]}}",
	  "mountPoints[1].name" },
	{ APP
	  ",\"mountPoints\":[{\"name\":\"a\",\"path\":\"/b\"},{\"name\":\"c\",\"path\":\"/b\"}]}}",
	  "mountPoints[1].path" },
	{ APP ",\"mountPoints\":[{\"name\":\"a\",\"path\":\"/b\",\"readOnly\":1}]}}", "readOnly" },
	{ APP ",\"ports\":[{\"name\":\"a\",\"protocol\":\"tcp\",\"port\":0}]}}", "ports[0].port" },
	{ APP ",\"ports\":[{\"name\":\"a\",\"protocol\":\"tcp\",\"port\":65536}]}}", "port" },
	{ APP ",\"ports\":[{\"name\":\"a\",\"protocol\":\"tcp\",\"port\":65535,\"count\":2}]}}",
	  "above 65535" },
	{ APP ",\"ports\":[{\"name\":\"a\",\"protocol\":\"icmp\",\"port\":1}]}}", "protocol" },
	{ APP ",\"ports\":[{\"name\":\"a\",\"protocol\":\"tcp\",\"port\":1},{\"name\":\"a\","
	      "\"protocol\":\"udp\",\"port\":1}]}}",
	  "ports[1].name" },
	{ APP ",\"userLabels\":{\"a\":1}}}", "app.userLabels.a: it is no string" },
	{ APP ",\"isolators\":[{\"value\":1}]}}", "app.isolators[0].name" },
	{ APP ",\"isolators\":[{\"name\":\"resource/cpu\"}]}}",
	  "isolators[0].value: it is missing" },
	{ ISOLATOR("Resource/cpu", "{}"), "AC Identifier" },
	{ ISOLATOR("resource/cpu", "[]"), "isolators[0].value: it is no object" },
	{ ISOLATOR("resource/cpu", "{\"limit\":\"-1\"}"), "value.limit: \"-1\"" },
	{ ISOLATOR("resource/cpu", "{\"limit\":-1}"), "no quantity" },
	{ ISOLATOR("resource/cpu", "{\"limit\":true}"), "no quantity" },
	{ ISOLATOR("resource/cpu", "{\"Limit\":\"1\"}"), "value.limit" },
	{ ISOLATOR("resource/memory", "{\"limit\":\"1180591620717411303424\"}"), "no quantity" },
	{ ISOLATOR("resource/memory", "{\"limit\":1180591620717411303424}"), "no quantity" },
	{ ISOLATOR("resource/memory", "{\"default\":true}"), "must be false" },
	{ ISOLATOR("resource/block-iops", "{\"limit\":\"1\"}"), "must be true" },
	{ ISOLATOR("resource/block-iops", "{\"default\":true,\"request\":1}"), "only a limit" },
	{ ISOLATOR("os/linux/cpu-shares", "1"), "2 to 262144" },
	{ ISOLATOR("os/linux/cpu-shares", "\"4\""), "2 to 262144" },
	{ ISOLATOR("os/linux/oom-score-adj", "1001"), "-1000 to 1000" },
	{ ISOLATOR("os/linux/oom-score-adj", "1.5"), "-1000 to 1000" },
	{ ISOLATOR("os/linux/no-new-privileges", "1"), "true or false" },
	{ ISOLATOR("os/linux/capabilities-retain-set", "{\"set\":[]}"), "set: it is empty" },
	{ ISOLATOR("os/linux/capabilities-retain-set", "{\"set\":[\"NET_ADMIN\"]}"),
	  "no capability" },
	{ ISOLATOR("os/linux/seccomp-remove-set", "{}"), "set: it is empty" },
	{ ISOLATOR("os/linux/seccomp-remove-set", "{\"set\":[\"re ad\"]}"), "no system call" },
	{ ISOLATOR("os/linux/seccomp-remove-set", "{\"set\":[\"@\"]}"), "no system call" },
	{ ISOLATOR("os/linux/seccomp-remove-set", "{\"set\":[\"read\"],\"errno\":\"perm\"}"),
	  "no error name" },
	{ ISOLATOR("os/linux/selinux-context", "{\"user\":\"a\"}"), "role: it is missing" },
	{ ISOLATOR("os/linux/selinux-context", "{\"user\":\"a:b\"}"), "colon" },
	{ ISOLATOR("os/linux/apparmor-profile", "{}"), "profile: it is missing" },
	{ ISOLATOR("os/unix/sysctl", "{\"a\":1}"), "no string" },
	{ APP ",\"isolators\":[{\"name\":\"resource/cpu\",\"value\":{}},{\"name\":\"resource/cpu\","
	      "\"value\":{}}]}}",
	  "excludes" },
	{ APP ",\"isolators\":[{\"name\":\"os/linux/"
	      "seccomp-remove-set\",\"value\":{\"set\":[\"read\"]}}"
	      ",{\"name\":\"os/linux/seccomp-retain-set\",\"value\":{\"set\":[\"read\"]}}]}}",
	  "excludes" },
	{ APP ",\"isolators\":[{\"name\":\"os/linux/capabilities-remove-set\",\"value\":{\"set\":"
	      "[\"CAP_KILL\"]}},{\"name\":\"os/linux/capabilities-retain-set\",\"value\":{\"set\":"
	      "[\"CAP_KILL\"]}}]}}",
	  "excludes" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct error err = ERROR_NONE;
		struct appc_image image;

		if (appc_image_read(&image, refused[i].text, strlen(refused[i].text), &err) == 0)
			fail_msg("taken: %s", refused[i].text);
		if (!strstr(err.text, refused[i].why))
			fail_msg("%s\nfor: %s", err.text, refused[i].text);
	}
}

/* Lists and strings beyond what they may have; pattern stands count times in them. */
static void expect_too_much(const char *front, const char *pattern, size_t count, const char *back)
{
	size_t front_len = strlen(front), pattern_len = strlen(pattern), back_len = strlen(back);
	size_t len = front_len + count * pattern_len + back_len;
	char *text = malloc(len + 1);
	struct error err = ERROR_NONE;
	struct appc_image image;

	assert_non_null(text);
	memcpy(text, front, front_len);
	for (size_t i = 0; i < count; i++)
		memcpy(text + front_len + i * pattern_len, pattern, pattern_len);
	memcpy(text + len - back_len, back, back_len);
	assert_int_equal(appc_image_read(&image, text, len, &err), -1);
	if (!strstr(err.text, "more than") && !strstr(err.text, "longer than") &&
	    !strstr(err.text, "one too many"))
		fail_msg("%s\nfor: %s", err.text, front);
	free(text);
}

static void test_limits(void **state)
{
	(void)state;
	expect_too_much(APP ",\"environment\":[{\"name\":\"A\",\"value\":\"", "0123456789abcdef",
			65536, "\"}]}}");
	expect_too_much(APP ",\"exec\":[\"", "0123456789abcdef", 8192, "\"]}}");
	expect_too_much(APP ",\"exec\":[\"\"", ",\"\"", 4096, "]}}");
	expect_too_much(HEAD ",\"dependencies\":[{\"imageName\":\"a\"}", ",{\"imageName\":\"a\"}",
			64, "]}");
	expect_too_much(HEAD ",\"pathWhitelist\":[\"/\"", ",\"/a\"", 65536, "]}");
	expect_too_much(APP ",\"supplementaryGIDs\":[1", ",1", 64, "]}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	   cmocka_unit_test(test_dates_and_versions),
		cmocka_unit_test(test_quantities), cmocka_unit_test(test_example),
		cmocka_unit_test(test_config),	   cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),	   cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
