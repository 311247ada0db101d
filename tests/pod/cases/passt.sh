# shellcheck shell=bash disable=SC2154
# level: pod
# The network by passt: the host's own, by ordinary sockets, and forwarded ports.

no_passt() { ! pgrep passt; }

# An answer to what comes in, for one peer.
answer_once='
import socket, sys
kind = socket.SOCK_DGRAM if sys.argv[2] == "udp" else socket.SOCK_STREAM
s = socket.socket(socket.AF_INET, kind)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((sys.argv[3] if len(sys.argv) > 3 else "0.0.0.0", int(sys.argv[1])))
if kind == socket.SOCK_STREAM:
    s.listen()
print("ready", flush=True)
if kind == socket.SOCK_STREAM:
    peer, _ = s.accept()
    peer.sendall(b"answer to " + peer.recv(100))
else:
    data, peer = s.recvfrom(100)
    s.sendto(b"answer to " + data, peer)
'
ask='
import socket, sys
kind = socket.SOCK_DGRAM if sys.argv[3] == "udp" else socket.SOCK_STREAM
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, kind)
s.settimeout(20)
s.connect((sys.argv[1], int(sys.argv[2])))
s.send(b"question")
print(s.recv(100).decode())
'

test_the_pod_reaches_the_host() {
  need_uplink
  python3 -c "$answer_once" 7100 tcp "$host_ip" >server &
  wait_for 20 grep -q ready server
  run_pod --net passt "$debian" -- python3 -c "$ask" "$host_ip" 7100 tcp
  expect_status 0
  expect_stdout "answer to question"
  python3 -c "$answer_once" 7101 udp "$host_ip" >server &
  wait_for 20 grep -q ready server
  run_pod --net passt "$debian" -- python3 -c "$ask" "$host_ip" 7101 udp
  expect_stdout "answer to question"
  expect no_passt
}

test_large_transfers() {
  need_uplink
  python3 - "$host_ip" >received <<'END' &
import hashlib, socket, sys
server = socket.create_server((sys.argv[1], 7102))
peer, _ = server.accept()
digest = hashlib.sha256()
while data := peer.recv(1 << 16):
    digest.update(data)
peer.close()
print(digest.hexdigest(), flush=True)
peer, _ = server.accept()
peer.sendall(bytes(range(256)) * 4096 * 4)
END
  run_pod --net passt "$debian" -- python3 -c '
import hashlib, socket, sys
s = socket.create_connection((sys.argv[1], 7102)); s.sendall(bytes(range(256)) * 4096 * 4)
s.shutdown(socket.SHUT_WR); s.recv(1)
s = socket.create_connection((sys.argv[1], 7102)); d = hashlib.sha256()
while data := s.recv(1 << 16): d.update(data)
print(d.hexdigest())' "$host_ip"
  expect_status 0
  local wanted
  wanted=$(python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)) * 4096 * 4)' | digest)
  expect_stdout "$wanted"
  expect_same "$(cat received)" "$wanted" received
}

# From the host's loopback address TCP is answered too; UDP is not, as passt would have to map the gateway's address.
test_forwarded_ports() {
  need_uplink
  start_pod --net passt -p 7103:80 "$debian" -- python3 -c "$answer_once" 80 tcp
  wait_for_stdout ready
  expect_same "$(python3 -c "$ask" "$host_ip" 7103 tcp)" "answer to question" "tcp"
  wait_pod
  expect_status 0
  start_pod --net passt -p "$host_ip:7104:81/udp" "$debian" -- python3 -c "$answer_once" 81 udp
  wait_for_stdout ready
  expect_same "$(python3 -c "$ask" "$host_ip" 7104 udp)" "answer to question" "udp"
  wait_pod
  expect_status 0
  start_pod --net passt -p 127.0.0.1:7109:80 "$debian" -- python3 -c "$answer_once" 80 tcp
  wait_for_stdout ready
  expect_same "$(python3 -c "$ask" 127.0.0.1 7109 tcp)" "answer to question" "loopback"
  wait_pod
  expect no_passt
}

