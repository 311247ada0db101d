/*
 * Pod manifests: what is read, what is refused and where, and the way through flat fields.
 */
#include <stdlib.h>
#include <string.h>

#include "images/fields.h"
#include "images/pod_manifest.h"
#include "tests/unit/images/test.h"
#include "vmm/base/bytes.h"

#define ID	      "sha512-0123456789abcdef0123456789abcdef"
#define HEAD	      "{\"acKind\":\"PodManifest\",\"acVersion\":\"1.30.0\""
#define IMAGE	      "\"image\":{\"id\":\"" ID "\"}"
#define APPS	      ",\"apps\":[{\"name\":\"a\"," IMAGE "}]"
#define APP(text)     HEAD ",\"apps\":[{\"name\":\"a\"," IMAGE "," text "}]}"
#define SECTION(text) APP("\"app\":{\"user\":\"0\",\"group\":\"0\"," text "}")
#define POD(text)     HEAD APPS "," text "}"

static const char whole[] = HEAD
    ",\"unknown\":7,\"volumes\":["
    "{\"name\":\"data\",\"kind\":\"host\",\"source\":\"/srv/data\",\"readOnly\":true,"
    "\"recursive\":false},"
    "{\"name\":\"work\",\"kind\":\"empty\",\"mode\":\"1777\",\"uid\":5,\"gid\":6}],"
    "\"isolators\":[{\"name\":\"resource/memory\",\"value\":{\"limit\":\"256Mi\"}},"
    "{\"name\":\"resource/cpu\",\"value\":{\"limit\":1.5}},"
    "{\"name\":\"os/unix/sysctl\",\"value\":{\"net.core.somaxconn\":\"99\"}}],"
    "\"annotations\":[{\"name\":\"pod/x\",\"value\":\"a=b\"}],"
    "\"userAnnotations\":{\"k\":\"v\"},\"userLabels\":{\"l\":\"m\"},"
    "\"ports\":[{\"name\":\"http\",\"hostPort\":8080,\"hostIP\":\"127.0.0.1\"},"
    "{\"name\":\"dns\",\"hostPort\":53,\"podPort\":{\"name\":\"x\",\"protocol\":\"udp\","
    "\"port\":5353,\"count\":2}}],"
    "\"apps\":[{\"name\":\"web\",\"image\":{\"id\":\"" ID "\",\"name\":\"example.com/web\","
    "\"labels\":[{\"name\":\"version\",\"value\":\"1\"}]},\"readOnlyRootFS\":true,"
    "\"app\":{\"exec\":[\"/bin/web\",\"-v\"],\"user\":\"www\",\"group\":\"33\","
    "\"supplementaryGIDs\":[7],\"workingDirectory\":\"/srv\","
    "\"environment\":[{\"name\":\"A\",\"value\":\"1\"}],"
    "\"eventHandlers\":[{\"name\":\"pre-start\",\"exec\":[\"/bin/pre\"]}],"
    "\"mountPoints\":[{\"name\":\"data\",\"path\":\"/data\",\"readOnly\":true}],"
    "\"ports\":[{\"name\":\"http\",\"protocol\":\"tcp\",\"port\":80,\"count\":1,"
    "\"socketActivated\":false}],"
    "\"isolators\":[{\"name\":\"os/linux/oom-score-adj\",\"value\":-5},"
    "{\"name\":\"os/linux/seccomp-remove-set\",\"value\":{\"set\":[\"mkdir\"],"
    "\"errno\":\"EPERM\"}},{\"name\":\"resource/block-iops\",\"value\":"
    "{\"default\":true,\"limit\":\"1k\"}}]},"
    "\"mounts\":[{\"volume\":\"data\",\"path\":\"/data\"},{\"volume\":\"own\",\"path\":\"/own\","
    "\"appVolume\":{\"name\":\"own\",\"kind\":\"empty\"}}],"
    "\"annotations\":[{\"name\":\"nacelle/restart\",\"value\":\"always\"}]},"
    "{\"name\":\"side\",\"annotations\":[{\"name\":\"nacelle/image\",\"value\":\"oci:./x\"}]}]}";

