/*
 * The metadata service: requests, forms, answers, and the loop with clients that mean no good.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest-init/metadata/answer.h"
#include "guest-init/metadata/form.h"
#include "guest-init/metadata/server.h"
#include "vmm/base/bytes.h"

#define UUID   "6733c088-a507-4694-aabf-0a1b2c3d4e5f"
#define FLAVOR "Metadata-Flavor: AppContainer\r\n"
#define PATH   "/token/acMetadata/v1/"

enum { LARGE = 200000 };
static char large[LARGE];

static void make_documents(struct documents *documents)
{
	static const struct {
		enum metadata_kind kind;
		const char *name, *body;
	} entries[] = {
		{ METADATA_TOKEN, "", "token" },
		{ METADATA_TEXT, "pod/uuid", UUID },
		{ METADATA_JSON, "pod/annotations", "[]" },
		{ METADATA_JSON, "pod/manifest", large },
	};
	static char data[LARGE + 1024];
	size_t used = 0, required = 0;

	memset(large, 'x', sizeof(large) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		const struct metadata_entry entry = {
			le32_make(entries[i].kind), le32_make((uint32_t)strlen(entries[i].name)),
			le32_make((uint32_t)strlen(entries[i].body))
		};

		memcpy(data + used, &entry, sizeof(entry));
		used += sizeof(entry);
		used += (size_t)sprintf(data + used, "%s%s", entries[i].name, entries[i].body);
		if (i == 1)
			required = used;
	}
	assert_int_equal(documents_read(documents, data, used), 0);
	assert_int_equal(documents->count, 3);
	for (size_t len = 0; len < required; len++)
		assert_int_equal(documents_read(&(struct documents){ .count = 0 }, data, len), -1);
}

static void test_requests(void **state)
{
	static const struct {
		const char *text;
		int status;
	} cases[] = {
		{ "", 0 },
		{ "GET / HTTP/1.1\r\n", 0 },
		{ "GET / HTTP/1.1\r\n\r\n", 200 },
		{ "GET / HTTP/1.0\r\nHost:\r\n\r\n", 200 },
		{ "POST / HTTP/1.1\r\nCONTENT-length:\t5 \r\n\r\n", 200 },
		{ "POST / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\nContent-Length: 65536\r\n\r\n", 413 },
		{ "POST / HTTP/1.1\r\nContent-Length: 18446744073709551617\r\n\r\n", 413 },
		{ "POST / HTTP/1.1\r\n\r\n", 411 },
		{ "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		  411 },
		{ "GET / HTTP/1.1\r\nA : 1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n A: 1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n: 1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nA: 1\n2\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nA: 1\r2\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nA: \x7f\r\n\r\n", 400 },
		{ "GET  / HTTP/1.1\r\n\r\n", 400 },
		{ "GET http://127.0.0.1/ HTTP/1.1\r\n\r\n", 400 },
		{ "GET /\r\n\r\n", 400 },
		{ "GET / HTTP/1.2\r\n\r\n", 505 },
		{ "\r\n\r\n", 400 },
	};
	static const char whole[] = "GET /a HTTP/1.1\r\n" FLAVOR "\r\n";
	struct request request;
	char head[REQUEST_HEAD_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int status = request_read(&request, cases[i].text, strlen(cases[i].text));

		if (status != cases[i].status)
			fail_msg("%s: %d", cases[i].text, status);
	}
	memset(head, 'a', sizeof(head));
	assert_int_equal(request_read(&request, head, REQUEST_HEAD_MAX - 1), 0);
	assert_int_equal(request_read(&request, head, REQUEST_HEAD_MAX), 431);
	assert_int_equal(request_read(&request, whole, sizeof(whole) - 1), 200);
	assert_true(request.has_flavor);
	assert_int_equal(request.head_len, sizeof(whole) - 1);
	assert_memory_equal(request.path, "/a", request.path_len);
}

static void test_forms(void **state)
{
	char body[] = "b=x%00y&a=1+%2B%c3%A4&&=&c&aa=2";
	struct form_field fields[] = {
		{ .name = "a" }, { .name = "b" }, { .name = "c" }, { .name = "d" }
	};
	static const char *const bad[] = { "a=%", "a=%1", "a=%1g", "a=%g1", "a=1&a=1" };

	(void)state;
	assert_int_equal(form_read(body, strlen(body), fields, 4), 0);
	assert_int_equal(fields[0].len, 5);
	assert_memory_equal(fields[0].value, "1 +\xc3\xa4", 5);
	assert_int_equal(fields[1].len, 3);
	assert_memory_equal(fields[1].value, "x\0y", 3);
	assert_non_null(fields[2].value);
	assert_int_equal(fields[2].len, 0);
	assert_null(fields[3].value);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char text[16];

		(void)snprintf(text, sizeof(text), "%s", bad[i]);
		assert_int_equal(form_read(text, strlen(text), fields, 1), -1);
	}
}

/* By another implementation (Python's), with a key of zeroes. */
static void test_identity(void **state)
{
	static const char expected[] = "2mXK6Y2KarGAK7uPBtdpLdWcsAHatr3VwiUzqGOWs1zbr7ohZJjSpAWcZlg"
				       "NcsnsVNVo0AzMb55ZS/DYZmkPhA==";
	static const uint8_t key[IDENTITY_KEY_LEN];
	struct identity identity, other;
	char signature[IDENTITY_SIGNATURE_LEN];

	(void)state;
	identity_set(&identity, key, UUID, strlen(UUID));
	for (int i = 0; i < 2; i++) {
		identity_sign(&identity, "content", 7, signature);
		assert_memory_equal(signature, expected, sizeof(signature));
	}
	assert_true(identity_verify(&identity, "content", 7, signature, sizeof(signature)));
	assert_false(identity_verify(&identity, "contend", 7, signature, sizeof(signature)));
	assert_false(identity_verify(&identity, "content", 7, signature, sizeof(signature) - 1));
	assert_int_equal(identity_make(&other, UUID, strlen(UUID)), 0);
	assert_false(identity_verify(&other, "content", 7, signature, sizeof(signature)));
}

