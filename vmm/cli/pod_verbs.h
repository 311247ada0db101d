/*
 * nacelle list, status, stop, kill, rm, gc and others: what can be done with pods that exist. They
 * share one struct of options; each verb's table has those that it understands.
 */
#ifndef NACELLE_CLI_POD_VERBS_H
#define NACELLE_CLI_POD_VERBS_H

#include <stdint.h>

#include "vmm/base/text_list.h"
#include "vmm/cli/options.h"
#include "vmm/pod/directory.h"
#include "vmm/pod/pod_info.h"

struct pod_verb_options {
	const char *root;
	const char *uuid_file;
	const char *app;
	const char *signal;
	const char *grace_period;
	const char *expire_prepared;
	struct text_list states;
	uint64_t timeout_s;
	bool json;
	bool quiet;
	bool no_header;
	bool wait;
	bool force;
	bool mark_only;
};

struct pod_update_options {
	const char *root;
	const char *uuid_file;
	const char *app;
	uint64_t memory_bytes;
	uint64_t cpus; /* thousandths */
	uint64_t cpu_shares;
	uint64_t pids;
};

#define POD_FIELD(name) offsetof(struct pod_verb_options, name)
#define POD_OPTION_ROOT OPTION_ROW_ROOT(POD_FIELD(root))
#define POD_OPTION_UUID_FILE                                                                       \
	{                                                                                          \
		"uuid-file", 0, OPTION_TEXT, "FILE", VALUE_FILE, "take the UUID from this file",   \
		    POD_FIELD(uuid_file)                                                           \
	}
#define POD_OPTION_JSON OPTION_ROW_JSON(POD_FIELD(json))

enum {
	POD_LIST_OPTION_COUNT = 5,
	POD_STATUS_OPTION_COUNT = 5,
	POD_STOP_OPTION_COUNT = 4,
	POD_KILL_OPTION_COUNT = 4,
	POD_REMOVE_OPTION_COUNT = 3,
	POD_COLLECT_OPTION_COUNT = 5,
	POD_STATS_OPTION_COUNT = 5,
	POD_UPDATE_OPTION_COUNT = 7,
};
extern const struct option_spec pod_list_options[POD_LIST_OPTION_COUNT];
extern const struct option_spec pod_status_options[POD_STATUS_OPTION_COUNT];
extern const struct option_spec pod_stop_options[POD_STOP_OPTION_COUNT];
extern const struct option_spec pod_kill_options[POD_KILL_OPTION_COUNT];
extern const struct option_spec pod_remove_options[POD_REMOVE_OPTION_COUNT];
extern const struct option_spec pod_collect_options[POD_COLLECT_OPTION_COUNT];
extern const struct option_spec pod_stats_options[POD_STATS_OPTION_COUNT];
extern const struct option_spec pod_update_options[POD_UPDATE_OPTION_COUNT];

int cli_pod_list(const void *options, int argc, char **argv, struct error *err);
int cli_pod_status(const void *options, int argc, char **argv, struct error *err);
int cli_pod_stop(const void *options, int argc, char **argv, struct error *err);
int cli_pod_kill(const void *options, int argc, char **argv, struct error *err);
int cli_pod_remove(const void *options, int argc, char **argv, struct error *err);
int cli_pod_collect(const void *options, int argc, char **argv, struct error *err);
int cli_pod_stats(const void *options, int argc, char **argv, struct error *err);
int cli_pod_update(const void *options, int argc, char **argv, struct error *err);

/*
 * Calls a function for each pod that the arguments and --uuid-file name, at least one; ends at the
 * first that fails.
 */
int cli_each_pod(const struct pod_verb_options *options, int argc, char **argv,
		 int (*fn)(const struct pod_verb_options *options, struct pod_directory *pod,
			   struct error *err),
		 struct error *err);

/*
 * Opens the one pod that --uuid-file names, or else the first argument, which is then taken off:
 * *argc and *argv are what is left. The tree stays open for the rest of the process.
 */
int cli_one_pod(const char *root, const char *uuid_file, int *argc, char ***argv,
		struct pod_directory *pod, struct error *err);

/* The same for a verb that has no other argument. */
int cli_only_pod(const char *root, const char *uuid_file, int argc, char **argv,
		 struct pod_directory *pod, struct error *err);

/* The UUID in a file that --uuid-file has written, and the way back. */
int cli_read_uuid_file(const char *path, char uuid[UUID_TEXT_SIZE], struct error *err);

/* "2026-11-22T06:38:59.123Z", or "" for 0. */
enum { POD_TIME_SIZE = 32 };
void cli_pod_time(char text[POD_TIME_SIZE], uint64_t time_ns);

/* "waiting", "running", "exited" or "unknown". */
const char *cli_app_state(const struct pod_info *info, const struct pod_info_app *app);

/*
 * The next of a pod's networks, of the lines in *at, which is changed: "eth0", its network and its
 * addresses, one after the other with a blank between them. Returns false at the end.
 */
bool cli_next_network(char **at, char **interface, char **network, char **addresses);

/* All that is known of a pod, as one JSON object. */
struct json_writer;
void cli_put_pod(struct json_writer *json, const struct pod_info *info);

#endif
