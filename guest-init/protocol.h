/*
 * What host and guest say to each other: the frames of the control connection, the vsock ports, and
 * the names in the pod record. The only header that both sides include, with trace_stages.h.
 *
 * Trust: the guest believes the host. The host believes nothing: frames are parsed in the machine's
 * jail, through a cursor, with the limits below; only fixed-size facts leave it.
 *
 * Control connection: guest-init connects to port NACELLE_PORT_CONTROL of the host (CID 2) and both
 * sides send frames: struct frame_header, then `length` bytes of payload, at most
 * FRAME_PAYLOAD_MAX. A frame whose type, length or content is not as written here ends the
 * connection.
 *
 * App streams: one vsock connection for each, to the port that the pod record names. guest-init
 * begins all of them before the first app starts, and a port takes one connection: no app can have
 * another's stream. Bytes are raw. The end of a direction is a vsock shutdown; a
 * reader that has gone away is a reset, which the app sees as SIGPIPE. A terminal is one connection
 * both ways.
 *
 * Order at the end: guest-init hands over all output of all apps, then APP_EXIT frames, makes disks
 * durable, and sends POD_EXIT last. After that the machine may stop the VM at once.
 */
#ifndef NACELLE_GUEST_INIT_PROTOCOL_H
#define NACELLE_GUEST_INIT_PROTOCOL_H

#include <assert.h>
#include <stdint.h>

#include "guest-init/trace_stages.h"
#include "vmm/base/bytes.h"

enum {
	PROTOCOL_VERSION_MAJOR = 2, /* differs: the two do not understand each other */
	PROTOCOL_VERSION_MINOR = 0, /* differs: one knows more frames than the other */
};

enum {
	NACELLE_PORT_CONTROL = 0x70000001,	/* ports below are for the pod's own use */
	NACELLE_PORT_STREAM_FIRST = 0x70000010, /* streams: from here on, handed out by the host */
	NACELLE_PORT_ADDED_FIRST = 0x70010000,	/* added processes, NACELLE_PORTS_ADDED each */
	NACELLE_PORTS_ADDED = 4,		/* the record, then stdin, stdout, stderr */
};

enum { FRAME_PAYLOAD_MAX = 4096 };

struct frame_header {
	le32 type;   /* enum frame_type */
	le32 length; /* bytes of payload that follow */
};
static_assert(sizeof(struct frame_header) == 8, "frame header");

enum frame_type {
	/* guest to host */
	FRAME_HELLO = 1,       /* struct frame_hello, the first frame */
	FRAME_APP_START = 2,   /* struct frame_app_start: execve() of the app has succeeded */
	FRAME_APP_EXIT = 3,    /* struct frame_app_exit */
	FRAME_POD_EXIT = 4,    /* struct frame_pod_exit, the last frame */
	FRAME_APP_RESTART = 5, /* struct frame_app_exit: it has ended, and will be started again */
	FRAME_ADD_PORTS = 6,   /* struct frame_add_ports, the answer to FRAME_ADD */
	FRAME_APP_HELD = 7,    /* struct frame_app_start: it waits for FRAME_START */
	/* host to guest */
	FRAME_SIGNAL = 64,  /* struct frame_signal */
	FRAME_WINSIZE = 65, /* struct frame_winsize */
	FRAME_STOP = 66,    /* struct frame_stop: an orderly end of all apps */
	FRAME_ADD = 67,	    /* struct frame_add: start a process beside an app's */
	FRAME_CLOCK = 68,   /* nothing: the host's wall clock was set or goes otherwise */
	FRAME_START = 69,   /* struct frame_start: execve() of an app that is held */
};

struct frame_hello {
	le32 major;
	le32 minor;
};

struct frame_app_start {
	le32 app; /* index in the pod record */
	le32 pid; /* in the guest's first PID namespace */
};

enum exit_kind {
	EXIT_KIND_CODE = 1,	    /* code: the exit status, 0 to 255 */
	EXIT_KIND_SIGNAL = 2,	    /* code: the signal's number */
	EXIT_KIND_NOT_STARTED = 3,  /* code: 126 or 127; the reason went to the app's stderr */
	EXIT_KIND_INIT_FAILURE = 4, /* code: errno; guest-init itself failed, before any app ran */
};

