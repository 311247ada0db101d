/*
 * The logger. One thread for each app, which waits for nobody but the disk: an app that writes more
 * than the disk takes waits for it alone, since its pipe stays full. The bytes are the guest's;
 * they are cut into lines, escaped, and copied.
 */
#include "vmm/pod/logger.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/descriptors.h"
#include "vmm/base/lockdown.h"
#include "vmm/pod/attached.h"
#include "vmm/pod/log_lines.h"

enum {
	DIRECTORY = STDIN_FILENO, /* of the logs; a number that the rules below can name */
	STACK_BYTES = 256 * 1024,
	END_OF_COMMANDS = -1,
};

static const struct lockdown_rule rules[] = {
	{ SYS_poll, LOCKDOWN_ANY, 0, "each thread waits" },
	{ SYS_ppoll, LOCKDOWN_ANY, 0, "each thread waits" },
	{ SYS_read, LOCKDOWN_ANY, 0, "pipes of the apps, commands between threads" },
	{ SYS_write, LOCKDOWN_ANY, 0, "log files, stdin of apps, commands, last words" },
	{ SYS_sendmsg, LOCKDOWN_ANY, 0, "output to those who attached" },
	{ SYS_recvmsg, LOCKDOWN_ANY, 0, "who attaches, from the supervisor" },
	{ SYS_recvfrom, LOCKDOWN_ANY, 0, "input from those who attached" },
	{ SYS_openat, 0, DIRECTORY, "log files: after a rotation, and to make them durable" },
	{ SYS_renameat, 0, DIRECTORY, "rotation" },
	{ SYS_lseek, LOCKDOWN_ANY, 0, "the length of a log file" },
	{ SYS_ftruncate, LOCKDOWN_ANY, 0, "half an entry on a full disk; a log of one file" },
	{ SYS_fsync, LOCKDOWN_ANY, 0, "at the end" },
	{ SYS_close, LOCKDOWN_ANY, 0, "pipes that have ended, rotation" },
	{ SYS_futex, LOCKDOWN_ANY, 0, "the end of threads" },
	{ SYS_clock_gettime, LOCKDOWN_ANY, 0, "time stamps where the vDSO has no clock" },
	{ SYS_madvise, LOCKDOWN_ANY, 0, "a thread's stack after its end" },
	{ SYS_mmap, 2, PROT_READ | PROT_WRITE, "malloc" },
	{ SYS_munmap, LOCKDOWN_ANY, 0, "malloc, a thread's stack" },
	{ SYS_brk, LOCKDOWN_ANY, 0, "malloc" },
	{ SYS_rt_sigreturn, LOCKDOWN_ANY, 0, "return from a signal handler" },
	{ SYS_rt_sigprocmask, LOCKDOWN_ANY, 0, "abort() and thread exit" },
	{ SYS_restart_syscall, LOCKDOWN_ANY, 0, "after SIGSTOP and SIGCONT" },
	{ SYS_gettid, LOCKDOWN_ANY, 0, "abort()" },
	{ SYS_getpid, LOCKDOWN_ANY, 0, "abort()" },
	{ SYS_tgkill, LOCKDOWN_SELF, 0, "abort()" },
	{ SYS_exit, LOCKDOWN_ANY, 0, "a thread ends" },
	{ SYS_exit_group, LOCKDOWN_ANY, 0, "the logger ends" },
};

/* No thread takes a byte before the lock-down is complete. */
struct gate {
	sem_t arrived; /* posted by each thread that stands at it */
	pthread_mutex_t mutex;
};

/* An app, as its thread sees it. */
struct app_log {
	pthread_t thread;
	bool has_thread;
	struct gate *gate;
	int commands[2]; /* pipe: sockets of those who attach, or END_OF_COMMANDS */
	int sources[LOG_STREAMS];
	struct log_lines lines[LOG_STREAMS];
	struct log_file file;
	struct attached attached;
	bool is_open;	/* output may come, the file is open */
	bool is_ending; /* nobody writes any more */
	char data[ATTACH_DATA_MAX];
};

