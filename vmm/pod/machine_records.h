/*
 * The supervisor's side of the machine's records.
 */
#ifndef NACELLE_POD_MACHINE_RECORDS_H
#define NACELLE_POD_MACHINE_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

struct loop_fd;
struct supervisor;

/* For supervisor->machine in the loop: reads one record, and writes commands that wait. */
void machine_records_on_socket(struct loop_fd *member, uint32_t events);

/* Reads what the machine has said so far. Returns whether it can say more. */
bool machine_records_read(struct supervisor *supervisor);

/* Reads what it said before it ended. */
void machine_records_read_last(struct supervisor *supervisor);

#endif
