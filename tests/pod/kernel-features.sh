#!/bin/sh
# Runs as root in a pod with the usual container capabilities, and asks the guest kernel for each thing
# that containers need of it: one line per feature, "ok NAME" or "MISSING NAME: why". Fails when one is missing.
# Where a container's capabilities do not suffice, it asks inside a user namespace of its own, as rootless
# tools do. Needs a Debian root with iproute2, nftables, iptables and python3.
#
# The script calls itself again inside the user namespace, with the argument --inside.
set -u
missing=0

# check NAME COMMAND...: the command must succeed.
check() {
	check_name=$1
	shift
	if check_said=$("$@" 2>&1); then
		echo "ok $check_name"
	else
		echo "MISSING $check_name: $(printf %s "$check_said" | tail -n 1)"
		missing=$((missing + 1))
	fi
}

refuse() { ! "$@"; }
holds() { grep -qw -- "$1" "$2"; }

# together NAME ALL ONE: runs lines of "FEATURE|ARGUMENTS" at once by ALL, which takes them on stdin and is all or
# nothing. Only when that fails, each by itself by ONE, to say which.
together() {
	missing=0
	together_name=$1
	together_lines=$(cat)
	if printf '%s\n' "$together_lines" | cut -d '|' -f 2- | $2 >/dev/null 2>&1; then
		printf '%s\n' "$together_lines" | sed "s/|.*//; s/^/ok $1 /"
		return
	fi
	while IFS='|' read -r feature arguments; do
		check "$together_name $feature" "$3" "$arguments"
	done <<-END
		$together_lines
	END
	return $missing
}

nft_all() { nft -f -; }
nft_one() { nft "$1"; }
nft_rules() {
	cat <<-'END'
		ct|add rule inet t c ct state established,related accept
		ct count|add rule inet t c ct count over 10 drop
		counter|add rule inet t c counter
		limit|add rule inet t c limit rate 10/second accept
		quota|add rule inet t c quota 10 mbytes accept
		log|add rule inet t c log
		reject|add rule inet t c reject
		fib|add rule inet t c fib daddr type local accept
		socket|add rule inet t pre socket transparent 1 accept
		tproxy|add rule inet t pre meta l4proto tcp tproxy ip to 127.0.0.1:80
		masquerade|add rule inet t nat masquerade
		snat|add rule inet t nat snat ip to 10.0.0.1
		dnat|add rule inet t natpre dnat ip to 10.0.0.1
		redirect|add rule inet t natpre tcp dport 80 redirect to :8080
		numgen|add rule inet t c numgen random mod 2 0 accept
		jhash|add rule inet t c jhash ip saddr mod 2 0 accept
		set|add set inet t s { type ipv4_addr; flags interval; }
		map|add map inet t m { type ipv4_addr : verdict; }
		netdev|add table netdev n; add chain netdev n c { type filter hook ingress device d0 priority 0; }
	END
}

# $command is iptables or ip6tables; a line's first word is its table.
iptables_all() {
	awk '{ table = $1; sub(/^[^ ]* /, ""); print "*" table "\n" $0 "\nCOMMIT" }' | "$command-restore" --noflush
}
iptables_one() {
	# shellcheck disable=SC2086 # words
	set -- $1
	iptables_table=$1
	shift
	$command -w -t "$iptables_table" "$@"
}
iptables_rules() {
	cat <<-'END'
		conntrack|filter -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
		state|filter -A INPUT -m state --state NEW -j ACCEPT
		comment|filter -A INPUT -m comment --comment x -j ACCEPT
		multiport|filter -A INPUT -p tcp -m multiport --dports 80,443 -j ACCEPT
		addrtype|filter -A INPUT -m addrtype --dst-type LOCAL -j ACCEPT
		limit|filter -A INPUT -m limit --limit 1/s -j ACCEPT
		hashlimit|filter -A INPUT -m hashlimit --hashlimit-upto 1/s --hashlimit-name h -j ACCEPT
		mark|filter -A INPUT -m mark --mark 1 -j ACCEPT
		connmark|filter -A INPUT -m connmark --mark 1 -j ACCEPT
		mac|filter -A INPUT -m mac --mac-source 02:00:00:00:00:01 -j ACCEPT
		recent|filter -A INPUT -m recent --name r --set -j ACCEPT
		statistic|filter -A INPUT -m statistic --mode random --probability 0.5 -j ACCEPT
		LOG|filter -A INPUT -j LOG
		NFLOG|filter -A INPUT -j NFLOG
		REJECT|filter -A INPUT -j REJECT
		owner|filter -A OUTPUT -m owner --uid-owner 0 -j ACCEPT
		cgroup|filter -A OUTPUT -m cgroup --path / -j ACCEPT
		TCPMSS|filter -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
		MARK|mangle -A PREROUTING -j MARK --set-mark 1
		CONNMARK|mangle -A PREROUTING -j CONNMARK --save-mark
		socket|mangle -A PREROUTING -m socket -j ACCEPT
		TPROXY|mangle -A PREROUTING -p tcp -j TPROXY --on-port 80
		CT|raw -A PREROUTING -j CT --notrack
		REDIRECT|nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080
		MASQUERADE|nat -A POSTROUTING -j MASQUERADE
	END
}