/* At which step a process did not become its program. */
enum start_step {
	START_STEP_OTHER, /* error: an errno value, or 0 */
	START_STEP_USER,  /* to find it in the image; error, here and in the next: as OTHER */
	START_STEP_CREDENTIALS,
	START_STEP_WORKDIR,
	START_STEP_PROGRAM,
	START_STEP_HOOK,      /* error: what wait() says of it, 16 bits */
	START_STEP_HOOK_LATE, /* it did not end in time; error: 0 */
	START_STEPS
};

struct frame_app_exit {
	le32 app;
	le32 kind; /* enum exit_kind */
	le32 code;
	le32 flags; /* EXIT_FLAG_* */
	/* Of EXIT_KIND_NOT_STARTED, else 0: */
	uint8_t step; /* enum start_step */
	uint8_t hook; /* which of the start hooks, at such a step; else 0 */
	le16 error;
};
enum {
	EXIT_FLAG_CORE = 1, /* a core was dumped */
	/* The OOM killer chose it, or a child if the code is 137: its limit or the pod's memory. */
	EXIT_FLAG_OOM = 2,
};

/* The pod's own status: that of the first app that failed, else that of the last that ended. */
struct frame_pod_exit {
	le32 kind; /* enum exit_kind */
	le32 code;
};

/*
 * With RECORD_EXPORT, POD_EXIT's code is one of these and its kind EXIT_KIND_CODE. After a tar
 * archive on the first stream, the second carries one struct export_summary; only with both and
 * EXPORT_DONE is the archive whole.
 */
enum export_status {
	EXPORT_DONE,
	EXPORT_UNCLEAN,	      /* the disk's journal must be replayed: on a copy that is writable */
	EXPORT_NOTHING,	      /* the app has no directory on the disk: it has never been started */
	EXPORT_UNREADABLE,    /* the file system cannot be mounted or read */
	EXPORT_RESERVED_NAME, /* a name begins with .wh., which would remove what is below */
	EXPORT_TOO_LARGE,     /* a limit: depth, path, attributes of a file, linked files */
	EXPORT_HOST_GONE,     /* the host does not take the streams */
};

struct export_summary {
	le64 bytes;   /* of the archive */
	le64 entries; /* of which it consists */
};

/*
 * Signals to what has not started wait until it has; but SIGKILL ends it at once, and what else may
 * end it does if it is held. There is no APP_START then.
 */
struct frame_signal {
	le32 app; /* index, or FRAME_ALL_APPS */
	le32 signal;
};
#define FRAME_ALL_APPS UINT32_MAX

/*
 * Each app and each member gets its stop signal, and SIGKILL if it is still there after the time.
 * No app is started any more, and no member added. Another order may shorten the time.
 */
struct frame_stop {
	le32 timeout_ms; /* 0: at once; FRAME_STOP_PATIENT: never */
};
#define FRAME_STOP_PATIENT UINT32_MAX

/*
 * An app with RECORD_HOLD stops before its execve(), when all else is done that can fail and its
 * program has been found. It says so once, with APP_HELD. No app behind it starts before it.
 */
struct frame_start {
	le32 app; /* index */
};

struct frame_winsize {
	le32 app;
	le16 rows;
	le16 columns;
};

/*
 * A process that is added to a running app, in its namespaces and its cgroup, confined as it is.
 * guest-init answers with ADD_PORTS, connects to record_port and reads a record to its end, whose
 * node RECORD_EXEC says what runs; the ports in it are counted from record_port. From then on id
 * stands for the process in APP_START, APP_EXIT, SIGNAL and WINSIZE. When APP_EXIT has come, the id
 * may be used again. A record with a question, interfaces or limits instead runs nothing: what it
 * asks for is done, and APP_START and APP_EXIT with code 0 follow, or an INIT_FAILURE.
 *
 * With app FRAME_ALL_APPS a whole container, a member of the pod, is added: the record's node is
 * RECORD_APP. It has a root, mounts, namespaces and a cgroup of its own, may be held (APP_HELD,
 * START), and processes may be added to it. All of it is gone when its APP_EXIT comes. The pod ends
 * with the last of its apps and members. When the apps have ended, no member is added or started;
 * SIGKILL to an app, which may have ended, kills the members that the apps leave.
 */
