#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/pod/record.h"

/* guest-init's main(), renamed by the build. */
int guest_init_main(int argc, char **argv);

enum { TIME_LIMIT_MS = 20000, PATH_TEXT_MAX = 256, COMMAND_MAX = 2048 };

/* CLONE_NEWCGROUP of the C library's sched.h, which does not go with linux/sched.h. */
int unshare(int flags);

static char base[] = "/tmp/nacelle-guest-init-XXXXXX";
static char root_path[PATH_TEXT_MAX], share_path[PATH_TEXT_MAX], run_path[PATH_TEXT_MAX];
static char cgroup_path[PATH_TEXT_MAX];
static unsigned groups_left;
static const char *program_path; /* NULL: guest_init_main() in a fork of this process */

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if ((what) < 0) {                                                                  \
			perror(#what);                                                             \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

static void join(char out[PATH_TEXT_MAX], const char *dir, const char *name)
{
	CHECK(snprintf(out, PATH_TEXT_MAX, "%.120s/%.100s", dir, name));
}

static void make_directory(const char *dir, const char *name)
{
	char path[PATH_TEXT_MAX];

	join(path, dir, name);
	CHECK(mkdir(path, 0755));
}

static void make_root(void)
{
	char command[COMMAND_MAX];

	CHECK(snprintf(
	    command, sizeof(command),
	    "set -e; cd %s; mkdir bin etc tmp; chmod 1777 tmp; "
	    "cp $(command -v busybox) bin/; "
	    "for a in $(bin/busybox --list); do [ $a = busybox ] || ln -s busybox bin/$a; done",
	    root_path));
	if (system(command) != 0) {
		(void)fprintf(stderr, "cannot make a root from busybox (package busybox-static)\n");
		exit(1);
	}
}

const char *harness_prepare(const char *program)
{
	char path[PATH_TEXT_MAX];

	/* What is written to a guest-init that is at its end already. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* A shell's background job ignores these, and PID 1 of a guest never does. */
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGQUIT, SIG_DFL);
	if (geteuid() != 0)
		return "it needs root";
	if (unshare(CLONE_NEWNS) < 0)
		return "no mount namespace can be made here";
	program_path = program;
	CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	if (!mkdtemp(base))
		return "there is no temporary directory";
	CHECK(mount("tmpfs", base, "tmpfs", 0, "mode=755"));
	make_directory(base, "cgroup2");
	make_directory(base, "shares");
	make_directory(base, "run");
	join(path, base, "shares");
	make_directory(path, "root");
	make_directory(path, "volume");
	make_directory(path, "disk");
	join(root_path, path, "root");
	join(share_path, path, "volume");
	join(run_path, base, "run");
	join(path, base, "cgroup2");
	if (mount("cgroup2", path, "cgroup2", 0, NULL) < 0)
		return "no cgroup2 can be mounted here";
	CHECK(snprintf(cgroup_path, sizeof(cgroup_path), "%.120s/nacelle-test-XXXXXX", path));
	if (!mkdtemp(cgroup_path))
		return "no cgroup can be made here";
	make_root();
	return NULL;
}

/* Whoever was killed in it may still be on its way out. */
static void remove_group(const char *path)
{
	enum { LIMIT_MS = 10000, STEP_MS = 10 };

	for (int ms = 0; rmdir(path) < 0 && errno == EBUSY && ms < LIMIT_MS; ms += STEP_MS)
		(void)poll(NULL, 0, STEP_MS);
}

void harness_finish(void)
{
	remove_group(cgroup_path);
	(void)umount2(base, MNT_DETACH);
	(void)rmdir(base);
}

unsigned harness_groups_left(void)
{
	return groups_left;
}

const char *harness_root(void)
{
	return root_path;
}

const char *harness_share(void)
{
	return share_path;
}

void harness_pod(struct harness_pod *pod, const char *script)
{
	*pod = (struct harness_pod){ 0 };
	pod->argv[0] = "/bin/sh";
	pod->argv[1] = "-c";
	pod->argv[2] = script;
	pod->app = (struct pod_app){
		.name = "test",
		.argv = pod->argv,
		.env = pod->env,
		.workdir = "/",
		.stdin_port = PORT_STDIN,
		.stdout_port = PORT_STDOUT,
		.stderr_port = PORT_STDERR,
		.capabilities = 0x00000000a80425fb,
		.root = { .type = POD_ROOT_9P, .source = "root", .upper = POD_UPPER_TMPFS },
		.mounts = pod->mounts,
	};
	pod->pod = (struct pod){ .hostname = "pod", .cpus = 1, .apps = &pod->app, .app_count = 1 };
}

/* The tree that stands for the initramfs, in a tmpfs of its own. */
static void lay_out(const void *record, size_t len)
{
	static const char *const directories[] = { "dev",    "sys",	     "cgroup", "shm",
						   "shares", "lower",	     "upper",  "root",
						   "ports",  "shares-source" };
	char path[PATH_TEXT_MAX], shares[PATH_TEXT_MAX];
	int fd;

	/* A run with a disk, which is a directory here, has made it read-only at its end. */
	CHECK(mount(NULL, base, NULL, MS_REMOUNT, NULL));
	CHECK(mount("tmpfs", run_path, "tmpfs", 0, "mode=755"));
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		make_directory(run_path, directories[i]);
	join(path, run_path, "shares-source");
	join(shares, base, "shares");
	CHECK(mount(shares, path, NULL, MS_BIND, NULL));
	join(path, run_path, "pod.dtb");
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd);
	CHECK(io_write_all(fd, record, len));
	close(fd);
}

