/*
 * All streams of a pod, in groups.
 */
#include "vmm/machine/streams.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "vmm/base/bytes.h"
#include "vmm/machine/stream.h"

static struct stream *find_stream(struct streams *streams, uint32_t port)
{
	for (unsigned g = 0; g < STREAM_GROUPS_MAX; g++) {
		struct stream_group *group = streams->groups[g];

		for (size_t i = 0; group && i < group->count; i++)
			if (group->stream[i].port == port)
				return &group->stream[i];
	}
	return NULL;
}

bool streams_accept(void *ctx, uint32_t host_port, struct vsock_conn *conn,
		    struct vsock_accept *accept)
{
	struct stream *stream = find_stream(ctx, host_port);

	if (!stream || stream->used)
		return false;
	if (stream->restricted && (!stream->expected || conn->guest_port != stream->guest_port))
		return false;
	stream_connect(stream, conn, accept);
	return true;
}

static void group_free(struct stream_group *group, bool close_fds)
{
	for (size_t i = 0; group && i < group->count; i++)
		stream_free(&group->stream[i], close_fds);
	free(group);
}

/* Whether a group has ended and has nothing open any more; it is then out of reach. */
static bool group_unlink(struct streams *streams, unsigned index)
{
	struct stream_group *group = streams->groups[index];
	bool over;

	streams_lock(streams);
	over = group->ending;
	for (size_t i = 0; i < group->count; i++)
		over = over && group->stream[i].in.fd < 0 && group->stream[i].out.fd < 0;
	for (size_t i = 0; over && i < group->count; i++)
		if (group->stream[i].conn)
			vsock_conn_reset(group->stream[i].conn);
	if (over)
		streams->groups[index] = NULL;
	streams_unlock(streams);
	return over;
}

static void reap(struct loop_event *event)
{
	struct streams *streams = container_of(event, struct streams, reap);

	for (unsigned g = 0; g < STREAM_GROUPS_MAX; g++) {
		struct stream_group *group = streams->groups[g];

		for (size_t i = 0; group && i < group->count; i++)
			stream_reap(&group->stream[i]);
		if (!group || !group_unlink(streams, g))
			continue;
		group_free(group, false);
		streams->done(streams->done_ctx, g);
	}
}

int streams_add(struct streams *streams, unsigned index, const struct stream_config *configs,
		size_t count, struct error *err)
{
	struct stream_group *group;

	assert(index < STREAM_GROUPS_MAX && !streams->groups[index] && count <= STREAMS_MAX);
	group = calloc(1, sizeof(*group) + count * sizeof(group->stream[0]));
	if (!group)
		return error_set(err, errno, "cannot allocate the streams");
	while (group->count < count) {
		struct stream *stream = &group->stream[group->count++];

		stream->streams = streams;
		stream->restricted = index > 0;
		if (stream_open(stream, &configs[group->count - 1], err) < 0) {
			group_free(group, false);
			return -1;
		}
	}
	streams_lock(streams);
	streams->groups[index] = group;
	streams_unlock(streams);
	return 0;
}

void streams_expect(struct streams *streams, unsigned index, uint32_t from, const uint32_t *ports,
		    size_t count)
{
	struct stream_group *group = streams->groups[index];

	for (size_t i = 0; i < group->count; i++) {
		struct stream *stream = &group->stream[i];

		assert(stream->port - from < count);
		stream->guest_port = ports[stream->port - from];
		stream->expected = true;
	}
}

void streams_end(struct streams *streams, unsigned index)
{
	struct stream_group *group = streams->groups[index];

	group->ending = true;
	for (size_t i = 0; i < group->count; i++)
		stream_end(&group->stream[i]);
	loop_event_raise(&streams->reap);
}

void streams_hang_up(struct streams *streams, unsigned index)
{
	struct stream_group *group = streams->groups[index];

	streams_lock(streams);
	for (size_t i = 0; i < group->count; i++) {
		group->stream[i].used = true;
		stream_break(&group->stream[i]);
	}
	streams_unlock(streams);
}

int streams_init(struct streams **streams, const struct stream_config *configs, size_t count,
		 struct vsock *vsock, struct loop *loop, struct error *err)
{
	struct streams *s = calloc(1, sizeof(*s));

	if (!s)
		return error_set(err, errno, "cannot allocate the streams");
	s->vsock = vsock;
	s->loop = loop;
	if (loop_event_add(loop, &s->reap, reap, err) < 0) {
		free(s);
		return -1;
	}
	if (streams_add(s, 0, configs, count, err) < 0) {
		loop_event_remove(&s->reap);
		free(s);
		return -1;
	}
	*streams = s;
	return 0;
}

void streams_on_done(struct streams *streams, streams_done_fn *done, void *ctx)
{
	streams->done = done;
	streams->done_ctx = ctx;
}

void streams_fini(struct streams *streams)
{
	for (unsigned g = 0; g < STREAM_GROUPS_MAX; g++)
		group_free(streams->groups[g], true);
	loop_event_remove(&streams->reap);
	free(streams);
}

static bool output_waits(struct streams *streams, unsigned first, unsigned end)
{
	bool waits = false;

	streams_lock(streams);
	for (unsigned g = first; g < end; g++) {
		struct stream_group *group = streams->groups[g];

		for (size_t i = 0; group && i < group->count; i++)
			waits = waits || group->stream[i].out.count;
	}
	streams_unlock(streams);
	return waits;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int streams_drain(struct streams *streams, unsigned added_limit_ms, struct error *err)
{
	int64_t end_ms = now_ms() + added_limit_ms;

	streams_lock(streams);
	streams->draining = true;
	streams_unlock(streams);
	for (;;) {
		int64_t left_ms = -1;

		if (!output_waits(streams, 0, 1)) {
			left_ms = end_ms - now_ms();
			if (left_ms <= 0 || !output_waits(streams, 1, STREAM_GROUPS_MAX))
				return 1;
		}
		if (loop_stopped(streams->loop))
			return 0;
		if (loop_run_once(streams->loop, (int)left_ms, err) < 0)
			return -1;
	}
}
