# shellcheck shell=bash disable=SC2154,SC2016,SC2034
# level: oci
# Debian's podman with nacelle-oci, as its user meets it.

. "$here/engines.sh"

# From an image, with what stands on a command line; and what a virtual machine cannot have is named.
test_run() {
  podman_begin
  # Podman's own driver, for which a plain tmpfs must lie below.
  tree=$(mktemp -d /run/podman-XXXXXX)
  podman=(podman --root "$tree/s" --runroot "$tree/r" --runtime nacelle-oci)
  trap 'podman_end; p volume rm -fa; p rmi -fa; umount -l "$tree"/s/overlay; rm -rf "$tree"' EXIT
  mkdir data
  echo given >data/in
  tar -C rootfs -cf image.tar .
  says 0 import -c 'ENV E=image' image.tar busybox
  says 3 run --rm --net none -v "$PWD/data:/data:ro" --mount "type=bind,src=$PWD/data,dst=/both" -v named:/named --tmpfs /t:size=64k \
    -e A=b --memory 96m --cpus 1.5 --pids-limit 50 --user 12:34 --hostname box --workdir /both --ulimit nofile=77:88 \
    --cap-drop all --cap-add kill --sysctl net.ipv4.ip_forward=1 --security-opt no-new-privileges --shm-size 1m --cidfile id busybox sh -c '
      cat /data/in; echo "$A $E"; id -u; id -g; cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max; hostname; pwd; ulimit -n
      sed -n "s/^NoNewPrivs:.//p; s/^CapBnd:.//p" /proc/self/status; cat /proc/sys/net/ipv4/ip_forward
      df -k /t /dev/shm | sed -n "s|^[^ ]*  *\([0-9]*\) .* \(/.*\)$|\2 \1|p"
      touch /data/x; uname -r >&2; exit 3'
  expect_same "$(cat "$out")" "given
b image
12
34
100663296
50
box
/both
77
0000000000000020
1
1
/t 64
/dev/shm 1024"
  expect_stderr_has "/data/x: Read-only file system"
  expect_stderr_has -nacelle
  ! grep -qx "$(uname -r)" "$err" || fail "the host's kernel"
  expect_same "$(wc -c <id)" 64
  # The image stays as it is; the volume keeps what it was given.
  says 0 run --rm --net none -v named:/named --init --read-only busybox sh -c 'touch /new; echo kept >/named/file; echo x >/tmp/x && cat /tmp/x'
  expect_stdout x
  expect_stderr_has "/new: Read-only file system"
  expect_same "$(cat "$(p volume inspect -f '{{.Mountpoint}}' named)/file")" kept
  # What the user asks for by --privileged is all of the virtual machine, and none of the host's devices.
  says 137 run --rm --net none --init --privileged busybox sh -c 'mount -t tmpfs none /tmp && echo mounted; ls /dev/kvm; kill -9 $$'
  expect_stdout mounted
  expect_stderr_has "/dev/kvm: No such file"
  # Files go into one that does not run, and out of one that has run.
  echo before >in.txt
  says 0 create --name c --net none busybox sh -c 'cat /in.txt; echo after >/out.txt; ls /no-such'
  p cp in.txt c:/in.txt
  says 1 start -a c
  expect_stdout before
  expect_stderr_has "/no-such: No such file"
  p cp c:/out.txt out.txt
  expect_same "$(cat out.txt)" after
  says 0 rm c
  says 127 run --rm --net none busybox no-such
  expect_stdout ""
  expect_stderr_has 'exec: "no-such": executable file not found in $PATH'
  says 126 run --rm --net none busybox /etc/passwd
  expect_stderr_has 'exec: "/etc/passwd": permission denied'
  says 125 run --rm --no-such-option busybox
  says 126 run --rm --net none --device /dev/kvm busybox true
  expect_stderr_has "/dev/kvm is a device of the host"
  says 126 run --rm --net host busybox true
  expect_stderr_has "the host's network, which a virtual machine cannot have"
  expect_same "$(p ps -aq)" ""
}