# What a pod gets when nothing is said about networks: passt if the host has a default route, else a warning.
test_it_is_the_default() {
  need_uplink
  status=0
  "$nacelle" run --root "$store" --dns 192.0.2.53 -p 7110:80 "$debian" -- sh -c 'cat /sys/class/net/eth0/mtu; hostname -I' >"$out" 2>"$err" || status=$?
  expect_status 0
  expect_same "$(cat "$err")" "" stderr
  expect_stdout_has 65520
  expect_stdout_has 10.0.2.15
  status=0
  unshare -n "$nacelle" run --root "$store" "$busybox" -- ls /sys/class/net >"$out" 2>"$err" || status=$?
  expect_status 0
  expect_stdout lo
  expect_one_line_on_stderr
  expect_stderr_has "--net none"
  PATH=/nothing "$nacelle" run --root "$store" "$busybox" -- /bin/true >"$out" 2>"$err" && fail "a pod without passt"
  expect_one_line_on_stderr
  expect_stderr_has "package passt"
  expect_stderr_has "--net none"
}

# What listens on the host's loopback interface is not the pod's, by whatever address.
test_loopback_of_the_host_is_out_of_reach() {
  need_uplink
  python3 -c "$answer_once" 7105 tcp 127.0.0.1 >server &
  local server=$!
  wait_for 20 grep -q ready server
  run_pod --net passt "$busybox" -- sh -c 'for a in 10.0.2.2 127.0.0.1 169.254.0.1; do nc -w 2 $a 7105 </dev/null && echo "reached by $a"; done; echo done'
  expect_stdout "done"
  # Nor by a frame of the guest's own making, which its kernel has no say in.
  run_pod --net passt "$debian" -- python3 -c '
import socket, struct
def total(data):
    n = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while n >> 16: n = (n & 0xFFFF) + (n >> 16)
    return ~n & 0xFFFF
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("eth0", 0))
own = bytes.fromhex(open("/sys/class/net/eth0/address").read().strip().replace(":", ""))
source = socket.inet_aton("10.0.2.15")
for target in map(socket.inet_aton, ("127.0.0.1", "0.0.0.0")):
    tcp = struct.pack("!HHIIBBHHH", 40000, 7105, 1, 0, 0x50, 2, 65535, 0, 0)
    tcp = tcp[:16] + struct.pack("!H", total(source + target + struct.pack("!BBH", 0, 6, 20) + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 1, 0, 64, 6, 0) + source + target
    ip = ip[:10] + struct.pack("!H", total(ip)) + ip[12:]
    s.send(b"\xff" * 6 + own + b"\x08\0" + ip + tcp)'
  expect_status 0
  sleep 0.5
  kill $server || fail "the host was reached by a frame"
}

test_configuration() {
  need_uplink
  run_pod --name web --net passt,mac=02:00:00:00:00:05 --dns 192.0.2.53 "$busybox" -- \
    sh -c 'ip -o -4 addr show eth0; ip route; cat /sys/class/net/eth0/mtu /sys/class/net/eth0/address /etc/hosts /etc/resolv.conf'
  expect_stdout_has "$(printf '10.0.2.15\tweb')"
  expect_stdout_has "10.0.2.15/24"
  expect_stdout_has "default via 10.0.2.2 dev eth0"
  expect_stdout_has 65520
  expect_stdout_has 02:00:00:00:00:05
  expect_stdout_has "nameserver 192.0.2.53"
  run_pod --net passt,mtu=1500,address=10.5.0.2/16,gateway=10.5.0.1 "$busybox" -- sh -c 'ip -o -4 addr show eth0; cat /sys/class/net/eth0/mtu'
  expect_stdout_has "10.5.0.2/16"
  expect_stdout_has 1500
}

# A pod whose host asks itself has nobody to ask, and its user is told.
test_resolvers_of_the_host() {
  need_uplink
  unshare -m true 2>/dev/null || skip "no mounts can be made here"
  echo "nameserver 127.0.0.1" >loopback.conf
  status=0
  # shellcheck disable=SC2016
  unshare -m sh -c 'mount --bind loopback.conf "$(realpath /etc/resolv.conf)" && exec "$@"' sh \
    "$nacelle" run --root "$store" --net passt "$busybox" -- cat /etc/resolv.conf >"$out" 2>"$err" || status=$?
  expect_status 0
  expect_stdout "# of this pod"
  expect_one_line_on_stderr
  expect_stderr_has "--dns"
  run_pod --net passt --dns 192.0.2.53 "$busybox" -- true
  expect_status 0
  expect_same "$(cat "$err")" "" stderr
}

