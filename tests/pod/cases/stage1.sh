# shellcheck shell=bash disable=SC2154
# Pods of rkt: what its stage0 may expect of a stage1, and what its own for virtual machines did not do.

. "$here/../stage1/stage0.sh"

# Its exit status is the pod's (stage1-kvm: always 0), and what it leaves is rkt's, in one piece.
test_run() {
  begin_rkt
  pod_manifest web '["/bin/sh","-c","echo $FROM; hostname; echo kept >/kept; exit 7"]' '' >manifest
  prepare_pod manifest web="$busybox_dir"
  run_stage1
  expect_status 7
  expect_stdout "manifest
rkt-$uuid"
  expect_stderr ""
  expect_same "$(app_status web)" 7 "status of the app"
  expect_same "$(rkt_state)" exited "state"
  expect_same "$(stat -c %a "$pod_dir/pid")" 644 "mode of pid"
  [ ! -e "$pod_dir/net-info.json" ] || fail "a network without --net"
  expect_same "$(cat "$pod_dir/overlay/deps-sha512-web/upper/web/kept")" kept "what the app has written"
  [ ! -e "$busybox_dir/kept" ] || fail "the image has changed"
  collect
  [ -z "$(find "$rkt/pods" -mindepth 2)" ] || fail "something is left"
}

# rkt's own case: the first that fails is the pod's status, and one that is stopped for that counts as 0.
test_exit_statuses() {
  begin_rkt
  pod_manifest well '["/bin/true"]' '' bad '["/bin/sh","-c","sleep 1; exit 5"]' '' \
    stopped '["/bin/sh","-c","trap \"exit 0\" TERM; sleep 1000 & wait"]' '' >manifest
  prepare_pod --no-overlay manifest well="$busybox_dir" bad="$busybox_dir" stopped="$busybox_dir"
  run_stage1
  expect_status 5
  expect_same "$(app_status well) $(app_status bad) $(app_status stopped)" "0 5 0" "statuses of the apps"
  # What is rkt's and not the app's has rkt's status, also where an app could have ended with nacelle's.
  pod_manifest app '["/bin/sh","-c","exit 125"]' '' >manifest
  prepare_pod manifest app="$busybox_dir"
  run_stage1
  expect_status 125
  prepare_pod manifest other="$busybox_dir"
  run_stage1
  expect_status 254
  expect_one_line_on_stderr
  collect
  # What an image has unpacked in the place of the root leads nowhere.
  prepare_pod --no-overlay manifest app="$busybox_dir"
  rm -rf "$pod_dir/stage1/rootfs/opt/stage2/app/rootfs"
  ln -s / "$pod_dir/stage1/rootfs/opt/stage2/app/rootfs"
  run_stage1
  expect_status 254
  expect_stderr_has "cannot open the root directory"
  rm "$pod_dir/stage1/rootfs/opt/stage2/app/rootfs"
  collect
  # A section that the pod's manifest leaves out is the image's.
  sed 's/"app":{.*},"mounts"/"app":null,"mounts"/' manifest >without
  prepare_pod without app="$busybox_dir"
  run_stage1
  expect_status 9
}

