/*
 * What is started: nacelle in its ways, other runtimes, any other command.
 */
#ifndef NACELLE_BENCH_SUBJECT_H
#define NACELLE_BENCH_SUBJECT_H

#include <limits.h>
#include <stdbool.h>

#include "vmm/base/error.h"

enum { SUBJECT_ARGUMENTS_MAX = 128, SUBJECT_NAME_MAX = 64 };

/* What all subjects start, and where they may put things. The texts are the caller's. */
struct bench_task {
	const char *nacelle;	      /* path of the program */
	const char *oci_life;	      /* a program whose verb "oci-life" is oci_life_run() */
	const char *image;	      /* a reference */
	const char *root;	      /* of the store, or NULL */
	const char *const *options;   /* more options of nacelle run, up to a NULL; or NULL */
	const char *const *command;   /* up to a NULL */
	const char *qemu_kernel;      /* for QEMU's row, or NULL */
	char directory[PATH_MAX / 2]; /* made by bench_task_open() */
	char error_path[PATH_MAX];    /* in it: what a command says on stderr */
	bool is_imported;	      /* the image is in the store */
	bool is_extracted;	      /* DIRECTORY/bundle/rootfs is there */
};

/* An argument vector, whose texts are the arena's or the task's. */
struct argument_list {
	char *items[SUBJECT_ARGUMENTS_MAX + 1];
	unsigned count;
};

struct subject {
	char name[SUBJECT_NAME_MAX];
	const struct subject_kind *kind;
	const char *shell_command; /* of a row of its own, else NULL */
	const char *runtime;	   /* of an OCI runtime's row, else NULL */
	char uuid[64];		   /* of the pod that is prepared */
	char number[64];	   /* a name that no other run has */
	char trace[PATH_MAX];	   /* where nacelle writes its timeline, or "" */
};

/* Makes the working directory. bench_task_close() removes it and what is below it. */
int bench_task_open(struct bench_task *task, struct error *err);
void bench_task_close(struct bench_task *task);

/* The names that subject_open() knows, up to a NULL. */
extern const char *const subject_names[];

/*
 * Makes ready whatever takes long once: finds the program, unpacks the image, imports it. Returns
 * 0, or -1 with err filled: this one cannot be measured here, and why.
 */
int subject_open(struct subject *subject, const char *name, struct bench_task *task,
		 struct error *err);
/* An OCI runtime, a path or a name of PATH, with create, start and delete: the row "oci NAME". */
int subject_open_oci(struct subject *subject, const char *runtime, struct bench_task *task,
		     struct error *err);
/* A command that the shell runs, as a row of that name. */
int subject_open_command(struct subject *subject, const char *name, const char *command,
			 struct error *err);

/* A pod of nacelle whose command goes on; nothing is made ready. */
void subject_open_nacelle(struct subject *subject);

/* Before and after each start, without a stopwatch; run counts them. */
int subject_before(struct subject *subject, struct bench_task *task, unsigned run,
		   struct error *err);
int subject_after(struct subject *subject, struct bench_task *task, struct error *err);
/* After a start that has failed: removes what it may have left. */
void subject_clean_up(struct subject *subject, struct bench_task *task);

/* What is started. Returns 0, or -1 with err filled if there are too many arguments. */
int subject_arguments(struct subject *subject, const struct bench_task *task,
		      struct argument_list *list, struct error *err);

#endif