static struct pod_manifest read_text(const char *text)
{
	struct pod_manifest manifest, back;
	struct error err = ERROR_NONE;
	void *data;
	size_t len;

	if (pod_manifest_read(&manifest, text, strlen(text), &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(pod_manifest_encode(&manifest, &data, &len), 0);
	pod_manifest_free(&manifest);
	assert_int_equal(pod_manifest_decode(&back, data, len, &err), 0);
	free(data);
	return back;
}

static void test_whole(void **state)
{
	struct pod_manifest manifest = read_text(whole);
	const struct manifest_app *web = &manifest.apps[0];

	(void)state;
	assert_int_equal(manifest.app_count, 2);
	assert_int_equal(manifest.volume_count, 3);
	assert_string_equal(manifest.volumes[0].source, "/srv/data");
	assert_int_equal(manifest.volumes[0].read_only, MANIFEST_TRUE);
	assert_int_equal(manifest.volumes[0].recursive, MANIFEST_FALSE);
	assert_int_equal(manifest.volumes[1].kind, MANIFEST_VOLUME_EMPTY);
	assert_int_equal(manifest.volumes[1].mode, 01777);
	assert_int_equal(manifest.volumes[1].uid, 5);
	assert_int_equal(manifest.volumes[1].read_only, MANIFEST_UNSET);
	assert_string_equal(manifest.volumes[2].name, "own");
	assert_int_equal(manifest.volumes[2].mode, 0755);
	assert_int_equal(manifest.isolators.memory_limit_bytes, 256 << 20);
	assert_int_equal(manifest.isolators.cpu_limit, 1500);
	assert_string_equal(manifest.isolators.sysctls.items[1], "99");
	assert_string_equal(manifest.annotations.items[1], "a=b");
	assert_string_equal(manifest.user_labels.items[1], "m");
	assert_string_equal(manifest.ports[0].host_ip, "127.0.0.1");
	assert_true(manifest.ports[1].has_pod_port && manifest.ports[1].pod_port.udp);
	assert_int_equal(manifest.ports[1].pod_port.count, 2);
	assert_true(web->read_only_root && web->has_app);
	assert_string_equal(web->app.user, "www:33");
	assert_string_equal(web->app.isolators.unapplied.items[0], "resource/block-iops");
	assert_int_equal(web->app.isolators.oom_score_adj, -5);
	assert_int_equal(web->app.isolators.system_call_set, IMAGE_SET_REMOVE);
	assert_string_equal(web->app.isolators.seccomp_errno, "EPERM");
	assert_int_equal(web->mount_count, 2);
	assert_string_equal(web->mounts[1].volume, "own");
	assert_string_equal(manifest.apps[1].reference, "oci:./x");
	assert_null(manifest.apps[1].image_id);
	pod_manifest_free(&manifest);
}

static const char *const accepted[] = {
	HEAD APPS "}",
	POD("\"volumes\":null,\"isolators\":null,\"annotations\":null,\"ports\":null,"
	    "\"userLabels\":null"),
	APP("\"mounts\":null,\"annotations\":null,\"app\":null,\"readOnlyRootFS\":null"),
	SECTION("\"exec\":null,\"isolators\":null"),
	POD("\"volumes\":[{\"name\":\"v\",\"kind\":\"empty\",\"source\":null,\"mode\":null}]"),
};

static void test_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(accepted); i++) {
		struct pod_manifest manifest = read_text(accepted[i]);

		pod_manifest_free(&manifest);
	}
}

