/*
 * The devices of one machine: made from the plan, plugged into virtio-mmio slots, and the guest's
 * memory-mapped accesses on their way to them.
 */
#ifndef NACELLE_MACHINE_DEVICES_H
#define NACELLE_MACHINE_DEVICES_H

#include <stdint.h>

#include "virtio/balloon.h"
#include "virtio/blk.h"
#include "virtio/console.h"
#include "virtio/mmio.h"
#include "virtio/net.h"
#include "virtio/net_stream.h"
#include "virtio/p9.h"
#include "virtio/rng.h"
#include "virtio/vsock.h"
#include "vmm/base/error.h"
#include "vmm/base/loop.h"
#include "vmm/machine/ioapic.h"
#include "vmm/machine/layout.h"
#include "vmm/machine/plan.h"
#include "vmm/machine/stream_fd.h"

/* vsock, rng, console, balloon, 9p, disks, networks. */
enum { DEVICES_SLOTS_MAX = 4 + PLAN_FILES + PLAN_DISKS_MAX + PLAN_NETS_MAX };

/* An interrupt line: one pin of the I/O APIC. */
struct devices_line {
	struct ioapic *ioapic;
	unsigned pin;
};

/* A network interface and the descriptors behind it. */
struct devices_net_pair {
	struct devices_net *net;
	struct loop_fd member;
	int fd;
};

struct devices_net {
	struct virtio_net net;
	struct virtio_net_stream stream;
	struct devices_net_pair pairs[PLAN_NET_PAIRS_MAX];
};

struct devices {
	unsigned slot_count;
	struct virtio_mmio slots[DEVICES_SLOTS_MAX];
	struct devices_line lines[DEVICES_SLOTS_MAX];
	struct ioapic ioapic;
	uint8_t generation_id[LAYOUT_VMGENID_BYTES];

	struct vsock *vsock;
	struct virtio_rng rng;
	struct virtio_balloon balloon;
	struct devices_files {
		struct virtio_p9 p9;
		struct loop_fd member; /* readable: replies of the files role */
	} files[PLAN_FILES];
	struct loop_fd console_out;
	enum stream_fd_kind console_kind;
	bool has_console;
	uint8_t line_control; /* atomic; of the early console: bit 7, a divisor is being set */
	struct virtio_console console;
	struct virtio_blk disks[PLAN_DISKS_MAX];
	struct devices_net *nets; /* as many as the plan has; they are large */
	unsigned net_count;
};

/* How many slots devices_init() will fill for a plan; the last one has the balloon. */
unsigned devices_count(const struct plan *plan);

/*
 * Makes and plugs the devices. accept decides about vsock connections; send carries interrupts.
 */
int devices_init(struct devices *devices, const struct plan *plan, const struct gmem *memory,
		 struct loop *loop, vsock_accept_fn *accept, void *accept_context,
		 ioapic_send *send, void *send_context, struct error *err);

/*
 * Accesses of the guest, anywhere. What is not there reads as all ones. Any vCPU thread. A write
 * returns the virtio device ID of the device whose driver says DRIVER_OK by it, otherwise 0.
 */
void devices_read(struct devices *devices, uint64_t gpa, void *data, unsigned len_bytes);
unsigned devices_write(struct devices *devices, uint64_t gpa, const void *data, unsigned len_bytes);

/* The MAC address and the MTU of a network, known only now. Any thread; there may be none such. */
void devices_set_link(struct devices *devices, unsigned net, const uint8_t mac[6], uint16_t mtu);

/*
 * A pause ends what vCPU threads do for the guest soon, however much it wants; what is left is done
 * by devices_catch_up() after the resume, on a vCPU's thread. The first two: any thread, no
 * waiting.
 */
void devices_pause(struct devices *devices);
void devices_resume(struct devices *devices);
void devices_catch_up(struct devices *devices);

/*
 * Accesses of ports, which a guest can make of a device's window instead of those to memory: an
 * exit to a port tells what is asked, while KVM has to find, read and decode the instruction that
 * accesses memory. With a console, the data register at LAYOUT_EARLY_CONSOLE takes the
 * kernel's early messages (earlyprintk=serial), those from before it has found its devices: Linux
 * loses what it printed before its virtio console. Of the UART there is no more than that.
 */
void devices_port_read(struct devices *devices, uint16_t port, void *data, unsigned len_bytes);
unsigned devices_port_write(struct devices *devices, uint16_t port, const void *data,
			    unsigned len_bytes);

#endif
