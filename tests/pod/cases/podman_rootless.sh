# shellcheck shell=bash disable=SC2154,SC2016,SC2034
# level: oci
# An ordinary user's podman with nacelle-oci.

. "$here/engines.sh"

# From an image, with what stands on a command line; and what a virtual machine cannot have is named.
test_run() {
  rootless_begin
  mkdir home/data
  echo given >home/data/in
  chown -R games:games home/data
  says 3 run --rm --net none -v "$PWD/home/data:/data:ro" -v named:/named --memory 96m --user 12:34 --init --read-only --hostname box \
    --cidfile home/id busybox sh -c '
      cat /data/in; id -u; id -g; cat /sys/fs/cgroup/memory.max; hostname; touch /data/x; touch /new; touch /tmp/x && uname -r >&2; exit 3'
  expect_same "$(cat "$out")" "given
12
34
100663296
box"
  expect_stderr_has "/data/x: Read-only file system"
  expect_stderr_has "/new: Read-only file system"
  expect_stderr_has -nacelle
  expect_same "$(wc -c <home/id)" 64
  # What it writes belongs to the user and to those that are subordinate to him; the volume keeps it.
  says 0 run --rm --net none -v named:/named -v "$PWD/home/data:/data" busybox sh -c 'id -u; echo kept >/named/file; cp /named/file /data/own
    cp /named/file /data/other; chown 5:6 /data/other; stat -c %u:%g /data/other'
  expect_stdout_has 5:6
  expect_same "$(stat -c %u:%g home/data/own home/data/other)" "$(id -u games):$(id -g games)
300004:300005"
  expect_same "$(cat "$(p volume inspect -f '{{.Mountpoint}}' named)/file")" kept
  # He who has no right to make device nodes binds them.
  says 1 run --rm --net none --privileged busybox sh -c 'mount -t tmpfs none /tmp && echo mounted; ls /dev/kvm'
  expect_stdout mounted
  expect_stderr_has "/dev/kvm: No such file"
  says 126 run --rm --net none --device /dev/kvm busybox true
  expect_stderr_has "/dev/kvm is a device of the host, which a virtual machine cannot have"
  says 127 run --rm --net none busybox no-such
  expect_stderr_has 'exec: "no-such": executable file not found in $PATH'
  expect_same "$(p ps -aq)" ""
}

# From its making to its end by a signal, and a second time.
test_life() {
  rootless_begin
  says 0 create --name c --net none busybox sh -c 'cat /in; trap "echo bye; exit 5" TERM; trap "echo usr1" USR1; echo err >&2
    while :; do sleep 1000 & wait; done'
  echo before >in
  p cp in c:/in
  says 0 start c
  wait_for 60 logged err
  says 0 pause c
  expect_same "$(p inspect -f '{{.State.Status}}' c)" paused
  says 0 unpause c
  says 0 kill -s USR1 c
  wait_for 60 logged usr1
  says 0 stop -t 60 c
  expect_same "$(p wait c)" 5
  expect_same "$(p logs c 2>/dev/null)" "before
usr1
bye"
  expect_same "$(p inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}' c)" "exited 5 0"
  says 0 start c
  says 0 rm -f -t 0 c
  expect_same "$(p ps -aq)" ""
}
logged() { p logs c 2>&1 | grep -qx "$1"; }


# What is done with one that runs: podman enters the namespaces of its process.
test_looks() {
  rootless_begin
  says 0 run -d --name c --net none busybox sleep 1000
  # The machine's user is made of its number in the engine's namespace of processes.
  read -r _ number _ <<<"$(status_field "$(pgrep -x nacelle-vm)" NSpid)"
  expect_same "$(status_field "$(pgrep -x nacelle-vm)" Uid | cut -f 1)" $((299999 + 0xb000 + number % 0x4000))
  wait_for 60 top_shows c "root 1 sleep 1000" user pid args
  echo copied >in
  says 0 cp in c:/tmp/in
  expect_same "$(echo word | p exec -i c sh -c 'cat; mkdir /tmp/out; cp /tmp/in /tmp/out/file; exit 4' || echo $?)" "word
4"
  says 0 cp c:/tmp/out home/copy
  expect_same "$(cat home/copy/file)" copied
  p top c -o args >"$out"
  expect_stdout_has "sleep 1000"
  says 0 stats --no-stream --format '{{.Name}}' c
  expect_stdout c
  says 0 rm -f -t 0 c
  wait_for 100 nobody_left
}

# Somebody at a terminal, who goes away and comes back.
test_terminal() {
  rootless_begin
  at_terminal 'wait:# ' 'send:tty; echo si""zed\r' 'wait:/dev/' 'wait:sized' 'wait:# ' 'send:\x18' -- \
    run -it --detach-keys ctrl-x --name c --net none busybox sh
  grep -qx "status 0" "$out" || fail "left by the keys"
  at_terminal 'wait:# ' 'send:stty size; tty; exit 6\r' 'wait:/dev/pts/' -- exec -it c sh
  grep -qx "status 6" "$out" || fail "exec"
  at_terminal 'send:\r' 'wait:# ' 'send:exit 4\r' -- attach c
  grep -qx "modes restored" "$out" || fail "the terminal is not as it was"
  expect_same "$(p wait c)" 4
}

