# shellcheck shell=bash disable=SC2154
# Networks of rkt's pods by the host's plug-ins: those of the stage1 image and of rkt's configuration, what they are told, and
# what rkt reads about them. For the plug-ins themselves see networks.sh and tests/pod/cni-plugins.

. "$here/../stage1/stage0.sh"

need_networks() {
  [ -x /usr/lib/cni/bridge ] || skip "containernetworking-plugins is not here"
  modprobe -a tun veth bridge sch_ingress cls_matchall act_mirred 2>/dev/null
  ip link add rkt-probe type veth peer name rkt-probe2 2>/dev/null || skip "no veth pair can be made here"
  ip link del rkt-probe
  mkdir -p config/net.d
}
# net_info NAME: of one network, what rkt's reader takes out of net-info.json, in its order.
net_info() {
  python3 - "$pod_dir/net-info.json" "$1" <<'END'
import ipaddress, json, sys
for net in json.load(open(sys.argv[1], encoding="utf-8")):
    assert set(net) <= {"netName", "netConf", "pluginPath", "ifName", "ip", "args", "mask"}, net
    ipaddress.IPv4Address(net["ip"]), ipaddress.IPv4Address(net["mask"])
    if net["netName"] == sys.argv[2]:
        print(*(net[name] for name in ("netConf", "pluginPath", "ifName", "ip", "mask", "args")))
END
}

links_as_before() { [ "$(ip -o link | wc -l)" = "$(cat before)" ]; }

# Files without a version are common; names as rkt has prepared them. After a crash of everything, nothing is left.
test_named() {
  begin_rkt
  need_networks
  cat >config/net.d/10-web.conf <<END
{ "name": "web", "type": "bridge", "bridge": "nacelle-bridge", "isGateway": true,
  "ipam": { "type": "host-local", "dataDir": "$PWD/leases", "subnet": "10.90.0.0/16" } }
END
  pod_manifest app '["/bin/sh","-c","ip -o -4 addr show | grep -v 127.0.0.1; ping -c 1 -W 20 172.31.0.1 >/dev/null && echo ping; cat /etc/resolv.conf /etc/hosts; echo ready; sleep 1000"]' '' >manifest
  prepare_pod manifest app="$busybox_dir"
  echo "nameserver 192.0.2.53" >"$pod_dir/stage1/rootfs/etc/rkt-resolv.conf"
  echo "192.0.2.7 from-rkt" >"$pod_dir/stage1/rootfs/etc/rkt-hosts"
  ip -o link | wc -l >before
  run_stage1 --net=web,nowhere --local-config="$PWD/config"
  expect_status 254
  expect_stderr_has "no network nowhere"
  [ ! -e "$pod_dir/pid" ] || fail "a pid without the network"
  start_stage1 --net=web:IP=10.90.0.77,default-restricted --local-config="$PWD/config" --dns-conf-mode=resolv=stage0,hosts=stage0
  wait_pid
  [ ! "$pod_dir/pid" -ot "$pod_dir/net-info.json" ] || fail "pid is older than net-info.json"
  wait_for_stdout ready
  for line in 10.90.0.77/16 172.31.0. ping "nameserver 192.0.2.53" "192.0.2.7 from-rkt"; do
    expect_stdout_has "$line"
  done
  expect_same "$(net_info web)" "$PWD/config/net.d/10-web.conf /usr/lib/cni/bridge eth0 10.90.0.77 255.255.0.0 IP=10.90.0.77" "web"
  net_info default-restricted >restricted
  expect grep -qE "^$pod_dir/stage1/rootfs/etc/rkt/net.d/99-default-restricted.conf /usr/lib/cni/ptp eth1 172\.31\.0\.[0-9]+ 255\.255\.0\.0 $" restricted
  # Nobody else gets the address.
  local first=$pod_dir first_pod=$pod first_uuid=$uuid children
  prepare_pod manifest app="$busybox_dir"
  run_stage1 --net=web:IP=10.90.0.77 --local-config="$PWD/config"
  expect_status 254
  expect_stderr_has "network web"
  pod_dir=$first pod=$first_pod uuid=$first_uuid
  children=$(pgrep -P "$pod")
  kill -KILL "$pod"
  wait_pod
  for child in $children; do
    wait_for 20 gone "$child"
  done
  [ -e "/run/nacelle/netns/$uuid" ] || fail "nothing is left for gc"
  reboot
  collect --debug --local-config "$PWD/config"
  ip link del nacelle-bridge
  wait_for 20 links_as_before
  [ -z "$(find leases -name '10.90*')" ] || fail "an address is still taken"
}

