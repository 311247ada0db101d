# shellcheck shell=bash disable=SC2154
# level: pod
# Networks of CNI: Debian's plug-ins in a network namespace of the pod, and nothing of them afterwards.

plugins=/usr/lib/cni
need_cni() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  [ -x $plugins/bridge ] || skip "containernetworking-plugins is not here"
  modprobe -a tun veth bridge macvlan dummy sch_ingress cls_matchall act_mirred 2>/dev/null
  ip link add cni-probe type veth peer name cni-probe2 2>/dev/null || skip "no veth pair can be made here"
  ip link del cni-probe
  mkdir -p net.d leases
}
cni_pod() { run_pod --cni-config "$PWD/net.d" "$@"; }

# What networks may leave behind, as text: to be the same before and after.
traces() {
  ip -o link | sed 's/^[0-9]*: //; s/[@:].*//' | grep -v '^nacelle-bridge$' | sort
  find /run/netns /run/nacelle/netns -type f 2>/dev/null
  find leases -name '[0-9a-f]*[.:]*' 2>/dev/null
}
expect_no_traces() {
  traces >after
  diff before after >difference || fail "something is left: $(tail -n 1 difference)"
}
# Without iptables, which takes half a minute here: tests/pod/cni-plugins has the plug-ins that need it.
bridge_list() {
  cat >net.d/10-first.conflist <<END
{ "cniVersion": "1.0.0", "name": "first", "plugins": [
  { "type": "bridge", "bridge": "nacelle-bridge", "isGateway": true, "mtu": 1400,
    "ipam": { "type": "host-local", "dataDir": "$PWD/leases", "ranges": [[{ "subnet": "10.78.0.0/24" }], [{ "subnet": "fd78::/64" }]],
      "routes": [{ "dst": "0.0.0.0/0" }, { "dst": "::/0" }, { "dst": "192.0.2.0/24", "gw": "10.78.0.9" }] },
    "dns": { "nameservers": ["10.78.0.1"], "search": ["pods.example"] } },
  { "type": "tuning", "mac": "02:00:00:00:78:02" } ] }
END
}
remove_links() {
  ip link del nacelle-bridge
  ip link del nacelle-dummy
} 2>/dev/null

# Three networks, one of them with an address of the caller's choice.
test_three_networks() {
  need_cni
  bridge_list
  cat >net.d/20-second.conf <<END
{ "cniVersion": "0.4.0", "name": "second", "type": "ptp",
  "ipam": { "type": "host-local", "dataDir": "$PWD/leases", "subnet": "10.79.0.0/24", "routes": [{ "dst": "10.80.0.0/16" }] } }
END
  cat >net.d/30-third.conf <<END
{ "cniVersion": "0.3.1", "name": "third", "type": "macvlan", "master": "nacelle-dummy", "mode": "bridge",
  "ipam": { "type": "host-local", "dataDir": "$PWD/leases", "subnet": "10.81.0.0/24" } }
END
  trap remove_links EXIT
  ip link add nacelle-dummy type dummy
  ip link set nacelle-dummy up
  ip link add link nacelle-dummy name nacelle-mv type macvlan mode bridge
  ip addr add 10.81.0.250/24 dev nacelle-mv
  ip link set nacelle-mv up
  traces >before
  start_pod --cni-config "$PWD/net.d" --net first --net 'second:IP=10.79.0.77' --net third --name web "$busybox" -- sh -c '
    ip -o addr show; ip route; ip -6 route; cat /etc/resolv.conf /etc/hosts /sys/class/net/eth0/mtu /sys/class/net/eth0/address
    ping -c 1 -W 20 10.78.0.1 >/dev/null && echo ping4; ping -6 -c 1 -W 20 fd78::1 >/dev/null && echo ping6
    ping -c 1 -W 20 10.79.0.1 >/dev/null && echo ping-ptp; ping -c 1 -W 20 10.81.0.250 >/dev/null && echo ping-macvlan
    echo ready; nc -l -p 7000'
  wait_for 110 grep -q ready "$out"
  for line in 10.78.0.2/24 fd78::2/64 10.79.0.77/24 'default via 10.78.0.1 dev eth0' '192.0.2.0/24 via 10.78.0.9 dev eth0' \
    'default via fd78::1 dev eth0' '10.79.0.0/24 via 10.79.0.1 dev eth1' '10.80.0.0/16 via 10.79.0.1 dev eth1' \
    'nameserver 10.78.0.1' 'search pods.example' "$(printf '10.78.0.2\tweb')" 1400 02:00:00:00:78:02 \
    ping4 ping6 ping-ptp ping-macvlan; do
    expect_stdout_has "$line"
  done
  expect_same "$(traces | grep -c '^veth')" 2 "veth pairs"
  send() { echo "from the host" | busybox nc -w 20 10.78.0.2 7000; }
  wait_for 30 send
  wait_pod
  expect_status 0
  expect_stdout_has "from the host"
  expect_no_traces
}