static int listen_on(uint32_t port)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	CHECK(fd);
	CHECK(
	    snprintf(address.sun_path, sizeof(address.sun_path), "%.80s/ports/%u", run_path, port));
	CHECK(bind(fd, (const struct sockaddr *)&address, sizeof(address)));
	CHECK(listen(fd, 1));
	return fd;
}

/* In the new process: "/" becomes the tree, as it would be the initramfs. */
static void become_guest_init(int program)
{
	char name[] = "init";
	char *argv[] = { name, NULL };

	/* A test that dies leaves nobody who holds its output open. */
	CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL));
	(void)signal(SIGPIPE, SIG_DFL);
	CHECK(unshare((int)CLONE_NEWCGROUP));
	CHECK(chdir(run_path));
	CHECK((int)syscall(SYS_pivot_root, ".", "."));
	CHECK(umount2(".", MNT_DETACH));
	CHECK(chdir("/"));
	if (program >= 0) {
		CHECK((int)syscall(SYS_execveat, program, "", argv, NULL, AT_EMPTY_PATH));
	}
	CHECK((int)syscall(SYS_close_range, 0U, ~0U, 0U));
	guest_init_main(1, argv);
	_exit(98);
}

static pid_t start_guest_init(int *pidfd)
{
	_cleanup_fd_ int cgroup = open(cgroup_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int program = program_path ? open(program_path, O_RDONLY | O_CLOEXEC) : -1;
	struct clone_args args = { .flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS |
					    CLONE_NEWIPC | CLONE_NEWNET | CLONE_INTO_CGROUP |
					    CLONE_PIDFD,
				   .pidfd = (uintptr_t)pidfd,
				   .exit_signal = SIGCHLD };
	pid_t pid;

	CHECK(cgroup);
	if (program_path)
		CHECK(program);
	args.cgroup = (unsigned)cgroup;
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	CHECK(pid);
	if (pid == 0)
		become_guest_init(program);
	return pid;
}

/* The host's side of one run. */
enum {
	CONTROL,
	STDIN,
	STDOUT,
	STDERR,
	ADDED_RECORD,
	ADDED_IN,
	ADDED_OUT,
	ADDED_ERR,
	INNER_RECORD,
	INNER_IN,
	INNER_OUT,
	INNER_ERR,
	ENDPOINTS,
};
struct host {
	const struct script *script;
	struct outcome *outcome;
	int listeners[ENDPOINTS], sockets[ENDPOINTS];
	bool ended[ENDPOINTS];
	uint8_t frames[FRAME_PAYLOAD_MAX];
	size_t frames_len, written;
	bool acted, broken;
	unsigned added; /* how often it was */
	bool added_acted, app_ended, late_acted, inner_end_acted;
	void *added_record;
	size_t added_record_len;
	bool inner_added, added_record_sent;
	void *inner_record;
	size_t inner_record_len;
	uint32_t guest_ports[2 * NACELLE_PORTS_ADDED]; /* that guest-init has named; 0: not yet */
};

static void send_frame(struct host *host, enum frame_type type, const void *payload, size_t len)
{
	struct frame_header header = { le32_make(type), le32_make((uint32_t)len) };

	CHECK(io_write_all(host->sockets[CONTROL], &header, sizeof(header)));
	CHECK(io_write_all(host->sockets[CONTROL], payload, len));
}

static void act(struct host *host)
{
	const struct script *script = host->script;
	struct frame_signal signal = { le32_make(script->signal_all ? FRAME_ALL_APPS : 0),
				       le32_make(script->signal) };
	struct frame_winsize size = { le32_make(0), le16_make(script->rows),
				      le16_make(script->columns) };
	struct frame_stop stop = { le32_make(script->stop_ms) };

	if (host->acted || !script->signal_on ||
	    (!strstr(host->outcome->out, script->signal_on) &&
	     !strstr(host->outcome->err, script->signal_on)))
		return;
	host->acted = true;
	if (script->rows)
		send_frame(host, FRAME_WINSIZE, &size, sizeof(size));
	if (script->signal)
		send_frame(host, FRAME_SIGNAL, &signal, sizeof(signal));
	if (script->stop)
		send_frame(host, FRAME_STOP, &stop, sizeof(stop));
	if (script->hang_up)
		shutdown(host->sockets[CONTROL], SHUT_RDWR);
}

static void send_signal(struct host *host, uint32_t app, uint32_t signal)
{
	const struct frame_signal frame = { le32_make(app), le32_make(signal) };

	if (signal)
		send_frame(host, FRAME_SIGNAL, &frame, sizeof(frame));
}

static void send_stop(struct host *host)
{
	const struct frame_stop frame = { le32_make(host->script->stop_ms) };

	send_frame(host, FRAME_STOP, &frame, sizeof(frame));
}

static void close_added(struct host *host, int i)
{
	if (host->sockets[i] >= 0)
		close(host->sockets[i]);
	host->sockets[i] = -1;
	host->ended[i] = false;
}

static bool may_add_inner(const struct host *host)
{
	switch (host->script->inner_order) {
	case INNER_BEFORE_FIRST:
		return host->added;
	case INNER_BEFORE_NEXT:
		return host->outcome->added_exits;
	case INNER_AFTER_NEXT:
		return host->added > 1 && host->ended[ADDED_RECORD];
	case INNER_IN_IT:
		break;
	}
	return true;
}

/* What follows the first; or the app's end, after both. */
static bool may_add_next(const struct host *host)
{
	if (!host->script->inner_order || !host->added)
		return true;
	if (host->added > 1 || host->script->inner_order == INNER_BEFORE_FIRST)
		return host->outcome->inner_exits;
	return host->script->inner_order == INNER_AFTER_NEXT || host->ended[INNER_RECORD];
}

static void send_added_record(struct host *host)
{
	const struct script *script = host->script;
	bool next = script->added_next && host->added > 1;

	if (host->sockets[ADDED_RECORD] < 0 || host->added_record_sent ||
	    (script->inner_order == INNER_BEFORE_FIRST && !host->outcome->inner_exits))
		return;
	host->added_record_sent = true;
	(void)io_write_all(host->sockets[ADDED_RECORD],
			   next ? script->added_next : host->added_record,
			   next ? script->added_next_len : host->added_record_len);
	shutdown(host->sockets[ADDED_RECORD], SHUT_WR);
}

/* All processes of the container that was added. */
static void kill_added(void)
{
	char path[PATH_TEXT_MAX];
	_cleanup_fd_ int fd = -1;

	CHECK(snprintf(path, sizeof(path), "%.200s/app%d/cgroup.kill", cgroup_path,
		       FRAME_ID_ADDED_FIRST));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd);
	CHECK(io_write_all(fd, "1", 1));
}

