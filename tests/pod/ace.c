/*
 * What appc's ACE validator asks of an executor (appc spec 0.8.11, ace/), and more of the metadata
 * service: what is forged, unknown, or no request at all. One static program in the images main and
 * sidekick, which share the volume "database" at /db. Prints "MODE OK", or "MODE FAIL" and why on
 * stderr, and ends with 1.
 *
 * usage: ace main|sidekick|prestart|poststop
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define JSON "application/json"
#define TEXT "text/plain; charset=us-ascii"
enum { WAIT_S = 100, ANSWER_MAX = 1 << 20, PAIRS_MAX = 64 };

static bool failed;

static void fail(const char *format, ...)
{
	va_list arguments;

	failed = true;
	fputs("==> ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

/* --- files */

static void expect_file(const char *path, bool is_there)
{
	if ((access(path, F_OK) == 0) != is_there)
		fail("%s %s", path, is_there ? "is not there" : "is there");
}

static void expect_new(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);

	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	else
		close(fd);
}

static void wait_for(const char *path)
{
	time_t end = time(NULL) + WAIT_S;

	while (access(path, F_OK) < 0) {
		if (time(NULL) > end) {
			fail("%s has not come", path);
			return;
		}
		usleep(10000);
	}
}

static void expect_mount(const char *path)
{
	FILE *file = fopen("/proc/self/mountinfo", "r");
	char line[4096], place[1024], options[1024], last[1024] = "";

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*d %*d %*s %*s %1023s %1023s", place, options) == 2 &&
		    strcmp(place, path) == 0)
			strcpy(last, options);
	if (file)
		fclose(file);
	if (strncmp(last, "rw", 2) != 0)
		fail("%s is no mount that can be written: \"%s\"", path, last);
}

static void expect_variable(const char *name, const char *value)
{
	const char *found = getenv(name);

	if (!found || strcmp(found, value) != 0)
		fail("%s is \"%s\", not \"%s\"", name, found ? found : "", value);
}

/* --- HTTP */

struct answer {
	int status;
	char type[128];
	char *body;
	char data[ANSWER_MAX];
};

static char base[512]; /* of the paths: "/TOKEN" */
static int port;

static int dial(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		fail("no connection: %s", strerror(errno));
		exit(1);
	}
	return fd;
}

static void receive(int fd, struct answer *out)
{
	size_t used = 0;
	ssize_t n;
	char *type, *end;

	memset(out, 0, sizeof(*out));
	while (used < sizeof(out->data) - 1 &&
	       (n = read(fd, out->data + used, sizeof(out->data) - 1 - used)) > 0)
		used += n;
	close(fd);
	end = strstr(out->data, "\r\n\r\n");
	if (!end || sscanf(out->data, "HTTP/1.1 %d", &out->status) != 1)
		return;
	*end = 0;
	out->body = end + 4;
	type = strcasestr(out->data, "\r\nContent-Type: ");
	if (type)
		sscanf(type + 16, "%127[^\r]", out->type);
}

static void put(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		len -= n;
	}
}

#define FLAVOR "Metadata-Flavor: AppContainer\r\n"

static void ask(struct answer *out, const char *method, const char *path, const char *headers,
		const char *form)
{
	static char request[1 << 17];
	int fd = dial(), n;

	n = snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s", method,
		     path, headers);
	n += form ? snprintf(request + n, sizeof(request) - n,
			     "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "
			     "%zu\r\n\r\n%s",
			     strlen(form), form)
		  : snprintf(request + n, sizeof(request) - n, "\r\n");
	put(fd, request, n);
	receive(fd, out);
}

static void expect_status(const char *what, const struct answer *answer, int status)
{
	if (answer->status != status)
		fail("%s: status %d, expected %d", what, answer->status, status);
}

