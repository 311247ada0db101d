/*
 * Standing still, with threads that stand in for vCPUs: what KVM_RUN does with a signal and with
 * immediate_exit is done here by ppoll().
 */
#include <linux/kvm.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "vmm/base/bytes.h"
#include "vmm/machine/pause.h"

enum { CPUS = 3 };

static struct {
	struct pause pause;
	struct vcpu vcpus[CPUS];
	struct kvm_run runs[CPUS];
	unsigned rounds[CPUS]; /* of guest code */
	unsigned done;
	bool stop;
} t;

/* Returns when a signal comes; at once if immediate_exit is set, before a signal is let through. */
static void enter_guest(unsigned i, const sigset_t *open)
{
	const struct timespec slice = { .tv_nsec = 1000000 };

	if (__atomic_load_n(&t.runs[i].immediate_exit, __ATOMIC_SEQ_CST))
		return;
	__atomic_add_fetch(&t.rounds[i], 1, __ATOMIC_SEQ_CST);
	(void)ppoll(NULL, 0, i == 0 ? NULL : &slice, open);
}

static void *run_vcpu(void *argument)
{
	struct vcpu *vcpu = argument;
	sigset_t closed, open;

	sigfillset(&closed);
	pthread_sigmask(SIG_SETMASK, &closed, &open);
	while (!__atomic_load_n(&t.stop, __ATOMIC_SEQ_CST)) {
		enter_guest(vcpu->index, &open);
		pause_wait(&t.pause, vcpu);
	}
	return NULL;
}

static void on_done(void *ctx)
{
	(void)ctx;
	__atomic_add_fetch(&t.done, 1, __ATOMIC_SEQ_CST);
}

static void wait_done(unsigned count)
{
	while (__atomic_load_n(&t.done, __ATOMIC_SEQ_CST) < count)
		sched_yield();
	assert_int_equal(t.done, count);
}

static unsigned all_rounds(void)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < CPUS; i++)
		sum += __atomic_load_n(&t.rounds[i], __ATOMIC_SEQ_CST);
	return sum;
}

static void test_pause_and_resume(void **state)
{
	unsigned before;

	(void)state;
	pause_init(&t.pause, t.vcpus, CPUS, on_done, NULL);
	for (unsigned i = 0; i < CPUS; i++) {
		t.vcpus[i] = (struct vcpu){ .index = i, .fd = -1, .run = &t.runs[i] };
		assert_int_equal(pthread_create(&t.pause.threads[i], NULL, run_vcpu, &t.vcpus[i]),
				 0);
	}
	pause_end(&t.pause); /* of what was never paused */
	for (unsigned round = 1; round < 200; round++) {
		pause_begin(&t.pause);
		wait_done(2 * round - 1);
		before = all_rounds();
		pause_begin(&t.pause); /* again: answered at once */
		wait_done(2 * round);
		sched_yield();
		assert_int_equal(all_rounds(), before);
		pause_end(&t.pause);
		while (all_rounds() == before)
			sched_yield();
	}
	/* In quick succession, without waiting. */
	for (unsigned round = 0; round < 200; round++) {
		pause_begin(&t.pause);
		pause_end(&t.pause);
	}
	__atomic_store_n(&t.stop, true, __ATOMIC_SEQ_CST);
	pause_begin(&t.pause);
	pause_end(&t.pause);
	for (unsigned i = 0; i < CPUS; i++)
		pthread_join(t.pause.threads[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_pause_and_resume) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