static void act_on_added(struct host *host)
{
	const struct script *script = host->script;
	const struct outcome *o = host->outcome;
	const struct frame_add add = {
		le32_make(FRAME_ID_ADDED_FIRST), le32_make(NACELLE_PORT_ADDED_FIRST),
		le32_make(script->added_member ? FRAME_ALL_APPS : script->added_app)
	};
	const struct frame_add inner = { le32_make(FRAME_ID_ADDED_FIRST + 1),
					 le32_make(NACELLE_PORT_ADDED_FIRST + NACELLE_PORTS_ADDED),
					 le32_make(script->inner_member	 ? FRAME_ALL_APPS
						   : script->inner_order ? 0
									 : FRAME_ID_ADDED_FIRST) };

	if (!script->added || !o->hello || o->pod_exited)
		return;
	send_added_record(host);
	if (host->added == o->added_exits && strstr(o->out, script->added_on) &&
	    may_add_next(host)) {
		if (host->added < (script->added_times ? script->added_times : 1)) {
			for (int i = ADDED_RECORD; i <= ADDED_ERR; i++)
				close_added(host, i);
			memset(host->guest_ports, 0, sizeof(host->guest_ports) / 2);
			send_frame(host, FRAME_ADD, &add, sizeof(add));
			host->added_record_sent = false;
			host->added++;
		} else if (!host->app_ended) {
			host->app_ended = true;
			send_signal(host, 0, SIGKILL);
		}
	}
	if ((script->inner || script->inner_record) && !host->inner_added &&
	    strstr(o->added_out, script->inner_on) && may_add_inner(host)) {
		host->inner_added = true;
		send_frame(host, FRAME_ADD, &inner, sizeof(inner));
	}
	if (host->added_acted || !script->added_act_on ||
	    !strstr(o->added_out, script->added_act_on))
		return;
	host->added_acted = true;
	if (script->added_close_out)
		close_added(host, ADDED_OUT);
	host->ended[ADDED_OUT] |= script->added_close_out;
	send_signal(host, FRAME_ID_ADDED_FIRST, script->added_signal);
	send_signal(host, 0, script->added_app_signal);
	if (script->added_dies)
		kill_added();
	if (script->added_stop)
		send_stop(host);
	host->app_ended |= script->added_app_signal || script->added_stop;
}