struct frame_add {
	le32 id; /* FRAME_ID_ADDED_FIRST + slot */
	le32 record_port;
	le32 app; /* index in the pod record, the id of a member, or FRAME_ALL_APPS */
};
enum {
	FRAME_ID_ADDED_FIRST = 1 << 16,
	FRAME_ADDED_MAX = 64, /* slots */
};

/*
 * The ports of the guest from which the connections to record_port and the three behind it will
 * come. guest-init holds them when it says so, so that no app can: the host takes no other
 * connection to those ports. Sent once for each FRAME_ADD, before any of the connections.
 */
struct frame_add_ports {
	le32 id;
	le32 ports[NACELLE_PORTS_ADDED];
};

static_assert(sizeof(struct frame_hello) == 8, "HELLO");
static_assert(sizeof(struct frame_app_start) == 8, "APP_START");
static_assert(sizeof(struct frame_app_exit) == 20, "APP_EXIT");
static_assert(sizeof(struct frame_pod_exit) == 8, "POD_EXIT");
static_assert(sizeof(struct export_summary) == 16, "export summary");
static_assert(sizeof(struct frame_signal) == 8, "SIGNAL");
static_assert(sizeof(struct frame_winsize) == 8, "WINSIZE");
static_assert(sizeof(struct frame_stop) == 4, "STOP");
static_assert(sizeof(struct frame_start) == 4, "START");
static_assert(sizeof(struct frame_add) == 12, "ADD");
static_assert(sizeof(struct frame_add_ports) == 20, "ADD_PORTS");

/*
 * The device tree's name of a virtio-mmio device that no driver takes by itself: guest-init gives
 * it to one when the start is over (platform_late_devices()).
 */
#define NACELLE_LATE_DEVICE "late"

/*
 * The pod record: a flattened device tree (Devicetree Specification v0.4, section 5) in the file
 * RECORD_PATH of the initramfs, at most RECORD_SIZE_MAX bytes. Cells are 32 bits, big-endian; a
 * 64-bit number is two cells, the high one first; a list of strings is a stringlist; a flag is a
 * property without a value. Paths are absolute.
 */