# What is done with one container that runs: each command has a process on the host that stands for it.
test_looks() {
  podman_begin
  mkdir data
  id=$(p run -d --name c --net none --memory 96m -v "$PWD/data:/data" --tmpfs /t --health-cmd 'test -e /healthy' --health-interval disable \
    --rootfs "$PWD/rootfs" sh -c 'echo one; echo two >&2; echo three; exec sleep 1000')
  pid=$(p inspect -f '{{.State.Pid}}' c)
  # Files go in and out through the mount namespace of its process.
  echo copied >in.txt
  p cp in.txt c:/tmp/in.txt
  p cp in.txt c:/data/in.txt
  expect_same "$(p exec --user 12:34 --workdir /data --env A=b c sh -c 'cat /tmp/in.txt in.txt; id -u; id -g; pwd; echo $A')" "copied
copied
12
34
/data
b"
  expect_same "$(cat data/in.txt)" copied
  says 1 healthcheck run c
  expect_same "$(p exec c sh -c 'mkdir /out; echo back >/out/file; touch /healthy; echo out; echo err >&2; exit 7' 2>"$err" || echo $?)" "out
7"
  expect_stderr err
  says 0 healthcheck run c
  p cp c:/out copy
  expect_same "$(cat copy/file)" back
  says 127 exec c /no/such
  says 126 exec c /etc/passwd
  expect_stderr_has permission
  p top c -o args >"$out"
  expect_stdout_has "sleep 1000"
  # Without options of ps podman reads the /proc that it finds at the container's process.
  wait_for 60 top_shows c "root 1 0 sleep" user pid ppid comm
  p exec -d --user 12:34 c sh -c 'sleep 2000; : "$1"' sh "$(printf '\033[31mred')"
  wait_for 60 top_shows c '12 34 sh -c sleep 2000; : "$1" sh ?[31mred' user group args
  says 0 top c
  grep -qE '^root +1 +0 +[0-9.]+ +[0-9.hms]+ +[0-9hms]+ +sleep 1000 $' "$out" || fail "top: $(cat "$out")"
  says 0 top c pid,pgid,nice,vsz,rss,groups,capeff,seccomp,state,stime,hpid,huser,label
  grep -qE '^1 +1 +0 +[0-9]+ +[0-9]+ .*CHOWN.* filter +S +20.* \? +\? +\?$' "$out" || fail "top: $(cat "$out")"
  expect_same "$(p logs --tail 1 c 2>&1 | wc -l)" 1
  says 0 logs -t c
  grep -qE '^[0-9-]{10}T[0-9:.]*Z one$' "$out" || fail "no time before a line of the log"
  grep -qE 'T[0-9:.]*Z two$' "$err" || fail "stderr in the log"
  # The figures are those of the cgroup on the host.
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    grep -q "libpod-$id" "/proc/$pid/cgroup" || fail "$(cat "/proc/$pid/cgroup")"
    p stats --no-stream --format '{{.Name}} {{.MemUsage}}' c >"$out" || fail "stats"
    expect_stdout_has "c "
  fi
  p rm -f -t 0 c >"$out"
  expect_same "$(p ps -aq)" ""
  [ ! -e "/sys/fs/cgroup/libpod_parent/libpod-$id" ] || fail "a cgroup is left"
}