/* What comes when the app, or what was added to the container, has ended. */
static void act_late(struct host *host)
{
	const struct script *script = host->script;
	const struct outcome *o = host->outcome;

	if (o->pod_exited)
		return;
	if (o->inner_exits && !host->inner_end_acted) {
		host->inner_end_acted = true;
		send_signal(host, FRAME_ID_ADDED_FIRST, script->inner_end_signal);
	}
	if (!o->app_exited || host->late_acted)
		return;
	host->late_acted = true;
	send_signal(host, FRAME_ID_ADDED_FIRST, script->late_signal);
	send_signal(host, 0, script->late_app_signal);
	if (script->late_stop)
		send_stop(host);
}

static void take_why(struct why *why, struct cursor *c)
{
	why->step = cursor_u8(c);
	why->hook = cursor_u8(c);
	why->error = cursor_le16(c);
}

/* A file of app 0's cgroup. */
static void read_cgroup(const char *file, char text[PATH_TEXT_MAX])
{
	char path[PATH_TEXT_MAX];
	_cleanup_fd_ int fd = -1;
	ssize_t len;

	CHECK(snprintf(path, sizeof(path), "%.200s/app0/%s", cgroup_path, file));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : io_read_full(fd, text, PATH_TEXT_MAX - 1);
	text[len > 0 ? len : 0] = '\0';
}

