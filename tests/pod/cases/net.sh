# shellcheck shell=bash disable=SC2154
# level: pod
# Networks: none, and tap devices of the host. What the guest is told is there when the app starts.

# make_tap NAME [OPTION...]: with 10.77.0.1/24 and fd77::1/64 on the host's side.
make_tap() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  modprobe tun 2>/dev/null
  [ -c /dev/net/tun ] || skip "there is no /dev/net/tun"
  local name=$1
  shift
  trap 'ip link del "'"$name"'" 2>/dev/null' EXIT
  ip tuntap add "$name" mode tap "$@" || skip "no tap device can be made here"
  ip addr add 10.77.0.1/24 dev "$name"
  ip -6 addr add fd77::1/64 dev "$name" nodad
  ip link set "$name" up
}
net=address=10.77.0.2/24,gateway=10.77.0.1,address=fd77::2/64,gateway=fd77::1
counter() { cat "/sys/class/net/$1/statistics/$2"; }
# What is received here must be what went out there. Who sends waits for our end: a pod that ends takes what is not sent along.
serve() {
  python3 - "$@" <<'END'
import hashlib, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
server = socket.create_server((sys.argv[1], int(sys.argv[2])), family=family)
peer, _ = server.accept()
if sys.argv[3] == "send":
    peer.sendall(bytes(range(256)) * 4096 * int(sys.argv[4]))
    peer.shutdown(socket.SHUT_WR)
    peer.recv(1)
else:
    digest, count = hashlib.sha256(), 0
    while data := peer.recv(1 << 16):
        digest.update(data)
        count += len(data)
    print(count, digest.hexdigest())
END
}
pattern_digest() { python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)) * 4096 * int(sys.argv[1]))' "$1" | digest; }

test_none_is_no_device() {
  run_pod --net none --name web "$busybox" -- sh -c 'ls /sys/class/net; cat /etc/hostname; grep web /etc/hosts; ip -o -4 addr; ls /etc/resolv.conf'
  expect_stdout_has "127.0.0.1/8"
  expect_same "$(sed -n 1,2p "$out" | tr '\n' ' ')" "lo web "
  expect_stdout_has "$(printf '127.0.1.1\tweb')"
  expect_stderr_has "/etc/resolv.conf"
}

test_names() {
  run_pod --hostname host.example --add-host db:10.0.0.5 --add-host 'six:[fd00::6]' --dns 192.0.2.1 --dns-search lan "$debian" -- \
    sh -c 'hostname; cat /etc/hostname /etc/resolv.conf; getent hosts db six host.example; stat -c "%U %a" /etc/hosts; echo 10.0.0.7 late >>/etc/hosts; getent hosts late'
  expect_status 0
  expect_same "$(tr -s ' ' <"$out")" "$(printf '%s\n' host.example host.example "# of this pod" "search lan" "nameserver 192.0.2.1" \
    "10.0.0.5 db" "fd00::6 six" "127.0.1.1 host.example" "root 644" "10.0.0.7 late")"
}

test_names_in_odd_roots() {
  run_pod --read-only --name web "$busybox" -- cat /etc/hostname
  expect_stdout web
  run_pod --read-only --net none --dns 192.0.2.1 "$busybox" -- \
    sh -c 'for f in hostname hosts resolv.conf; do cat /etc/$f >/dev/null && { echo x >>/etc/$f; } 2>/dev/null && echo "wrote $f"; done; echo done'
  expect_stdout "done"
  run_pod --upper none --name web "$busybox" -- sh -c 'cat /etc/hostname 2>/dev/null; echo ran'
  expect_stdout_has ran
  cp -r "${busybox_dir:?}" root
  echo mine >root/etc/hosts
  rm -f root/etc/hostname
  run_pod --upper none --name web "rootfs:$PWD/root" -- sh -c 'grep -c web /etc/hosts; ls /etc/hostname'
  expect_stdout_has 1
  expect_same "$(cat root/etc/hosts)" mine
  [ ! -e root/etc/hostname ] || fail "a file was made in the host's directory"
}

