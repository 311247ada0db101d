/*
 * Containers that are added to a running pod: the supervisor's side of a conversation, and the
 * process that stands for one, whose control socket leads there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/pod/supervisor_fixture.h"
#include "virtio/p9_channel.h"
#include "vmm/pod/member_internal.h"
#include "vmm/pod/member_pause.h"
#include "vmm/pod/members.h"

/* A supervisor that runs, the machine's and the files role's ends, and a member's connection. */
struct fixture {
	char directory[SUPERVISOR_DIRECTORY_MAX];
	int dir_fd;
	struct supervisor supervisor;
	int machine, files, client, other;
	uint32_t id, serial;
};

static void turn(struct fixture *f)
{
	turn_loop(&f->supervisor);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct supervisor *s = &f->supervisor;
	int pair[2];

	f->dir_fd = make_directory(f->directory);
	begin_supervisor(s, f->dir_fd);
	s->apps.count = 1;
	s->apps.apps[0] = (struct app_state){ .name = "pause", .state = POD_APP_RUNNING };
	s->has_started = true;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	s->machine.fd = pair[0];
	f->machine = pair[1];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	s->roles.member_shares.socket = pair[0];
	f->files = pair[1];
	f->client = client_connect(f->dir_fd, NULL);
	f->other = client_connect(f->dir_fd, NULL);
	assert_true(f->client >= 0 && f->other >= 0);
	turn(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	end_supervisor(&f->supervisor);
	close(f->supervisor.machine.fd);
	close(f->supervisor.roles.member_shares.socket);
	close(f->machine);
	close(f->files);
	if (f->client >= 0)
		close(f->client);
	close(f->other);
	remove_directory(f->directory, f->dir_fd);
	free(f);
	return 0;
}

static int ask(struct fixture *f, int client, const struct pod_request *request, int fd,
	       struct pod_reply *reply)
{
	struct error err = ERROR_NONE;

	assert_int_equal(client_send(client, request, &fd, fd >= 0, NULL), 0);
	turn(f);
	return client_receive(client, reply, &err) < 0 ? err.code : 0;
}

static struct pod_request about(const struct fixture *f, enum pod_request_type type)
{
	struct pod_request request = client_request(type);

	request.app = f->id;
	request.serial = f->serial;
	return request;
}

static void reserve(struct fixture *f)
{
	const struct pod_request request = client_request(POD_REQUEST_MEMBER);
	struct pod_reply reply;

	assert_int_equal(ask(f, f->client, &request, -1, &reply), 0);
	f->id = reply.app;
	f->serial = reply.serial;
	assert_true(f->id >= FRAME_ID_ADDED_FIRST && f->serial);
}

static void add(struct fixture *f)
{
	struct pod_request request = about(f, POD_REQUEST_ADD);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	request.flags = MACHINE_ADD_RECORD | POD_ADD_MEMBER | POD_ADD_LEASHED;
	assert_int_equal(client_send(f->client, &request, &fd, 1, NULL), 0);
	close(fd);
	turn(f);
}

static void say(struct fixture *f, enum machine_event_type type, uint32_t kind, uint32_t code)
{
	const struct machine_event event = {
		.type = type, .app = f->id, .kind = kind, .code = code
	};

	exec_server_on_event(&f->supervisor, &event);
}

/* The files role hears that shares go, and lets go of them: what came with that is closed. */
static void let_go(struct fixture *f)
{
	struct p9_share_packet packet;

	assert_int_equal(recv(f->files, &packet, sizeof(packet), MSG_DONTWAIT), sizeof(packet));
	assert_int_equal(packet.flags, P9_SHARE_REMOVE);
	turn(f);
}

static struct machine_command hear(const struct fixture *f)
{
	struct machine_command command;

	assert_int_equal(recv(f->machine, &command, sizeof(command), 0), sizeof(command));
	return command;
}

static void expect_state(int client, enum pod_app_state state)
{
	struct pod_reply reply;

	assert_int_equal(client_receive(client, &reply, NULL), 0);
	assert_int_equal(reply.type, POD_REQUEST_ADD);
	assert_int_equal(reply.app_state, state);
}

static void expect_silence(const struct fixture *f)
{
	char byte;

	assert_int_equal(recv(f->client, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

/* From its place to its exit. */
static void test_life(void **state)
{
	struct machine_event event = { .type = MACHINE_EVENT_APP_EXIT,
				       .kind = EXIT_KIND_CODE,
				       .code = 7,
				       .flags = EXIT_FLAG_OOM };
	struct fixture *f = *state;
	struct pod_request request;
	struct machine_command command;
	struct pod_reply reply;
	char packet[256];

	reserve(f);
	request = about(f, POD_REQUEST_SHARE);
	request.flags = MEMBER_SHARE_READ_ONLY;
	assert_int_equal(ask(f, f->client, &request, f->dir_fd, &reply), 0);
	assert_true(recv(f->files, packet, sizeof(packet), 0) > 0);
	add(f);
	command = hear(f);
	assert_int_equal(command.type, MACHINE_COMMAND_ADD);
	assert_int_equal(command.app, FRAME_ALL_APPS);
	assert_int_equal(command.id, f->id);
	assert_int_equal(command.flags, MACHINE_ADD_RECORD);
	request = about(f, POD_REQUEST_START);
	assert_int_equal(ask(f, f->other, &request, -1, &reply), EALREADY);
	say(f, MACHINE_EVENT_APP_HELD, 0, 0);
	expect_state(f->client, POD_APP_HELD);

	/* Its own process hears of its start before who asked for it. */
	assert_int_equal(client_send(f->other, &request, NULL, 0, NULL), 0);
	turn(f);
	command = hear(f);
	assert_int_equal(command.type, MACHINE_COMMAND_START);
	assert_int_equal(command.app, f->id);
	say(f, MACHINE_EVENT_APP_START, 0, 0);
	expect_state(f->client, POD_APP_RUNNING);
	assert_int_equal(client_receive(f->other, &reply, NULL), 0);
	assert_int_equal(reply.type, POD_REQUEST_START);

	request = about(f, POD_REQUEST_STATUS);
	assert_int_equal(ask(f, f->other, &request, -1, &reply), 0);
	assert_int_equal(reply.app_state, POD_APP_RUNNING);
	assert_true(reply.started_ms > 0);
	request = about(f, POD_REQUEST_KILL);
	request.signal = SIGUSR1;
	assert_int_equal(ask(f, f->other, &request, -1, &reply), 0);
	command = hear(f);
	assert_int_equal(command.type, MACHINE_COMMAND_SIGNAL);
	assert_int_equal(command.app, f->id);
	event.app = f->id;
	exec_server_on_event(&f->supervisor, &event);
	/* Nothing reaches it any more, and its end is told when its shares are gone. */
	assert_int_equal(ask(f, f->other, &request, -1, &reply), ENOENT);
	request = about(f, POD_REQUEST_STATUS);
	assert_int_equal(ask(f, f->other, &request, -1, &reply), 0);
	assert_int_equal(reply.app_state, POD_APP_EXITED);
	assert_int_equal(reply.exit_kind, EXIT_KIND_CODE);
	assert_int_equal(reply.exit_code, 7);
	assert_int_equal(reply.flags, POD_REPLY_OOM);
	assert_true(reply.ended_ms >= reply.started_ms);
	expect_silence(f);
	let_go(f);
	assert_int_equal(client_receive(f->client, &reply, NULL), 0);
	assert_int_equal(reply.app_state, POD_APP_EXITED);
	assert_int_equal(reply.exit_code, 7);
}

static void die(struct fixture *f)
{
	reserve(f);
	add(f);
	(void)hear(f);
	say(f, MACHINE_EVENT_APP_HELD, 0, 0);
	expect_state(f->client, POD_APP_HELD);
	say(f, MACHINE_EVENT_APP_EXIT, EXIT_KIND_CODE, 0);
	turn(f);
	expect_silence(f);
	/* Whatever the machine says now. */
	say(f, MACHINE_EVENT_APP_START, 0, 0);
	say(f, MACHINE_EVENT_APP_EXIT, EXIT_KIND_CODE, 1);
	turn(f);
	expect_silence(f);
}

/* A files role that is held up by the host's disk holds nobody up for ever. */
static void test_shares_limit(void **state)
{
	struct fixture *f = *state;
	struct exec_slot *slot = f->supervisor.exec.slots;

	die(f);
	loop_timer_set(&slot->member.limit, 1);
	while (slot->used)
		assert_int_equal(loop_run_once(&f->supervisor.loop, -1, NULL), 0);
	expect_state(f->client, POD_APP_EXITED);
	let_go(f);
}

/* The pod ends before that: the status is not lost. */
static void test_end_of_all(void **state)
{
	struct fixture *f = *state;

	die(f);
	members_end(&f->supervisor);
	expect_state(f->client, POD_APP_EXITED);
	members_end(&f->supervisor);
	expect_silence(f);
}

/* Who waits has gone: the place is free when the shares are gone, and nothing is sent to the guest.
 */
static void test_nobody_waits(void **state)
{
	const struct exec_slot *slot;
	struct fixture *f = *state;
	char command[sizeof(struct machine_command)];

	slot = f->supervisor.exec.slots;
	die(f);
	close(f->client);
	f->client = -1;
	turn(f);
	assert_int_equal(recv(f->machine, command, sizeof(command), MSG_DONTWAIT), -1);
	assert_true(slot->used);
	let_go(f);
	assert_false(slot->used);
}

/* A member that runs, as the machine and its own process see it. */
static void run(struct fixture *f)
{
	reserve(f);
	add(f);
	(void)hear(f);
	say(f, MACHINE_EVENT_APP_START, 0, 0);
	expect_state(f->client, POD_APP_RUNNING);
}

static void send_pause(struct fixture *f, enum pod_request_type type)
{
	const struct pod_request request = about(f, type);

	assert_int_equal(client_send(f->other, &request, NULL, 0, NULL), 0);
	turn(f);
}

static void say_of(struct fixture *f, uint32_t id, uint32_t kind, uint32_t code)
{
	const struct machine_event event = {
		.type = MACHINE_EVENT_APP_EXIT, .app = id, .kind = kind, .code = code
	};

	exec_server_on_event(&f->supervisor, &event);
}

/* What the guest says to the question that it has been sent about the member. */
static void answer_question(struct fixture *f, uint32_t kind, uint32_t code)
{
	const struct machine_command command = hear(f);

	assert_int_equal(command.type, MACHINE_COMMAND_ADD);
	assert_int_equal(command.app, f->id);
	assert_int_equal(command.flags, MACHINE_ADD_RECORD);
	assert_int_not_equal(command.id, f->id);
	say_of(f, command.id, kind, code);
}

static int expect_answer(struct fixture *f, enum pod_request_type type)
{
	struct error err = ERROR_NONE;
	struct pod_reply reply = { .type = 0 };

	if (client_receive(f->other, &reply, &err) < 0)
		return err.code;
	assert_int_equal(reply.type, type);
	return 0;
}

static bool is_paused(struct fixture *f)
{
	const struct pod_request request = about(f, POD_REQUEST_STATUS);
	struct pod_reply reply;

	assert_int_equal(ask(f, f->other, &request, -1, &reply), 0);
	return reply.flags & POD_REPLY_PAUSED;
}

/* One alone: the guest does it, and is believed. */
static void test_pause(void **state)
{
	struct fixture *f = *state;
	struct pod_reply reply;
	struct pod_request request;

	reserve(f);
	add(f);
	(void)hear(f);
	request = about(f, POD_REQUEST_PAUSE);
	assert_int_equal(ask(f, f->other, &request, -1, &reply), EAGAIN);
	say(f, MACHINE_EVENT_APP_START, 0, 0);
	expect_state(f->client, POD_APP_RUNNING);
	request = about(f, POD_REQUEST_RESUME);
	assert_int_equal(ask(f, f->other, &request, -1, &reply), EALREADY);
	send_pause(f, POD_REQUEST_PAUSE);
	answer_question(f, EXIT_KIND_CODE, 0);
	assert_int_equal(expect_answer(f, POD_REQUEST_PAUSE), 0);
	assert_true(is_paused(f));
	request = about(f, POD_REQUEST_PAUSE);
	assert_int_equal(ask(f, f->other, &request, -1, &reply), EALREADY);
	send_pause(f, POD_REQUEST_RESUME);
	answer_question(f, EXIT_KIND_CODE, 0);
	assert_int_equal(expect_answer(f, POD_REQUEST_RESUME), 0);
	assert_false(is_paused(f));
	/* What fails changes nothing. */
	send_pause(f, POD_REQUEST_PAUSE);
	answer_question(f, EXIT_KIND_INIT_FAILURE, ENOENT);
	assert_int_equal(expect_answer(f, POD_REQUEST_PAUSE), ENOENT);
	assert_false(is_paused(f));
	/* It ends meanwhile, and what the guest says then is nobody's. */
	send_pause(f, POD_REQUEST_PAUSE);
	say(f, MACHINE_EVENT_APP_EXIT, EXIT_KIND_SIGNAL, SIGKILL);
	assert_int_equal(expect_answer(f, POD_REQUEST_PAUSE), ESRCH);
	answer_question(f, EXIT_KIND_INIT_FAILURE, ESRCH);
	assert_false(is_paused(f));
	let_go(f);
	expect_state(f->client, POD_APP_EXITED);
}

/* One that does not come about can be taken back by another, who is the one that counts. */
static void test_endless_pause(void **state)
{
	struct fixture *f = *state;
	struct pod_request request;
	struct pod_reply reply;
	uint32_t pause, resume;
	struct error err = ERROR_NONE;
	int third;

	run(f);
	send_pause(f, POD_REQUEST_PAUSE);
	pause = hear(f).id;
	third = client_connect(f->dir_fd, NULL);
	turn(f);
	request = about(f, POD_REQUEST_PAUSE);
	assert_int_equal(ask(f, third, &request, -1, &reply), EAGAIN);
	request.type = POD_REQUEST_RESUME;
	assert_int_equal(client_send(third, &request, NULL, 0, NULL), 0);
	turn(f);
	assert_int_equal(expect_answer(f, POD_REQUEST_PAUSE), ECANCELED);
	assert_int_equal(ask(f, f->other, &request, -1, &reply), EAGAIN);
	resume = hear(f).id;
	say_of(f, pause, EXIT_KIND_INIT_FAILURE, ECANCELED);
	assert_false(is_paused(f));
	say_of(f, resume, EXIT_KIND_CODE, 0);
	assert_int_equal(client_receive(third, &reply, &err), 0);
	assert_int_equal(reply.type, POD_REQUEST_RESUME);
	assert_false(is_paused(f));
	close(third);
}

/* The guest cannot do what it has been asked; what the supervisor says of that. */
static void fail_and_listen(struct fixture *f, char said[128])
{
	int kept = dup(STDERR_FILENO), words[2];
	ssize_t len;

	assert_int_equal(pipe(words), 0);
	(void)fcntl(words[0], F_SETFL, O_NONBLOCK);
	assert_true(dup2(words[1], STDERR_FILENO) >= 0);
	answer_question(f, EXIT_KIND_INIT_FAILURE, ENOSPC);
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	len = read(words[0], said, 127);
	said[len > 0 ? len : 0] = '\0';
	close(kept);
	close(words[0]);
	close(words[1]);
}

/* With the whole machine: nobody waits for a guest that stands still, and each has its own state.
 */
static void test_pause_of_all(void **state)
{
	struct fixture *f = *state;
	struct pod_request request;
	struct pod_reply reply;
	char warning[128];
	int third;

	run(f);
	f->supervisor.reply_flags |= POD_REPLY_PAUSED;
	request = about(f, POD_REQUEST_RESUME);
	assert_int_equal(ask(f, f->other, &request, -1, &reply), EBUSY);
	send_pause(f, POD_REQUEST_PAUSE);
	assert_int_equal(expect_answer(f, POD_REQUEST_PAUSE), 0);
	f->supervisor.reply_flags &= ~(uint32_t)POD_REPLY_PAUSED;
	assert_true(is_paused(f));
	answer_question(f, EXIT_KIND_CODE, 0);
	/* Asked before the machine stood still. */
	send_pause(f, POD_REQUEST_RESUME);
	third = client_connect(f->dir_fd, NULL);
	turn(f);
	request = about(f, POD_REQUEST_PAUSE);
	assert_int_equal(ask(f, third, &request, -1, &reply), EAGAIN);
	close(third);
	f->supervisor.reply_flags |= POD_REPLY_PAUSED;
	member_pause_on_pod_paused(&f->supervisor);
	assert_int_equal(expect_answer(f, POD_REQUEST_RESUME), 0);
	/* The question before it is not the one that counts. */
	send_pause(f, POD_REQUEST_PAUSE);
	assert_int_equal(expect_answer(f, POD_REQUEST_PAUSE), 0);
	answer_question(f, EXIT_KIND_INIT_FAILURE, ECANCELED);
	answer_question(f, EXIT_KIND_CODE, 0);
	f->supervisor.reply_flags &= ~(uint32_t)POD_REPLY_PAUSED;
	assert_true(is_paused(f));
	/* What has been said to be done is not: the state is right, and the user is told. */
	f->supervisor.reply_flags |= POD_REPLY_PAUSED;
	send_pause(f, POD_REQUEST_RESUME);
	assert_int_equal(expect_answer(f, POD_REQUEST_RESUME), 0);
	f->supervisor.reply_flags &= ~(uint32_t)POD_REPLY_PAUSED;
	fail_and_listen(f, warning);
	assert_string_equal(warning, "nacelle: warning: a container is paused after all: "
				     "No space left on device\n");
	assert_true(is_paused(f));
	/* Who asks may go. */
	send_pause(f, POD_REQUEST_RESUME);
	close(f->other);
	turn(f);
	f->other = client_connect(f->dir_fd, NULL);
	turn(f);
	answer_question(f, EXIT_KIND_CODE, 0);
	assert_false(is_paused(f));
}

/* A signal and a size for a command that has ended meanwhile are nobody else's. */
static void test_late_signal(void **state)
{
	struct pod_request add = client_request(POD_REQUEST_ADD);
	struct pod_request kill = client_request(POD_REQUEST_KILL);
	struct pod_request size = client_request(POD_REQUEST_WINSIZE);
	char command[sizeof(struct machine_command)];
	struct fixture *f = *state;

	run(f);
	add.flags = MACHINE_ADD_RECORD;
	kill.signal = SIGTERM;
	size.rows = size.columns = 10;
	/* In the sandbox's program, and in a container of it. */
	for (int i = 0; i < 2; i++) {
		add.app = size.app = i ? f->id : 0;
		add.serial = kill.serial = size.serial = i ? f->serial : 0;
		if (i)
			kill.app = f->id;
		assert_int_equal(client_send(f->other, &add, &f->dir_fd, 1, NULL), 0);
		turn(f);
		say_of(f, hear(f).id, EXIT_KIND_CODE, 0);
		assert_int_equal(client_send(f->other, &kill, NULL, 0, NULL), 0);
		assert_int_equal(client_send(f->other, &size, NULL, 0, NULL), 0);
		turn(f);
		assert_int_equal(recv(f->machine, command, sizeof(command), MSG_DONTWAIT), -1);
		expect_state(f->other, POD_APP_EXITED);
	}
	/* Who connects then is another. */
	close(f->other);
	turn(f);
	f->other = client_connect(f->dir_fd, NULL);
	turn(f);
	assert_int_equal(client_send(f->other, &kill, NULL, 0, NULL), 0);
	turn(f);
	assert_int_equal(hear(f).app, f->id);
}

/* Those that are there go on without the sandbox's program; none is added. */
static void test_program_has_ended(void **state)
{
	struct fixture *f = *state;
	const struct pod_request request = client_request(POD_REQUEST_MEMBER);
	struct pod_request kill = client_request(POD_REQUEST_KILL);
	struct machine_command command;
	struct pod_reply reply;

	run(f);
	f->supervisor.apps.apps[0].state = POD_APP_EXITED;
	assert_int_equal(ask(f, f->other, &request, -1, &reply), ESRCH);
	assert_non_null(strstr(reply.text, "has ended"));
	/* The guest knows what a signal to the program means now. */
	kill.signal = SIGKILL;
	assert_int_equal(ask(f, f->other, &kill, -1, &reply), 0);
	command = hear(f);
	assert_int_equal(command.type, MACHINE_COMMAND_SIGNAL);
	assert_int_equal(command.app, FRAME_ALL_APPS);
	say(f, MACHINE_EVENT_APP_EXIT, EXIT_KIND_SIGNAL, SIGKILL);
	let_go(f);
	expect_state(f->client, POD_APP_EXITED);
}

/* The place is another's now: the number alone does not find it. */
static void test_serial(void **state)
{
	struct fixture *f = *state;
	struct pod_request request;
	uint32_t id, serial;
	struct pod_reply reply;

	reserve(f);
	id = f->id;
	serial = f->serial;
	close(f->client);
	turn(f);
	f->client = client_connect(f->dir_fd, NULL);
	turn(f);
	reserve(f);
	assert_int_equal(f->id, id);
	assert_true(f->serial != serial);
	request = about(f, POD_REQUEST_STATUS);
	assert_int_equal(ask(f, f->other, &request, -1, &reply), 0);
	request.serial = serial;
	assert_int_equal(ask(f, f->other, &request, -1, &reply), ENOENT);
	request.serial = 0;
	assert_int_equal(ask(f, f->other, &request, -1, &reply), ENOENT);
	request = about(f, POD_REQUEST_ADD);
	request.serial = serial;
	request.flags = MACHINE_ADD_RECORD;
	assert_int_equal(ask(f, f->other, &request, f->dir_fd, &reply), ENOENT);
}

/* Another connection cannot fill the place, nor can the same one twice. */
static void test_whose_place(void **state)
{
	struct fixture *f = *state;
	struct pod_request request;
	struct pod_reply reply;

	reserve(f);
	request = about(f, POD_REQUEST_SHARE);
	assert_int_equal(ask(f, f->other, &request, f->dir_fd, &reply), EINVAL);
	request = client_request(POD_REQUEST_MEMBER);
	assert_int_equal(ask(f, f->client, &request, -1, &reply), EINVAL);
	request = about(f, POD_REQUEST_ADD);
	request.flags = MACHINE_ADD_RECORD | POD_ADD_MEMBER;
	assert_int_equal(ask(f, f->other, &request, f->dir_fd, &reply), EINVAL);
	add(f);
	(void)hear(f);
	request.flags = MACHINE_ADD_RECORD | POD_ADD_MEMBER;
	assert_int_equal(ask(f, f->client, &request, f->dir_fd, &reply), EINVAL);
	request = about(f, POD_REQUEST_SHARE);
	assert_int_equal(ask(f, f->client, &request, f->dir_fd, &reply), EINVAL);
}

/* Whoever loses its process loses the container. */
static void test_end_of_the_process(void **state)
{
	struct fixture *f = *state;
	struct machine_command command;
	struct pod_request request;

	reserve(f);
	add(f);
	(void)hear(f);
	say(f, MACHINE_EVENT_APP_HELD, 0, 0);
	request = about(f, POD_REQUEST_START);
	assert_int_equal(client_send(f->other, &request, NULL, 0, NULL), 0);
	turn(f);
	assert_int_equal(hear(f).type, MACHINE_COMMAND_START);
	close(f->client);
	f->client = -1;
	turn(f);
	assert_int_equal(hear(f).type, MACHINE_COMMAND_HANG_UP);
	command = hear(f);
	assert_int_equal(command.type, MACHINE_COMMAND_SIGNAL);
	assert_int_equal(command.signal, SIGKILL);
	/* Who waits for its start hears of its end. */
	say(f, MACHINE_EVENT_APP_EXIT, EXIT_KIND_SIGNAL, SIGKILL);
	let_go(f);
	{
		struct error err = ERROR_NONE;
		struct pod_reply reply;

		assert_int_equal(client_receive(f->other, &reply, &err), -1);
		assert_int_equal(err.code, ESRCH);
	}
}

/* What stays would be in the root of the next container in its place. */
static void test_shares_that_stay(void **state)
{
	struct fixture *f = *state;
	const int socket = f->supervisor.roles.member_shares.socket;

	reserve(f);
	add(f);
	(void)hear(f);
	say(f, MACHINE_EVENT_APP_HELD, 0, 0);
	while (send(socket, "x", 1, MSG_DONTWAIT) == 1)
		;
	assert_int_equal(errno, EAGAIN);
	assert_false(f->supervisor.has_ended);
	say(f, MACHINE_EVENT_APP_EXIT, EXIT_KIND_CODE, 0);
	assert_true(f->supervisor.has_ended);
	assert_int_equal(f->supervisor.status, RUN_STATUS_FAILURE);
}

/* All containers have room for as many shares as the device has, beside the pod's own. */
static void test_too_many_shares(void **state)
{
	struct fixture *f = *state;
	struct exec_slot *other = &f->supervisor.exec.slots[FRAME_ADDED_MAX - 1];
	struct pod_request request;
	struct pod_reply reply;

	reserve(f);
	request = about(f, POD_REQUEST_SHARE);
	f->supervisor.roles.member_shares.own_count = 2;
	*other = (struct exec_slot){ .used = true, .member.share_count = P9_SHARES_MAX - 3 };
	assert_int_equal(ask(f, f->client, &request, f->dir_fd, &reply), 0);
	assert_int_equal(ask(f, f->client, &request, f->dir_fd, &reply), EAGAIN);
	*other = (struct exec_slot){ .used = false };
	assert_int_equal(ask(f, f->client, &request, f->dir_fd, &reply), 0);
}

static void test_no_place(void **state)
{
	const struct pod_request request = client_request(POD_REQUEST_MEMBER);
	struct fixture *f = *state;
	struct pod_reply reply;

	f->supervisor.has_started = false;
	assert_int_equal(ask(f, f->client, &request, -1, &reply), EAGAIN);
	f->supervisor.has_started = true;
	f->supervisor.reply_flags = POD_REPLY_PAUSED;
	assert_int_equal(ask(f, f->client, &request, -1, &reply), EAGAIN);
	f->supervisor.reply_flags = POD_REPLY_STOPPING;
	assert_int_equal(ask(f, f->client, &request, -1, &reply), ESRCH);
	f->supervisor.reply_flags = 0;
	for (unsigned i = 0; i < FRAME_ADDED_MAX; i++)
		f->supervisor.exec.slots[i].used = true;
	assert_int_equal(ask(f, f->client, &request, -1, &reply), EAGAIN);
	memset(f->supervisor.exec.slots, 0, sizeof(f->supervisor.exec.slots));
	reserve(f);
}

/* The member's process, beside the supervisor. */
struct proxy {
	struct member member;
	struct exec exec;
	char directory[SUPERVISOR_DIRECTORY_MAX];
	int dir_fd, client;
};

static void serve(struct fixture *f, struct proxy *p)
{
	struct pollfd fds[MEMBER_FDS_MAX];

	for (int i = 0; i < 4; i++) {
		unsigned count = member_fill_poll(&p->member, fds);

		assert_true(poll(fds, count, 0) >= 0);
		member_on_poll(&p->member, fds, count);
		turn(f);
	}
}

static struct proxy *begin_proxy(struct fixture *f)
{
	static const struct run_options options;
	struct proxy *p = calloc(1, sizeof(*p));

	p->dir_fd = make_directory(p->directory);
	p->exec = (struct exec){ .socket = f->client, .app = f->id, .serial = f->serial };
	p->member = (struct member){ .run = &options,
				     .exec = &p->exec,
				     .sandbox_fd = f->dir_fd,
				     .control_fd = control_socket_bind(p->dir_fd, NULL) };
	member_begin_links(&p->member);
	p->client = client_connect(p->dir_fd, NULL);
	assert_true(p->client >= 0);
	serve(f, p);
	return p;
}

static void end_proxy(struct fixture *f, struct proxy *p)
{
	close(p->client);
	serve(f, p);
	for (unsigned i = 0; i < MEMBER_LINKS_MAX; i++)
		assert_int_equal(p->member.links[i].client, -1);
	close(p->member.control_fd);
	remove_directory(p->directory, p->dir_fd);
	free(p);
}

static int ask_proxy(struct fixture *f, struct proxy *p, const struct pod_request *request, int fd,
		     struct pod_reply *reply, struct error *err)
{
	assert_int_equal(client_send(p->client, request, &fd, fd >= 0, NULL), 0);
	serve(f, p);
	return client_receive(p->client, reply, err);
}

/* Its socket answers like that of a pod with one app. */
static void test_links(void **state)
{
	struct pod_request request = client_request(POD_REQUEST_STATUS);
	struct error err = ERROR_NONE;
	struct fixture *f = *state;
	struct machine_command command;
	struct pod_reply reply;
	struct proxy *p;

	reserve(f);
	add(f);
	(void)hear(f);
	p = begin_proxy(f);
	say(f, MACHINE_EVENT_APP_HELD, 0, 0);
	request.app = 0;
	/* What its process has not read yet comes first. */
	assert_int_equal(client_send(p->client, &request, NULL, 0, NULL), 0);
	serve(f, p);
	assert_int_equal(recv(p->client, &reply, sizeof(reply), MSG_DONTWAIT), -1);
	expect_state(f->client, POD_APP_HELD);
	serve(f, p);
	assert_int_equal(client_receive(p->client, &reply, NULL), 0);
	assert_int_equal(reply.app, 0);
	assert_int_equal(reply.app_count, 1);
	assert_int_equal(reply.app_state, POD_APP_HELD);

	/* The end of a pod is a container's SIGKILL, and never the sandbox's. */
	request = client_request(POD_REQUEST_STOP);
	assert_int_equal(ask_proxy(f, p, &request, -1, &reply, NULL), 0);
	command = hear(f);
	assert_int_equal(command.type, MACHINE_COMMAND_SIGNAL);
	assert_int_equal(command.app, f->id);
	assert_int_equal(command.signal, SIGKILL);
	request = client_request(POD_REQUEST_ADD);
	request.app = 0;
	request.flags = MACHINE_ADD_RECORD;
	assert_int_equal(client_send(p->client, &request, &f->dir_fd, 1, NULL), 0);
	serve(f, p);
	command = hear(f);
	assert_int_equal(command.type, MACHINE_COMMAND_ADD);
	assert_int_equal(command.app, f->id);
	for (unsigned i = 0; i < 2; i++) {
		static const enum pod_request_type refused[] = { POD_REQUEST_ATTACH,
								 POD_REQUEST_MEMBER };

		request = client_request(refused[i]);
		assert_int_equal(ask_proxy(f, p, &request, -1, &reply, &err), -1);
		assert_int_equal(err.code, EOPNOTSUPP);
	}
	request = client_request(POD_REQUEST_KILL);
	request.app = 1;
	assert_int_equal(ask_proxy(f, p, &request, -1, &reply, &err), -1);
	assert_int_equal(err.code, ENOENT);
	assert_int_equal(send(p->client, "x", 1, 0), 1);
	serve(f, p);
	assert_int_equal(client_receive(p->client, &reply, &err), -1);
	assert_int_equal(err.code, EPROTO);
	end_proxy(f, p);
}

static void begin_start(const struct proxy *p)
{
	const struct pod_request request = client_request(POD_REQUEST_START);

	assert_int_equal(client_send(p->client, &request, NULL, 0, NULL), 0);
}

/* Its process reads of the end before it has passed on what was answered. */
static void test_short_life(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_NONE;
	struct pod_request request;
	struct pod_reply reply;
	struct proxy *p;

	reserve(f);
	add(f);
	(void)hear(f);
	p = begin_proxy(f);
	say(f, MACHINE_EVENT_APP_HELD, 0, 0);
	expect_state(f->client, POD_APP_HELD);
	begin_start(p);
	serve(f, p);
	assert_int_equal(hear(f).type, MACHINE_COMMAND_START);
	say(f, MACHINE_EVENT_APP_START, 0, 0);
	say(f, MACHINE_EVENT_APP_EXIT, EXIT_KIND_CODE, 0);
	let_go(f);
	serve(f, p);
	assert_int_equal(recv(p->client, &reply, sizeof(reply), MSG_DONTWAIT), -1);
	expect_state(f->client, POD_APP_RUNNING);
	expect_state(f->client, POD_APP_EXITED);
	member_end_links(&p->member);
	assert_int_equal(client_receive(p->client, &reply, NULL), 0);
	assert_int_equal(reply.type, POD_REQUEST_START);
	assert_int_equal(reply.app_state, POD_APP_RUNNING);
	request = client_request(POD_REQUEST_STATUS);
	assert_true(client_send(p->client, &request, NULL, 0, NULL) < 0 ||
		    client_receive(p->client, &reply, &err) < 0);
	end_proxy(f, p);
}

/* Who asks for the start of what cannot start hears why, too: that is said before the end. */
static void test_refused_start(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_NONE;
	struct pod_reply reply;
	struct proxy *p;

	reserve(f);
	add(f);
	(void)hear(f);
	p = begin_proxy(f);
	say(f, MACHINE_EVENT_APP_HELD, 0, 0);
	expect_state(f->client, POD_APP_HELD);
	begin_start(p);
	serve(f, p);
	assert_int_equal(hear(f).type, MACHINE_COMMAND_START);
	say(f, MACHINE_EVENT_APP_EXIT, EXIT_KIND_NOT_STARTED, 127);
	let_go(f);
	expect_state(f->client, POD_APP_EXITED);
	member_end_links(&p->member);
	assert_int_equal(client_receive(p->client, &reply, &err), -1);
	assert_int_equal(err.code, ENOENT);
	assert_non_null(strstr(err.text, "the process could not be started; its stderr says why"));
	end_proxy(f, p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_serial, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_whose_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_end_of_the_process, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_shares_that_stay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_shares_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_end_of_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nobody_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_program_has_ended, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pause, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_late_signal, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_endless_pause, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pause_of_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_many_shares, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_links, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_short_life, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused_start, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