inside() {
	mount -t tmpfs none /mnt || return 1
	cd /mnt || return 1
	mkdir tmpfs overlay queue pts
	check 'mount tmpfs' mount -t tmpfs none tmpfs
	check 'mount mqueue' mount -t mqueue none queue
	check 'mount devpts' mount -t devpts -o newinstance none pts
	xattrs || missing=$((missing + 1))
	mkdir overlay/lower overlay/upper overlay/work overlay/all
	echo lower >overlay/lower/file
	check 'mount overlay' mount -t overlay -o \
		userxattr,lowerdir=overlay/lower,upperdir=overlay/upper,workdir=overlay/work none overlay/all
	check 'overlay copy up' sh -c 'echo more >>overlay/all/file && grep -q lower overlay/upper/file'

	check 'loopback' ip link set lo up
	datagrams || missing=$((missing + 1))
	check 'dummy' ip link add d0 type dummy
	check 'veth' ip link add v0 type veth peer name v1
	check 'bridge' ip link add br0 type bridge vlan_filtering 1
	check 'bridge port' ip link set v1 master br0
	check 'macvlan' ip link add m0 link d0 type macvlan mode bridge
	check 'vlan' ip link add d0.5 link d0 type vlan id 5
	check 'ifb' ip link add i0 type ifb
	[ ! -c /dev/net/tun ] || check 'tun' ip tuntap add t0 mode tun
	check 'IPv4 policy routing' ip rule add fwmark 1 table 100
	check 'IPv6 policy routing' ip -6 rule add fwmark 1 table 100
	check 'multicast' ip maddress show dev d0
	check 'ss' ss -tuxln

	check 'tc htb' tc qdisc add dev d0 root handle 1: htb
	check 'tc htb class' tc class add dev d0 parent 1: classid 1:1 htb rate 1mbit
	check 'tc netem' tc qdisc add dev d0 parent 1:1 netem delay 1ms
	check 'tc u32' tc filter add dev d0 parent 1: protocol ip u32 match ip dst 10.0.0.1 flowid 1:1
	check 'tc tbf' tc qdisc add dev v0 root tbf rate 1mbit burst 32k latency 50ms
	check 'tc fq' tc qdisc add dev i0 root fq
	check 'tc fq_codel' tc qdisc add dev m0 root fq_codel
	check 'tc ingress' tc qdisc add dev v0 ingress
	check 'tc matchall, mirred' tc filter add dev v0 parent ffff: matchall action mirred egress redirect dev i0
	check 'tc police' tc filter add dev v0 parent ffff: matchall action police rate 1mbit burst 10k drop
	check 'tc gact' tc filter add dev v0 parent ffff: matchall action drop

	for family in ip ip6 inet arp bridge; do
		check "nft table $family" nft add table $family t
	done
	nft -f - <<-'END'
		add chain inet t c { type filter hook input priority 0; }
		add chain inet t pre { type filter hook prerouting priority -150; }
		add chain inet t nat { type nat hook postrouting priority 100; }
		add chain inet t natpre { type nat hook prerouting priority -100; }
	END
	nft_rules | together nft nft_all nft_one || missing=$((missing + 1))
	for command in iptables ip6tables; do
		iptables_rules | together $command iptables_all iptables_one || missing=$((missing + 1))
	done
	check 'iptables iprange' iptables -w -A INPUT -m iprange --src-range 10.0.0.1-10.0.0.9 -j ACCEPT
	check 'iptables DNAT' iptables -w -t nat -A PREROUTING -p tcp --dport 81 -j DNAT --to-destination 10.0.0.1:80
	check 'iptables SNAT' iptables -w -t nat -A POSTROUTING -j SNAT --to-source 10.0.0.1
	check 'nf_conntrack in /proc' test -e /proc/net/nf_conntrack
	[ $missing -eq 0 ]
}