/* clang-format off */
/*
 *	/
 *	    version = <1>
 *	    hostname = "..."
 *	    trace                            flag
 *	    cpus = <n>                       the pod has so many: queues of networks
 *	    export = "layer" | "root"        no app is started: what app@0 has changed on the disk,
 *	                                     or its whole root, goes to its stdout-port as a tar
 *	                                     archive, and a struct export_summary to its stderr-port
 *	    metadata                         flag: the pod has a metadata service (below)
 *	    hosts, resolv-conf = "..."       text of /etc/hosts and /etc/resolv.conf; may be absent
 *	    sysctls = "key=value", ...       written before any app starts
 *	    stop-timeout = <ms>              from the stop signal to SIGKILL; absent: 10000
 *	    interfaces/
 *	        interface@N                  eth0, eth1, ...: up, with
 *	            addresses = <family prefix a b c d> ...   family 4 (in a) or 6
 *	            gateways = <family a b c d> ...           one default route each
 *	            routes = <family prefix a b c d e f g h> ...   to a network, by a gateway e f g h
 *	                                     or, if that is 0, on the link. If there are any, they
 *	                                     are all: addresses bring none of their own.
 *	            neighbours = <family a b c d h l> ...   MAC addresses, two bytes in h, four in l
 *	            link = <mtu h l>                        absent: as the device says
 *	            name = "..."                            absent: ethN
 *	    apps/
 *	        app@N                        N counts from 0
 *	            name = "..."
 *	            argv = "...", ...        at least one string
 *	            env = "NAME=value", ...  may be absent
 *	            user = "USER[:GROUP]"    names, numbers or paths (their owner, group); resolved
 *	                                     in the app's own root
 *	            supplementary-gids = <gid> ...      beside those that the image's /etc/group has
 *	            workdir = "/..."
 *	            terminal = <rows columns>   absent: three pipes; present: a pty on stdin-port
 *	            stdin-port, stdout-port, stderr-port = <port>   absent: /dev/null
 *	            capabilities = <high low>   mask: bounding set; permitted, effective set of a root
 *	            no-new-privileges        flag
 *	            seccomp = bytes          struct sock_filter[], as the guest's kernel takes them
 *	            init                     flag: a reaper as PID 1 of the app's namespace
 *	            hold                     flag: it waits for FRAME_START before its execve()
 *	            umask = <n>              absent: 022
 *	            rlimits = <resource soft-high soft-low hard-high hard-low> ...
 *	            oom-score-adj = <n>      two's complement, -1000 to 1000
 *	            memory-limit = <high low>   bytes; absent, as with the next three: no limit
 *	            cpu-limit = <n>          thousandths of a CPU
 *	            cpu-weight = <n>         1 to 10000
 *	            pids-limit = <n>
 *	            pre-start, post-stop = "...", ...   argv of a handler
 *	            start-state = "..."      what the stdin of each start hook has
 *	            restart = "no" | "on-failure" | "always"   absent: no
 *	            stop-signal = <n>        absent: SIGTERM
 *	            shm-size = <high low>    bytes of /dev/shm; the pod's is the largest of its apps'
 *	            masked-paths, read-only-paths = "/...", ...
 *	            root/
 *	                type = "erofs" | "9p"
 *	                source = "vda" | share name
 *	                upper = "tmpfs" | "disk" | "none"   none with read-only: nothing is writable
 *	                upper-size = <high low>    (tmpfs) bytes; absent: half of the memory
 *	                upper-device = "vdX"       (disk) ext4, shared by the apps
 *	                upper-directory = "..."    (disk) the app's own directory there
 *	                read-only            flag
 *	            start-hooks/
 *	                hook@N               in this order, when it may start, before its execve()
 *	                    path = "/..."
 *	                    argv, env = "...", ...   all of them; env may be absent
 *	                    timeout = <s>    absent: none
 *	            mounts/
 *	                mount@N              in this order
 *	                    type = "share" | "tmpfs" | "volume" | "block"
 *	                    source = share's name | - | volume's name | "vdX"
 *	                    target = "/..."        resolved inside the app's root
 *	                    read-only, recursive, nodev, nosuid, noexec      flags
 *	                    prefill          flag: (volume) takes what the image has at target, once
 *	                    mode, uid, gid = <n>   (tmpfs) absent: 01777, 0, 0
 *	                    size = <high low>      (tmpfs) bytes; absent: half of the memory
 *	                    file-system = "..."    (block) such as "ext4"; absent: the node
 *	                    cache = "none" | "mmap" | "loose"   (share) absent: mmap
 *	    volumes/
 *	        volume@N                     empty at first; apps share it by its name
 *	            name = "..."             one path component
 *	            mode, uid, gid = <n>     absent: 0755, 0, 0
 *	            size = <high low>        bytes; absent: half of the memory
 *	            upper-device = "vdX"     lies on this disk; absent: in the guest's memory
 *	            share = "..."            lies in this share
 *
 * Shares are children of the root of a 9p device: those with cache = "loose", and roots that
 * nobody writes to, of the one with mount tag RECORD_P9_TAG_CACHED, others of RECORD_P9_TAG.
 *
 * The record of an added process (FRAME_ADD):
 *
 *	/
 *	    version = <1>
 *	    exec/
 *	        argv                         as an app's
 *	        env                          beside the app's, and in place of those of the same name
 *	        env-alone                    flag: env is all, there is nothing of the app's
 *	        user, workdir, umask, supplementary-gids, capabilities, rlimits, oom-score-adj
 *	                                     as an app's; absent: the app's
 *	        no-new-privileges            flag: it counts even if the app has it not
 *	        terminal                     as an app's
 *	        stdin-port, stdout-port, stderr-port = <n>   counted from record_port
 *
 *	or, for networks that become known while an app is held,
 *	    interfaces/                      as a pod's
 *
 *	or, for a member of the pod,
 *	    app/                             as apps/app@N, but without restart and post-stop, and
 *	        stdin-port, stdout-port, stderr-port = <n>   counted from record_port
 *	        own-ipc                      flag: an IPC namespace and a /dev/shm of its own, which
 *	                                     has shm-size; absent: the pod's
 *	        hostname = "..."             a UTS namespace with this name; absent: the pod's
 *	        root/                        type = "9p", upper = "tmpfs" | "none"
 *	        mounts/                      type = "share" | "tmpfs"
 *	    Its shares are all of the device RECORD_P9_TAG, which is mounted when it is needed.
 *
 *	or, to be told what the app has used and may use,
 *	    figures/
 *	        stdout-port = <n>            as above: gets a text of at most FIGURES_SIZE_MAX bytes,
 *	                                     for each file a line "[NAME]", then what it holds:
 *	                                     those of the app's cgroup, as far as they are there, and
 *	                                     numbers: "tasks", the app's threads, and of the guest
 *	                                     "cpus" and, in bytes, "total" and "free"
 *
 *	or, to be told of the processes that an app and what was added to it have,
 *	    processes/
 *	        stdout-port = <n>            as above: gets at most PROCESSES_SIZE_MAX bytes, a le64, the
 *	                                     second since 1970 in which the guest began, and for each
 *	                                     process of the app's PID namespace, as many as there is
 *	                                     room for, its files stat, status and cmdline in guest-init's
 *	                                     /proc, each a le32 and so many bytes, at most
 *	                                     PROCESSES_FILE_MAX
 *
 *	or, to stop all processes of a running app, and to let them go on; the answer comes when
 *	they have stopped, or is ECANCELED: something else has been asked since. Processes that
 *	are added meanwhile begin when it goes on.
 *	    freeze/
 *	or
 *	    thaw/
 *
 *	or, to change the limits of a running app, and of its later runs,
 *	    limits/
 *	        memory-limit, cpu-limit, cpu-weight, pids-limit   as an app's; absent: as it is; all
 *	                                     bits set, but for the weight: no limit any more
 */