test_configuration_is_there_at_once() {
  make_tap nt0
  run_pod --net "tap:nt0,$net,mac=02:00:00:00:77:02" "$busybox" -- \
    sh -c 'ping -c 1 -W 5 10.77.0.1 >/dev/null && echo ping4; ping -6 -c 1 -W 5 fd77::1 >/dev/null && echo ping6
      ip -o link show eth0; ip -o addr show eth0; ip route; ip -6 route'
  expect_status 0
  expect_same "$(sed -n 1,2p "$out" | tr '\n' ' ')" "ping4 ping6 "
  expect_stdout_has "02:00:00:00:77:02"
  expect_stdout_has "10.77.0.2/24"
  expect_stdout_has "default via 10.77.0.1 dev eth0"
  expect_stdout_has "default via fd77::1 dev eth0"
  expect_same "$(grep 'fd77::2/64' "$out" | grep -c tentative)" 0 "tentative addresses"
}

test_the_host_reaches_the_pod() {
  make_tap nt0
  start_pod --net "tap:nt0,$net" "$busybox" -- sh -c 'echo ready; nc -l -p 7000'
  wait_for_stdout ready
  "$nacelle" list --root "$store" --no-header --state running >list
  grep -q ' nt0=10\.77\.0\.2$' list || fail "list: $(cat list)"
  expect busybox ping -c 1 -W 20 10.77.0.2
  echo "from the host" | busybox nc -w 20 10.77.0.2 7000
  wait_pod
  expect_status 0
  expect_stdout_has "from the host"
}

# Both ways, with segments of up to 64 KiB on the wire: fewer packets than the 5,800 that an MTU would make. A sender that the
# machine's other work slows down makes small ones, but of two packets at least.
test_transfers_with_offloads() {
  local packets
  make_tap nt0
  serve 10.77.0.1 7001 receive >received &
  packets=$(counter nt0 rx_packets)
  run_pod --net "tap:nt0,$net" "$debian" -- python3 -c '
import socket
s = socket.create_connection(("10.77.0.1", 7001)); s.sendall(bytes(range(256)) * 4096 * 8)
s.shutdown(socket.SHUT_WR); assert s.recv(1) == b""'
  expect_status 0
  wait_for 20 test -s received
  expect_same "$(cat received)" "8388608 $(pattern_digest 8)" "received"
  packets=$(($(counter nt0 rx_packets) - packets))
  [ $packets -lt 4000 ] || fail "$packets packets for 8 MiB"

  serve fd77::1 7002 send 8 &
  packets=$(counter nt0 tx_packets)
  run_pod --net "tap:nt0,$net" "$debian" -- python3 -c '
import hashlib, socket
s = socket.create_connection(("fd77::1", 7002)); d = hashlib.sha256()
while data := s.recv(1 << 16): d.update(data)
print(d.hexdigest())'
  expect_status 0
  expect_stdout "$(pattern_digest 8)"
  packets=$(($(counter nt0 tx_packets) - packets))
  [ $packets -lt 4000 ] || fail "$packets packets for 8 MiB"
}

# What the guest leaves to be summed up is summed up on its way to somebody who cannot: a tap without offloads.
test_checksums() {
  make_tap nt0
  sysctl -q net.ipv4.ip_forward=1 || skip "forwarding cannot be turned on here"
  python3 - >sums <<'END' &
import fcntl, os, struct, subprocess, time
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH22x", b"nt9", 0x1002))
for command in ("addr add 10.79.0.1/24 dev nt9", "link set nt9 up",
                "neigh add 10.79.0.2 lladdr 02:00:00:00:79:02 nud permanent dev nt9"):
    subprocess.run(["ip", *command.split()], check=True)
print("ready", flush=True)
seen = set()
while seen != {6, 17}:
    frame = os.read(tap, 65536)
    if frame[12:14] != b"\x08\x00" or frame[23] not in (6, 17):
        continue
    header, packet = frame[14:34], frame[34:14 + struct.unpack("!H", frame[16:18])[0]]
    pseudo = header[12:20] + struct.pack("!HH", header[9], len(packet)) + packet + b"\0" * (len(packet) % 2)
    total = sum(struct.unpack(f"!{len(pseudo) // 2}H", pseudo))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    if header[9] not in seen:
        print("protocol", header[9], "good" if total == 0xFFFF else "bad", flush=True)
    seen.add(header[9])
END
  wait_for 20 grep -q ready sums
  run_pod --net "tap:nt0,$net" "$debian" -- python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b"odd length.", ("10.79.0.2", 7003))
t = socket.socket(); t.settimeout(3)
try: t.connect(("10.79.0.2", 7004))
except OSError: pass'
  expect_status 0
  wait_for 20 grep -q "protocol 6" sums
  expect_same "$(sort sums | tr '\n' ' ')" "protocol 17 good protocol 6 good ready " "checksums"
}

