/*
 * The log files of one app in a directory: NAME.log, which grows, and NAME.log.1, NAME.log.2, ...,
 * which are older; together they are bounded. A process that is killed leaves whole entries behind,
 * apart from the last one, and never a name that stands for two contents.
 */
#ifndef NACELLE_POD_LOG_FILE_H
#define NACELLE_POD_LOG_FILE_H

#include "vmm/base/error.h"
#include "vmm/pod/log_record.h"

enum {
	LOG_FILES_MAX = 100,
	LOG_NAME_MAX = 256, /* with the NUL; of files */
};

/* How much is kept, and how. */
struct log_options {
	enum log_format format;
	uint64_t size_bytes; /* of a file: it is exceeded by a single entry only, which is alone */
	unsigned files;	     /* 1 to LOG_FILES_MAX */
};

#define LOG_SIZE_DEFAULT_BYTES ((uint64_t)10 << 20)
#define LOG_SIZE_MIN_BYTES     ((uint64_t)4 << 10)
enum { LOG_FILES_DEFAULT = 3 };

/* Settles what the command line says; 0 and NULL: it is silent. */
int log_options_choose(struct log_options *options, uint64_t size_bytes, uint64_t files,
		       const char *format, struct error *err);

struct log_file {
	const struct log_options *options;
	int directory; /* not owned */
	const char *app;
	int fd;		     /* -1: could not be opened */
	uint64_t size_bytes; /* of the file, without what waits in the buffer */
	size_t used;
	uint64_t lost_entries, lost_bytes;
	int lost_errno;
	char buffer[4 * LOG_RECORD_MAX];
};

/* Writes the name of the app's file: number 0 is the one that grows. */
void log_file_name(char name[LOG_NAME_MAX], const char *app, unsigned number);

/* Opens or makes NAME.log; what cannot be done now is tried again with every flush. */
void log_file_open(struct log_file *file, int directory, const char *app,
		   const struct log_options *options);

/* Takes an entry into the buffer. What cannot be written is counted, and noted when it can. */
void log_file_add(struct log_file *file, const struct log_record *record);

/* Writes the buffer out; time_ns is that of a note that may be due. */
void log_file_flush(struct log_file *file, uint64_t time_ns);

/* Flushes, and makes all files durable. Closes. */
void log_file_close(struct log_file *file, uint64_t time_ns);

#endif
