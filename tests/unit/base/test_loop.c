/*
 * The event loop: readiness, interest, removal in the middle of a batch, files that epoll refuses,
 * timers, and threads that raise and modify while the loop waits.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/base/bytes.h"
#include "vmm/base/loop.h"

struct counter {
	struct loop_fd member;
	struct loop_event event;
	struct loop_timer timer;
	struct loop_fd *victim; /* removed by the first call */
	unsigned calls;
	uint32_t events;
};

static struct loop loop;
static struct error err;

static int setup(void **state)
{
	(void)state;
	return loop_init(&loop, &err);
}

static int teardown(void **state)
{
	(void)state;
	loop_fini(&loop);
	return 0;
}

static void count_fd(struct loop_fd *member, uint32_t events)
{
	struct counter *c = container_of(member, struct counter, member);

	c->calls++;
	c->events = events;
	if (c->victim)
		loop_fd_remove(c->victim);
}

static void count_event(struct loop_event *event)
{
	container_of(event, struct counter, event)->calls++;
	loop_stop(event->member.loop);
}

static void count_timer(struct loop_timer *timer)
{
	container_of(timer, struct counter, timer)->calls++;
	loop_stop(timer->member.loop);
}

static void poll_once(void)
{
	assert_int_equal(loop_run_once(&loop, 0, &err), 0);
}