# What goes wrong half-way is undone, and what a killed supervisor leaves is there for gc.
test_failures() {
  need_cni
  bridge_list
  trap remove_links EXIT
  traces >before
  echo '{ "cniVersion": "1.0.0", "name": "broken", "type": "macvlan", "master": "not-here", "ipam": {} }' >net.d/40-broken.conf
  cni_pod --net first --net broken "$busybox" -- true
  expect_status 125
  expect_one_line_on_stderr
  expect_stderr_has "network broken"
  expect_stderr_has "macvlan"
  expect_no_traces
  cni_pod --net nowhere "$busybox" -- true
  expect_status 125
  expect_stderr_has "no network nowhere"
  cni_pod --net first -p 7301:80 "$busybox" -- true
  expect_status 125
  expect_stderr_has "portMappings"
  cni_pod --net first --kernel /dev/null "$busybox" -- true
  expect_status 125
  expect_no_traces
  start_pod --cni-config "$PWD/net.d" --net first "$busybox" -- sh -c 'echo ready; exec sleep 100'
  wait_for_stdout ready
  kill -KILL "$pod"
  wait_pod
  traces >after
  ! diff before after >/dev/null || fail "nothing is left for gc"
  "$nacelle" gc --root "$store" --grace-period 0s >"$out" 2>"$err" || fail "gc"
  expect_no_traces
}

test_ordinary_users_are_told() {
  need_cni
  command -v setpriv >/dev/null || skip "setpriv is not here"
  bridge_list
  mkdir -m 700 user-store
  chown nobody user-store
  chmod 755 .
  chmod 666 /dev/kvm
  status=0
  HOME=$PWD setpriv --reuid nobody --regid nogroup --clear-groups "$nacelle" run --root "$PWD/user-store" --cni-config "$PWD/net.d" --net first \
    "rootfs:${busybox_dir:?}" -- true >"$out" 2>"$err" || status=$?
  expect_status 125
  expect_one_line_on_stderr
  expect_stderr_has "need root"
}

# A start that ends while a plug-in is at work, which then fails to DEL twice: it stays written down until that succeeds.
test_interrupted_starts() {
  local end
  [ "$(id -u)" = 0 ] || skip "needs root"
  mkdir net.d bin
  echo '{ "cniVersion": "1.0.0", "name": "slow", "type": "slow" }' >net.d/10-slow.conf
  cat >bin/slow <<END
#!/bin/sh
cd "$PWD" || exit
echo \$CNI_COMMAND >>log
if [ \$CNI_COMMAND = ADD ]; then touch begun && exec sleep 1000; fi
[ \$(grep -c DEL log) -gt 2 ] || { echo busy >&2 && exit 1; }
END
  chmod 755 bin/slow
  for end in "kill -TERM" "kill -KILL" "nacelle stop"; do
    rm -f log begun
    start_pod --cni-config "$PWD/net.d" --cni-plugins "$PWD/bin" --net slow "$busybox" -- true
    wait_for 100 test -e begun
    uuid=$("$nacelle" list --root "$store" -q --state starting)
    if [ "$end" = "nacelle stop" ]; then "$nacelle" stop --root "$store" "$uuid" || fail "stop"; else $end "$pod"; fi
    wait_pod
    if [ "$end" = "kill -KILL" ]; then
      expect_status 137
      ! "$nacelle" gc --root "$store" >/dev/null 2>&1 || fail "gc has undone what it could not"
    else
      expect_status 143
      expect_stderr_has "busy; nacelle gc tries again"
    fi
    expect_same "$(find /run/netns /run/nacelle/netns -name "*$uuid*" 2>/dev/null | wc -l)" 1 "namespaces"
    ! "$nacelle" gc --root "$store" >/dev/null 2>"$err" || fail "gc has undone what it could not"
    expect_stderr_has busy
    "$nacelle" gc --root "$store" --grace-period 0s >/dev/null || fail "gc"
    expect_same "$(find /run/netns /run/nacelle/netns -name "*$uuid*" 2>/dev/null | wc -l)" 0 "namespaces"
    expect_same "$(find "$store/pods" -name "$uuid")" "" "what is left"
    expect_same "$(tr '\n' ' ' <log)" "ADD DEL DEL DEL "
  done
  # What can never be undone does not keep a pod whose user has had enough.
  rm -f log begun
  start_pod --cni-config "$PWD/net.d" --cni-plugins "$PWD/bin" --net slow "$busybox" -- true
  wait_for 100 test -e begun
  uuid=$("$nacelle" list --root "$store" -q --state starting)
  rm bin/slow
  kill -KILL "$pod"
  wait_pod
  ! "$nacelle" rm --root "$store" "$uuid" 2>/dev/null || fail "removed"
  "$nacelle" rm --root "$store" --force "$uuid" 2>"$err" || fail "rm --force"
  expect_stderr_has "there is no plug-in slow"
  expect_same "$(find /run/netns /run/nacelle/netns "$store/pods" -name "*$uuid*" 2>/dev/null | wc -l)" 0 "what is left"
}