# From its making to its end by a signal, and a second time.
test_life() {
  podman_begin
  p create --name c --net none --rootfs "$PWD/rootfs" sh -c 'trap "echo bye; exit 5" TERM; trap "echo usr1" USR1; echo hello; while :; do sleep 1000 & wait; done' >"$out"
  p start c >"$out"
  (p logs -f c >followed 2>&1; echo "ended $?" >>followed) &
  expect_same "$(echo word | p exec -i c sh -c 'cat; exit 4' || echo $?)" "word
4"
  says 127 exec c no-such
  expect_stderr_has "executable file not found"
  says 127 exec --workdir /no/such c true
  expect_stderr_has 'chdir to cwd ("/no/such") set in config.json failed: no such file or directory'
  says 0 exec -d c sh -c 'echo detached >/said'
  wait_for 60 grep -qx detached rootfs/said
  p pause c >"$out"
  expect_same "$(p inspect -f '{{.State.Status}}' c)" paused
  p unpause c >"$out"
  p kill -s USR1 c >"$out"
  wait_for 60 grep -qx usr1 followed
  p stop -t 60 c >"$out"
  expect_same "$(p wait c)" 5
  wait_for 60 grep -qx "ended 0" followed
  expect_same "$(cat followed)" "hello
usr1
bye
ended 0"
  expect_same "$(p inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.State.Pid}}' c)" "exited 5 false 0"
  # It runs again; one that does not listen is killed.
  says 0 start c
  wait_for 60 greeted_twice
  p kill -s TERM c >"$out"
  expect_same "$(p wait c)" 5
  p rm c >"$out"
  p run -d --name d --net none --rootfs "$PWD/rootfs" sh -c 'trap "" TERM; echo deaf; sleep 1000; exit 1' >"$out"
  wait_for 60 deaf
  says 0 stop -t 1 d
  expect_same "$(p inspect -f '{{.State.ExitCode}}' d)" 137
  p rm d >"$out"
  p create -i --name e --net none --rootfs "$PWD/rootfs" sh -c 'cat; exit 6' >"$out"
  status=0
  echo given | p start -ai e >"$out" 2>"$err" || status=$?
  expect_same "$status $(cat "$out")" "6 given"
  p rm e >"$out"
}

deaf() { p logs d | grep -qx deaf; }
greeted_twice() { [ "$(p logs c 2>&1 | grep -cx hello)" = 2 ]; }

# What changes one that runs, and what becomes of that.
test_changes() {
  podman_begin
  tar -C rootfs -cf image.tar .
  says 0 import image.tar busybox
  says 0 run -d --name box --net none --memory 96m --stop-signal USR1 --ulimit core=0 --cpu-shares 512 --security-opt seccomp=unconfined \
    --restart on-failure:2 busybox sh -c 'trap "echo usr1; exit 0" USR1; trap "echo hup" HUP; ulimit -c; grep Seccomp: /proc/self/status
      echo started; while :; do sleep 1 & wait; done'
  wait_for 60 logged started
  says 0 update --cpus 0.5 --cpu-shares 256 --memory 64m box
  says 0 exec box sh -c 'cd /sys/fs/cgroup && cat cpu.max cpu.weight memory.max; rm /etc/passwd; echo new >/file'
  expect_stdout "50000 100000
10
67108864"
  says 125 update --memory 64T box
  expect_stderr_has "which does not grow"
  # All that is in its root directory is the host's to see.
  says 0 diff box
  expect_stdout_has "D /etc/passwd"
  expect_stdout_has "A /file"
  says 0 ps -s --format '{{.Names}} {{.Size}}'
  grep -qE "^box [1-9][0-9]*B \(virtual" "$out" || fail "the size: $(cat "$out")"
  says 0 export -o exported.tar box
  expect_same "$(tar xOf exported.tar file)" new
  says 0 commit -q box changed
  says 0 run --rm --net none --log-driver none changed cat /file
  expect_stdout new
  says 0 kill -s HUP box
  wait_for 60 logged hup
  says 125 container checkpoint box
  says 0 rename box other
  says 0 restart -t 60 other
  wait_for 60 logged_twice started
  expect_same "$(p logs other | xargs)" "0 Seccomp: 0 started hup usr1 0 Seccomp: 0 started"
  says 0 stop -t 60 other
  expect_same "$(p inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}' other)" "exited 0 0"
  says 0 events --stream=false --filter container=other --format '{{.Status}}'
  expect_same "$(grep -xE 'rename|restart|init|start' "$out" | xargs)" "rename restart init start"
  p rm other >"$out"
}
logged() { p logs -l | grep -qx "$1"; }
logged_twice() { [ "$(p logs -l | grep -cx "$1")" = 2 ]; }