static const struct {
	const char *text;
	const char *why;
} refused[] = {
	{ "[]", "it is no object" },
	{ "{", "" },
	{ "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\"}", "acKind: " },
	{ "{\"acKind\":\"PodManifest\",\"acVersion\":\"0\"}", "acVersion: " },
	{ HEAD "}", "apps: it is missing or empty" },
	{ HEAD ",\"apps\":[7]}", "apps[0]: it is no object" },
	{ HEAD ",\"apps\":{}}", "apps" },
	{ HEAD ",\"apps\":[{\"name\":\"A\"," IMAGE "}]}", "apps[0].name: \"A\" is no AC Name" },
	{ HEAD ",\"apps\":[{\"name\":\"a\"," IMAGE "},{\"name\":\"a\"," IMAGE "}]}",
	  "apps[1].name: a stands there twice" },
	{ HEAD ",\"apps\":[{\"name\":\"a\"}]}", "apps[0].image: it is missing" },
	{ HEAD ",\"apps\":[{\"name\":\"a\",\"image\":{}}]}", "apps[0].image.id: it is missing" },
	{ HEAD ",\"apps\":[{\"name\":\"a\",\"image\":{\"id\":\"md5-00\"}}]}",
	  "apps[0].image.id: " },
	{ HEAD ",\"apps\":[{\"name\":\"a\",\"image\":{\"id\":\"sha512-0123\"}}]}",
	  "apps[0].image.id: " },
	{ HEAD ",\"apps\":[{\"name\":\"a\",\"image\":{\"id\":\"" ID "\",\"name\":\"a b\"}}]}",
	  "apps[0].image.name: " },
	{ APP("\"annotations\":[{\"name\":\"nacelle/image\"}]"), "nacelle/image is empty" },
	{ APP("\"readOnlyRootFS\":\"yes\""), "readOnlyRootFS" },
	{ SECTION("\"isolators\":[{\"name\":\"os/linux/unheard-of\",\"value\":1}]"),
	  "apps[0].app.isolators[0].name: \"os/linux/unheard-of\" is no isolator" },
	{ SECTION(
	      "\"isolators\":[{\"name\":\"os/linux/capabilities-retain-set\",\"value\":{\"set\":"
	      "[\"CAP_KILL\"]}},{\"name\":\"os/linux/capabilities-remove-set\",\"value\":"
	      "{\"set\":[\"CAP_KILL\"]}}]"),
	  "apps[0].app.isolators[1].name: " },
	{ SECTION("\"isolators\":[{\"name\":\"resource/memory\",\"value\":{\"limit\":\"-1\"}}]"),
	  "apps[0].app.isolators[0].value.limit: " },
	{ SECTION("\"exec\":\"/bin/sh\""), "apps[0].app" },
	{ APP("\"app\":{\"exec\":[]}"), "apps[0].app.user: it is missing" },
	{ APP("\"mounts\":[{\"volume\":\"v\",\"path\":\"/v\"}]"),
	  "apps[0].mounts[0].volume: the pod has no volume v" },
	{ APP("\"mounts\":[{\"volume\":\"v\",\"path\":\"v\"}]"), "apps[0].mounts[0].path: " },
	{ APP("\"mounts\":[{\"volume\":\"v\",\"path\":\"/v\",\"appVolume\":{\"name\":\"w\","
	      "\"kind\":\"empty\"}}]"),
	  "apps[0].mounts[0].appVolume: " },
	{ POD("\"isolators\":[{\"name\":\"a/b\",\"value\":1}]"), "isolators[0].name: " },
	{ POD("\"isolators\":[{\"name\":\"resource/cpu\",\"value\":{\"limit\":[]}}]"),
	  "isolators[0].value.limit: " },
	{ POD("\"volumes\":[{\"name\":\"v\",\"kind\":\"disk\"}]"), "volumes[0].kind: " },
	{ POD("\"volumes\":[{\"name\":\"v\",\"kind\":\"host\"}]"),
	  "volumes[0].source: it is missing" },
	{ POD("\"volumes\":[{\"name\":\"v\",\"kind\":\"host\",\"source\":\"a\"}]"),
	  "volumes[0].source: " },
	{ POD("\"volumes\":[{\"name\":\"v\",\"kind\":\"host\",\"source\":\"/"
	      "a\",\"mode\":\"0700\"}]"),
	  "volumes[0]: mode, uid and gid" },
	{ POD("\"volumes\":[{\"name\":\"v\",\"kind\":\"empty\",\"source\":\"/a\"}]"),
	  "volumes[0].source: " },
	{ POD("\"volumes\":[{\"name\":\"v\",\"kind\":\"empty\",\"recursive\":true}]"),
	  "volumes[0].recursive: " },
	{ POD("\"volumes\":[{\"name\":\"v\",\"kind\":\"empty\",\"mode\":\"9\"}]"),
	  "volumes[0].mode: " },
	{ POD("\"volumes\":[{\"name\":\"v\",\"kind\":\"empty\",\"uid\":-1}]"), "uid" },
	{ POD("\"volumes\":[{\"name\":\"v\",\"kind\":\"empty\"},{\"name\":\"v\",\"kind\":\"empty\"}"
	      "]"),
	  "volumes[1].name: v stands there twice" },
	{ POD("\"ports\":[{\"name\":\"p\"}]"), "ports[0].hostPort: " },
	{ POD("\"ports\":[{\"name\":\"p\",\"hostPort\":1,\"hostIP\":\"::1\"}]"),
	  "ports[0].hostIP: " },
	{ POD("\"ports\":[{\"name\":\"p\",\"hostPort\":1,\"podPort\":{\"name\":\"q\"}}]"),
	  "ports[0].podPort.protocol: " },
	{ POD("\"annotations\":[{\"name\":\"a b\",\"value\":\"\"}]"), "annotations[0].name: " },
	{ POD("\"userLabels\":{\"a\":1}"), "userLabels.a: it is no string" },
	{ POD("\"apps\":null"), "twice" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct error err = ERROR_NONE;
		struct pod_manifest manifest;
		const char *text = refused[i].text;

		if (pod_manifest_read(&manifest, text, strlen(text), &err) == 0)
			fail_msg("accepted: %s", text);
		if (!strstr(err.text, refused[i].why))
			fail_msg("%s: \"%s\" is not in \"%s\"", text, refused[i].why, err.text);
	}
}

