# shellcheck shell=bash disable=SC2154,SC2034
# level: oci
# nacelle-oci: what an engine puts into a container's network namespace is in its virtual machine.

. "$here/engines.sh"

# make_bundle DIR NETNS ARG...: a bundle over busybox's root, with that path of a network namespace, or - for none.
make_bundle() {
  local bundle=$1
  mkdir -p "$bundle/rootfs"
  cp -a "${busybox_dir#rootfs:}/." "$bundle/rootfs/"
  rm -f "$bundle/config.json"
  oci spec --bundle "$bundle"
  python3 - "$bundle/config.json" "${@:2}" <<'END2'
import json, sys
config = json.load(open(sys.argv[1]))
config["process"]["args"] = sys.argv[3:]
for kind in ("bounding", "effective", "permitted"):
    config["process"]["capabilities"][kind].append("CAP_NET_RAW")
if sys.argv[2] != "-":
    [network] = [n for n in config["linux"]["namespaces"] if n["type"] == "network"]
    network["path"] = sys.argv[2]
json.dump(config, open(sys.argv[1], "w"))
END2
}
need_links() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  modprobe -a tun veth sch_ingress cls_matchall act_mirred 2>/dev/null
  ip netns add nacelle-probe 2>/dev/null || skip "no network namespace can be made here"
  ip netns del nacelle-probe
}
remove_links() {
  ip netns del given
  ip link del host0
  ip link del host1
} 2>/dev/null

# no_tap: nothing of a machine is in the namespace.
no_tap() { [ "$(ip -n given qdisc show dev eth0 ingress)$(ip -n given -o link | grep -c 'nacelle[0-2]')" = 0 ]; }

# One that is given, with two interfaces; and one that the runtime makes, which is filled between create and start.
test_namespaces() {
  need_links
  trap remove_links EXIT
  ip netns add given
  ip link add host0 type veth peer name eth0 netns given
  ip link add host1 type veth peer name data netns given
  ip addr add 10.90.0.1/24 dev host0
  ip addr add fd90::1/64 dev host0 nodad
  ip addr add 10.91.0.1/24 dev host1
  ip link set host0 up
  ip link set host1 up
  ip -n given link set eth0 mtu 1400 address 02:00:00:00:90:02
  ip -n given addr add 10.90.0.2/24 dev eth0
  ip -n given addr add fd90::2/64 dev eth0 nodad
  ip -n given addr add 10.91.0.2/24 dev data
  ip -n given link set lo up
  ip -n given link set eth0 up
  ip -n given link set data up
  ip -n given route add default via 10.90.0.1
  ip -n given route add 10.99.0.0/16 nexthop via 10.90.0.1 dev eth0 nexthop via 10.91.0.1 dev data
  ip -n given route add 10.98.0.0/16 via inet6 fd90::1 dev eth0
  ip -n given link add nacelle3 up type dummy
  ip -n given neigh add 10.90.0.9 lladdr 02:00:00:00:90:09 dev eth0 nud permanent
  make_bundle b /run/netns/given sh -c 'ip -o addr show; ip route; cat /sys/class/net/eth0/mtu /sys/class/net/eth0/address
    cat /proc/net/arp; ping -c 3 -W 20 10.90.0.1 >/dev/null && echo ping4; ping -6 -c 3 -W 20 fd90::1 >/dev/null && echo ping6
    ping -c 3 -W 20 10.91.0.1 >/dev/null && echo ping-data; nc -l -p 7000'
  oci create --bundle b --pid-file pid c1 </dev/null >"$out" 2>"$err" || fail "create"
  expect_same "$(readlink "/proc/$(cat pid)/ns/net")" "net:[$(stat -Lc %i /run/netns/given)]"
  expect_same "$(ip netns exec given cat /proc/sys/net/ipv6/conf/nacelle0/disable_ipv6)" 1
  ! oci create --bundle b c2 </dev/null >out2 2>err2 || fail "two machines in one network namespace"
  grep -q "is that of another container" err2 || fail "$(cat err2)"
  oci start c1 || fail "start"
  send() { echo "from the host" | busybox nc -w 20 10.90.0.2 7000; }
  wait_for 60 send
  wait_for 30 grep -q "from the host" "$out"
  for line in 10.90.0.2/24 fd90::2/64 10.91.0.2/24 'default via 10.90.0.1 dev eth0' 1400 02:00:00:00:90:02 ': data' \
    '02:00:00:00:90:09' ping4 ping6 ping-data; do
    expect_stdout_has "$line"
  done
  # What the guest does not get is said.
  cat oci/pods/v1/*/*/messages >messages
  for line in 'the route to 10.99.0.0/16 is left out: it has several next hops' \
    'the route to 10.98.0.0/16 is left out: it has a gateway of another family' 'the interface nacelle3 of the network namespace is left out'; do
    grep -qF "$line" messages || fail "$(cat messages)"
  done
  # What the engine sees is as it was, and is left so.
  ip -n given -o addr show dev eth0 | grep -q 10.90.0.2/24 || fail "the host's address"
  oci delete --force c1 || fail "delete"
  wait_for 20 no_tap
  make_bundle b - sh -c 'ip -o addr show; ping -c 3 -W 20 10.90.0.1 >/dev/null && echo ping4'
  oci create --bundle b --pid-file pid c3 </dev/null >"$out" 2>"$err" || fail "create"
  [ "$(readlink "/proc/$(cat pid)/ns/net")" != "$(readlink /proc/self/ns/net)" ] || fail "the host's network"
  ip link del host1
  ip link add host1 type veth peer name tap0 netns "$(cat pid)"
  ip addr del 10.90.0.1/24 dev host0
  ip addr add 10.90.0.1/24 dev host1
  ip link set host1 up
  nsenter --net="/proc/$(cat pid)/ns/net" sh -c 'ip addr add 10.90.0.3/24 dev tap0; ip link set tap0 up'
  oci start c3 || fail "start"
  wait_for 60 grep -q ping4 "$out"
  expect_stdout_has "tap0    inet 10.90.0.3/24"
  oci delete --force c3 || fail "delete"
  make_bundle b /dev/null true
  ! oci create --bundle b c4 </dev/null >"$out" 2>"$err" || fail "no namespace"
  expect_stderr_has "/dev/null is no network namespace"
  make_bundle b /proc/self/ns/net true
  ! oci create --bundle b c4 </dev/null >"$out" 2>"$err" || fail "the host's interfaces are taken"
  expect_stderr_has "/proc/self/ns/net is the host's own network"
  expect_same "$(oci list -q)" ""
}