# enter is run from the tree store, with the app's confinement (rkt's own had none: CVE-2019-10144, -10145, -10147).
test_enter_and_stop() {
  local field pid
  begin_rkt
  pod_manifest web '["/bin/sh","-c","trap \"echo bye; exit 4\" TERM; grep -E \"^(Cap|Seccomp|NoNewPrivs)\" /proc/self/status; echo ready; while :; do sleep 1; done"]' \
    '"workingDirectory":"/tmp","isolators":[{"name":"os/linux/capabilities-retain-set","value":{"set":["CAP_KILL","CAP_CHOWN"]}},{"name":"os/linux/no-new-privileges","value":true}]' \
    side '["/bin/sh","-c","trap \"exit 0\" TERM; sleep 1000 & wait"]' '' >manifest
  sed -i 's|"isolators":null,\(.*"isolators":\[{"name":"os\)|\1|' manifest
  prepare_pod manifest web="$busybox_dir" side="$busybox_dir"
  start_stage1
  wait_pid
  expect_same "$(cat "$pod_dir/pid")" "$pod" "the pid"
  expect_same "$(rkt_state)" running "state"
  wait_for_stdout ready
  enter web /bin/sh -c 'grep -E "^(Cap|Seccomp|NoNewPrivs)" /proc/self/status; pwd; id -u; exit 9'
  expect_same "$status" 9 "status of enter"
  for field in CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp; do
    expect_same "$(grep "^$field:" entered)" "$(grep "^$field:" "$out")" "$field of what has entered"
  done
  expect grep -qx "CapBnd:[[:space:]]*0000000000000021" entered
  expect grep -qx "Seccomp:[[:space:]]*2" entered
  expect_same "$(tail -n 2 entered | paste -s -d ' ')" "/ 0" "directory and user of what has entered"
  enter side /bin/cat /proc/1/cmdline
  expect grep -qa 'sleep 1000' entered
  # The lock is the supervisor's alone.
  for pid in $(pgrep -P "$pod"); do
    [ -z "$(find "/proc/$pid/fd" -lname "$pod_dir" 2>/dev/null)" ] || fail "process $pid has the lock too"
  done
  stop_stage1
  wait_pod
  expect_status 4
  expect_stdout_has bye
  expect_same "$(app_status web)" 4 "status of the app"
  expect_same "$(rkt_state)" exited "state"
  collect
}

# SIGTERM is an order to the pod, not to whoever in it listens; a killed pod leaves nothing that runs.
test_signals() {
  begin_rkt
  pod_manifest deaf '["/bin/sh","-c","trap \"\" TERM; echo ready; while :; do sleep 1; done"]' '' >manifest
  prepare_pod manifest deaf="$busybox_dir"
  start_stage1
  wait_pid
  wait_for_stdout ready
  kill -TERM "$pod"
  wait_pod
  expect_status 137
  expect_same "$(app_status deaf)" 137 "status of the app"
  prepare_pod manifest deaf="$busybox_dir"
  start_stage1
  wait_pid
  stop_stage1 --force
  wait_pod
  [ "$status" != 0 ] || fail "status 0 by force"
  prepare_pod manifest deaf="$busybox_dir"
  start_stage1
  wait_pid
  local children
  children=$(pgrep -P "$pod")
  kill -KILL "$pod"
  wait_pod
  for child in $children; do
    wait_for 20 gone "$child"
  done
  expect_same "$(rkt_state)" exited "state"
  collect
}

# Every flag of interface version 6 is honoured, or refused by its name before anything runs.
test_flags() {
  local flag
  begin_rkt
  pod_manifest app '["/bin/sh","-c","hostname; grep -E \"^(CapBnd|Seccomp:)\" /proc/self/status; cat /proc/sys/kernel/cap_last_cap; echo changed >/proc/sys/kernel/domainname && cat /proc/sys/kernel/domainname; grep -o stage1.test=1 /proc/cmdline"]' '' >manifest
  prepare_pod manifest app="$busybox_dir"
  for flag in --private-users=1000:65536 --mds-token=a/b --mutable --ipc=parent --ipc=odd --net=host --no-such-flag; do
    run_stage1 "$flag"
    expect_status 254
    expect_one_line_on_stderr
    expect_stderr_has "${flag%%=*}"
    [ ! -e "$pod_dir/pid" ] || fail "a pid after $flag"
  done
  RKT_HYPERVISOR_EXTRA_KERNEL_PARAMS="stage1.test=1" \
    run_stage1 --debug --local-config=/etc/rkt --hostname=chosen --disable-capabilities-restriction --disable-paths \
    --disable-seccomp --ipc=auto
  expect_status 0
  expect_stdout "chosen
CapBnd:	000001ffffffffff
Seccomp:	0
40
changed
stage1.test=1"
  # What cannot be written down is no pod that somebody could find.
  prepare_pod manifest app="$busybox_dir"
  RKT_LOCK_FD='' status=0
  (cd "$pod_dir" && unset RKT_LOCK_FD && exec stage1/rootfs/run --net=none "$uuid") >"$out" 2>"$err" || status=$?
  expect_status 254
  expect_stderr_has RKT_LOCK_FD
}

