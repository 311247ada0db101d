/*
 * The plan: everything that the machine needs to know, settled and opened by the supervisor. Flat,
 * free of pointers, printable; descriptors are numbers in the machine's own table. -1 means none.
 */
#ifndef NACELLE_MACHINE_PLAN_H
#define NACELLE_MACHINE_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	PLAN_CPUS_MAX = 32,
	PLAN_DISKS_MAX = 72, /* one for each app's image, and volumes */
	PLAN_NETS_MAX = 4,
	PLAN_NET_PAIRS_MAX = 4,
	PLAN_STREAMS_MAX = 192,	      /* three of each app */
	PLAN_COMMAND_LINE_MAX = 2048, /* COMMAND_LINE_SIZE of x86, the final NUL included */
};

#define PLAN_MEMORY_MIN_BYTES ((uint64_t)32 << 20)

struct plan_disk {
	int fd;
	bool read_only;
	uint64_t size_bytes;
};

enum plan_net_kind {
	PLAN_NET_TAP,	 /* a tap device: no packet information, a virtio-net header of 12 bytes */
	PLAN_NET_STREAM, /* a stream socket to passt(1) */
};

/* A network interface: eth0, eth1, ... in this order. */
struct plan_net {
	enum plan_net_kind kind;
	unsigned pairs;		     /* of queues: one for each descriptor; a stream has one */
	int fds[PLAN_NET_PAIRS_MAX]; /* non-blocking */
	bool segments_udp;	     /* the tap's kernel knows USO */
	uint8_t mac[6];
	uint16_t mtu;
};

enum plan_stream_kind {
	PLAN_STREAM_IN = 1,   /* host to guest */
	PLAN_STREAM_OUT = 2,  /* guest to host */
	PLAN_STREAM_BOTH = 3, /* a terminal: fd is read, fd_out is written */
};

struct plan_stream {
	uint32_t port; /* the vsock port that guest-init connects to */
	enum plan_stream_kind kind;
	int fd_in, fd_out;
	bool private_in, private_out; /* the open file description is ours alone and non-blocking */
};

/* A 9p device: a way to the files role. */
struct plan_files {
	int socket; /* SOCK_SEQPACKET, or -1: no such device */
	int memory; /* memfd: the messages */
};

enum plan_files_kind {
	PLAN_FILES_CHANGING, /* shares that the guest asks about again and again */
	PLAN_FILES_CACHED,   /* shares that it may cache hard */
	PLAN_FILES,
};

struct plan {
	unsigned cpus;
	uint64_t memory_bytes; /* a multiple of 2 MiB */
	char command_line[PLAN_COMMAND_LINE_MAX];
	int kvm_fd;
	int kernel_fd;	  /* vmlinux */
	int initramfs_fd; /* base archive */
	unsigned disk_count;
	struct plan_disk disks[PLAN_DISKS_MAX];
	unsigned net_count;
	struct plan_net nets[PLAN_NETS_MAX];
	unsigned stream_count;
	struct plan_stream streams[PLAN_STREAMS_MAX];
	int vsock_listener; /* a unix socket that listens for connections into the guest */
	struct plan_files files[PLAN_FILES];
	int console_fd;	       /* where kernel messages go */
	bool console_private;  /* its open file description is ours alone and non-blocking */
	int supervisor_socket; /* SOCK_SEQPACKET: struct machine_record out, _command in */
	bool change_ids;       /* started by root: every role takes on a user of its own */
	pid_t pid;	       /* of its process, where getpid() says another; or 0 */
	bool trace;
};

#endif
