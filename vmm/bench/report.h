/*
 * What was measured, for people and for programs.
 */
#ifndef NACELLE_BENCH_REPORT_H
#define NACELLE_BENCH_REPORT_H

#include <stdio.h>

#include "vmm/bench/memory.h"
#include "vmm/bench/starts.h"
#include "vmm/bench/subject.h"

/* Each writes the whole of a report; errors are the stream's. */
void report_text(FILE *out, const struct starts *starts, const struct bench_task *task);
void report_json(FILE *out, const struct starts *starts, const struct bench_task *task);
/*
 * RFC 4180 but for lines that end with LF alone. A line for each start, row,round,first_byte_ns,
 * end_ns; for a row that has failed, one without figures. And a line for each phase of the
 * timeline, until,side,at_ns,took_ns,large.
 */
void report_csv(FILE *out, const struct starts *starts, const struct bench_task *task);
void report_phases_csv(FILE *out, const struct starts *starts, const struct bench_task *task);
/* One page that needs no other file: the table, and a picture (SVG) of rows and of phases. */
void report_html(FILE *out, const struct starts *starts, const struct bench_task *task);

void report_memory_text(FILE *out, const struct memory *memory, const struct bench_task *task);
void report_memory_json(FILE *out, const struct memory *memory, const struct bench_task *task);

#endif