/* clang-format on */
#define RECORD_PATH "/pod.dtb"
enum { RECORD_SIZE_MAX = 4 * 1024 * 1024, RECORD_VERSION = 1 };

/* What a record may hold at most; both sides check. */
enum {
	RECORD_APPS_MAX = 64,
	RECORD_MOUNTS_MAX = 256, /* for each app */
	RECORD_INTERFACES_MAX = 4,
	RECORD_ADDRESSES_MAX = 8,   /* for each interface */
	RECORD_GATEWAYS_MAX = 2,    /* for each interface */
	RECORD_ROUTES_MAX = 32,	    /* for each interface */
	RECORD_NEIGHBOURS_MAX = 32, /* for each interface */
	RECORD_RLIMITS_MAX = 16,
	RECORD_GROUPS_MAX = 1023,  /* supplementary ones */
	RECORD_SECCOMP_MAX = 4096, /* instructions */
	RECORD_SYSCTLS_MAX = 256,
	RECORD_VOLUMES_MAX = 64,
	RECORD_HOOKS_MAX = 64, /* for each app */
	RECORD_OOM_SCORE_MAX = 1000,
	RECORD_CPU_WEIGHT_MAX = 10000,
	RECORD_SIGNAL_MAX = 64,
	RECORD_UMASK_DEFAULT = 022,
	RECORD_STOP_TIMEOUT_MS = 10000, /* where the record says nothing */
	RECORD_STRINGS_MAX = 262144,	/* in one list */
	FIGURES_SIZE_MAX = 32768,
	PROCESSES_SIZE_MAX = 262144,
	PROCESSES_FILE_MAX = 4096,
};

#define RECORD_P9_TAG	     "nacelle"
#define RECORD_P9_TAG_CACHED "nacelle-cached"