static bool is_frozen(void)
{
	char text[PATH_TEXT_MAX];

	read_cgroup("cgroup.events", text);
	return strstr(text, "frozen 1");
}

static unsigned count_processes(void)
{
	char text[PATH_TEXT_MAX];
	unsigned count = 0;

	read_cgroup("cgroup.procs", text);
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		count++;
	return count;
}

static void take_added_frame(struct outcome *o, uint32_t type, struct cursor *c)
{
	if (type == FRAME_APP_START) {
		o->added_starts++;
		return;
	}
	o->frozen = is_frozen();
	o->added_exits++;
	o->added_kind = cursor_le32(c);
	o->added_code = cursor_le32(c);
	cursor_le32(c);
	take_why(&o->added_why, c);
}

static void take_inner_frame(struct outcome *o, uint32_t type, struct cursor *c)
{
	if (type == FRAME_APP_START) {
		o->inner_starts++;
		return;
	}
	o->inner_exits++;
	o->inner_kind = cursor_le32(c);
	o->inner_code = cursor_le32(c);
	cursor_le32(c);
	take_why(&o->inner_why, c);
}

static void act_on_held(struct host *host, uint32_t app)
{
	const struct frame_start start = { le32_make(app) };

	if (host->script->held_app_signal)
		send_signal(host, 0, host->script->held_app_signal);
	else if (host->script->held_signal)
		send_signal(host, app, host->script->held_signal);
	else
		send_frame(host, FRAME_START, &start, sizeof(start));
}

static void take_frame(struct host *host, uint32_t type, struct cursor *c)
{
	struct outcome *o = host->outcome;

	if (type == FRAME_HELLO) {
		o->hello = cursor_le32(c) == PROTOCOL_VERSION_MAJOR;
		cursor_le32(c);
	} else if (type == FRAME_APP_START) {
		uint32_t app = cursor_le32(c), pid = cursor_le32(c);

		o->started |= app == 0 && pid > 1;
		if (app == FRAME_ID_ADDED_FIRST)
			take_added_frame(o, type, c);
		else if (app == FRAME_ID_ADDED_FIRST + 1)
			take_inner_frame(o, type, c);
		else
			o->starts++;
	} else if (type == FRAME_APP_HELD) {
		uint32_t app = cursor_le32(c);

		host->broken |= cursor_le32(c) <= 1;
		if (app == FRAME_ID_ADDED_FIRST)
			o->added_held++;
		else
			host->broken |= app != o->held++;
		act_on_held(host, app);
	} else if (type == FRAME_ADD_PORTS) {
		uint32_t slot = cursor_le32(c) - FRAME_ID_ADDED_FIRST;
		uint32_t *ports = host->guest_ports + (slot == 1 ? NACELLE_PORTS_ADDED : 0);

		host->broken |= slot > 1 || ports[0];
		for (int i = 0; i < NACELLE_PORTS_ADDED; i++)
			ports[i] = cursor_le32(c);
		o->processes = count_processes();
	} else if (type == FRAME_APP_RESTART) {
		(void)cursor_take(c, sizeof(struct frame_app_exit));
		o->restarts++;
	} else if (type == FRAME_APP_EXIT) {
		uint32_t app = cursor_le32(c), kind, code;
		struct why why;

		if (app == FRAME_ID_ADDED_FIRST) {
			take_added_frame(o, type, c);
			return;
		}
		if (app == FRAME_ID_ADDED_FIRST + 1) {
			take_inner_frame(o, type, c);
			return;
		}
		kind = cursor_le32(c);
		code = cursor_le32(c);
		cursor_le32(c);
		take_why(&why, c);
		o->exits++;
		if (app < HARNESS_APPS_MAX) {
			o->apps[app].exited = true;
			o->apps[app].kind = kind;
			o->apps[app].code = code;
			o->apps[app].why = why;
		}
		if (app == 0) {
			o->app_exited = true;
			o->app_kind = kind;
			o->app_code = code;
		}
	} else if (type == FRAME_POD_EXIT) {
		o->pod_exited = true;
		o->pod_kind = cursor_le32(c);
		o->pod_code = cursor_le32(c);
	} else {
		host->broken = true;
	}
	host->broken |= c->bad || c->at != c->end || (!o->hello && type != FRAME_HELLO);
}