/* The answer to a question that has one. */
static const char *tell(const char *name, const char *form, const char *type)
{
	struct answer *answer = calloc(1, sizeof(*answer));
	char path[1024];

	snprintf(path, sizeof(path), "%s/acMetadata/v1/%s", base, name);
	ask(answer, form ? "POST" : "GET", path, FLAVOR, form);
	expect_status(name, answer, 200);
	if (strcmp(answer->type, type) != 0)
		fail("%s: the type is \"%s\", not \"%s\"", name, answer->type, type);
	return answer->body ? answer->body : "";
}

/* --- JSON, as far as manifests have it; p stands on a value */

static const char *blank(const char *p)
{
	while (*p && strchr(" \t\r\n", *p))
		p++;
	return p;
}

static const char *skip_text(const char *p)
{
	for (p++; *p && *p != '"'; p++)
		p += *p == '\\' && p[1];
	return *p ? p + 1 : p;
}

static const char *skip(const char *p)
{
	int depth = 0;

	p = blank(p);
	if (*p == '"')
		return skip_text(p);
	if (!*p || !strchr("{[", *p))
		return p + strcspn(p, ",]} \t\r\n");
	while (*p) {
		depth += *p == '{' || *p == '[';
		depth -= *p == '}' || *p == ']';
		p = *p == '"' ? skip_text(p) : p + 1;
		if (!depth)
			break;
	}
	return p;
}

/* The value of a member; "null" if there is none. */
static const char *member(const char *p, const char *name)
{
	p = blank(p);
	if (*p != '{')
		return "null";
	for (p = blank(p + 1); *p == '"'; p = blank(p + 1)) {
		const char *value = skip(p);
		bool found = strncmp(p + 1, name, strlen(name)) == 0 && p[1 + strlen(name)] == '"';

		value = blank(blank(value) + 1);
		if (found)
			return value;
		p = blank(skip(value));
		if (*p != ',')
			break;
	}
	return "null";
}

static bool is_null(const char *p)
{
	return strncmp(p, "null", 4) == 0;
}

/* The items of a list; their count. */
static int list(const char *p, const char *items[PAIRS_MAX])
{
	int count = 0;

	p = blank(p);
	if (*p != '[')
		return 0;
	for (p = blank(p + 1); *p && *p != ']' && count < PAIRS_MAX; p = blank(p + (*p == ','))) {
		items[count++] = p;
		p = blank(skip(p));
	}
	return count;
}

static char *text_of(const char *p)
{
	return *p == '"' ? strndup(p + 1, skip(p) - p - 2) : strdup("");
}

struct pairs {
	int count;
	char *names[PAIRS_MAX * 2], *values[PAIRS_MAX * 2];
};

/* As Go's Annotations.Set() does it. */
static void set_pairs(struct pairs *pairs, const char *json)
{
	const char *items[PAIRS_MAX];
	int count = list(json, items);

	for (int i = 0; i < count; i++) {
		char *name = text_of(member(items[i], "name"));
		int at = 0;

		while (at < pairs->count && strcmp(pairs->names[at], name) != 0)
			at++;
		pairs->names[at] = name;
		pairs->values[at] = text_of(member(items[i], "value"));
		pairs->count += at == pairs->count;
	}
}

static void expect_pairs(const char *what, const char *json, const struct pairs *expected)
{
	struct pairs found = { 0 };

	set_pairs(&found, json);
	if (found.count != expected->count)
		fail("%s: there are %d, expected %d", what, found.count, expected->count);
	for (int i = 0; i < found.count && i < expected->count; i++)
		if (strcmp(found.names[i], expected->names[i]) ||
		    strcmp(found.values[i], expected->values[i]))
			fail("%s: %s is %s, expected %s to be %s", what, found.names[i],
			     found.values[i], expected->names[i], expected->values[i]);
}

/* --- the metadata service */

