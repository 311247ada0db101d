/*
 * Time that passes, for pauses and progress.
 */
#ifndef NACELLE_IMAGES_CLOCK_H
#define NACELLE_IMAGES_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds since some moment before the start of the process; never backwards. */
static inline uint64_t clock_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#endif
