/*
 * Standing still. Nothing here depends on the guest.
 */
#include "vmm/machine/pause.h"

#include <signal.h>

static void do_nothing(int signal)
{
	(void)signal;
}

static int call_out_signal(void)
{
	return SIGRTMIN;
}

void pause_init(struct pause *pause, struct vcpu *vcpus, unsigned count, pause_done_fn *done,
		void *ctx)
{
	/* KVM_RUN ends in any case; everything else goes on where it was. */
	struct sigaction action = { .sa_handler = do_nothing, .sa_flags = SA_RESTART };

	*pause = (struct pause){ .count = count, .vcpus = vcpus, .done = done, .ctx = ctx };
	pthread_mutex_init(&pause->lock, NULL);
	pthread_cond_init(&pause->resumed, NULL);
	(void)sigaction(call_out_signal(), &action, NULL);
}

void pause_begin(struct pause *pause)
{
	pthread_mutex_lock(&pause->lock);
	for (unsigned i = 0; !pause->paused && i < pause->count; i++) {
		vcpu_keep_out(&pause->vcpus[i]);
		(void)pthread_kill(pause->threads[i], call_out_signal());
	}
	pause->paused = true;
	if (pause->parked == pause->count)
		pause->done(pause->ctx);
	pthread_mutex_unlock(&pause->lock);
}

void pause_end(struct pause *pause)
{
	pthread_mutex_lock(&pause->lock);
	pause->paused = false;
	pthread_cond_broadcast(&pause->resumed);
	pthread_mutex_unlock(&pause->lock);
}

bool pause_wait(struct pause *pause, struct vcpu *vcpu)
{
	bool called_out;

	pthread_mutex_lock(&pause->lock);
	if (pause->paused) {
		if (++pause->parked == pause->count)
			pause->done(pause->ctx);
		while (pause->paused)
			pthread_cond_wait(&pause->resumed, &pause->lock);
		pause->parked--;
	}
	called_out = vcpu_let_in(vcpu);
	pthread_mutex_unlock(&pause->lock);
	return called_out;
}