static void take_frames(struct host *host)
{
	size_t used = 0;

	while (host->frames_len - used >= sizeof(struct frame_header) && !host->broken) {
		struct cursor c = cursor_make(host->frames + used, host->frames_len - used);
		uint32_t type = cursor_le32(&c), length = cursor_le32(&c);

		if (cursor_left(&c) < length)
			break;
		c.end = c.at + length;
		take_frame(host, type, &c);
		used += sizeof(struct frame_header) + length;
	}
	host->frames_len -= used;
	memmove(host->frames, host->frames + used, host->frames_len);
}

/* Reads what is there into data; false at the end. */
static bool take_bytes(int fd, void *data, size_t max, size_t *len)
{
	ssize_t n = recv(fd, (uint8_t *)data + *len, max - *len, MSG_DONTWAIT);

	if (n > 0)
		*len += (size_t)n;
	return n > 0 || (n < 0 && errno == EAGAIN);
}

static void read_endpoint(struct host *host, int i)
{
	struct outcome *o = host->outcome;
	int fd = host->sockets[i];

	if (i == CONTROL) {
		host->ended[i] =
		    !take_bytes(fd, host->frames, sizeof(host->frames), &host->frames_len);
		take_frames(host);
	} else if (i == STDERR) {
		host->ended[i] = !take_bytes(fd, o->err, HARNESS_OUTPUT_MAX, &o->err_len);
	} else if (i == ADDED_ERR || i == INNER_ERR) {
		host->ended[i] =
		    !take_bytes(fd, o->added_err, HARNESS_OUTPUT_MAX, &o->added_err_len);
	} else if (i >= ADDED_RECORD) {
		host->ended[i] =
		    !take_bytes(fd, o->added_out, HARNESS_OUTPUT_MAX, &o->added_out_len);
	} else {
		host->ended[i] = !take_bytes(fd, o->out, HARNESS_OUTPUT_MAX, &o->out_len);
	}
	o->out[o->out_len] = o->err[o->err_len] = '\0';
	o->added_out[o->added_out_len] = o->added_err[o->added_err_len] = '\0';
}

static void write_input(struct host *host)
{
	size_t left = host->script->input_len - host->written;
	ssize_t n =
	    left ? send(host->sockets[STDIN], (const uint8_t *)host->script->input + host->written,
			left, MSG_NOSIGNAL | MSG_DONTWAIT)
		 : 0;

	if (n > 0)
		host->written += (size_t)n;
	else if (n < 0 && errno != EAGAIN)
		host->written = host->script->input_len;
	if (host->written == host->script->input_len && !host->script->keep_stdin_open) {
		shutdown(host->sockets[STDIN], SHUT_WR);
		host->written = SIZE_MAX;
	}
}

static bool input_left(const struct host *host)
{
	if (host->script->input_late && !host->acted)
		return false;
	return host->written < host->script->input_len ||
	       (host->written == host->script->input_len && !host->script->keep_stdin_open);
}