static void check_app(const char *app, bool *has_lorem)
{
	char path[512], *name = text_of(member(app, "name")),
			*id = text_of(member(member(app, "image"), "id"));
	struct pairs expected = { 0 };
	const char *image, *answer;

	snprintf(path, sizeof(path), "apps/%s/image/manifest", name);
	image = tell(path, NULL, JSON);
	if (strcmp(text_of(member(image, "acKind")), "ImageManifest") != 0)
		fail("%s: no image manifest", path);
	snprintf(path, sizeof(path), "apps/%s/image/id", name);
	answer = tell(path, NULL, TEXT);
	if (strncmp(id, "sha512-", 7) != 0 || strcmp(answer, id) != 0)
		fail("%s: it is \"%s\", not \"%s\"", path, answer, id);
	set_pairs(&expected, member(image, "annotations"));
	*has_lorem |= expected.count > 0;
	set_pairs(&expected, member(app, "annotations"));
	snprintf(path, sizeof(path), "apps/%s/annotations", name);
	expect_pairs(path, tell(path, NULL, JSON), &expected);
}

static void check_pod(void)
{
	const char *manifest = tell("pod/manifest", NULL, JSON),
		   *uuid = tell("pod/uuid", NULL, TEXT), *apps[PAIRS_MAX], *said;
	struct pairs expected = { 0 };
	int count = list(member(manifest, "apps"), apps);
	bool has_lorem = false;

	if (strcmp(text_of(member(manifest, "acKind")), "PodManifest") != 0 || count != 2)
		fail("no pod manifest of two apps: %s", manifest);
	if (strlen(uuid) != 36 || strspn(uuid, "0123456789abcdef-") != 36 || uuid[8] != '-')
		fail("\"%s\" is no UUID", uuid);
	said = tell("pod/annotations", NULL, JSON);
	set_pairs(&expected, member(manifest, "annotations"));
	expect_pairs("pod/annotations", said, &expected);
	if (is_null(member(manifest, "annotations")) != is_null(blank(said)))
		fail("pod/annotations is no list where the manifest has one, or the other way "
		     "round");
	for (int i = 0; i < count; i++)
		check_app(apps[i], &has_lorem);
	if (!has_lorem)
		fail("no image has annotations");
}

static void post(const char *what, const char *name, const char *form, int status)
{
	struct answer *answer = calloc(1, sizeof(*answer));
	char path[1024];

	snprintf(path, sizeof(path), "%s/acMetadata/v1/%s", base, name);
	ask(answer, "POST", path, FLAVOR, form);
	expect_status(what, answer, status);
	free(answer);
}

static void check_identity(void)
{
	const char *uuid = tell("pod/uuid", NULL, TEXT), *signature, *again;
	char form[2048], escaped[512] = "", other[64];

	signature = tell("pod/hmac/sign", "content=Old+MacDonald+Had+A+Farm", TEXT);
	again = tell("pod/hmac/sign", "x=1&content=%4fld%20MacDonald%20Had%20A%20Farm&y", TEXT);
	if (strlen(signature) != 88 || strcmp(signature, again) != 0)
		fail("one content has two signatures: %s and %s", signature, again);
	for (const char *p = signature; *p; p++)
		sprintf(escaped + strlen(escaped), strchr("+/=", *p) ? "%%%02X" : "%c", *p);
	snprintf(form, sizeof(form), "content=Old+MacDonald+Had+A+Farm&uuid=%s&signature=%s", uuid,
		 escaped);
	if (*tell("pod/hmac/verify", form, TEXT) == 0)
		fail("a signature is verified without a word");
	snprintf(form, sizeof(form), "content=Old+MacDonald+Has+A+Farm&uuid=%s&signature=%s", uuid,
		 escaped);
	post("another content", "pod/hmac/verify", form, 403);
	snprintf(other, sizeof(other), "%.35s%c", uuid, uuid[35] == '0' ? '1' : '0');
	snprintf(form, sizeof(form), "content=Old+MacDonald+Had+A+Farm&uuid=%s&signature=%s", other,
		 escaped);
	post("another pod", "pod/hmac/verify", form, 403);
	escaped[0] = escaped[0] == 'A' ? 'B' : 'A';
	snprintf(form, sizeof(form), "content=Old+MacDonald+Had+A+Farm&uuid=%s&signature=%s", uuid,
		 escaped);
	post("a forged signature", "pod/hmac/verify", form, 403);
	post("no content", "pod/hmac/sign", "contents=1", 400);
	post("no signature", "pod/hmac/verify", "content=1", 400);
	post("half a byte", "pod/hmac/sign", "content=%4", 400);
}

