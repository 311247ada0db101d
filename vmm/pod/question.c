/*
 * A question goes the way of an added process whose stdout is the answer. The guest may keep it to
 * itself: nobody waits for ever, and more than a pipe holds is not taken.
 */
#include "vmm/pod/question.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "images/image_config.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/machine/machine.h"
#include "vmm/pod/client.h"
#include "vmm/pod/pod.h"
#include "vmm/pod/record.h"
#include "vmm/pod/size.h"

enum { ANSWER_S = 20, MEMORY_MIN = 4096, CPU_PERIOD_DEFAULT_US = 100000 };

/* What the guest says to a record, which becomes this function's. */
static int await_end(int socket, struct error *err)
{
	struct pod_reply reply = { .error = 0 };

	do {
		if (client_receive(socket, &reply, err) < 0)
			return !reply.error && err->code == EAGAIN
				   ? error_set(err, ETIMEDOUT, "the guest does not answer")
				   : -1;
	} while (reply.type != POD_REQUEST_ADD || reply.app_state == POD_APP_RUNNING);
	if (reply.exit_kind == EXIT_KIND_CODE && reply.exit_code == 0)
		return 0;
	if (reply.exit_kind == EXIT_KIND_INIT_FAILURE && reply.exit_code == ESRCH)
		return error_set(err, ESRCH, "the app has ended");
	return error_set(err, reply.exit_kind == EXIT_KIND_INIT_FAILURE ? (int)reply.exit_code : 0,
			 "the guest refuses");
}