static void test_interest(void **state)
{
	struct counter c = { 0 };
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(loop_fd_add(&loop, &c.member, p[0], EPOLLIN, count_fd, &err), 0);
	poll_once();
	assert_int_equal(c.calls, 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	poll_once();
	poll_once();
	assert_int_equal(c.calls, 2);
	assert_int_equal(c.events, EPOLLIN);
	loop_fd_modify(&c.member, 0);
	poll_once();
	assert_int_equal(c.calls, 2);

	/* A hang-up counts with interest, and stays quiet without. */
	close(p[1]);
	poll_once();
	poll_once();
	assert_int_equal(c.calls, 2);
	loop_fd_modify(&c.member, EPOLLIN);
	poll_once();
	assert_int_equal(c.calls, 3);
	assert_true(c.events & EPOLLHUP);
	loop_fd_remove(&c.member);
	loop_fd_remove(&c.member);
	poll_once();
	assert_int_equal(c.calls, 3);
	close(p[0]);
}

static void test_no_spin_without_interest(void **state)
{
	struct counter c = { 0 };
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	close(p[1]);
	assert_int_equal(loop_fd_add(&loop, &c.member, p[0], 0, count_fd, &err), 0);
	/* At most one early return; then the loop sleeps for its whole timeout. */
	poll_once();
	assert_int_equal(epoll_wait(loop.epoll_fd, loop.batch, LOOP_BATCH_MAX, 0), 0);
	assert_int_equal(c.calls, 0);
	loop_fd_remove(&c.member);
	close(p[0]);
}

static void test_remove_in_batch(void **state)
{
	struct counter a = { 0 }, b = { 0 };
	int p[2], q[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(pipe2(q, O_CLOEXEC), 0);
	assert_int_equal(loop_fd_add(&loop, &a.member, p[1], EPOLLOUT, count_fd, &err), 0);
	assert_int_equal(loop_fd_add(&loop, &b.member, q[1], EPOLLOUT, count_fd, &err), 0);
	a.victim = &b.member;
	b.victim = &a.member;
	poll_once();
	/* Both were ready; whichever came first removed the other. */
	assert_int_equal(a.calls + b.calls, 1);
	loop_fd_remove(&a.member);
	loop_fd_remove(&b.member);
	close(p[0]), close(p[1]), close(q[0]), close(q[1]);
}

static void test_regular_file(void **state)
{
	struct counter c = { 0 };
	int fd = memfd_create("file", MFD_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(loop_fd_add(&loop, &c.member, fd, 0, count_fd, &err), 0);
	assert_true(c.member.always_fd >= 0);
	poll_once();
	assert_int_equal(c.calls, 0);
	loop_fd_modify(&c.member, EPOLLOUT);
	poll_once();
	poll_once();
	assert_int_equal(c.calls, 2);
	loop_fd_remove(&c.member);
	assert_int_equal(loop_fd_add(&loop, &c.member, -1, 0, count_fd, &err), -1);
	assert_string_equal(err.text, "cannot watch a descriptor: Bad file descriptor");
	close(fd);
}

/* Told once, not for ever. */
static void test_regular_file_edge(void **state)
{
	struct counter c = { 0 };
	int fd = memfd_create("file", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(loop_fd_add(&loop, &c.member, fd, EPOLLOUT | EPOLLET, count_fd, &err), 0);
	poll_once();
	poll_once();
	assert_int_equal(c.calls, 1);
	loop_fd_remove(&c.member);
	close(fd);
}

static void test_timer(void **state)
{
	struct counter c = { 0 };

	(void)state;
	assert_int_equal(loop_timer_add(&loop, &c.timer, count_timer, &err), 0);
	loop_timer_set(&c.timer, 1);
	assert_int_equal(loop_run(&loop, &err), 0);
	assert_int_equal(c.calls, 1);
	loop_timer_set(&c.timer, 1);
	loop_timer_set(&c.timer, 0);
	loop_timer_set_on_clock(&c.timer, 1000000, count_timer);
	assert_int_equal(loop_run_once(&loop, 5, &err), 0);
	assert_int_equal(c.calls, 1);
	assert_false(loop_stopped(&loop));
	loop_timer_remove(&c.timer);
}

static void test_timer_set_earlier(void **state)
{
	struct itimerspec left;
	struct counter c = { 0 };

	(void)state;
	assert_int_equal(loop_timer_add(&loop, &c.timer, count_timer, &err), 0);
	loop_timer_set_earlier(&c.timer, 2000000);
	assert_int_equal(timerfd_gettime(c.timer.member.fd, &left), 0);
	assert_in_range(left.it_value.tv_sec, 1001, 2000);
	loop_timer_set_earlier(&c.timer, 1000000);
	loop_timer_set_earlier(&c.timer, 3000000);
	assert_int_equal(timerfd_gettime(c.timer.member.fd, &left), 0);
	assert_in_range(left.it_value.tv_sec, 1, 1000);
	loop_timer_set_earlier(&c.timer, 1);
	assert_int_equal(loop_run(&loop, &err), 0);
	assert_int_equal(c.calls, 1);
	loop_timer_remove(&c.timer);
}

static void test_stop_before_run(void **state)
{
	(void)state;
	loop_stop(&loop);
	loop_stop(&loop);
	assert_int_equal(loop_run(&loop, &err), 0);
	assert_false(loop_stopped(&loop));
}

static void *raise_event(void *arg)
{
	struct counter *c = arg;

	for (int i = 0; i < 1000; i++) {
		loop_fd_modify(&c->member, i & 1 ? EPOLLOUT : 0);
		loop_event_raise(&c->event);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct counter c = { 0 };
	pthread_t thread;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(loop_fd_add(&loop, &c.member, p[1], 0, count_fd, &err), 0);
	assert_int_equal(loop_event_add(&loop, &c.event, count_event, &err), 0);
	assert_int_equal(pthread_create(&thread, NULL, raise_event, &c), 0);
	assert_int_equal(loop_run(&loop, &err), 0);
	pthread_join(thread, NULL);
	poll_once();
	assert_true(c.calls >= 1);
	c.calls = 0;
	loop_fd_modify(&c.member, 0);
	loop_event_raise(&c.event);
	loop_event_raise(&c.event);
	poll_once();
	poll_once();
	assert_int_equal(c.calls, 1);
	loop_event_remove(&c.event);
	loop_fd_remove(&c.member);
	close(p[0]), close(p[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_interest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_spin_without_interest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove_in_batch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_regular_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_regular_file_edge, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timer_set_earlier, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_before_run, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
