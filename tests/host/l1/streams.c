/*
 * The command's standard streams and its status, on their way out of an emulated host.
 *
 * The command has pipes, so it may open /dev/stdout again. They are relayed either to virtio-serial
 * ports, one for each stream (1 output, 2 errors, 3 input, 4 status), or, where there is only a
 * serial line, as lines on it: a letter (O, E, S), the bytes in hexadecimal, a line feed. There the
 * command's input is empty.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "l1.h"

#define CHUNK_LEN_BYTES 32768

struct stream {
	char letter;
	int from_fd;
	int to_fd;
	pthread_t thread;
};

static struct stream input = { .letter = 'I' }, output = { .letter = 'O' },
		     errors = { .letter = 'E' };
static int status_fd;
static int framed;
static pthread_mutex_t line_lock = PTHREAD_MUTEX_INITIALIZER;

static int open_or_die(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		die("cannot open %s: %s", path, strerror(errno));
	return fd;
}

/* The number of the virtio-serial device; its ports appear a little after the device. */
static int find_ports(void)
{
	for (int tries = 0; tries < 5000; tries++) {
		DIR *directory = opendir("/dev");
		int device = -1, seen = 0, number, port;
		struct dirent *entry;

		while (directory && (entry = readdir(directory))) {
			if (sscanf(entry->d_name, "vport%dp%d", &number, &port) == 2) {
				device = number;
				seen++;
			}
		}
		closedir(directory);
		if (seen == 4)
			return device;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	die("no virtio-serial ports");
}

static void open_ports(void)
{
	struct {
		int *fd;
		int flags;
	} ports[] = { { &output.to_fd, O_WRONLY },
		      { &errors.to_fd, O_WRONLY },
		      { &input.from_fd, O_RDONLY },
		      { &status_fd, O_WRONLY } };
	int device = find_ports();

	for (int i = 0; i < 4; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/dev/vport%dp%d", device, i + 1);
		*ports[i].fd = open_or_die(path, ports[i].flags);
	}
}

static void open_line(void)
{
	struct termios raw;

	status_fd = open_or_die("/dev/ttyS1", O_RDWR | O_NOCTTY);
	if (tcgetattr(status_fd, &raw) < 0)
		die("/dev/ttyS1: %s", strerror(errno));
	cfmakeraw(&raw);
	cfsetspeed(&raw, B115200);
	tcsetattr(status_fd, TCSANOW, &raw);
	framed = 1;
}

void streams_open(const struct settings *settings)
{
	if (strcmp(settings->streams, "virtio") == 0)
		open_ports();
	else
		open_line();
}

static void send_frame(char letter, const unsigned char *data, size_t len_bytes)
{
	static char line[2 * CHUNK_LEN_BYTES + 3];
	size_t at = 0;

	pthread_mutex_lock(&line_lock);
	line[at++] = letter;
	for (size_t i = 0; i < len_bytes; i++) {
		line[at++] = "0123456789abcdef"[data[i] >> 4];
		line[at++] = "0123456789abcdef"[data[i] & 15];
	}
	line[at++] = '\n';
	write_all(status_fd, line, at);
	pthread_mutex_unlock(&line_lock);
}

static void *relay(void *argument)
{
	const struct stream *stream = argument;
	unsigned char *chunk = malloc(CHUNK_LEN_BYTES);
	ssize_t got;

	while (chunk && (got = read(stream->from_fd, chunk, CHUNK_LEN_BYTES)) > 0) {
		if (framed)
			send_frame(stream->letter, chunk, (size_t)got);
		else
			write_all(stream->to_fd, chunk, (size_t)got);
	}
	/* For the command's input this is its end of file. */
	close(stream->to_fd);
	free(chunk);
	return NULL;
}

static void start(struct stream *stream)
{
	int error = pthread_create(&stream->thread, NULL, relay, stream);

	if (error)
		die("cannot start a thread: %s", strerror(error));
}

void streams_relay(int input_fd, int output_fd, int error_fd)
{
	output.from_fd = output_fd;
	errors.from_fd = error_fd;
	input.to_fd = input_fd;
	if (framed) {
		output.to_fd = errors.to_fd = -1;
		close(input_fd);
	} else {
		start(&input);
	}
	start(&output);
	start(&errors);
}

void streams_begin(void)
{
	if (!framed)
		write_all(status_fd, "BEGUN\n", strlen("BEGUN\n"));
}

void streams_finish(int status)
{
	char text[16];
	int len_bytes = snprintf(text, sizeof(text), "STATUS %d\n", status);

	pthread_join(output.thread, NULL);
	pthread_join(errors.thread, NULL);
	if (framed) {
		send_frame('S', (unsigned char *)text, (size_t)len_bytes);
		tcdrain(status_fd);
	} else {
		write_all(status_fd, text, (size_t)len_bytes);
	}
}