/* The connections of an added process come from where guest-init has said before. */
static bool comes_from_named_port(const struct host *host, int i)
{
	struct sockaddr_un peer = { 0 };
	socklen_t len = sizeof(peer) - 1;
	char want[sizeof(peer.sun_path)];

	CHECK(getpeername(host->sockets[i], (struct sockaddr *)&peer, &len));
	CHECK(snprintf(want, sizeof(want), "/ports/guest-%u", host->guest_ports[i - ADDED_RECORD]));
	return host->guest_ports[i - ADDED_RECORD] && strcmp(peer.sun_path, want) == 0;
}

static void accept_endpoint(struct host *host, int i)
{
	host->sockets[i] = accept4(host->listeners[i], NULL, NULL, SOCK_CLOEXEC);
	CHECK(host->sockets[i]);
	/* What was said before this connection may not have been seen yet. */
	if (i >= ADDED_RECORD && host->sockets[CONTROL] >= 0)
		read_endpoint(host, CONTROL);
	if (i >= ADDED_RECORD && !comes_from_named_port(host, i)) {
		(void)fprintf(stderr, "endpoint %d: a connection from elsewhere\n", i);
		host->broken = true;
	}
	host->outcome->connected |= i == STDOUT;
	if (i == STDOUT && host->script->close_stdout) {
		close(host->sockets[i]);
		host->ended[i] = true;
		host->sockets[i] = -1;
	}
	if (i == ADDED_RECORD)
		send_added_record(host);
	if (i == INNER_RECORD) {
		(void)io_write_all(host->sockets[i], host->inner_record, host->inner_record_len);
		shutdown(host->sockets[i], SHUT_WR);
	}
	if (i == ADDED_IN && host->script->added_input) {
		CHECK(io_write_all(host->sockets[i], host->script->added_input,
				   strlen(host->script->added_input)));
		if (!host->script->added->terminal)
			shutdown(host->sockets[i], SHUT_WR);
	}
}

static void serve(struct host *host, int pidfd)
{
	unsigned limit_ms =
	    host->script->time_limit_ms ? host->script->time_limit_ms : TIME_LIMIT_MS;
	bool died = false;

	while (!host->outcome->pod_exited && !host->broken && !died) {
		struct pollfd fds[ENDPOINTS + 1];

		for (int i = 0; i < ENDPOINTS; i++) {
			bool waits = host->sockets[i] < 0 && !host->ended[i];

			fds[i] = (struct pollfd){ waits ? host->listeners[i] : host->sockets[i],
						  POLLIN, 0 };
			if (i == STDIN && !waits && input_left(host))
				fds[i].events |= POLLOUT;
			if (host->ended[i])
				fds[i].fd = -1;
		}
		fds[ENDPOINTS] = (struct pollfd){ pidfd, POLLIN, 0 };
		if (poll(fds, ENDPOINTS + 1, (int)limit_ms) <= 0)
			return;
		for (int i = 0; i < ENDPOINTS; i++) {
			if (host->sockets[i] < 0 && fds[i].revents)
				accept_endpoint(host, i);
			else if (fds[i].revents & (POLLIN | POLLHUP | POLLERR))
				read_endpoint(host, i);
			if (i == STDIN && fds[i].revents & POLLOUT && host->sockets[i] >= 0)
				write_input(host);
		}
		act(host);
		act_on_added(host);
		act_late(host);
		died = fds[ENDPOINTS].revents;
	}
	/* All output must be there before POD_EXIT is: nothing here waits. */
	for (int i = STDIN; i < ENDPOINTS; i++) {
		const struct outcome *o = host->outcome;
		struct pollfd late = { .fd = host->listeners[i], .events = POLLIN };
		size_t before, after;

		if (i < ADDED_RECORD && host->sockets[i] < 0 && !host->ended[i] &&
		    poll(&late, 1, 0) == 1)
			accept_endpoint(host, i);
		do {
			before = o->out_len + o->err_len + o->added_out_len + o->added_err_len;
			if (host->sockets[i] >= 0 && !host->ended[i])
				read_endpoint(host, i);
			after = o->out_len + o->err_len + o->added_out_len + o->added_err_len;
		} while (before != after);
	}
}

