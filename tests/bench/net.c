/*
 * The small programs of tests/bench/net. On the counting host clocks count instructions.
 *
 * net serve PORT INTERFACE       on the host, in the background: PORT answers each connection with
 * the host's counters as JSON, PORT + 1 closes each, PORT + 2 sends back what comes net measure
 * NAME HOST PORT -- COMMAND [ARG...] in the guest: a line of JSON with the counters before and
 * after COMMAND, whose output, JSON itself, is a value in it net connect HOST PORT COUNT    in the
 * guest: COUNT connections, each until the other side closes it net ask HOST PORT COUNT        in
 * the guest: one byte to and fro, COUNT times, on one connection
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

#define KVM "/sys/kernel/debug/kvm/"

enum { COUNTERS_MAX = 1024 };

static long read_number(const char *path)
{
	FILE *file = fopen(path, "re");
	long number = -1;

	if (!file || fscanf(file, "%ld", &number) != 1)
		number = -1;
	if (file)
		fclose(file);
	return number;
}

static struct sockaddr_in address_of(const char *host, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
		die(host);
	return address;
}

static int listen_at(int port)
{
	struct sockaddr_in address = address_of("0.0.0.0", port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 128) < 0)
		die("listen");
	return fd;
}

static int connect_to(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int one = 1;

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void serve_counters(int fd, const char *interface)
{
	static const char *const exits[] = { "exits", "mmio_exits", "halt_exits", "irq_injections",
					     "irq_exits" };
	char text[COUNTERS_MAX], path[256];
	int length = snprintf(text, sizeof(text), "{\"ns\": %ld", now_ns());

	for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
		snprintf(path, sizeof(path), KVM "%s", exits[i]);
		length += snprintf(text + length, sizeof(text) - (size_t)length, ", \"%s\": %ld",
				   exits[i], read_number(path));
	}
	for (int in = 0; in < 2; in++) {
		snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/%s_packets", interface,
			 in ? "tx" : "rx");
		length += snprintf(text + length, sizeof(text) - (size_t)length,
				   ", \"frames_%s\": %ld", in ? "in" : "out", read_number(path));
	}
	length += snprintf(text + length, sizeof(text) - (size_t)length, "}");
	if (write(fd, text, (size_t)length) < 0)
		die("counters");
}

static void serve_echo(int fd)
{
	const int one = 1;
	char byte;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	while (read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1)
		;
}

/* One process for each of the three ports, for ever. */
static void serve(int port, const char *interface)
{
	int fds[3], which, peer;

	for (which = 0; which < 3; which++)
		fds[which] = listen_at(port + which);
	if (fork() != 0)
		exit(0);
	signal(SIGPIPE, SIG_IGN);
	for (which = 0; which < 2 && fork() != 0; which++)
		;
	while ((peer = accept(fds[which], NULL, NULL)) >= 0) {
		if (which == 0)
			serve_counters(peer, interface);
		else if (which == 2)
			serve_echo(peer);
		close(peer);
	}
	die("accept");
}

static void print_counters(const char *name, const struct sockaddr_in *address)
{
	char text[COUNTERS_MAX];
	int fd = connect_to(address);
	ssize_t n;

	printf(", \"%s\": ", name);
	while ((n = read(fd, text, sizeof(text))) > 0)
		fwrite(text, 1, (size_t)n, stdout);
	close(fd);
	fflush(stdout);
}

static int run(char *command[], FILE *output)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		dup2(fileno(output), STDOUT_FILENO);
		execvp(command[0], command);
		die(command[0]);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		die("fork");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int measure(const char *name, const struct sockaddr_in *address, char *command[])
{
	FILE *output = tmpfile();
	char text[4096];
	size_t n;
	int status;

	if (!output)
		die("tmpfile");
	printf("{\"name\": \"%s\"", name);
	print_counters("before", address);
	status = run(command, output);
	print_counters("after", address);
	printf(", \"status\": %d, \"output\": ", status);
	rewind(output);
	while ((n = fread(text, 1, sizeof(text), output)) > 0)
		fwrite(text, 1, n, stdout);
	printf("}\n");
	return 0;
}

static void connect_often(const struct sockaddr_in *address, long count)
{
	char byte;

	for (long i = 0; i < count; i++) {
		int fd = connect_to(address);

		if (read(fd, &byte, 1) != 0)
			die("read");
		close(fd);
	}
}

static void ask_often(const struct sockaddr_in *address, long count)
{
	int fd = connect_to(address);
	char byte = 0;

	for (long i = 0; i < count; i++)
		if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
			die("ask");
	close(fd);
}

static int ask_times(const char *what, const struct sockaddr_in *address, long count)
{
	long started_ns = now_ns();

	if (strcmp(what, "connect") == 0)
		connect_often(address, count);
	else
		ask_often(address, count);
	printf("{\"count\": %ld, \"ns\": %ld}", count, now_ns() - started_ns);
	return 0;
}

int main(int argc, char *argv[])
{
	struct sockaddr_in address;

	if (argc == 4 && strcmp(argv[1], "serve") == 0)
		serve(atoi(argv[2]), argv[3]);
	if (argc > 6 && strcmp(argv[1], "measure") == 0 && strcmp(argv[5], "--") == 0) {
		address = address_of(argv[3], atoi(argv[4]));
		return measure(argv[2], &address, argv + 6);
	}
	if (argc == 5 && (strcmp(argv[1], "connect") == 0 || strcmp(argv[1], "ask") == 0)) {
		address = address_of(argv[2], atoi(argv[3]));
		return ask_times(argv[1], &address, atol(argv[4]));
	}
	fprintf(stderr, "usage: see net.c\n");
	return 125;
}