/* --- the loop, in a process of its own */

struct service {
	pid_t pid;
	struct sockaddr_in at;
};

static int start(void **state)
{
	static struct service service;
	static struct documents documents;
	static struct identity identity;
	socklen_t len = sizeof(service.at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	service.at = (struct sockaddr_in){ .sin_family = AF_INET,
					   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	make_documents(&documents);
	if (fd < 0 || bind(fd, (struct sockaddr *)&service.at, len) < 0 || listen(fd, 128) < 0 ||
	    getsockname(fd, (struct sockaddr *)&service.at, &len) < 0 ||
	    identity_make(&identity, UUID, strlen(UUID)) < 0)
		return -1;
	service.pid = fork();
	if (service.pid == 0)
		server_run(fd, &documents, &identity);
	close(fd);
	*state = &service;
	return service.pid < 0 ? -1 : 0;
}

/* It is there to the end. */
static int stop(void **state)
{
	const struct service *service = *state;
	int status;

	if (waitpid(service->pid, &status, WNOHANG) != 0)
		return -1;
	kill(service->pid, SIGKILL);
	return waitpid(service->pid, &status, 0) == service->pid ? 0 : -1;
}

static int dial(const struct service *service)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&service->at, sizeof(service->at)),
			 0);
	return fd;
}

static void put(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

/* All that comes until the other side ends it. */
static const char *take(int fd)
{
	static char text[LARGE + 1024];
	size_t used = 0;
	ssize_t n;

	while ((n = recv(fd, text + used, sizeof(text) - 1 - used, 0)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	close(fd);
	return text;
}

static const char *ask(const struct service *service, const char *text)
{
	int fd = dial(service);

	put(fd, text, strlen(text));
	return take(fd);
}

static void test_answers(void **state)
{
	static const struct {
		const char *request, *answer;
	} cases[] = {
		{ "GET " PATH "pod/uuid HTTP/1.1\r\n" FLAVOR "\r\n",
		  "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=us-ascii\r\n"
		  "Content-Length: 36\r\nConnection: close\r\n\r\n" UUID },
		{ "GET " PATH "pod/annotations HTTP/1.1\r\n" FLAVOR "\r\n",
		  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		  "Content-Length: 2\r\nConnection: close\r\n\r\n[]" },
		{ "GET " PATH "pod/uuid HTTP/1.1\r\n\r\n", "HTTP/1.1 403 " },
		{ "GET /Token/acMetadata/v1/pod/uuid HTTP/1.1\r\n" FLAVOR "\r\n", "HTTP/1.1 401 " },
		{ "GET /token HTTP/1.1\r\n" FLAVOR "\r\n", "HTTP/1.1 404 " },
		{ "GET /token/ HTTP/1.1\r\n" FLAVOR "\r\n", "HTTP/1.1 404 " },
		{ "GET " PATH "pod HTTP/1.1\r\n" FLAVOR "\r\n", "HTTP/1.1 404 " },
		{ "DELETE " PATH "pod/uuid HTTP/1.1\r\n" FLAVOR "\r\n", "HTTP/1.1 405 " },
		{ "GET " PATH "pod/hmac/sign HTTP/1.1\r\n" FLAVOR "\r\n", "HTTP/1.1 405 " },
		{ "POST " PATH "pod/hmac/sign HTTP/1.1\r\n" FLAVOR "Content-Length: 3\r\n\r\na=b",
		  "HTTP/1.1 400 " },
		{ "nonsense\r\n\r\n", "HTTP/1.1 400 " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *answer = ask(*state, cases[i].request);

		if (strncmp(answer, cases[i].answer, strlen(cases[i].answer)) != 0)
			fail_msg("%s: %s", cases[i].request, answer);
	}
	/* One that no socket takes at once. */
	assert_non_null(
	    strstr(ask(*state, "GET " PATH "pod/manifest HTTP/1.1\r\n" FLAVOR "\r\n"), large));
}

static void test_hostile_clients(void **state)
{
	static const char slow[] = "GET " PATH "pod/uuid HTTP/1.1\r\n" FLAVOR "\r\n";
	static const char large_answer[] = "GET " PATH "pod/manifest HTTP/1.1\r\n" FLAVOR "\r\n";
	static char garbage[1 << 17];
	int idle[100], fd;

	for (size_t i = 0; i < ARRAY_SIZE(idle); i++) {
		idle[i] = dial(*state);
		put(idle[i], slow, i % 20);
	}
	assert_non_null(strstr(ask(*state, slow), UUID));
	for (size_t i = 0; i < ARRAY_SIZE(idle); i++)
		close(idle[i]);
	fd = dial(*state);
	for (size_t i = 0; i < sizeof(slow) - 1; i++)
		put(fd, slow + i, 1);
	assert_non_null(strstr(take(fd), UUID));
	/* More than it will ever read, and answers that nobody takes. */
	memset(garbage, 'a', sizeof(garbage));
	fd = dial(*state);
	put(fd, garbage, sizeof(garbage));
	close(fd);
	for (int i = 0; i < 2 * SERVER_CONNECTIONS; i++) {
		fd = dial(*state);
		put(fd, large_answer, sizeof(large_answer) - 1);
		close(fd);
	}
	assert_non_null(strstr(ask(*state, slow), UUID));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_identity),
		cmocka_unit_test_setup_teardown(test_answers, start, stop),
		cmocka_unit_test_setup_teardown(test_hostile_clients, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