static void build_added(struct host *host)
{
	const struct script *script = host->script;
	struct error err = ERROR_NONE;
	union {
		const void *given;
		void *record;
	} given = { script->added_record }, inner = { script->inner_record };

	host->inner_record = inner.record;
	host->inner_record_len = script->inner_record_len;
	host->added_record = given.record;
	host->added_record_len = script->added_record_len;
	if ((script->added && !script->added_record &&
	     (script->added_member ? record_build_member : record_build_added)(
		 script->added, &host->added_record, &host->added_record_len, &err) < 0) ||
	    (script->inner && !script->inner_record &&
	     (script->inner_member ? record_build_member : record_build_added)(
		 script->inner, &host->inner_record, &host->inner_record_len, &err) < 0)) {
		(void)fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
}

void harness_run(const struct pod *pod, const struct script *script, struct outcome *outcome)
{
	static const uint32_t ports[ENDPOINTS] = { NACELLE_PORT_CONTROL,
						   PORT_STDIN,
						   PORT_STDOUT,
						   PORT_STDERR,
						   NACELLE_PORT_ADDED_FIRST,
						   NACELLE_PORT_ADDED_FIRST + 1,
						   NACELLE_PORT_ADDED_FIRST + 2,
						   NACELLE_PORT_ADDED_FIRST + 3,
						   NACELLE_PORT_ADDED_FIRST + 4,
						   NACELLE_PORT_ADDED_FIRST + 5,
						   NACELLE_PORT_ADDED_FIRST + 6,
						   NACELLE_PORT_ADDED_FIRST + 7 };
	static char out[HARNESS_OUTPUT_MAX + 1], error[HARNESS_OUTPUT_MAX + 1];
	static char added_out[HARNESS_OUTPUT_MAX + 1], added_err[HARNESS_OUTPUT_MAX + 1];
	struct host host = { .script = script, .outcome = outcome };
	struct error err = ERROR_NONE;
	_cleanup_free_ void *record = NULL;
	_cleanup_fd_ int pidfd = -1;
	char path[PATH_TEXT_MAX];
	size_t len = 0;
	pid_t pid;

	*outcome = (struct outcome){
		.died = -1, .out = out, .err = error, .added_out = added_out, .added_err = added_err
	};
	out[0] = error[0] = added_out[0] = added_err[0] = '\0';
	build_added(&host);
	if (!script->record && record_build(pod, &record, &len, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	lay_out(script->record ? script->record : record,
		script->record ? script->record_len : len);
	for (int i = 0; i < ENDPOINTS; i++) {
		host.listeners[i] = listen_on(ports[i]);
		host.sockets[i] = -1;
	}
	pid = start_guest_init(&pidfd);
	serve(&host, pidfd);
	if (waitpid(pid, &outcome->died, script->hang_up ? 0 : WNOHANG) == 0) {
		outcome->died = -1;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	for (int i = 0; i < ENDPOINTS; i++) {
		close(host.listeners[i]);
		if (host.sockets[i] >= 0)
			close(host.sockets[i]);
	}
	if (!script->added_record)
		free(host.added_record);
	if (!script->inner_record)
		free(host.inner_record);
	CHECK(umount2(run_path, MNT_DETACH));
	CHECK(snprintf(path, sizeof(path), "%.200s/app%d", cgroup_path, FRAME_ID_ADDED_FIRST));
	groups_left = access(path, F_OK) == 0;
	remove_group(path);
	for (int i = 0; i < HARNESS_APPS_MAX; i++) {
		CHECK(snprintf(path, sizeof(path), "%.200s/app%d", cgroup_path, i));
		remove_group(path);
	}
}