# Extended attributes on the tmpfs that is the current directory.
xattrs() {
	python3 - <<'END'
import os, struct, sys

def entry(tag, permissions, ident=0xffffffff):
    return struct.pack("<HHI", tag, permissions, ident)

acl = struct.pack("<I", 2) + entry(1, 7) + entry(2, 5, 0) + entry(4, 5) + entry(16, 7) + entry(32, 5)
capability = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
missing = 0
open("file", "w").close()
for feature, name, value in [("user xattr", "user.a", b"1"), ("ACL", "system.posix_acl_access", acl),
                             ("file capabilities", "security.capability", capability)]:
    try:
        os.setxattr("file", name, value)
        assert os.getxattr("file", name)
        print("ok tmpfs", feature)
    except (OSError, AssertionError) as error:
        print(f"MISSING tmpfs {feature}: {error}")
        missing += 1
sys.exit(missing > 0)
END
}

# A datagram to a socket of our own comes back.
datagrams() {
	python3 - <<'END'
import socket, sys

missing = 0
for name, family, address in ("IPv4", socket.AF_INET, "127.0.0.1"), ("IPv6", socket.AF_INET6, "::1"):
    try:
        receiver = socket.socket(family, socket.SOCK_DGRAM)
        receiver.bind((address, 0))
        receiver.settimeout(5)
        socket.socket(family, socket.SOCK_DGRAM).sendto(b"x", receiver.getsockname())
        assert receiver.recv(9) == b"x"
        print("ok", name, "datagram")
    except (OSError, AssertionError) as error:
        print(f"MISSING {name} datagram: {error}")
        missing += 1
sys.exit(missing > 0)
END
}

