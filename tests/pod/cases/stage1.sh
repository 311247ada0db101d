# shellcheck shell=bash disable=SC2154
# Pods of rkt: what its stage0 may expect of a stage1, and what its own for virtual machines did not do.

. "$here/../stage1/stage0.sh"

# Its exit status is the pod's (stage1-kvm: always 0), and what it leaves is rkt's, in one piece.
test_run() {
  begin_rkt
  pod_manifest web '["/bin/sh","-c","cat; echo $FROM; hostname; echo kept >/kept; exit 7"]' '' >manifest
  prepare_pod manifest web="$busybox_dir"
  echo "no input without --interactive" >typed
  run_stage1 <typed
  expect_status 7
  expect_stdout "manifest
rkt-$uuid"
  expect_stderr ""
  expect_same "$(app_status web)" 7 "status of the app"
  expect_same "$(rkt_state)" exited "state"
  expect_same "$(stat -c %a "$pod_dir/pid")" 644 "mode of pid"
  expect grep -qx '[1-9][0-9]*' "$pod_dir/pid"
  [ -z "$(find "$pod_dir" -maxdepth 1 \( -name '*.new' -o -name ppid \))" ] || fail "something beside pid"
  [ ! -e "$pod_dir/net-info.json" ] || fail "a network without --net"
  expect_same "$(cat "$pod_dir/overlay/deps-sha512-web/upper/web/kept")" kept "what the app has written"
  [ ! -e "$busybox_dir/kept" ] || fail "the image has changed"
  reboot
  expect_same "$(app_status web)" 7 "status of the app, when nothing is mounted"
  enter web /bin/true
  expect_same "$status" 254 "status of enter where no pod runs"
  expect_same "$(wc -l <entered.err)" 1 "lines of its reason"
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
  collect
  # It may not come from elsewhere.
  prepare_pod without app="$busybox_dir"
  mv "$pod_dir/stage1/rootfs/opt/stage2/app/manifest" elsewhere
  ln -s "$PWD/elsewhere" "$pod_dir/stage1/rootfs/opt/stage2/app/manifest"
  run_stage1
  expect_status 254
  expect_one_line_on_stderr
  expect_stderr_has app/manifest
}

# enter is run from the tree store, with the app's confinement (rkt's own had none: CVE-2019-10144, -10145, -10147).
test_enter_and_stop() {
  local field pid enter_point
  begin_rkt
  pod_manifest web '["/bin/sh","-c","trap \"until [ -e /gate ]; do sleep 0.1; done; echo bye; exit 4\" TERM; grep -E \"^(Cap|Seccomp|NoNewPrivs)\" /proc/self/status; echo ready; while :; do sleep 1; done"]' \
    '"workingDirectory":"/tmp","isolators":[{"name":"os/linux/capabilities-retain-set","value":{"set":["CAP_KILL","CAP_CHOWN"]}},{"name":"os/linux/no-new-privileges","value":true}]' \
    side '["/bin/sh","-c","trap \"exit 0\" TERM; sleep 1000 & wait"]' '' >manifest
  prepare_pod manifest web="$busybox_dir" side="$busybox_dir"
  start_stage1
  wait_pid
  expect_same "$(cat "$pod_dir/pid")" "$pod" "the pid"
  expect_same "$(rkt_state)" running "state"
  wait_for_stdout ready
  [ -z "$(find "/proc/$pod/fd" -lname '*net-info*')" ] || fail "an open file of rkt's"
  TERM=vt220 enter web /bin/sh -c 'grep -E "^(Cap|Seccomp|NoNewPrivs)" /proc/self/status; cat /proc/self/cgroup /proc/1/cgroup; echo "$FROM $AC_APP_NAME $TERM"; pwd; id -u; exit 9'
  expect_same "$status" 9 "status of enter"
  for field in CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp; do
    expect_same "$(grep "^$field:" entered)" "$(grep "^$field:" "$out")" "$field of what has entered"
  done
  expect grep -qx "CapBnd:[[:space:]]*0000000000000021" entered
  expect grep -qx "Seccomp:[[:space:]]*2" entered
  expect_same "$(tail -n 3 entered | paste -s -d ' ')" "manifest web vt220 / 0" "environment, directory and user of what has entered"
  expect_same "$(grep -c '^0::' entered) $(grep '^0::' entered | sort -u | wc -l)" "2 1" "cgroups"
  enter side /bin/cat /proc/1/cmdline
  expect grep -qa 'sleep 1000' entered
  enter_at_terminal side 'wait:24 80' 'size:50x132' 'wait:50 132' 'send:q' -- /bin/sh -c 'stty -icanon; trap "stty size" WINCH; stty size; while ! read -t 1 -n 1 x; do :; done; exit 6'
  expect grep -qx "status 6" entered
  # Of several apps one must be named.
  for enter_point in --appname=none --; do
    status=0
    (cd "$pod_dir" && exec "$rkt/cas/tree/$tree/rootfs/enter" --pid="$pod" "$enter_point" /bin/true) >entered 2>entered.err || status=$?
    expect_same "$status $(wc -l <entered.err)" "254 1" "enter $enter_point"
  done
  # The lock is the supervisor's alone.
  [ -n "$(find "/proc/$pod/fd" -lname "$pod_dir")" ] || fail "the supervisor has no lock"
  [ -n "$(pgrep -P "$pod")" ] || fail "no other process"
  for pid in $(pgrep -P "$pod"); do
    [ -z "$(find "/proc/$pid/fd" -lname "$pod_dir" 2>/dev/null)" ] || fail "process $pid has the lock too"
  done
  # It does not wait for the end, for which the app waits for what comes afterwards.
  stop_stage1
  expect_same "$(rkt_state)" running "state after stop"
  touch "$pod_dir/stage1/rootfs/opt/stage2/web/rootfs/gate"
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
  rm "$pod_dir/stage1/rootfs/rkt/status/deaf"
  prepare_pod manifest deaf="$busybox_dir"
  start_stage1
  wait_pid
  stop_stage1 --force
  wait_pod
  [ "$status" != 0 ] || fail "status 0 by force"
  prepare_pod manifest deaf="$busybox_dir"
  start_stage1
  wait_pid
  local children role
  children=$(pgrep -P "$pod")
  kill -KILL "$pod"
  wait_pod
  for child in $children; do
    wait_for 20 gone "$child"
  done
  expect_same "$(rkt_state)" exited "state"
  collect
  # So does one whose other processes are killed, which is no failure of an app.
  for role in nacelle-vm nacelle-files; do
    prepare_pod manifest deaf="$busybox_dir"
    start_stage1
    wait_pid
    children=$(pgrep -P "$pod")
    kill -KILL "$(role $role)"
    wait_pod
    expect_status 254
    expect_same "$(rkt_state)" exited "state"
    for child in $children; do
      wait_for 20 gone "$child"
    done
    collect
  done
}

