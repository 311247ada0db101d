/*
 * The event loop. Interest is only ever changed with EPOLL_CTL_MOD, which needs no memory and so
 * cannot fail half-way through a pod's life; a member without interest stays in the set as a
 * one-shot without events, so that a hang-up is not reported for ever.
 */
#include "vmm/base/loop.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"

static int control(struct loop_fd *member, int op, uint32_t events)
{
	struct epoll_event event = { .data.ptr = member };

	if (!events)
		event.events = EPOLLONESHOT;
	else if (member->always_fd >= 0)
		event.events = EPOLLIN | (events & (uint32_t)EPOLLET);
	else
		event.events = events;
	return epoll_ctl(member->loop->epoll_fd, op,
			 member->always_fd >= 0 ? member->always_fd : member->fd, &event);
}

int loop_fd_add(struct loop *loop, struct loop_fd *member, int fd, uint32_t events, loop_fd_fn *fn,
		struct error *err)
{
	*member =
	    (struct loop_fd){ .loop = loop, .fn = fn, .fd = fd, .always_fd = -1, .events = events };
	if (control(member, EPOLL_CTL_ADD, events) == 0)
		return 0;
	if (errno == EPERM) {
		/* An event descriptor that is never read stands in: it is always ready. */
		member->always_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
		if (member->always_fd >= 0 && control(member, EPOLL_CTL_ADD, events) == 0)
			return 0;
		cleanup_fd(&member->always_fd);
	}
	member->loop = NULL;
	return error_set(err, errno, "cannot watch a descriptor");
}

void loop_fd_modify(struct loop_fd *member, uint32_t events)
{
	int r;

	if (__atomic_load_n(&member->events, __ATOMIC_RELAXED) == events)
		return;
	__atomic_store_n(&member->events, events, __ATOMIC_RELAXED);
	r = control(member, EPOLL_CTL_MOD, events);
	assert(r == 0);
	(void)r;
}

void loop_fd_remove(struct loop_fd *member)
{
	struct loop *loop = member->loop;
	int r;

	if (!loop)
		return;
	r = control(member, EPOLL_CTL_DEL, 0);
	assert(r == 0);
	(void)r;
	for (int i = 0; i < loop->batch_count; i++) {
		if (loop->batch[i].data.ptr == member)
			loop->batch[i].data.ptr = NULL;
	}
	cleanup_fd(&member->always_fd);
	member->loop = NULL;
}

int loop_run_once(struct loop *loop, int timeout_ms, struct error *err)
{
	int n = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH_MAX, timeout_ms);

	if (n < 0 && errno != EINTR)
		return error_set(err, errno, "cannot wait for events");
	loop->batch_count = n < 0 ? 0 : n;
	for (int i = 0; i < loop->batch_count; i++) {
		struct loop_fd *member = loop->batch[i].data.ptr;
		uint32_t events = loop->batch[i].events;

		if (!member || !__atomic_load_n(&member->events, __ATOMIC_RELAXED))
			continue;
		member->fn(member, member->always_fd >= 0 ? EPOLLIN | EPOLLOUT : events);
	}
	loop->batch_count = 0;
	return 0;
}

int loop_run(struct loop *loop, struct error *err)
{
	while (!loop->stopped) {
		if (loop_run_once(loop, -1, err) < 0)
			return -1;
	}
	loop->stopped = false;
	return 0;
}

static void on_stop(struct loop_event *event)
{
	container_of(event, struct loop, stop)->stopped = true;
}

void loop_stop(struct loop *loop)
{
	loop_event_raise(&loop->stop);
}

bool loop_stopped(const struct loop *loop)
{
	return loop->stopped;
}

int loop_init(struct loop *loop, struct error *err)
{
	memset(loop, 0, sizeof(*loop));
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return error_set(err, errno, "cannot create an event loop");
	if (loop_event_add(loop, &loop->stop, on_stop, err) < 0) {
		close(steal_fd(&loop->epoll_fd));
		return -1;
	}
	return 0;
}