static int make_record(const void *data, size_t len, struct error *err)
{
	_cleanup_fd_ int fd = memfd_create("question", MFD_CLOEXEC);

	if (fd < 0 || io_write_all(fd, data, len) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return error_set(err, errno, "cannot write a question");
	return steal_fd(&fd);
}

/* answer: the end of a pipe that the machine writes to, or -1. */
static int put_to(int socket, uint32_t app, const void *record, size_t len, int answer,
		  struct error *err)
{
	struct pod_request request = client_request(POD_REQUEST_ADD);
	_cleanup_fd_ int fd = make_record(record, len, err);

	if (fd < 0)
		return -1;
	request.app = app;
	request.flags = MACHINE_ADD_RECORD;
	if (answer >= 0)
		request.flags |= MACHINE_ADD_STDOUT | MACHINE_ADD_STDOUT_PRIVATE;
	return client_send(socket, &request, (const int[]){ fd, answer }, answer >= 0 ? 2 : 1, err);
}

static int ask(const struct pod_directory *pod, const char *app, const void *record, size_t len,
	       int answer, struct error *err)
{
	const struct timeval limit = { .tv_sec = ANSWER_S };
	_cleanup_fd_ int socket = client_connect_pod(pod, err);
	uint32_t index;

	if (socket < 0)
		return -1;
	if (setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return error_set(err, errno, "cannot limit the time of a question");
	if (client_find_app(socket, app, &index, err) < 0 ||
	    put_to(socket, index, record, len, answer, err) < 0)
		return -1;
	return await_end(socket, err);
}

/* When the guest has ended it, all of it is in the pipe. */
static int read_answer(int fd, struct figures *figures, struct error *err)
{
	_cleanup_free_ char *text = malloc(FIGURES_SIZE_MAX + 1);
	size_t len = 0;
	ssize_t n;

	if (!text)
		return error_set(err, ENOMEM, "cannot read figures");
	while (len <= FIGURES_SIZE_MAX &&
	       (n = read(fd, text + len, FIGURES_SIZE_MAX + 1 - len)) > 0)
		len += (size_t)n;
	if (len > FIGURES_SIZE_MAX)
		return error_set(err, EFBIG, "the guest's figures are too many");
	return figures_parse(figures, text, len, err);
}

int question_figures(const struct pod_directory *pod, const char *app, struct figures *figures,
		     struct error *err)
{
	_cleanup_free_ void *record = NULL;
	_cleanup_fd_ int from = -1, to = -1;
	int ends[2];
	size_t len;

	if (record_build_figures(&record, &len, err) < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_set(err, errno, "cannot make a pipe");
	from = ends[0];
	to = ends[1];
	return ask(pod, app, record, len, to, err) < 0 ? -1 : read_answer(from, figures, err);
}

int question_ask_processes(struct question *question, int pod_fd, struct error *err)
{
	_cleanup_fd_ int socket = client_connect_by_directory(pod_fd), from = -1, to = -1;
	_cleanup_free_ void *record = NULL;
	int ends[2];
	size_t len;

	if (socket < 0 || pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_set(err, errno, "cannot ask the pod");
	from = ends[0];
	to = ends[1];
	if (record_build_processes(&record, &len, err) < 0 ||
	    put_to(socket, 0, record, len, to, err) < 0)
		return -1;
	*question = (struct question){ .socket = steal_fd(&socket), .answer = steal_fd(&from) };
	return 0;
}

/* Its end is that of what the guest sends, or of the question. */
static int read_to_end(int fd, char *bytes, size_t size, size_t *len, struct error *err)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	ssize_t n = 1;

	for (*len = 0; n != 0; *len += n > 0 ? (size_t)n : 0) {
		if (poll(&wait, 1, ANSWER_S * 1000) == 0)
			return error_set(err, ETIMEDOUT, "the guest does not answer");
		n = read(fd, bytes + *len, size - *len);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return error_set(err, errno, "cannot read what the guest says");
		if (*len == size && n > 0)
			return error_set(err, EFBIG, "the guest says too much");
	}
	return 0;
}

int question_read_processes(struct question *question, struct processes *processes,
			    struct error *err)
{
	_cleanup_fd_ int socket = steal_fd(&question->socket);
	_cleanup_fd_ int answer = steal_fd(&question->answer);
	_cleanup_free_ char *bytes = malloc(PROCESSES_SIZE_MAX);
	size_t len;

	if (!bytes)
		return error_set(err, ENOMEM, "cannot read what the guest says");
	if (read_to_end(answer, bytes, PROCESSES_SIZE_MAX, &len, err) < 0)
		return -1;
	return processes_parse(processes, bytes, len, err);
}

static int settle_cpu(const struct limits *limits, const struct figures *figures,
		      struct pod_app *out, struct error *err)
{
	uint64_t period = limits->cpu_period ? limits->cpu_period : CPU_PERIOD_DEFAULT_US;
	uint64_t quota = limits->cpu_quota ? limits->cpu_quota : figures->values[FIGURE_CPU_QUOTA];
	uint64_t most = figures->values[FIGURE_CPUS], cpu = limits->cpu;

	if (limits->cpu_quota || (limits->cpu_period && quota != FIGURE_NONE)) {
		if (quota != LIMITS_NONE && (quota > UINT32_MAX || period > UINT32_MAX))
			return error_set(err, ERANGE, "the quota of CPU time is out of range");
		cpu = quota == LIMITS_NONE ? quota : (quota * 1000 + period - 1) / period;
	}
	if (cpu && cpu != LIMITS_NONE && (most > UINT32_MAX / 1000 || cpu > most * 1000))
		return error_set(err, ERANGE,
				 "a limit of %ju.%03ju CPUs is beyond the %ju that the virtual "
				 "machine has, which does not grow",
				 (uintmax_t)(cpu / 1000), (uintmax_t)(cpu % 1000), (uintmax_t)most);
	out->cpu_limit = cpu == LIMITS_NONE ? UINT32_MAX : (uint32_t)cpu;
	return 0;
}

static int settle(const struct limits *limits, const struct figures *figures, struct pod_app *out,
		  struct error *err)
{
	uint64_t memory = limits->memory_bytes, total = figures->values[FIGURE_MACHINE_TOTAL];

	if (memory && memory < MEMORY_MIN)
		return error_set(err, ERANGE, "a memory limit of less than %d bytes", MEMORY_MIN);
	if (memory != LIMITS_NONE && memory > total)
		return error_set(err, ERANGE,
				 "a memory limit of %ju bytes is beyond the %ju that the virtual "
				 "machine has, which does not grow",
				 (uintmax_t)memory, (uintmax_t)total);
	out->memory_limit = memory;
	if (limits->cpu_shares && size_cpu_weight(limits->cpu_shares, &out->cpu_weight) < 0)
		return error_set(err, ERANGE, "CPU shares: a number from %d to %d is expected",
				 IMAGE_SHARES_MIN, IMAGE_SHARES_MAX);
	if (limits->pids != LIMITS_NONE && limits->pids >= UINT32_MAX)
		return error_set(err, ERANGE, "a limit of %ju processes is out of range",
				 (uintmax_t)limits->pids);
	out->pids_limit = (uint32_t)limits->pids;
	return settle_cpu(limits, figures, out, err);
}

int question_limits(const struct pod_directory *pod, const char *app, const struct limits *limits,
		    struct error *err)
{
	struct pod_app changed = { .name = NULL };
	_cleanup_free_ void *record = NULL;
	struct figures figures;
	size_t len;

	if (question_figures(pod, app, &figures, err) < 0 ||
	    settle(limits, &figures, &changed, err) < 0 ||
	    record_build_limits(&changed, &record, &len, err) < 0)
		return -1;
	return ask(pod, app, record, len, -1, err) < 0 ? error_prefix(err, "cannot change limits")
						       : 0;
}
