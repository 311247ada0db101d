#include "tests/unit/images/test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "images/authfile.h"
#include "images/base64.h"

/* YTox is "a:1", YjoyOjM= is "b:2:3", YzozPg== is "c:3>". */
static const char file[] =
    "{\"auths\":{"
    "\"r.example:5000\":{\"auth\":\"YTox\"},"
    "\"r.example:5000/team\":{\"auth\":\"YjoyOjM=\"},"
    "\"r.example:5000/team/app\":{\"auth\":\"YzozPg==\"},"
    "\"https://index.docker.io/v1/\":{\"auth\":\"YTox\",\"identitytoken\":\"tok\"},"
    "\"http://old.example/v2/\":{\"auth\":\"YTox\"},"
    "\"kept.example\":{},"
    "\"path.example/only\":{\"auth\":\"YTox\"}"
    "},\"credHelpers\":{\"helped.example\":\"ecr-login\"},\"credsStore\":\"secretservice\"}";

static void find(struct credential *out, const char *host, const char *repository)
{
	struct error err = ERROR_NONE;

	if (authfile_match(out, file, strlen(file), host, repository, &err) < 0)
		fail_msg("%s", err.text);
}

static void test_match(void **state)
{
	struct credential out;

	(void)state;
	find(&out, "r.example:5000", "other");
	assert_string_equal(out.user, "a");
	find(&out, "r.example:5000", "team2/app");
	assert_string_equal(out.user, "a");
	find(&out, "r.example:5000", "team/other/thing");
	assert_string_equal(out.user, "b");
	assert_string_equal(out.secret, "2:3");
	find(&out, "r.example:5000", "team/app");
	assert_string_equal(out.user, "c");
	assert_string_equal(out.secret, "3>");
	find(&out, "docker.io", "library/alpine");
	assert_true(out.found && out.is_identity_token);
	assert_string_equal(out.secret, "tok");
	find(&out, "old.example", "x");
	assert_true(out.found && !out.is_identity_token);
	find(&out, "r.example", "team/app");
	assert_false(out.found);
	find(&out, "R.example:5000", "x");
	assert_false(out.found);
	find(&out, "path.example", "other");
	assert_false(out.found);
	assert_string_equal(out.helper, "");
}

static void test_helpers(void **state)
{
	struct credential out;

	(void)state;
	find(&out, "helped.example", "x");
	assert_false(out.found);
	assert_string_equal(out.helper, "ecr-login");
	find(&out, "kept.example", "x");
	assert_false(out.found);
	assert_string_equal(out.helper, "secretservice");
	find(&out, "r.example:5000", "x");
	assert_string_equal(out.helper, "");
}

static void test_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"[]",
		"{\"auths\":[]}",
		"{\"auths\":{\"h\":1}}",
		"{\"auths\":{\"h\":{\"auth\":1}}}",
		"{\"auths\":{\"h\":{\"identitytoken\":[]}}}",
		"{\"auths\":{\"h\":{\"auth\":\"YTox=\"}}}",
		"{\"auths\":{\"h\":{\"auth\":\"YWJj\"}}}",
		"{\"auths\":{\"h\":{\"auth\":\"YT*x\"}}}",
		"{\"auths\":{},\"credHelpers\":1}",
		"{\"auths\":{},\"auths\":{}}",
		"{\"auths\":{\"h\":{}},\"credsStore\":{}}",
	};
	struct credential out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = ERROR_NONE;

		if (authfile_match(&out, cases[i], strlen(cases[i]), "h", "x", &err) != -1)
			fail_msg("%s was accepted", cases[i]);
		assert_false(out.found);
		assert_null(strstr(err.text, "YT"));
	}
}

static void write_file(const char *directory, const char *name, const char *user_auth)
{
	char path[512];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	out = fopen(path, "we");
	assert_non_null(out);
	(void)fprintf(out, "{\"auths\":{\"h.example\":{\"auth\":\"%s\"}}}", user_auth);
	assert_int_equal(fclose(out), 0);
}

/* The order of the usual places, and that a place that was named is the only one. */
static void test_places(void **state)
{
	char directory[] = "/tmp/authfile-XXXXXX", path[512], containers[512];
	struct error err = ERROR_NONE;
	struct credential out;

	(void)state;
	assert_non_null(mkdtemp(directory));
	(void)snprintf(containers, sizeof(containers), "%s/containers", directory);
	(void)snprintf(path, sizeof(path), "%s/.docker", directory);
	assert_int_equal(mkdir(containers, 0700) | mkdir(path, 0700), 0);
	write_file(directory, ".docker/config.json", "ZDox");
	write_file(directory, "containers/auth.json", "cjox");
	write_file(directory, "named.json", "bjox");
	assert_int_equal(setenv("HOME", directory, 1) | setenv("XDG_CONFIG_HOME", "/none", 1), 0);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", directory, 1), 0);
	assert_int_equal(unsetenv("REGISTRY_AUTH_FILE"), 0);
	assert_int_equal(authfile_find(&out, NULL, "h.example", "x", &err), 0);
	assert_string_equal(out.user, "r");
	assert_int_equal(setenv("XDG_RUNTIME_DIR", "/none", 1), 0);
	assert_int_equal(authfile_find(&out, NULL, "h.example", "x", &err), 0);
	assert_string_equal(out.user, "d");
	assert_int_equal(authfile_find(&out, NULL, "g.example", "x", &err), 0);
	assert_false(out.found);
	(void)snprintf(path, sizeof(path), "%s/named.json", directory);
	assert_int_equal(setenv("REGISTRY_AUTH_FILE", path, 1), 0);
	assert_int_equal(authfile_find(&out, NULL, "h.example", "x", &err), 0);
	assert_string_equal(out.user, "n");
	assert_string_equal(out.path, path);
	assert_int_equal(authfile_find(&out, "/none/auth.json", "h.example", "x", &err), -1);
	assert_non_null(strstr(err.text, "/none/auth.json"));
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/.docker/config.json", directory);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/containers/auth.json", directory);
	(void)unlink(path);
	(void)rmdir(containers);
	(void)snprintf(path, sizeof(path), "%s/.docker", directory);
	(void)rmdir(path);
	(void)rmdir(directory);
}

static void test_base64(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "" },	   { "f", "Zg==" },	   { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "\xff\xfe\xfd", "//79" },
	};
	static const char *const wrong[] = { "Zg",   "Zg=",	 "Zh==",   "Zm9=", "====",
					     "Z===", "Zg==Zg==", "Zm9v\n", "Zm 9" };
	char text[32], data[32];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		size_t len = strlen(pairs[i][0]);

		base64_encode(text, pairs[i][0], len);
		assert_string_equal(text, pairs[i][1]);
		assert_int_equal(base64_decode(data, len, text, strlen(text)), len);
		assert_memory_equal(data, pairs[i][0], len);
		if (len)
			assert_int_equal(base64_decode(data, len - 1, text, strlen(text)), -1);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (base64_decode(data, sizeof(data), wrong[i], strlen(wrong[i])) != -1)
			fail_msg("%s was accepted", wrong[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),	cmocka_unit_test(test_helpers),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_places),
		cmocka_unit_test(test_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