# Volumes of both kinds, and a machine of the size that the pod's isolators ask for (stage1-kvm, and rkt itself, ignored those).
test_volumes_and_size() {
  local volumes mounts isolators memory
  begin_rkt
  mkdir data
  echo from the host >data/file
  volumes='[{"name":"data","kind":"host","source":"'$PWD'/data","readOnly":true,"recursive":null},{"name":"shared","kind":"empty","mode":"0750","uid":7,"gid":8}]'
  mounts='[{"volume":"data","path":"/data"},{"volume":"shared","path":"/shared"}]'
  isolators='[{"name":"resource/memory","value":{"limit":"200Mi"}},{"name":"resource/cpu","value":{"limit":"1500m"}}]'
  pod_manifest writer '["/bin/sh","-c","echo shared >/shared/file; exit 0"]' '' \
    reader '["/bin/sh","-c","until [ -s /shared/file ]; do sleep 0.1; done; cat /shared/file /data/file; stat -c %a:%u:%g /shared; touch /data/x 2>/dev/null || echo read-only; nproc; sed -n s/MemTotal:\\ *//p /proc/meminfo"]' '' >manifest
  prepare_pod manifest writer="$busybox_dir" reader="$busybox_dir"
  run_stage1
  expect_status 0
  expect_same "$(head -n 5 "$out" | paste -s -d ' ')" "shared from the host 750:7:8 read-only $(($(nproc) > 1 ? 2 : 1))" "what the apps see"
  memory=$(sed -n '6s/ kB//p' "$out")
  [ "$memory" -gt 190000 ] && [ "$memory" -lt 290000 ] || fail "the machine has $memory KiB"
  collect
}

# Networks by the host's plug-ins, as rkt names them: its own from the stage1 image, others from its configuration, where
# files without a version are common; names as rkt has prepared them.
test_networks() {
  local link
  begin_rkt
  [ -x /usr/lib/cni/bridge ] || skip "containernetworking-plugins is not here"
  modprobe -a tun veth bridge sch_ingress cls_matchall act_mirred 2>/dev/null
  ip link add rkt-probe type veth peer name rkt-probe2 2>/dev/null || skip "no veth pair can be made here"
  ip link del rkt-probe
  mkdir -p config/net.d
  cat >config/net.d/10-web.conf <<END
{ "name": "web", "type": "bridge", "bridge": "nacelle-bridge", "isGateway": true,
  "ipam": { "type": "host-local", "dataDir": "$PWD/leases", "subnet": "10.90.0.0/16" } }
END
  pod_manifest app '["/bin/sh","-c","ip -o -4 addr show | grep -v 127.0.0.1; ping -c 1 -W 20 172.31.0.1 >/dev/null && echo ping; cat /etc/resolv.conf /etc/hosts; echo ready; sleep 1000"]' '' >manifest
  prepare_pod manifest app="$busybox_dir"
  echo "nameserver 192.0.2.53" >"$pod_dir/stage1/rootfs/etc/rkt-resolv.conf"
  echo "192.0.2.7 from-rkt" >"$pod_dir/stage1/rootfs/etc/rkt-hosts"
  ip -o link | wc -l >before
  start_stage1 --net=web:IP=10.90.0.77,default-restricted --local-config="$PWD/config" --dns-conf-mode=resolv=stage0,hosts=stage0
  wait_pid
  wait_for_stdout ready
  for line in 10.90.0.77/16 172.31.0. ping "nameserver 192.0.2.53" "192.0.2.7 from-rkt"; do
    expect_stdout_has "$line"
  done
  tr -d ' \n' <"$pod_dir/net-info.json" >net-info
  for line in '"netName":"web"' '"ifName":"eth0","ip":"10.90.0.77","mask":"255.255.0.0","args":"IP=10.90.0.77"' \
    '"netName":"default-restricted"' '"ifName":"eth1","ip":"172.31.0.'; do
    grep -qF "$line" net-info || fail "net-info.json has no $line"
  done
  local children
  children=$(pgrep -P "$pod")
  kill -KILL "$pod"
  wait_pod
  for child in $children; do
    wait_for 20 gone "$child"
  done
  [ -e "/run/nacelle/netns/$uuid" ] || [ -n "$(ip -o link show type veth)" ] || fail "nothing is left for gc"
  collect --debug --local-config "$PWD/config"
  ip link del nacelle-bridge
  expect_same "$(ip -o link | wc -l)" "$(cat before)" "interfaces of the host"
  [ -z "$(find leases -name '10.90*')" ] || fail "an address is still taken"
}