#define RECORD_VERSION_PROP    "version"
#define RECORD_HOSTNAME	       "hostname"
#define RECORD_TRACE	       "trace"
#define RECORD_CPUS	       "cpus"
#define RECORD_METADATA	       "metadata"
#define RECORD_EXPORT	       "export"
#define RECORD_HOSTS	       "hosts"
#define RECORD_RESOLV_CONF     "resolv-conf"
#define RECORD_INTERFACES      "interfaces"
#define RECORD_ADDRESSES       "addresses"
#define RECORD_GATEWAYS	       "gateways"
#define RECORD_ROUTES	       "routes"
#define RECORD_NEIGHBOURS      "neighbours"
#define RECORD_LINK	       "link"
#define RECORD_APPS	       "apps"
#define RECORD_EXEC	       "exec"
#define RECORD_APP	       "app"
#define RECORD_OWN_IPC	       "own-ipc"
#define RECORD_NAME	       "name"
#define RECORD_ARGV	       "argv"
#define RECORD_ENV	       "env"
#define RECORD_ENV_ALONE       "env-alone"
#define RECORD_USER	       "user"
#define RECORD_WORKDIR	       "workdir"
#define RECORD_TERMINAL	       "terminal"
#define RECORD_STDIN_PORT      "stdin-port"
#define RECORD_STDOUT_PORT     "stdout-port"
#define RECORD_STDERR_PORT     "stderr-port"
#define RECORD_CAPABILITIES    "capabilities"
#define RECORD_NO_NEW_PRIVS    "no-new-privileges"
#define RECORD_INIT	       "init"
#define RECORD_HOLD	       "hold"
#define RECORD_UMASK	       "umask"
#define RECORD_RLIMITS	       "rlimits"
#define RECORD_SYSCTLS	       "sysctls"
#define RECORD_STOP_TIMEOUT    "stop-timeout"
#define RECORD_GROUPS	       "supplementary-gids"
#define RECORD_SECCOMP	       "seccomp"
#define RECORD_OOM_SCORE_ADJ   "oom-score-adj"
#define RECORD_MEMORY_LIMIT    "memory-limit"
#define RECORD_CPU_LIMIT       "cpu-limit"
#define RECORD_CPU_WEIGHT      "cpu-weight"
#define RECORD_PIDS_LIMIT      "pids-limit"
#define RECORD_PRE_START       "pre-start"
#define RECORD_POST_STOP       "post-stop"
#define RECORD_START_STATE     "start-state"
#define RECORD_START_HOOKS     "start-hooks"
#define RECORD_PATH_PROP       "path"
#define RECORD_TIMEOUT	       "timeout"
#define RECORD_RESTART	       "restart"
#define RECORD_STOP_SIGNAL     "stop-signal"
#define RECORD_SHM_SIZE	       "shm-size"
#define RECORD_MASKED	       "masked-paths"
#define RECORD_READ_ONLY_PATHS "read-only-paths"
#define RECORD_ROOT	       "root"
#define RECORD_MOUNTS	       "mounts"
#define RECORD_TYPE	       "type"
#define RECORD_SOURCE	       "source"
#define RECORD_UPPER	       "upper"
#define RECORD_UPPER_SIZE      "upper-size"
#define RECORD_UPPER_DEVICE    "upper-device"
#define RECORD_UPPER_DIRECTORY "upper-directory"
#define RECORD_TARGET	       "target"
#define RECORD_READ_ONLY       "read-only"
#define RECORD_MAKE_FILES      "make-files"
#define RECORD_RECURSIVE       "recursive"
#define RECORD_PREFILL	       "prefill"
#define RECORD_NODEV	       "nodev"
#define RECORD_NOSUID	       "nosuid"
#define RECORD_NOEXEC	       "noexec"
#define RECORD_MODE	       "mode"
#define RECORD_UID	       "uid"
#define RECORD_GID	       "gid"
#define RECORD_SIZE	       "size"
#define RECORD_FILE_SYSTEM     "file-system"
#define RECORD_CACHE	       "cache"
#define RECORD_VOLUMES	       "volumes"
#define RECORD_SHARE	       "share"
#define RECORD_FIGURES	       "figures"
#define RECORD_PROCESSES       "processes"
#define RECORD_LIMITS	       "limits"
#define RECORD_FREEZE	       "freeze"
#define RECORD_THAW	       "thaw"

#endif
