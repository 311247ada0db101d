#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/pod/supervisor_fixture.h"

/* A supervisor with two apps and no machine, and a client of it, in one process. */
struct fixture {
	char directory[SUPERVISOR_DIRECTORY_MAX];
	int dir_fd;
	struct supervisor supervisor;
	int client;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct supervisor *s = &f->supervisor;

	f->dir_fd = make_directory(f->directory);
	begin_supervisor(s, f->dir_fd);
	s->apps.count = 2;
	s->apps.apps[0] = (struct app_state){ .name = "web", .state = POD_APP_RUNNING };
	s->apps.apps[1] = (struct app_state){ .name = "db",
					      .state = POD_APP_EXITED,
					      .kind = EXIT_KIND_CODE,
					      .code = 3,
					      .flags = EXIT_FLAG_OOM };
	s->machine.fd = -1;
	f->client = client_connect(f->dir_fd, NULL);
	assert_true(f->client >= 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	if (f->supervisor.stop_limit.member.loop)
		loop_timer_remove(&f->supervisor.stop_limit);
	end_supervisor(&f->supervisor);
	close(f->client);
	remove_directory(f->directory, f->dir_fd);
	free(f);
	return 0;
}

static void turn(struct fixture *f)
{
	turn_loop(&f->supervisor);
}

static int ask(struct fixture *f, const struct pod_request *request, struct pod_reply *reply,
	       struct error *err)
{
	assert_int_equal(client_send(f->client, request, NULL, 0, err), 0);
	turn(f);
	return client_receive(f->client, reply, err);
}

static void test_status(void **state)
{
	struct pod_request request = client_request(POD_REQUEST_STATUS);
	struct fixture *f = *state;
	struct pod_reply reply;

	request.app = 1;
	assert_int_equal(ask(f, &request, &reply, NULL), 0);
	assert_string_equal(reply.text, "db");
	assert_int_equal(reply.app_count, 2);
	assert_int_equal(reply.app_state, POD_APP_EXITED);
	assert_int_equal(reply.exit_code, 3);
	assert_int_equal(reply.flags, POD_REPLY_OOM);
	request.app = 0;
	assert_int_equal(ask(f, &request, &reply, NULL), 0);
	assert_string_equal(reply.text, "web");
}

static void test_no_such_app(void **state)
{
	struct pod_request request = client_request(POD_REQUEST_STATUS);
	struct error err = ERROR_NONE;
	struct fixture *f = *state;
	struct pod_reply reply;

	request.app = 2;
	assert_int_equal(ask(f, &request, &reply, &err), -1);
	assert_int_equal(err.code, ENOENT);
	assert_non_null(strstr(err.text, "no such app"));
}

/* Each is refused with a reason, and the connection goes on. */
static void test_refused(void **state)
{
	struct pod_request good = client_request(POD_REQUEST_STATUS), bad[6];
	const int codes[] = { EPROTO, EOPNOTSUPP, EOPNOTSUPP, EINVAL, EINVAL, EINVAL };
	struct fixture *f = *state;
	struct pod_reply reply;

	good.app = 0;
	for (size_t i = 0; i < 6; i++)
		bad[i] = good;
	bad[0].magic++;
	bad[1].type = 0;
	bad[2].type = POD_REQUEST_TYPES;
	bad[3].serial = 1;
	bad[4].signal = POD_SIGNAL_MAX + 1;
	bad[5].type = POD_REQUEST_KILL; /* without a signal */
	for (size_t i = 0; i < 6; i++) {
		struct error err = ERROR_NONE;

		assert_int_equal(ask(f, &bad[i], &reply, &err), -1);
		assert_int_equal(err.code, codes[i]);
	}
	assert_int_equal(ask(f, &good, &reply, NULL), 0);
}

static void test_wrong_sizes(void **state)
{
	static const char bytes[200] = { 1, 2, 3 };
	struct fixture *f = *state;
	struct pod_reply reply;

	for (size_t len = 1; len < sizeof(bytes); len += 7) {
		struct error err = ERROR_NONE;

		assert_int_equal(send(f->client, bytes, len, 0), len);
		turn(f);
		assert_int_equal(client_receive(f->client, &reply, &err), -1);
		assert_int_equal(err.code, EPROTO);
	}
}

static unsigned count_fds(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Descriptors that nobody wants, also more than there may be, are closed. */
static void test_unwanted_descriptors(void **state)
{
	struct pod_request request = client_request(POD_REQUEST_STATUS);
	struct fixture *f = *state;
	const int fds[8] = { 0, 1, 2, 0, 1, 2, 0, 1 };
	unsigned before;

	turn(f);
	before = count_fds();
	for (unsigned n = 1; n <= 8; n++) {
		struct error err = ERROR_NONE;
		struct pod_reply reply;

		assert_int_equal(client_send(f->client, &request, fds, n, NULL), 0);
		turn(f);
		assert_int_equal(client_receive(f->client, &reply, &err), -1);
		assert_int_equal(err.code, EINVAL);
	}
	assert_int_equal(count_fds(), before);
}

/* An empty packet ends the connection, and the descriptors with it are closed. */
static void test_empty_packet_with_descriptors(void **state)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = { 0 } };
	struct iovec iov = { &iov, 0 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	struct fixture *f = *state;
	unsigned before;