# All that there are; the administrator's goes before the image's of the same name. A plug-in that nobody here knows is told
# what CNI says, and when it cannot undo its work, gc says so and can be called again.
test_all() {
  begin_rkt
  need_networks
  cat >config/net.d/10-default.conflist <<END
{ "cniVersion": "0.4.0", "name": "default", "plugins": [
  { "type": "bridge", "bridge": "nacelle-all", "isGateway": true, "dns": { "nameservers": ["192.0.2.9"], "search": ["pods.example"] },
    "ipam": { "type": "host-local", "dataDir": "$PWD/leases", "subnet": "10.91.0.0/24", "routes": [{ "dst": "0.0.0.0/0" }] } },
  { "type": "witness" } ] }
END
  mkdir -p /opt/cni/bin
  trap 'rm -f /opt/cni/bin/witness; end_rkt' EXIT
  cat >/opt/cni/bin/witness <<END
#!/bin/sh
env | grep ^CNI_ | sort >"$PWD/told-\$CNI_COMMAND"
[ "\$CNI_COMMAND" = ADD ] || [ ! -e "$PWD/broken" ] || { echo '{ "cniVersion": "0.4.0", "code": 100, "msg": "cannot undo it" }' && exit 1; }
[ "\$CNI_COMMAND" != ADD ] || exec /usr/bin/python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)["prevResult"]))'
END
  chmod 755 /opt/cni/bin/witness
  pod_manifest app '["/bin/sh","-c","ip -o -4 addr show; ip route; cat /etc/resolv.conf; echo ready; sleep 1000"]' '' >manifest
  prepare_pod manifest app="$busybox_dir"
  start_stage1 --net=all --local-config="$PWD/config"
  wait_for_stdout ready
  for line in 10.91.0. 172.31.0. "default via 10.91.0.1 dev eth0" "nameserver 192.0.2.9" "search pods.example"; do
    expect_stdout_has "$line"
  done
  for line in CNI_COMMAND=ADD "CNI_CONTAINERID=$uuid" CNI_IFNAME=eth0 "CNI_NETNS=/run/nacelle/netns/$uuid" CNI_PATH=; do
    grep -q "^$line" told-ADD || fail "the plug-in was not told $line"
  done
  expect grep -q "^$PWD/config/net.d/10-default.conflist " <(net_info default)
  kill -KILL "$pod"
  wait_pod
  wait_for 20 flock -n "$pod_dir" true
  touch broken
  status=0
  (cd "$pod_dir" && exec stage1/rootfs/gc "$uuid") >collected 2>&1 || status=$?
  [ "$status" != 0 ] || fail "gc has not seen the failure"
  expect grep -q "cannot undo it" collected
  rm broken
  collect
  ip link del nacelle-all
  [ -z "$(find leases -name '10.91*')" ] || fail "an address is still taken"
}

# rkt's own default, with masquerading and the pod's ports, by the plug-ins that need iptables.
test_default() {
  local ports
  begin_rkt
  need_networks
  [ -x /usr/lib/cni/portmap ] && command -v iptables >/dev/null || skip "iptables is not here"
  ports='[{"name":"web","hostPort":8191}]'
  pod_manifest app '["/bin/sh","-c","ip route; nc -l -p 80; exit 3"]' '"ports":[{"name":"web","protocol":"tcp","port":80,"count":1,"socketActivated":false}]' >manifest
  prepare_pod manifest app="$busybox_dir"
  start_stage1 --net=default
  wait_pid
  expect grep -qE "^$pod_dir/stage1/rootfs/etc/rkt/net.d/99-default.conflist /usr/lib/cni/ptp eth0 172\.16\.28\.[0-9]+ 255\.255\.255\.0 $" <(net_info default)
  expect grep -q MASQUERADE <(iptables -t nat -S)
  send() { echo "through the port" | busybox nc -w 5 172.16.28.1 8191; }
  wait_for 60 send
  wait_pod
  expect_status 3
  expect_stdout_has "default via 172.16.28.1 dev eth0"
  expect_stdout_has "through the port"
  collect
  expect_same "$(iptables -t nat -S | grep -c "$uuid")" 0 "rules that stay"
}