test_mtu() {
  make_tap nt0
  ip link set nt0 mtu 1280
  run_pod --net "tap:nt0,$net" "$busybox" -- sh -c 'cat /sys/class/net/eth0/mtu; ping -c 1 -s 4000 -W 10 10.77.0.1 >/dev/null && echo fragments'
  expect_stdout "$(printf '1280\nfragments')"
  ip link set nt0 mtu 1000
  run_pod --net "tap:nt0,$net" "$busybox" -- true
  expect_status 125
  expect_one_line_on_stderr
  expect_stderr_has "needs an MTU of 1280"
  ip link set nt0 mtu 9000
  run_pod --net "tap:nt0,$net,mtu=4000" "$busybox" -- cat /sys/class/net/eth0/mtu
  expect_stdout 4000
  run_pod --net "tap:nt0,$net,mtu=9000" "$busybox" -- sh -c 'cat /sys/class/net/eth0/mtu; ping -c 1 -s 8900 -W 10 10.77.0.1 >/dev/null && echo jumbo'
  expect_stdout "$(printf '9000\njumbo')"
}

test_two_networks() {
  make_tap nt0
  ip tuntap add nt1 mode tap multi_queue
  trap 'ip link del nt0; ip link del nt1' EXIT
  ip addr add 10.78.0.1/24 dev nt1
  ip link set nt1 up
  # A pair of queues for each CPU on a device that was made for several, one pair on the other.
  run_pod --cpus 2 --net "tap:nt0,$net" --net tap:nt1,address=10.78.0.2/24 "$busybox" -- \
    sh -c 'ping -c 1 -W 5 10.77.0.1 >/dev/null && echo one; ping -c 1 -W 5 10.78.0.1 >/dev/null && echo two
      for cpu in 0 1; do taskset $((cpu + 1)) ping -c 3 -W 5 10.78.0.1 >/dev/null && echo "cpu $cpu"; done
      echo $(ls /sys/class/net/eth0/queues) $(ls /sys/class/net/eth1/queues)'
  expect_stdout "$(printf '%s\n' one two 'cpu 0' 'cpu 1' 'rx-0 tx-0 rx-0 rx-1 tx-0 tx-1')"
}

test_default_resolv_conf() {
  make_tap nt0
  run_pod --net "tap:nt0,$net" "$busybox" -- cat /etc/resolv.conf
  expect_stdout_has "# of this pod"
  ! grep -q 'nameserver 127\.' "$out" || fail "a server on the loopback address"
}

test_refusals() {
  make_tap nt0
  run_pod --net tap:nothere "$busybox" -- true
  expect_status 125
  expect_one_line_on_stderr
  expect_stderr_has "ip tuntap add nothere"
  [ ! -e /sys/class/net/nothere ] || fail "the tap was made"
  run_pod --net tap:lo "$busybox" -- true
  expect_status 125
  expect_stderr_has "lo is not a tap device"
  ip tuntap add nt1 mode tun
  run_pod --net tap:nt1 "$busybox" -- true
  ip link del nt1
  expect_status 125
  expect_stderr_has "nt1 is not a tap device"
  start_pod --net "tap:nt0,$net" "$busybox" -- sh -c 'echo ready; exec sleep 100'
  wait_for_stdout ready
  out=second err=second.err
  run_pod --net tap:nt0 "$busybox" -- true
  expect_status 125
  expect_stderr_has "in use by another process"
  kill -KILL "$pod"
  wait_pod
  # It is free again, and stays.
  wait_for 30 eval '! ip link show nt0 | grep -q LOWER_UP'
  run_pod --net "tap:nt0,$net" "$busybox" -- ping -c 1 -W 5 10.77.0.1
  expect_status 0
  [ -e /sys/class/net/nt0 ] || fail "the tap has gone"
}

# At waitpid's return nobody holds the tap.
test_the_tap_is_free_at_the_end() {
  make_tap nt0
  for _ in 1 2 3; do
    run_pod --net "tap:nt0,$net" "$busybox" -- true
    expect_status 0
  done
  run_pod --net "tap:nt0,$net" --kernel-args "rdinit=/no/such/init" "$busybox" -- true
  expect_status 125
  run_pod --net "tap:nt0,$net" "$busybox" -- true
  expect_status 0
}