	turn(f);
	before = count_fds();
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	assert_int_equal(sendmsg(f->client, &message, 0), 0);
	turn(f);
	assert_int_equal(count_fds(), before - 1);
}

static void test_stop_before_the_app(void **state)
{
	struct pod_request request = client_request(POD_REQUEST_STOP);
	struct fixture *f = *state;
	struct pod_reply reply;

	assert_int_equal(ask(f, &request, &reply, NULL), 0);
	assert_int_equal(reply.flags, POD_REPLY_STOPPING);
	assert_true(f->supervisor.has_ended);
	assert_int_equal(f->supervisor.status, 128 + 15);
}

/* Who is impatient does not put off the end. */
static void test_stop_again(void **state)
{
	static const uint32_t timeouts_ms[] = { 1000000, 2000000, 500000, POD_PATIENT };
	static const time_t limits_s[] = { 1005, 1005, 505, 505 };
	struct fixture *f = *state;

	f->supervisor.has_started = true;
	for (size_t i = 0; i < 4; i++) {
		struct itimerspec left;

		supervisor_stop(&f->supervisor, timeouts_ms[i]);
		assert_int_equal(timerfd_gettime(f->supervisor.stop_limit.member.fd, &left), 0);
		assert_in_range(left.it_value.tv_sec, 1, limits_s[i]);
	}
}

static void test_kill_goes_to_the_machine(void **state)
{
	struct pod_request request = client_request(POD_REQUEST_KILL);
	struct machine_command command;
	struct fixture *f = *state;
	struct pod_reply reply;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	f->supervisor.machine.fd = pair[0];
	f->supervisor.has_started = true;
	request.app = 1;
	request.signal = 12;
	assert_int_equal(ask(f, &request, &reply, NULL), 0);
	assert_int_equal(recv(pair[1], &command, sizeof(command), 0), sizeof(command));
	assert_int_equal(command.type, MACHINE_COMMAND_SIGNAL);
	assert_int_equal(command.app, 1);
	assert_int_equal(command.signal, 12);
	close(pair[0]);
	close(pair[1]);
}

/* As many as there is room for are served; the next one is turned away, and no one is disturbed. */
static void test_crowd(void **state)
{
	struct pod_request request = client_request(POD_REQUEST_STATUS);
	int sockets[POD_CLIENTS_MAX];
	struct error err = ERROR_NONE;
	struct fixture *f = *state;
	struct pod_reply reply;

	request.app = 0;
	turn(f);
	for (int i = 0; i < POD_CLIENTS_MAX; i++) {
		sockets[i] = client_connect(f->dir_fd, NULL);
		assert_true(sockets[i] >= 0);
		turn(f);
	}
	assert_int_equal(ask(f, &request, &reply, NULL), 0);
	assert_int_equal(client_receive(sockets[POD_CLIENTS_MAX - 1], &reply, &err), -1);
	assert_int_equal(err.code, ECONNRESET);
	for (int i = 0; i < POD_CLIENTS_MAX; i++)
		close(sockets[i]);
	turn(f);
	sockets[0] = client_connect(f->dir_fd, NULL);
	assert_int_equal(client_send(sockets[0], &request, NULL, 0, NULL), 0);
	turn(f);
	turn(f);
	assert_int_equal(client_receive(sockets[0], &reply, NULL), 0);
	close(sockets[0]);
}

static void test_not_running(void **state)
{
	struct error err = ERROR_NONE;
	struct fixture *f = *state;

	control_socket_close(&f->supervisor.control);
	memset(&f->supervisor.control, 0, sizeof(f->supervisor.control));
	assert_int_equal(client_connect(f->dir_fd, &err), -1);
	assert_int_equal(err.code, ECONNREFUSED);
	assert_int_equal(unlinkat(f->dir_fd, POD_CONTROL_NAME, 0), 0);
	assert_int_equal(client_connect(f->dir_fd, &err), -1);
	assert_int_equal(err.code, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_status, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_such_app, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wrong_sizes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unwanted_descriptors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_empty_packet_with_descriptors, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_stop_before_the_app, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stop_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_kill_goes_to_the_machine, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_crowd, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_running, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