# Somebody at a terminal: its size, Ctrl-C, and leaving without an end.
test_terminal() {
  podman_begin
  # The size comes there a little later.
  at_terminal 'wait:# ' 'size:33x44' 'send:until [ "$(stty size)" = "33 44" ]; do sleep 0.1; done; echo si""zed; tty\r' 'wait:sized' 'wait:/dev/' \
    'wait:# ' 'send:echo begun; sleep 1000\r' 'wait:begun' 'wait:begun' 'send:\x03' 'wait:# ' 'send:echo on""ce more\r' 'wait:once' \
    'wait:# ' 'send:\x18' -- run -it --detach-keys ctrl-x --name c --net none --rootfs "$PWD/rootfs" sh
  grep -qx "status 0" "$out" || fail "left by the keys"
  grep -qx "modes restored" "$out" || fail "the terminal is not as it was"
  expect_same "$(p inspect -f '{{.State.Status}}' c)" running
  at_terminal 'wait:# ' 'send:stty size; tty; exit 6\r' 'wait:/dev/pts/' -- exec -it c sh
  grep -qx "status 6" "$out" || fail "exec"
  at_terminal 'send:\r' 'wait:# ' 'send:exit 4\r' -- attach c
  expect_same "$(p wait c)" 4
  at_terminal 'wait:# ' 'send:exit 3\r' -- start -ai c
  grep -qx "status 3" "$out" || fail "start"
  p rm c >"$out"
}

# It ends by itself: out of memory, and started again; or before it runs.
test_ends() {
  podman_begin
  says 137 run --name c --net none --memory 64m --rootfs "$PWD/rootfs" sh -c 'tail /dev/zero'
  expect_same "$(p inspect -f '{{.State.OOMKilled}}' c)" true
  p rm c >"$out"
  says 3 run --name d --init --net none --restart on-failure:1 --rootfs "$PWD/rootfs" sh -c 'echo x >>/runs; exit 3'
  wait_for 100 restarted 2
  p rm -f -t 0 d >"$out"
  says 0 run -d --name e --net none --restart always --rootfs "$PWD/rootfs" sh -c 'echo x >>/runs'
  wait_for 100 restarted 4
  p rm -f -t 0 e >"$out"
}
restarted() { [ "$(wc -l <rootfs/runs)" -ge "$1" ]; }

# Who watches it is killed, and who asks for it goes away.
test_unwatched() {
  podman_begin
  says 0 run -d --name g --net none --rootfs "$PWD/rootfs" sleep 1000
  kill -KILL "$(p inspect -f '{{.State.ConmonPid}}' g)"
  expect_same "$(p exec g echo alive)" alive
  p rm -f -t 0 g >"$out"
  # Ctrl-C while it is made, or just after.
  start "${podman[@]}" run --name f --net none --rootfs "$PWD/rootfs" sleep 1000
  wait_for 60 pgrep -x conmon
  kill -INT "$pod"
  wait_pod
  p rm -f -t 0 f >"$out" 2>&1
  expect_same "$(p ps -aq)" ""
  wait_for 100 nobody_left
}

# Its own network, with a name server: addresses, a port of the host's, and another container by name.
test_bridge() {
  podman_begin /usr/lib/podman/netavark /usr/lib/podman/aardvark-dns
  modprobe -a tun veth bridge sch_ingress cls_matchall act_mirred 2>/dev/null
  podman+=(--network-config-dir "$PWD/n")
  echo served >rootfs/tmp/file
  says 0 network create lan
  says 0 run -d --name web --network lan -p 7388:80 --rootfs "$PWD/rootfs" sh -c '{ ip -o -4 addr show dev eth0
    cat /sys/class/net/eth0/address; } >/tmp/said; exec httpd -f -p 80 -h /tmp'
  read -r ip mac < <(p inspect web --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.MacAddress}}{{end}}')
  # Through the forwarded port, once the program in the guest listens.
  wait_for 100 fetched http://127.0.0.1:7388/file
  grep -qF "inet $ip/24" rootfs/tmp/said || fail "the address is not $ip: $(cat rootfs/tmp/said)"
  grep -qF "$mac" rootfs/tmp/said || fail "the MAC address is not $mac: $(cat rootfs/tmp/said)"
  says 0 run --rm --network lan --rootfs "$PWD/rootfs" sh -c 'ping -c 1 -W 60 web && wget -q -O - http://web/file'
  expect_stdout_has "1 packets received"
  expect_stdout_has served
  p rm -f -t 0 web >"$out"
  says 0 network rm lan
}