test_ordinary_user() {
  make_tap nt0 user nobody
  command -v setpriv >/dev/null || skip "setpriv is not here"
  mkdir -p user-store
  chmod 700 user-store
  chown nobody user-store
  chmod 755 .
  chmod 666 /dev/kvm
  cp -r "${busybox_dir:?}" root
  chmod -R a+rX root
  status=0
  HOME=$PWD setpriv --reuid nobody --regid nogroup --clear-groups "$nacelle" run --root "$PWD/user-store" --net "tap:nt0,$net" "rootfs:$PWD/root" -- \
    ping -c 1 -W 5 10.77.0.1 >"$out" 2>"$err" || status=$?
  expect_status 0
  ip link del nt0
  make_tap nt0 user daemon
  status=0
  HOME=$PWD setpriv --reuid nobody --regid nogroup --clear-groups "$nacelle" run --root "$PWD/user-store" --net "tap:nt0,$net" "rootfs:$PWD/root" -- \
    true >"$out" 2>"$err" || status=$?
  expect_status 125
  expect_stderr_has "belongs to somebody else"
}

# The pod goes on when its tap is taken away.
test_tap_vanishes() {
  make_tap nt0
  start_pod --net "tap:nt0,$net" "$busybox" -- sh -c 'echo ready; while ! [ -e /gone ]; do ping -c 1 -W 1 10.77.0.1 >/dev/null || touch /gone; done; echo gone'
  wait_for_stdout ready
  sleep 1
  ip link del nt0
  wait_pod
  expect_status 0
  expect_stdout_has gone
}

# A tap that is down for a while in the middle of a stream loses frames, no bytes.
test_tap_set_down() {
  make_tap nt0
  python3 - >received 2>server-errors <<'END' &
import hashlib, os, socket, time
server = socket.create_server(("10.77.0.1", 7001))
open("listening", "w").close()
peer, _ = server.accept()
digest, count = hashlib.sha256(), 0
while data := peer.recv(1 << 16):
    if count < 1 << 20 <= count + len(data):
        open("middle", "w").close()
        while not os.path.exists("on"):
            time.sleep(0.05)
    digest.update(data)
    count += len(data)
print(count, digest.hexdigest())
END
  wait_for 100 test -e listening
  start_pod --boot-timeout 100 --net "tap:nt0,$net" "$debian" -- python3 -c '
import socket
s = socket.create_connection(("10.77.0.1", 7001)); s.sendall(bytes(range(256)) * 4096 * 16)
s.shutdown(socket.SHUT_WR); assert s.recv(1) == b""'
  wait_for 100 test -e middle
  ip link set nt0 down
  touch on
  sleep 1
  ip link set nt0 up
  wait_pod
  expect_status 0
  wait_for 60 test -s received
  expect_same "$(cat received)" "16777216 $(pattern_digest 16)" "received"
}

# More than the guest takes is the kernel's to drop; nothing grows here.
test_flood() {
  make_tap nt0
  start_pod --memory 64M --net "tap:nt0,$net" "$busybox" -- sh -c 'echo ready; exec sleep 100'
  wait_for_stdout ready
  vm=$(role nacelle-vm)
  python3 - <<'END'
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end = time.time() + 5
while time.time() < end:
    try:
        s.sendto(b"x" * 1400, ("10.77.0.2", 9))
    except OSError:
        pass
END
  [ "$(status_field "$vm" RssAnon | tr -dc 0-9)" -lt 80000 ] || fail "the machine has grown to $(status_field "$vm" RssAnon)"
  expect busybox ping -c 3 -W 20 10.77.0.2
  kill -TERM "$pod"
  kill -KILL "$pod"
  wait_pod
}

test_foreign_source_is_dropped() {
  local packets
  make_tap nt0
  start_pod --net "tap:nt0,$net" "$debian" -- python3 -c '
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("eth0", 0))
print("ready", flush=True)
foreign = b"\xff" * 6 + b"\x02\0\0\0\0\x99" + b"\x88\xb5" + b"foreign" * 10
for _ in range(100): s.send(foreign)
own = open("/sys/class/net/eth0/address").read().strip()
s.send(b"\xff" * 6 + bytes.fromhex(own.replace(":", "")) + b"\x88\xb5" + b"own" * 20)'
  python3 - >seen <<'END' &
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88b5))
s.bind(("nt0", 0x88b5))
s.settimeout(40)
print(s.recv(2000)[14:17].decode(), flush=True)
END
  wait_pod
  expect_status 0
  wait_for 20 test -s seen
  expect_same "$(cat seen)" own "first frame"
}
