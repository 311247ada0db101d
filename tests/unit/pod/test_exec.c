/*
 * The client's side of a command, against a pod that is this test.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "guest-init/protocol.h"
#include "tests/unit/pod/pods_fixture.h"
#include "vmm/base/descriptors.h"
#include "vmm/pod/client.h"
#include "vmm/pod/control_socket.h"
#include "vmm/pod/exec_internal.h"

enum { PATIENCE_MS = 100000, TURN_MS = 10 };

struct command {
	pid_t pid, orphan;
	int socket; /* the pod's end */
};

/* A command's process, which has a child that is none of its own making. */
static void begin(struct command *command)
{
	const char *argv[] = { "true", NULL };
	const struct exec_options options = { .app = NULL };
	struct error err = ERROR_NONE;
	int pair[2], words[2], status;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pipe(words), 0);
	command->socket = pair[0];
	command->pid = fork_helper();
	if (command->pid == 0) {
		struct exec exec = { .options = &options,
				     .stdio = { -1, -1, -1 },
				     .socket = pair[1],
				     .signals = -1,
				     .input = -1 };
		pid_t orphan = fork_helper();

		while (orphan == 0)
			(void)pause();
		close(pair[0]);
		(void)!write(words[1], &orphan, sizeof(orphan));
		status = exec_serve(&exec, argv, &err);
		_exit(status < 0 ? 255 : status);
	}
	close(pair[1]);
	close(words[1]);
	assert_int_equal(read(words[0], &command->orphan, sizeof(command->orphan)),
			 sizeof(command->orphan));
	close(words[0]);
}

static void answer(const struct command *command, enum pod_request_type type,
		   enum pod_app_state state, uint32_t code)
{
	const struct pod_reply reply = { .magic = POD_REQUEST_MAGIC,
					 .type = type,
					 .app_count = 1,
					 .app_state = state,
					 .exit_kind = EXIT_KIND_CODE,
					 .exit_code = code };

	assert_int_equal(send(command->socket, &reply, sizeof(reply), 0), sizeof(reply));
}

static void expect(const struct command *command, enum pod_request_type type)
{
	struct pollfd fd = { .fd = command->socket, .events = POLLIN };
	struct pod_request request;
	int fds[DESCRIPTORS_MAX];
	unsigned count;

	assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
	assert_int_equal(descriptors_receive(command->socket, &request, sizeof(request), fds,
					     DESCRIPTORS_MAX, &count),
			 sizeof(request));
	assert_int_equal(request.type, type);
	while (count)
		close(fds[--count]);
}

/* What others leave to it does not pile up. */
static void test_orphans(void **state)
{
	struct command command;
	int status, left_ms = PATIENCE_MS;

	(void)state;
	begin(&command);
	expect(&command, POD_REQUEST_STATUS);
	answer(&command, POD_REQUEST_STATUS, POD_APP_RUNNING, 0);
	expect(&command, POD_REQUEST_ADD);
	answer(&command, POD_REQUEST_ADD, POD_APP_RUNNING, 0);
	kill(command.orphan, SIGKILL);
	for (; kill(command.orphan, 0) == 0 && left_ms > 0; left_ms -= TURN_MS)
		(void)poll(NULL, 0, TURN_MS);
	assert_true(left_ms > 0);
	answer(&command, POD_REQUEST_ADD, POD_APP_EXITED, 7);
	assert_int_equal(waitpid(command.pid, &status, 0), command.pid);
	assert_int_equal(status, 7 << 8);
	close(command.socket);
}

static int expect_request(int listener, enum pod_request_type type)
{
	struct pollfd fd = { .fd = listener, .events = POLLIN };
	struct pod_request request;
	int client;

	assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
	client = accept(listener, NULL, NULL);
	fd.fd = client;
	assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
	assert_int_equal(recv(client, &request, sizeof(request), 0), sizeof(request));
	assert_int_equal(request.type, type);
	return client;
}

/* What does not stand still goes on, and who waits for it is told. */
static void test_endless_pause(void **state)
{
	char directory[] = "/tmp/nacelle-exec-XXXXXX", text[ERROR_TEXT_MAX] = "";
	struct pod_directory pod = { .uuid = "12345678-1234-1234-1234-123456789abc" };
	struct command resume;
	int words[2], listener, pause_socket, status;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(directory));
	pod.fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	listener = control_socket_bind(pod.fd, NULL);
	assert_true(listener >= 0 && pipe(words) == 0);
	pid = fork_helper();
	if (pid == 0) {
		struct error err = ERROR_NONE;

		status = exec_pause(&pod, true, 1, &err);
		(void)!write(words[1], err.text, strlen(err.text));
		_exit(status == 0);
	}
	pause_socket = expect_request(listener, POD_REQUEST_PAUSE);
	resume.socket = expect_request(listener, POD_REQUEST_RESUME);
	answer(&resume, POD_REQUEST_RESUME, POD_APP_RUNNING, 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(read(words[0], text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "the pod 12345678-1234-1234-1234-123456789abc does not stand "
				  "still within 1 seconds");
	close(pause_socket);
	close(resume.socket);
	close(listener);
	close(words[0]);
	close(words[1]);
	close(pod.fd);
	assert_int_equal(remove_tree(AT_FDCWD, directory), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orphans),
		cmocka_unit_test(test_endless_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
