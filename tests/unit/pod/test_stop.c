/*
 * The end of a pod by force, and who is spared it.
 */
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "guest-init/protocol.h"
#include "tests/unit/pod/pods_fixture.h"
#include "vmm/pod/client.h"
#include "vmm/pod/control_socket.h"
#include "vmm/pod/life.h"
#include "vmm/pod/stop.h"

enum { STATUS = 7 };

/* Answers one request. Returns its type. */
static uint32_t serve(int listener, enum pod_app_state state)
{
	struct pod_reply reply = {
		.magic = POD_REQUEST_MAGIC, .app_count = 1, .serial = 1, .app_state = state
	};
	struct pollfd waits = { .fd = listener, .events = POLLIN };
	struct pod_request request;
	int fd;

	(void)poll(&waits, 1, -1);
	fd = accept(listener, NULL, NULL);
	if (recv(fd, &request, sizeof(request), 0) != (ssize_t)sizeof(request))
		_exit(1);
	reply.type = request.type;
	if (send(fd, &reply, sizeof(reply), MSG_NOSIGNAL) != (ssize_t)sizeof(reply))
		_exit(1);
	close(fd);
	return request.type;
}

/* A supervisor that is told to stop, and ends once it has said what became of its app. */
static _Noreturn void supervise(const struct fixture *f, int uuid_to, enum pod_app_state state)
{
	struct pod_directory pod;
	int listener;

	if (directory_create(f->pods_fd, POD_PLACE_RUN, &pod, NULL) < 0 ||
	    life_write_pid(&pod, 0, NULL) < 0)
		_exit(1);
	listener = control_socket_bind(pod.fd, NULL);
	if (listener < 0 || write(uuid_to, pod.uuid, UUID_TEXT_SIZE) != UUID_TEXT_SIZE)
		_exit(1);
	while (serve(listener, state) != POD_REQUEST_STATUS)
		;
	while (state != POD_APP_EXITED)
		(void)pause();
	_exit(STATUS);
}

/* Returns the supervisor's wait status. */
static int stop_by_force(const struct fixture *f, enum pod_app_state state)
{
	struct error err = ERROR_NONE;
	char uuid[UUID_TEXT_SIZE];
	struct pod_directory pod;
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork_helper();
	if (pid == 0)
		supervise(f, ends[1], state);
	close(ends[1]);
	assert_int_equal(read(ends[0], uuid, sizeof(uuid)), sizeof(uuid));
	close(ends[0]);
	assert_int_equal(directory_open(f->pods_fd, POD_PLACE_RUN, uuid, &pod, &err), 1);
	assert_int_equal(pod_stop_by_force(&pod, &err), 0);
	directory_close(&pod);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* The end of its app is known, and will be told: its own status is not lost. */
static void test_of_one_that_ends(void **state)
{
	assert_int_equal(stop_by_force(*state, POD_APP_EXITED), STATUS << 8);
}

static void test_of_one_that_does_not(void **state)
{
	assert_int_equal(stop_by_force(*state, POD_APP_RUNNING), SIGKILL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_of_one_that_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_of_one_that_does_not, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