# Every flag of interface version 6 is honoured, or refused by its name before anything runs.
test_flags() {
  local flag
  begin_rkt
  pod_manifest app '["/bin/sh","-c","hostname; grep -E \"^(CapBnd|Seccomp:)\" /proc/self/status; cat /proc/sys/kernel/cap_last_cap; echo changed >/proc/sys/kernel/domainname && cat /proc/sys/kernel/domainname; grep -o stage1.test=1 /proc/cmdline; cat /etc/resolv.conf"]' '' >manifest
  prepare_pod manifest app="$busybox_dir"
  echo "nameserver 192.0.2.99" >"$pod_dir/stage1/rootfs/opt/stage2/app/rootfs/etc/resolv.conf"
  for flag in --private-users=1000:65536 --mds-token=a/b --mutable --ipc=parent --ipc=odd --net=host --no-such-flag; do
    run_stage1 "$flag"
    expect_status 254
    expect_one_line_on_stderr
    expect_stderr_has "${flag%%=*}"
    [ ! -e "$pod_dir/pid" ] || fail "a pid after $flag"
  done
  RKT_HYPERVISOR_EXTRA_KERNEL_PARAMS="stage1.test=1" \
    run_stage1 --debug --local-config=/etc/rkt --hostname=chosen --disable-capabilities-restriction --disable-paths \
    --disable-seccomp --ipc=auto --dns-conf-mode=resolv=none,hosts=default
  expect_status 0
  expect_stdout "chosen
CapBnd:	000001ffffffffff
Seccomp:	0
40
changed
stage1.test=1
nameserver 192.0.2.99"
  expect_stderr_has "Linux version"
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

# What rkt's own tests ask of a pod manifest, and left out for virtual machines: who an app is, what it may, what it shares.
# In trees that are copied, and with the host's names (tests/pod/cases/manifest.sh has the rest of it).
test_apps() {
  local words=$'id; pwd; echo $PATH $SHELL $USER $LOGNAME $HOME $container'
  begin_rkt
  mkdir data root
  cp -a "$busybox_dir/." root
  ln -s /behind root/link
  mkdir root/behind
  volumes='[{"name":"data","kind":"host","source":"'$PWD'/data","readOnly":null,"recursive":true}]'
  mounts='[{"volume":"data","path":"/link"}]'
  pod_manifest \
    user '["/bin/sh","-c","'"$words"'"]' '"workingDirectory":"/tmp","user":"7","group":"8","supplementaryGIDs":[9]' \
    seccomp '["/bin/sh","-c","mkdir /made 2>&1; grep Seccomp: /proc/self/status"]' \
    '"isolators":[{"name":"os/linux/seccomp-remove-set","value":{"set":["mkdir","mkdirat"],"errno":"ENOSYS"}}]' \
    limits '["/bin/sh","-c","cat /proc/self/oom_score_adj /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max; grep NoNewPrivs /proc/self/status"]' \
    '"isolators":[{"name":"os/linux/oom-score-adj","value":42},{"name":"os/linux/no-new-privileges","value":true},{"name":"resource/memory","value":{"limit":"64Mi"}},{"name":"resource/cpu","value":{"limit":"500m"}}]' \
    devices '["/bin/sh","-c","cd /dev; for d in null zero full random urandom tty ptmx; do [ -c $d ] || echo no $d; done; [ -d pts ] && [ -d shm ] && echo devices; exec 3>/open; rm /open; stat -L -c %h /proc/self/fd/3; chmod 1777 /behind/; stat -c %a /behind/"]' '' \
    shares '["/bin/sh","-c","for n in ipc net uts; do readlink /proc/self/ns/$n; done; ip -o link | wc -l; cat /etc/resolv.conf /etc/hosts"]' '' \
    too '["/bin/sh","-c","for n in ipc net uts; do readlink /proc/self/ns/$n; done; echo here >/behind/file"]' '' >manifest
  prepare_pod --no-overlay manifest user=root seccomp=root limits=root devices=root shares=root too=root
  run_stage1 --dns-conf-mode=resolv=host,hosts=host
  cp "$out" said
  expect_status 0
  for line in "uid=7 gid=8 groups=8,9" /tmp "Function not implemented" "50000 100000" devices; do
    grep -qF "$line" said || fail "no app has said: $line"
  done
  for line in 42 67108864 1777; do
    grep -qxF "$line" said || fail "no app has said: $line"
  done
  expect grep -qx "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /bin/sh root root / nacelle" said
  expect grep -qx "0" said
  expect grep -qx "NoNewPrivs:[[:space:]]*1" said
  for line in ipc net uts; do
    expect_same "$(grep -c "^$line:" said) $(grep "^$line:" said | sort -u | wc -l)" "2 1" "$line namespaces"
  done
  expect_same "$(grep -cFx -f <(grep . /etc/hosts) said)" "$(grep -c . /etc/hosts)" "the host's names"
  expect_same "$(cat data/file)" here "the volume behind a link of the image"
  [ ! -e root/made ] && [ ! -e root/behind/file ] || fail "the image has changed"
}

# rkt run --interactive: the user's own terminal, its size, and his status.
test_terminal() {
  begin_rkt
  pod_manifest app '["/bin/sh","-c","tty; stty -icanon; trap \"stty size\" WINCH; stty size; while ! read -t 1 -n 1 x; do :; done; exit 9"]' '' >manifest
  prepare_pod manifest app="$busybox_dir"
  stage1_at_terminal 'wait:24 80' 'size:50x132' 'wait:50 132' 'send:q' -- --interactive
  expect_stdout_has /dev/
  expect_stdout_has "status 9"
  expect_same "$(app_status app)" 9 "status of the app"
}

# Everything comes out of the ACI: a root that has rkt's directories and a static busybox alone, and none of our libraries.
test_foreign_host() {
  begin_rkt
  mount --bind "$rkt" "$rkt"
  mkdir -p "$rkt"/{bin,dev,proc,sys,tmp}
  cp "$busybox_dir/bin/busybox" "$rkt/bin/"
  mount -t proc proc "$rkt/proc"
  mount -t sysfs sysfs "$rkt/sys"
  mount -t tmpfs -o mode=755 tmpfs "$rkt/dev"
  cp -a /dev/{null,zero,full,random,urandom,tty,kvm} "$rkt/dev/"
  pod_manifest app '["/bin/sh","-c","mkdir /made 2>&1; exit 3"]' \
    '"isolators":[{"name":"os/linux/seccomp-remove-set","value":{"set":["mkdir","mkdirat"],"errno":"ENOSYS"}}]' >manifest
  prepare_pod manifest app="$busybox_dir"
  status=0
  # shellcheck disable=SC2016
  (cd "$pod_dir" && exec {lock}<. && flock -x $lock && RKT_LOCK_FD=$lock exec chroot "$rkt" /bin/busybox sh -c \
    'cd "/pods/run/$1" && exec "/pods/run/$1/stage1/rootfs/run" --net=none "$1"' sh "$uuid") >"$out" 2>"$err" || status=$?
  expect_status 3
  expect_stdout_has "Function not implemented"
}