# System calls that a shell cannot make.
system_calls() {
	python3 - <<'END'
import ctypes, errno, mmap, os, select, signal, socket, struct, sys, tempfile

libc = ctypes.CDLL(None, use_errno=True)
missing = 0

def check(name, function):
    global missing
    try:
        function()
        print("ok", name)
    except Exception as error:
        print(f"MISSING {name}: {error}")
        missing += 1

def call(number, *arguments, allowed=()):
    """A raw system call; any errno in allowed shows that the kernel knows it."""
    arguments = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    libc.syscall.restype = ctypes.c_long
    result = libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0 and ctypes.get_errno() not in allowed:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result

def must_fail(function, wanted):
    try:
        function()
    except OSError as error:
        if error.errno == wanted:
            return
        raise
    raise RuntimeError("it is there, and should not be")

def in_child(function):
    pid = os.fork()
    if pid == 0:
        try:
            function()
            os._exit(0)
        except BaseException:
            os._exit(1)
    status = os.waitpid(pid, 0)[1]
    if status:
        raise RuntimeError(f"child ended with wait status {status:#x}")

def seccomp_filter():
    program = b"".join(struct.pack("<HBBI", *i) for i in [
        (0x20, 0, 0, 0), (0x15, 0, 1, 110), (0x06, 0, 0, 0x00050000 | errno.ELOOP), (0x06, 0, 0, 0x7fff0000)])
    buffer = ctypes.create_string_buffer(program)
    descriptor = struct.pack("<HxxxxxxQ", 4, ctypes.addressof(buffer))
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    call(317, 1, 0, descriptor)
    assert libc.syscall(110) == -1 and ctypes.get_errno() == errno.ELOOP

def message_queue():
    queue = call(240, b"nacelle-test", os.O_RDWR | os.O_CREAT, 0o600, None)
    call(241, b"nacelle-test")
    os.close(queue)

def shared_memory():
    segment = libc.shmget(0, 4096, 0o1600)
    assert segment >= 0, os.strerror(ctypes.get_errno())
    libc.shmctl(segment, 0, None)

def semaphores():
    ident = libc.semget(0, 1, 0o1600)
    assert ident >= 0
    libc.semctl(ident, 0, 0)

def messages():
    ident = libc.msgget(0, 0o1600)
    assert ident >= 0
    libc.msgctl(ident, 0, None)

def huge_page_advice():
    memory = mmap.mmap(-1, 4 << 20)
    memory.madvise(14)

def record_locks():
    import fcntl
    with tempfile.TemporaryFile() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        fcntl.lockf(file, fcntl.LOCK_EX)

def directory_notification():
    import fcntl
    directory = os.open("/tmp", os.O_RDONLY)
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    fcntl.fcntl(directory, fcntl.F_NOTIFY, 4)

def terminal():
    master, slave = os.openpty()
    os.write(slave, b"x")
    assert os.read(master, 1) == b"x"

def file_handle():
    handle = ctypes.create_string_buffer(struct.pack("<II", 128, 0) + bytes(128))
    call(303, -100, b"/proc/version", handle, ctypes.byref(ctypes.c_int()), 0,
         allowed=(errno.EOPNOTSUPP, errno.EPERM))

def read_other_memory():
    source, target = ctypes.create_string_buffer(b"abc"), ctypes.create_string_buffer(4)
    vector = lambda b: struct.pack("<QQ", ctypes.addressof(b), 4)
    assert call(310, os.getpid(), vector(target), 1, vector(source), 1, 0) == 4

def protection_keys():
    if " pku" in open("/proc/cpuinfo").read():
        call(331, call(330, 0, 0))

def core_dump():
    assert os.path.exists("/proc/self/coredump_filter")

check("seccomp filter", lambda: in_child(seccomp_filter))
check("POSIX queue", message_queue)
check("SysV shared memory", shared_memory)
check("SysV semaphores", semaphores)
check("SysV messages", messages)
check("io_uring", lambda: os.close(call(425, 4, ctypes.create_string_buffer(120), allowed=())))
check("bpf", lambda: call(321, 0, bytes(72), 72, allowed=(errno.EPERM, errno.EINVAL)))
check("fanotify", lambda: os.close(call(300, 0x200, 0)))
check("inotify", lambda: os.close(libc.inotify_init1(0)))
check("epoll", lambda: select.epoll().close())
check("eventfd", lambda: os.close(os.eventfd(0)))
check("signalfd", lambda: os.close(call(289, -1, bytes(8), 8, 0)))
check("timerfd", lambda: os.close(call(283, 1, 0)))
check("timer_create", lambda: call(222, 1, None, ctypes.byref(ctypes.c_int())))
check("memfd_create", lambda: os.close(os.memfd_create("x", 2)))
check("userfaultfd", lambda: os.close(call(323, 1)))
check("membarrier", lambda: call(324, 0, 0, 0))
check("rseq", lambda: call(334, None, 32, 0, 0, allowed=(errno.EINVAL, errno.EFAULT)))
check("futex", lambda: call(202, ctypes.byref(ctypes.c_int(1)), 0, 0, None, None, 0, allowed=(errno.EAGAIN,)))
check("futex with priority inheritance", lambda: call(202, ctypes.byref(ctypes.c_int(0)), 6, 0, None, None, 0))
check("aio", lambda: call(206, 1, ctypes.byref(ctypes.c_long(0))))
check("kcmp", lambda: call(312, os.getpid(), os.getpid(), 0, 0, 0))
check("name_to_handle_at", file_handle)
check("keys", lambda: call(248, b"user", b"nacelle", b"x", 1, -2))
check("process_vm_readv", read_other_memory)
check("protection keys", protection_keys)
check("madvise(MADV_HUGEPAGE)", huge_page_advice)
check("file locks", record_locks)
check("dnotify", directory_notification)
check("pseudo terminal", terminal)
check("core dumps", core_dump)
check("pidfd", lambda: os.close(os.pidfd_open(os.getpid())))
check("getrandom", lambda: os.getrandom(16, os.GRND_NONBLOCK))
check("Unix socket", lambda: socket.socketpair())
check("IPv4 socket", lambda: socket.socket(socket.AF_INET))
check("IPv6 socket", lambda: socket.socket(socket.AF_INET6))
check("raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
check("packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x300))
check("vsock socket", lambda: socket.socket(socket.AF_VSOCK))
for name, number in ("route", 0), ("sock_diag", 4), ("netfilter", 12), ("uevent", 15), ("generic", 16):
    check(f"netlink {name}", lambda number=number: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, number))
check("no AF_ALG", lambda: must_fail(lambda: socket.socket(38, socket.SOCK_SEQPACKET), errno.EAFNOSUPPORT))
check("no swapon", lambda: must_fail(lambda: call(167, b"/nothing", 0), errno.ENOSYS))
check("no modify_ldt", lambda: must_fail(lambda: call(154, 0, None, 0), errno.ENOSYS))
check("no init_module", lambda: must_fail(lambda: call(175, None, 0, None), errno.ENOSYS))
check("no kexec_load", lambda: must_fail(lambda: call(246, 0, 0, None, 0), errno.ENOSYS))
sys.exit(1 if missing else 0)
END
}

if [ "${1-}" = --inside ]; then
	inside
	exit
fi

for name in cgroup ipc mnt net pid time user uts; do
	check "$name namespace" test -e /proc/self/ns/$name
done
for name in overlay erofs ext4 tmpfs devtmpfs devpts 9p fuse mqueue cgroup2 proc sysfs bpf binfmt_misc; do
	check "file system $name" holds $name /proc/filesystems
done
for name in cpu cpuset memory pids blkio; do
	check "cgroup controller $name" holds $name /proc/cgroups
done
# Two that no start needs come a second after the kernel.
for directory in virtio/drivers/virtio_rng platform/drivers/vmgenid; do
	tries=100
	until [ -d "/sys/bus/$directory" ] || [ $((tries -= 1)) -lt 0 ]; do sleep 0.1; done
done
for name in virtio_blk virtio_net virtio_console virtio_rng virtio_balloon virtio_mem 9pnet_virtio \
	vmw_vsock_virtio_transport; do
	check "driver $name" test -d /sys/bus/virtio/drivers/$name
done
check 'driver virtio-mmio' test -d /sys/bus/platform/drivers/virtio-mmio
check 'driver vmgenid' test -d /sys/bus/platform/drivers/vmgenid
check 'driver ptp' test -d /sys/class/ptp
check 'free page reporting' holds page_reporting_register /proc/kallsyms
check 'hot-added memory goes online' holds online /sys/devices/system/memory/auto_online_blocks
check 'transparent huge pages' holds madvise /sys/kernel/mm/transparent_hugepage/enabled
check 'clock of the hypervisor' grep -qE 'kvm-clock|tsc' \
	/sys/devices/system/clocksource/clocksource0/current_clocksource
check 'interrupts by x2APIC' holds x2apic /proc/cpuinfo
check 'seccomp notification' holds user_notif /proc/sys/kernel/seccomp/actions_avail
check '/proc/PID/io' test -e /proc/self/io
check '/proc/PID/smaps' test -e /proc/self/smaps
check '/proc/PID/children' test -e /proc/$$/task/$$/children
check '/proc/vmstat' holds nr_free_pages /proc/vmstat
check 'sysctl' test -e /proc/sys/net/core/somaxconn
check 'state of mitigations' test -e /sys/devices/system/cpu/vulnerabilities/meltdown
check 'an oops is a panic' holds 1 /proc/sys/kernel/panic_on_oops
check 'a full pid space' test "$(cat /proc/sys/kernel/pid_max)" -ge 32768
check 'no modules' refuse test -e /proc/modules
check 'no ACPI' refuse test -e /sys/firmware/acpi
check 'no PCI' refuse test -e /sys/bus/pci
check 'no serial port' refuse test -e /sys/class/tty/ttyS0
check 'no virtual console' refuse test -e /sys/class/tty/tty1
check 'no RTC' refuse test -e /sys/class/rtc
check 'no /proc/kcore' refuse test -e /proc/kcore
check 'no /proc/config.gz' refuse test -e /proc/config.gz
check 'no stray network devices' refuse grep -qE 'dummy|ifb|tunl|sit' /proc/net/dev

system_calls || missing=$((missing + 1))
unshare --user --map-root-user --mount --net --ipc --uts --cgroup --pid --fork sh "$0" --inside ||
	missing=$((missing + 1))
[ $missing -eq 0 ] && echo 'all features are there'