enum { POLL_COMMANDS = LOG_STREAMS, POLL_ATTACHED, POLL_COUNT = POLL_ATTACHED + ATTACHED_MAX + 1 };

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void keep(void *context, const struct log_record *record)
{
	log_file_add(context, record);
}

/* Takes what is there, at most one buffer. Returns false if nothing is, or will be. */
static bool take_output(struct app_log *log, enum log_stream stream)
{
	ssize_t n = read(log->sources[stream], log->data, sizeof(log->data));

	if (n > 0) {
		attached_send(&log->attached, stream == LOG_STDOUT ? ATTACH_STDOUT : ATTACH_STDERR,
			      log->data, (size_t)n);
		log_lines_add(&log->lines[stream], log->data, (size_t)n, now(), keep, &log->file);
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	close(steal_fd(&log->sources[stream]));
	return false;
}

static void end_app(struct app_log *log)
{
	for (int i = 0; i < LOG_STREAMS; i++) {
		log_lines_end(&log->lines[i], keep, &log->file);
		if (log->sources[i] >= 0)
			close(steal_fd(&log->sources[i]));
	}
	log_file_close(&log->file, now());
	attached_end(&log->attached);
	log->is_open = false;
}

static void take_command(struct app_log *log)
{
	int command;

	if (read(log->commands[0], &command, sizeof(command)) != (ssize_t)sizeof(command))
		return;
	if (command == END_OF_COMMANDS)
		log->is_ending = true;
	else if (log->is_open)
		attached_add(&log->attached, command);
	else
		close(command);
}

/* One turn: waits, then moves what can be moved. */
static void step(struct app_log *log)
{
	struct pollfd fds[POLL_COUNT];

	for (int i = 0; i < LOG_STREAMS; i++)
		fds[i] = (struct pollfd){ .fd = log->sources[i], .events = POLLIN };
	fds[POLL_COMMANDS] = (struct pollfd){ .fd = log->commands[0], .events = POLLIN };
	attached_wants(&log->attached, &fds[POLL_ATTACHED]);
	if (poll(fds, POLL_COUNT, -1) < 0)
		return;
	attached_step(&log->attached, &fds[POLL_ATTACHED]);
	for (int i = 0; i < LOG_STREAMS; i++)
		if (fds[i].revents)
			(void)take_output(log, (enum log_stream)i);
	if (log->is_open)
		log_file_flush(&log->file, now());
	if (fds[POLL_COMMANDS].revents)
		take_command(log);
	if (log->is_open && log->sources[LOG_STDOUT] < 0 && log->sources[LOG_STDERR] < 0)
		end_app(log);
}

static void *app_main(void *argument)
{
	struct app_log *log = argument;

	sem_post(&log->gate->arrived);
	pthread_mutex_lock(&log->gate->mutex);
	pthread_mutex_unlock(&log->gate->mutex);
	while (!log->is_ending)
		step(log);
	/* All that was written is in the pipes; who else holds them open does not matter. */
	for (int i = 0; i < LOG_STREAMS; i++)
		while (log->sources[i] >= 0 && take_output(log, (enum log_stream)i))
			;
	if (log->is_open)
		end_app(log);
	return NULL;
}

static int start_thread(struct app_log *log, struct error *err)
{
	pthread_attr_t attributes;
	int status;

	if (pipe(log->commands) < 0)
		return error_set(err, errno, "cannot make a pipe");
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	status = pthread_create(&log->thread, &attributes, app_main, log);
	pthread_attr_destroy(&attributes);
	if (status)
		return error_set(err, status, "cannot start a thread");
	/* The C library's part of a start makes system calls that the list does not know. */
	while (sem_wait(&log->gate->arrived) < 0 && errno == EINTR)
		;
	log->has_thread = true;
	return 0;
}

static int start_apps(struct app_log *logs, const struct logger_request *request, struct gate *gate,
		      struct error *err)
{
	for (unsigned i = 0; i < request->app_count; i++) {
		const struct logger_app *app = &request->apps[i];
		struct app_log *log = &logs[i];

		if (app->in < 0 && app->out < 0 && app->err < 0)
			continue;
		log->gate = gate;
		log->sources[LOG_STDOUT] = app->out;
		log->sources[LOG_STDERR] = app->err;
		log->lines[LOG_STDERR].stream = LOG_STDERR;
		log->is_open = true;
		attached_init(&log->attached, app->in);
		log_file_open(&log->file, DIRECTORY, app->name, &request->options);
		if (start_thread(log, err) < 0)
			return -1;
	}
	return 0;
}

static int lock_down(struct logger_request *request, struct error *err)
{
	const struct lockdown_ids ids = { .change = false };
	int keep_open[1 + 3 * RECORD_APPS_MAX] = { request->socket };
	size_t count = 1;
	bool namespaces;

	if (dup2(request->directory, DIRECTORY) < 0)
		return error_set(err, errno, "cannot hold the directory of logs");
	for (unsigned i = 0; i < request->app_count; i++) {
		keep_open[count++] = request->apps[i].in;
		keep_open[count++] = request->apps[i].out;
		keep_open[count++] = request->apps[i].err;
	}
	if (lockdown_silence(STDOUT_FILENO, err) < 0 ||
	    lockdown_close_fds(keep_open, count, err) < 0 ||
	    lockdown_namespaces_in(DIRECTORY, &namespaces, err) < 0 || lockdown_ids(&ids, err) < 0)
		return -1;
	return lockdown_beneath(DIRECTORY, err);
}

/* Returns the descriptor that came, or -1 at the end. */
static int next_command(int socket, struct logger_command *command)
{
	struct pollfd wait = { .fd = socket, .events = POLLIN };
	unsigned fd_count = 0;
	ssize_t n;
	int fd;

	do {
		(void)poll(&wait, 1, -1);
		n = descriptors_receive(socket, command, sizeof(*command), &fd, 1, &fd_count);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	return n == (ssize_t)sizeof(*command) && fd_count == 1 ? fd : -1;
}

static void tell(const struct app_log *log, int command)
{
	(void)!write(log->commands[1], &command, sizeof(command));
}

static void serve(const struct logger_request *request, struct app_log *logs)
{
	struct logger_command command;
	int fd;

	while ((fd = next_command(request->socket, &command)) >= 0) {
		if (command.app < request->app_count && logs[command.app].has_thread)
			tell(&logs[command.app], fd);
		else
			close(fd);
	}
	for (unsigned i = 0; i < request->app_count; i++)
		if (logs[i].has_thread)
			tell(&logs[i], END_OF_COMMANDS);
	for (unsigned i = 0; i < request->app_count; i++)
		if (logs[i].has_thread)
			pthread_join(logs[i].thread, NULL);
}

static int run(struct logger_request *request, struct error *err)
{
	struct app_log *logs = calloc(request->app_count, sizeof(*logs));
	struct gate gate;

	if (!logs)
		return error_set(err, errno, "no memory");
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	sem_init(&gate.arrived, 0, 0);
	pthread_mutex_init(&gate.mutex, NULL);
	pthread_mutex_lock(&gate.mutex);
	if (lock_down(request, err) < 0 || start_apps(logs, request, &gate, err) < 0 ||
	    lockdown_seccomp(rules, ARRAY_SIZE(rules), err) < 0)
		return -1;
	pthread_mutex_unlock(&gate.mutex);
	serve(request, logs);
	return 0;
}

void logger_run(const struct logger_request *request)
{
	struct logger_request own = *request;
	struct error err = ERROR_NONE;

	if (run(&own, &err) < 0) {
		(void)dprintf(STDERR_FILENO, "nacelle: logger: %s\r\n", err.text);
		_exit(1);
	}
	_exit(0);
}
