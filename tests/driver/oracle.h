/*
 * What holds for any device and any driver, checked while a fuzz target runs. The linker puts these
 * checks around the queue's functions (--wrap), so neither devices nor the queue know of them:
 * - what virtq_pop() hands out keeps to queue.h: totals, order, every buffer inside one region;
 * - a device pushes what it popped, once, and claims no more than the chain had room for.
 * A breach aborts.
 */
#ifndef NACELLE_TESTS_ORACLE_H
#define NACELLE_TESTS_ORACLE_H

#include <stdint.h>

/*
 * Forgets the last run. With a seed other than 0, guest memory changes right after a device copied
 * from it, as by a vCPU that races with it: what is fetched twice is not the same twice.
 */
void oracle_begin(uint32_t seed);

#endif