static void check_refusals(void)
{
	static struct answer answer;
	static char headers[20000];
	char path[1024];
	int idle[100];

	snprintf(path, sizeof(path), "%s/acMetadata/v1/pod/uuid", base);
	ask(&answer, "GET", path, "", NULL);
	expect_status("no header", &answer, 403);
	ask(&answer, "GET", path, "Metadata-Flavor: Google\r\n", NULL);
	expect_status("another flavor", &answer, 403);
	ask(&answer, "PUT", path, FLAVOR, "");
	expect_status("another method", &answer, 405);
	ask(&answer, "GET", "/0123456789abcdef0123456789abcdef/acMetadata/v1/pod/uuid", FLAVOR,
	    NULL);
	expect_status("another token", &answer, 401);
	snprintf(path, sizeof(path), "%s/acMetadata/v1/pod/key", base);
	ask(&answer, "GET", path, FLAVOR, NULL);
	expect_status("what is not there", &answer, 404);
	ask(&answer, "GET", "nonsense", "", NULL);
	expect_status("no request", &answer, 400);
	memset(headers, 'a', sizeof(headers) - 1);
	ask(&answer, "GET", path, headers, NULL);
	expect_status("large headers", &answer, 431);
	/* Who waits takes no place from who asks. */
	for (int i = 0; i < 100; i++) {
		idle[i] = dial();
		put(idle[i], "GET ", i % 5);
	}
	tell("pod/uuid", NULL, TEXT);
	for (int i = 0; i < 100; i++)
		close(idle[i]);
}

static void check_metadata(void)
{
	const char *url = getenv("AC_METADATA_URL");
	char token[256];

	if (!url || sscanf(url, "http://127.0.0.1:%d/%255s", &port, token) != 2 ||
	    strlen(token) < 32) {
		fail("AC_METADATA_URL is \"%s\"", url ? url : "");
		return;
	}
	snprintf(base, sizeof(base), "/%s", token);
	check_pod();
	check_identity();
	check_refusals();
}

/* --- modes */

static void validate_prestart(void)
{
	expect_new("/prestart");
	expect_file("/main", false);
	expect_file("/poststop", false);
}

static void validate_main(void)
{
	char directory[1024] = "";

	expect_file("/prestart", true);
	expect_new("/main");
	expect_file("/poststop", false);
	expect_variable("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	expect_variable("IN_ACE_VALIDATOR", "correct");
	expect_variable("AC_APP_NAME", "ace-validator-main");
	expect_variable("container", "nacelle");
	if (!getcwd(directory, sizeof(directory)) || strcmp(directory, "/opt/acvalidator") != 0)
		fail("the working directory is %s", directory);
	expect_mount("/db");
	check_metadata();
	wait_for("/db/sidekick");
	expect_new("/db/main");
}

static void validate_sidekick(void)
{
	expect_new("/db/sidekick");
	wait_for("/db/main");
}

static void validate_poststop(void)
{
	expect_file("/prestart", true);
	expect_file("/main", true);
	expect_new("/poststop");
	/* Where the test can see that it has been here. */
	expect_new("/db/poststop");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = {
		{ "main", validate_main },
		{ "sidekick", validate_sidekick },
		{ "prestart", validate_prestart },
		{ "poststop", validate_poststop },
	};

	for (size_t i = 0; argc == 2 && i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcasecmp(argv[1], modes[i].name) != 0)
			continue;
		modes[i].run();
		printf("%s %s\n", argv[1], failed ? "FAIL" : "OK");
		return failed;
	}
	fprintf(stderr, "usage: %s main|sidekick|prestart|poststop\n", argv[0]);
	return 64;
}