test_refusals() {
  need_uplink
  busybox nc -l -p 7106 &
  local server=$!
  wait_for 20 eval 'ss -ltn | grep -q :7106'
  run_pod --net passt --dns 192.0.2.53 -p 7106:80 "$busybox" -- sleep 100
  expect_status 125
  expect_one_line_on_stderr
  expect_stderr_has "7106:80"
  kill $server
  # One family of two: passt would go on without a word.
  python3 -c "$answer_once" 7108 tcp >server &
  server=$!
  wait_for 20 grep -q ready server
  run_pod --net passt,address=10.5.0.2/16,gateway=10.5.0.1,address=fd00::2/64,gateway=fe80::2 --dns 192.0.2.53 -p 7108:80 "$busybox" -- sleep 100
  expect_status 125
  expect_one_line_on_stderr
  expect_stderr_has "7108:80"
  kill $server
  python3 -c "$answer_once" 7108 udp >server &
  server=$!
  wait_for 20 grep -q ready server
  run_pod --net passt --dns 192.0.2.53 -p 7108:80/udp "$busybox" -- sleep 100
  expect_status 125
  expect_stderr_has "7108:80/udp"
  kill $server
  status=0
  PATH=/nothing "$nacelle" run --root "$store" --net passt "$busybox" -- /bin/sleep 100 >"$out" 2>"$err" || status=$?
  expect_status 125
  expect_stderr_has "Debian's package"
  status=0
  unshare -n "$nacelle" run --root "$store" --net passt "$busybox" -- true >"$out" 2>"$err" || status=$?
  expect_status 125
  expect_stderr_has "no default route"
}

test_death() {
  need_uplink
  start_pod --net passt --dns 192.0.2.53 "$busybox" -- sh -c 'echo ready; exec sleep 100'
  wait_for_stdout ready
  pkill -KILL -P "$pod" passt
  wait_pod
  expect_status 125
  expect_one_line_on_stderr
  expect_stderr_has passt
  # With the status 0, which it has in the end of every pod too.
  start_pod --net passt --dns 192.0.2.53 "$busybox" -- sh -c 'echo ready; exec sleep 100'
  wait_for_stdout ready
  pkill -TERM -P "$pod" passt
  wait_pod
  expect_status 125
  expect_one_line_on_stderr
  expect_stderr_has passt
  start_pod --net passt --dns 192.0.2.53 "$busybox" -- sh -c 'echo ready; exec sleep 100'
  wait_for_stdout ready
  kill -KILL "$pod"
  wait_pod
  wait_for 30 no_passt
  # Whatever the moment: here its start, before it has looked at its socket.
  start_pod --net passt --dns 192.0.2.53 "$busybox" -- sleep 100
  wait_for 30 pgrep -P "$pod"
  kill -KILL "$pod"
  wait_pod
  wait_for 30 no_passt
  start_pod --net passt --dns 192.0.2.53 "$busybox" -- sleep 100
  wait_for 30 pgrep passt
  kill -KILL "$pod"
  wait_pod
  wait_for 30 no_passt
}

# It reads what the guest sends, and has nothing of the caller's to give away.
test_inherited_descriptors() {
  need_uplink
  echo secret >secret
  exec 9<secret
  start_pod --net passt "$busybox" -- sh -c 'echo ready; exec sleep 100'
  exec 9<&-
  wait_for_stdout ready
  # shellcheck disable=SC2010
  ! ls -l "/proc/$(pgrep -P "$pod" passt)/fd" | grep secret || fail "passt holds a file of the caller's"
  kill -KILL "$pod"
  wait_pod
}

# Ctrl-C is for the app.
test_signals_of_the_terminal() {
  need_uplink
  start_pod --init --net passt "$busybox" -- sh -c 'trap "sleep 1; echo trapped; exit 5" INT; echo ready; while :; do sleep 0.1; done'
  wait_for_stdout ready
  kill -INT -- "-$pod"
  wait_pod
  expect_status 5
  expect_stdout_has trapped
}

test_ordinary_user() {
  need_uplink
  [ "$(id -u)" = 0 ] || skip "needs root"
  command -v setpriv >/dev/null || skip "setpriv is not here"
  mkdir -p user-store
  chmod 700 user-store
  chown nobody user-store
  chmod 755 .
  chmod 666 /dev/kvm
  cp -r "${busybox_dir:?}" root
  chmod -R a+rX root
  busybox nc -l -p 7107 >heard &
  status=0
  HOME=$PWD setpriv --reuid nobody --regid nogroup --clear-groups "$nacelle" run --root "$PWD/user-store" --net passt "rootfs:$PWD/root" -- \
    sh -c "echo from the pod | nc -w 20 $host_ip 7107" >"$out" 2>"$err" || status=$?
  expect_status 0
  wait_for 10 grep -q "from the pod" heard
}
