/*
 * clock: in a pod, answers each byte of stdin with its wall clock. clock COMMAND PROGRAM [ARG...]:
 * runs PROGRAM, which answers like that, says whether its clock is this host's to 10 ms, runs
 * COMMAND by the shell, and says it again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CLOSE_NS 10000000
/* Less than the period after which the pod looks at the host's clock by itself. */
#define WITHIN_NS 5000000000

static int64_t now(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int answer(void)
{
	char byte;

	while (read(0, &byte, 1) == 1) {
		int64_t t = now(CLOCK_REALTIME);

		if (write(1, &t, sizeof(t)) != sizeof(t))
			return 1;
	}
	return 0;
}

/* What the pod says lies between two looks at our own clock; several answers narrow it down. */
static int is_close(int to, int from)
{
	int64_t least = INT64_MIN, most = INT64_MAX;

	for (int i = 0; i < 8 || (most - least > CLOSE_NS && i < 40); i++) {
		int64_t before = now(CLOCK_REALTIME), there, after;

		if (write(to, "", 1) != 1 || read(from, &there, sizeof(there)) != sizeof(there)) {
			printf("no answer\n");
			exit(1);
		}
		after = now(CLOCK_REALTIME);
		least = before - there > least ? before - there : least;
		most = after - there < most ? after - there : most;
		if (least > CLOSE_NS || most < -CLOSE_NS)
			break;
	}
	if (least > CLOSE_NS || most < -CLOSE_NS)
		fprintf(stderr, "apart by %.1f to %.1f ms\n", (double)least / 1e6,
			(double)most / 1e6);
	return least <= CLOSE_NS && most >= -CLOSE_NS;
}

static int is_close_soon(int to, int from)
{
	int64_t end = now(CLOCK_MONOTONIC) + WITHIN_NS;

	while (!is_close(to, from)) {
		if (now(CLOCK_MONOTONIC) > end)
			return 0;
	}
	return 1;
}

int main(int argc, char **argv)
{
	int to[2], from[2], status;
	int64_t slept;

	if (argc < 3)
		return answer();
	if (pipe(to) < 0 || pipe(from) < 0)
		return 1;
	if (fork() == 0) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		close(to[1]);
		close(from[0]);
		execv(argv[2], argv + 2);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	(void)is_close(to[1], from[0]); /* waits for its boot */
	printf("before: %s\n", is_close_soon(to[1], from[0]) ? "close" : "apart");
	slept = now(CLOCK_MONOTONIC) - now(CLOCK_BOOTTIME);
	status = system(argv[1]);
	slept += now(CLOCK_BOOTTIME) - now(CLOCK_MONOTONIC);
	fprintf(stderr, "status %d, %.1f s of sleep\n", status, (double)slept / 1e9);
	printf("slept: %s\n", slept > 1000000000 ? "yes" : "no");
	printf("after: %s\n", is_close_soon(to[1], from[0]) ? "close" : "apart");
	close(to[1]);
	wait(&status);
	return WEXITSTATUS(status);
}