# Podman's own way for ports, whose end is in the pod's network namespace.
test_port() {
  rootless_begin
  says 0 run -d --name c -p 7391:80 busybox sh -c 'cd /tmp; echo served >file; exec httpd -f -p 80'
  wait_for 100 fetched http://127.0.0.1:7391/file
  says 0 rm -f -t 0 c
}

# slirp4netns' own network, and its way for ports.
test_slirp_port() {
  rootless_begin
  says 0 run -d --name c -p 7390:80 --network slirp4netns:port_handler=slirp4netns busybox sh -c 'ip -o -4 addr show dev tap0; ip route
    cd /tmp; echo served >file; exec httpd -f -p 80'
  wait_for 100 fetched http://127.0.0.1:7390/file
  p logs c >"$out"
  expect_stdout_has "inet 10.0.2.100/24"
  expect_stdout_has "default via 10.0.2.2 dev tap0"
  says 0 rm -f -t 0 c
}

# A network of the user's own, in the namespace that podman keeps for all of them: a port, and another container by name.
test_network() {
  rootless_begin
  modprobe -a veth bridge 2>/dev/null
  says 0 network create lan
  says 0 run -d --name web --network lan -p 7392:80 busybox sh -c 'cd /tmp; echo served >file; exec httpd -f -p 80'
  wait_for 100 fetched http://127.0.0.1:7392/file
  says 0 run --rm --network lan busybox wget -q -O - http://web/file
  expect_stdout served
  says 0 rm -f -t 0 web
  says 0 network rm lan
}

# Three containers in one machine; two are paused, and begun again. (podman 4.3 wakes no pod in which one has ended.)
test_pod() {
  rootless_begin
  says 0 pod create --name pod --hostname box --network none
  says 0 run -d --pod pod --name web busybox sh -c 'echo "web in $(hostname)" >/tmp/page; exec httpd -f -p 80 -h /tmp'
  says 0 run -d --pod pod --name two --memory 48m busybox sh -c 'trap "exit 3" TERM
    until wget -qO /tmp/got http://127.0.0.1/page 2>/dev/null; do sleep 0.1; done; cat /tmp/got; cat /sys/fs/cgroup/memory.max; sleep 1000 & wait'
  wait_for 100 two_said "web in box 50331648"
  says 7 run --rm --pod pod --name three busybox sh -c 'wget -qO - http://127.0.0.1/page; exit 7'
  expect_stdout "web in box"
  expect_same "$(pgrep -cx nacelle-vm)" 1
  says 0 pod pause pod
  expect_same "$(states)" "paused paused"
  says 0 pod unpause pod
  expect_same "$(states)" "running running"
  says 0 pod restart pod
  wait_for 100 two_said "web in box 50331648 web in box 50331648"
  says 0 pod stop -t 60 pod
  expect_same "$(p inspect -f '{{.State.Status}} {{.State.ExitCode}}' two)" "exited 3"
  says 0 pod rm -f -t 0 pod
  expect_same "$(p ps -aq)" ""
}
two_said() { [ "$(p logs two 2>/dev/null | xargs)" = "$1" ]; }
states() { p inspect -f '{{.State.Status}}' web two | xargs; }

# What looks after a container: its health, its restarts, a description of Kubernetes'.
test_care() {
  rootless_begin
  says 0 run -d --name c --net none --cpus 0.5 --health-cmd 'test -e /tmp/healthy' --health-interval disable busybox sh -c '
    cat /sys/fs/cgroup/cpu.max; sleep 1000'
  wait_for 60 logged "50000 100000"
  says 1 healthcheck run c
  says 0 exec c touch /tmp/healthy
  says 0 healthcheck run c
  says 0 rm -f -t 0 c
  says 3 run --name d --net none --restart on-failure:1 -v kept:/kept busybox sh -c 'echo x >>/kept/runs; exit 3'
  wait_for 100 ran_twice
  says 0 rm -f -t 0 d
  cat >home/pod.yaml <<'END2'
apiVersion: v1
kind: Pod
metadata: {name: kube}
spec:
  hostname: cube
  containers:
  - name: web
    image: localhost/busybox:latest
    command: [sh, -c, "hostname >/tmp/page; exec httpd -f -p 80 -h /tmp"]
  - name: look
    image: localhost/busybox:latest
    command: [sh, -c, "until wget -qO - http://127.0.0.1/page 2>/dev/null; do sleep 0.1; done; sleep 1000"]
END2
  says 0 play kube --network none home/pod.yaml
  wait_for 100 kube_said cube
  says 0 play kube --down home/pod.yaml
  expect_same "$(p ps -aq)" ""
}
ran_twice() { [ "$(wc -l <"$(p volume inspect -f '{{.Mountpoint}}' kept)/runs")" = 2 ]; }
kube_said() { [ "$(p logs kube-look 2>/dev/null)" = "$1" ]; }