/* Cut off or changed anywhere, the fields are refused or still sound. */
/* What a pod's manifest leaves to the image goes the same way. */
static void test_section_of_an_image(void **state)
{
	static const char head[] = "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\","
				   "\"name\":\"example.com/web\",\"labels\":null";
	char text[512];
	struct pod_manifest manifest, decoded;
	struct error err = ERROR_NONE;
	void *data;
	size_t len;

	(void)state;
	(void)snprintf(text, sizeof(text),
		       "%s,\"app\":{\"exec\":[\"/bin/web\"],\"user\":\"5\",\"group\":\"6\"}}",
		       head);
	assert_int_equal(pod_manifest_read_image(&manifest, text, strlen(text), &err), 0);
	assert_int_equal(pod_manifest_encode(&manifest, &data, &len), 0);
	pod_manifest_free(&manifest);
	assert_int_equal(pod_manifest_decode(&decoded, data, len, &err), 0);
	free(data);
	assert_int_equal(decoded.app_count, 1);
	assert_true(decoded.apps[0].has_app);
	assert_string_equal(decoded.apps[0].app.entrypoint.items[0], "/bin/web");
	assert_string_equal(decoded.apps[0].app.user, "5:6");
	pod_manifest_free(&decoded);
	(void)snprintf(text, sizeof(text), "%s}", head);
	assert_int_equal(pod_manifest_read_image(&manifest, text, strlen(text), &err), -1);
	assert_string_equal(err.text, "it has no app section, and neither has the pod's");
	assert_int_equal(pod_manifest_read_image(&manifest, "{", 1, &err), -1);
}

static void test_damaged(void **state)
{
	struct pod_manifest manifest;
	struct error err = ERROR_NONE;
	void *data;
	size_t len;

	(void)state;
	assert_int_equal(pod_manifest_read(&manifest, whole, strlen(whole), &err), 0);
	assert_int_equal(pod_manifest_encode(&manifest, &data, &len), 0);
	pod_manifest_free(&manifest);
	for (size_t i = 0; i < len; i++) {
		uint8_t *byte = (uint8_t *)data + i;

		assert_int_equal(pod_manifest_decode(&manifest, data, i, &err), -1);
		*byte ^= 0x81;
		if (pod_manifest_decode(&manifest, data, len, &err) == 0)
			pod_manifest_free(&manifest);
		*byte ^= 0x81;
	}
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),	cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_section_of_an_image),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