void loop_fini(struct loop *loop)
{
	loop_event_remove(&loop->stop);
	close(steal_fd(&loop->epoll_fd));
}

/* Empties a timer or event descriptor. Returns whether there was anything in it. */
static bool take_count(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count);
}

static int add_own(struct loop *loop, struct loop_fd *member, int fd, loop_fd_fn *fn,
		   struct error *err)
{
	if (fd < 0)
		return error_set(err, errno, "cannot create a timer or event descriptor");
	if (loop_fd_add(loop, member, fd, EPOLLIN, fn, err) < 0) {
		close(fd);
		return -1;
	}
	return 0;
}

static void remove_own(struct loop_fd *member)
{
	if (!member->loop)
		return;
	loop_fd_remove(member);
	close(steal_fd(&member->fd));
}

static void on_timer_ready(struct loop_fd *member, uint32_t events)
{
	struct loop_timer *timer = container_of(member, struct loop_timer, member);

	(void)events;
	/* A change of the clock is no count, and is told once. */
	if (take_count(member->fd) || errno == ECANCELED)
		timer->fn(timer);
}

int loop_timer_add(struct loop *loop, struct loop_timer *timer, loop_timer_fn *fn,
		   struct error *err)
{
	timer->fn = fn;
	/* Relative times of this clock are those of CLOCK_MONOTONIC, as POSIX has it. */
	return add_own(loop, &timer->member,
		       timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK), on_timer_ready,
		       err);
}

void loop_timer_set(struct loop_timer *timer, uint64_t delay_ms)
{
	struct itimerspec when = {
		.it_value.tv_sec = (time_t)(delay_ms / 1000),
		.it_value.tv_nsec = (long)(delay_ms % 1000) * 1000000,
	};
	int r = timerfd_settime(timer->member.fd, 0, &when, NULL);

	assert(r == 0);
	(void)r;
}

void loop_timer_set_earlier(struct loop_timer *timer, uint64_t delay_ms)
{
	struct itimerspec left;
	int r = timerfd_gettime(timer->member.fd, &left);
	uint64_t left_ms =
	    (uint64_t)left.it_value.tv_sec * 1000 + (uint64_t)left.it_value.tv_nsec / 1000000;

	assert(r == 0);
	(void)r;
	if ((!left.it_value.tv_sec && !left.it_value.tv_nsec) || delay_ms < left_ms)
		loop_timer_set(timer, delay_ms);
}

void loop_timer_set_on_clock(struct loop_timer *timer, uint64_t delay_ms, loop_timer_fn *fn)
{
	struct itimerspec when = { 0 };
	int r;

	timer->fn = fn;
	(void)clock_gettime(CLOCK_REALTIME, &when.it_value);
	when.it_value.tv_sec += (time_t)(delay_ms / 1000);
	r = timerfd_settime(timer->member.fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when,
			    NULL);
	/* ECANCELED: the clock was set since the last look, and the timer is set all the same. */
	assert(r == 0 || errno == ECANCELED);
	(void)r;
}

void loop_timer_remove(struct loop_timer *timer)
{
	remove_own(&timer->member);
}

static void on_event_ready(struct loop_fd *member, uint32_t events)
{
	struct loop_event *event = container_of(member, struct loop_event, member);

	(void)events;
	if (take_count(member->fd))
		event->fn(event);
}

int loop_event_add(struct loop *loop, struct loop_event *event, loop_event_fn *fn,
		   struct error *err)
{
	event->fn = fn;
	return add_own(loop, &event->member, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), on_event_ready,
		       err);
}

void loop_event_raise(struct loop_event *event)
{
	uint64_t one = 1;
	ssize_t n = write(event->member.fd, &one, sizeof(one));

	/* It fails only when the counter is full, and then it is raised. */
	(void)n;
}

void loop_event_remove(struct loop_event *event)
{
	remove_own(&event->member);
}
