# shellcheck shell=bash disable=SC2154,SC2016,SC2034
# level: oci
# nacelle-oci: several containers in one virtual machine, as CRI's annotations, podman's pods and --net container: say it.

oci() { "${nacelle%/*}/nacelle-oci" --root "$PWD/oci" "$@"; }
field_of() { oci state "$1" | sed -n "s/^ *\"$2\": \"*\([^\",]*\)\"*,*$/\1/p"; }
is_status() { [ "$(field_of "$1" status)" = "$2" ]; }
has_line() { grep -qsF -- "$2" "$1"; }

# make_bundle DIR TYPE SANDBOX ARG...: a container of TYPE, as containerd's CRI describes one, or with others' annotations and the
# network by another path; in SANDBOX, if that is not -.
annotations=(io.kubernetes.cri.container-type io.kubernetes.cri.sandbox-id) network_path=
make_bundle() {
  local bundle=$1 pid=-
  mkdir -p "$bundle/rootfs" "$bundle/data"
  cp -a "${busybox_dir#rootfs:}/." "$bundle/rootfs/"
  [ "$3" = - ] || pid=$(field_of "$3" pid)
  python3 - "$bundle/config.json" "$pid" "${annotations[@]}" "$network_path" "${@:2}" <<'END2'
import json, sys
path, pid, kind_name, sandbox_name, network, kind, sandbox, *args = sys.argv[1:]
shared = {} if pid == "-" else {t: f"/proc/{pid}/ns/{n}" for t, n in (("network", "net"), ("ipc", "ipc"), ("uts", "uts"))}
if network:
    shared["network"] = network
json.dump({
    "ociVersion": "1.0.2",
    "root": {"path": "rootfs"},
    **({"hostname": "box"} if pid == "-" else {}),
    "process": {"args": args, "cwd": "/", "env": ["PATH=/bin:/usr/bin"], "user": {"uid": 0, "gid": 0},
                "capabilities": {k: ["CAP_KILL", "CAP_SYS_PTRACE"] for k in ("bounding", "permitted", "effective")}},
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
        {"destination": "/data", "type": "bind", "source": "data", "options": ["rbind", "rw"]}],
    "annotations": {kind_name: kind, sandbox_name: "box" if sandbox == "-" else sandbox},
    "linux": {
        "namespaces": [{"type": t, **({"path": shared[t]} if t in shared else {})}
                       for t in ("pid", "network", "ipc", "uts", "mount")],
        "resources": {"memory": {"limit": 33554432}} if kind == "container" else {}}},
    open(path, "w"))
END2
}

# A sandbox and its containers as containerd's CRI makes them: each with a life of its own.
test_bundles() {
  make_bundle b0 sandbox - sh -c 'sleep 1000 & wait'
  oci create -b b0 --pid-file pid0 box </dev/null || fail "the sandbox is not made"
  make_bundle b1 container box sh -c 'hostname; cat /sys/fs/cgroup/memory.max; ls /data; echo $$; exec nc -l -p 9999 -e cat'
  ! oci create -b b1 one </dev/null 2>"$err" || fail "made before its sandbox's start"
  expect_stderr_has "the sandbox has not been started"
  oci start box || fail "the sandbox does not start"
  wait_for 60 is_status box running
  touch b1/data/first
  oci create -b b1 --pid-file pid1 one </dev/null >one.out 2>one.err || fail "not made: $(cat one.err)"
  expect_same "$(field_of one status) $(field_of one pid) $(oci list -q | sort | xargs)" "created $(cat pid1) box one"
  expect_same "$(cat one.out)" ""
  oci start one || fail "not started"
  wait_for 60 grep -qx 1 one.out
  expect_same "$(xargs <one.out)" "box 33554432 first 1"
  # The other one finds it by localhost, and has a root of its own.
  make_bundle b2 container box sh -c 'trap "exit 5" TERM; echo hello | nc 127.0.0.1 9999; touch /mine; ls /data; sleep 1000 & wait'
  oci create -b b2 --pid-file pid2 two </dev/null >two.out 2>&1 || fail "not made: $(cat two.out)"
  oci start two || fail "not started"
  wait_for 60 has_line two.out hello
  wait_for 60 test -e b2/rootfs/mine
  expect_same "$(ls b0/rootfs/mine b1/rootfs/mine 2>/dev/null)" ""
  # Its process on the host lives in its root and its network.
  expect_same "$(readlink "/proc/$(cat pid2)/ns/net")" "$(readlink "/proc/$(cat pid0)/ns/net")"
  if [ "$(id -u)" = 0 ]; then
    (cd "/proc/$(cat pid2)/root" && [ -e mine ]) || fail "its process does not live in its root"
  fi
  status=0
  oci exec two sh -c 'ls /mine; hostname; cat; exit 6' >"$out" 2>"$err" <<<given || status=$?
  expect_status 6
  expect_stdout "/mine
box
given"
  expect_same "$(oci exec box ls -d /mine 2>&1)" "ls: /mine: No such file or directory"
  oci pause box || fail "pause"
  expect_same "$(field_of two status)" paused
  ! oci resume two 2>"$err" || fail "resumed alone"
  expect_stderr_has "its sandbox is paused; resume that"
  oci resume box || fail "resume"
  ! oci delete two 2>"$err" || fail "deleted while it runs"
  # A signal to its process is the container's, and what it leaves is its own.
  kill -TERM "$(cat pid2)"
  wait_for 60 is_status two stopped
  ! oci kill two TERM 2>"$err" || fail "killed twice"
  expect_stderr_has "container not running"
  oci delete two || fail "delete"
  expect_same "$(oci list -q | sort | xargs)" "box one"
  # Its id is free, and so is its place.
  oci run -d -b b2 two </dev/null >two.out 2>&1 || fail "not made again: $(cat two.out)"
  wait_for 60 is_status two running
  # One whose process is killed is gone; one that is not there leaves nothing.
  make_bundle b3 container box no-such
  ! oci create -b b3 three </dev/null >"$out" 2>"$err" || fail "made: no-such"
  expect_stderr_has 'exec: "no-such": executable file not found in $PATH'
  expect_same "$(oci list -q | sort | xargs)" "box one two"
  # One that runs out of memory ends alone, and the host counts it where engines look.
  make_bundle b4 container box tail /dev/zero
  sed -i 's|"linux": {|&"cgroupsPath": "/nacelle-test-full", |' b4/config.json
  oci run -d -b b4 full </dev/null >"$out" 2>&1 || fail "not made: $(cat "$out")"
  wait_for 60 is_status full stopped
  [ ! -e /sys/fs/cgroup/nacelle-test-full/memory.events ] ||
    wait_for 60 has_line /sys/fs/cgroup/nacelle-test-full/memory.events "oom_kill 1"
  oci delete full || fail "delete full"
  # Whoever hears of its end may unmount its root at once.
  if [ "$(id -u)" = 0 ]; then
    make_bundle b5 container box sh -c 'exec 3</bin/busybox; true'
    for i in 1 2 3 4 5; do
      mount --bind b5/rootfs b5/rootfs || fail "mount"
      oci run -b b5 short </dev/null >"$out" 2>&1 || fail "not run: $(cat "$out")"
      umount b5/rootfs || fail "busy at turn $i"
    done
  fi
  # With the sandbox all ends, with a status.
  python3 - "$PWD/oci" "${nacelle%/*}/nacelle-oci" <<'END2' || fail "the sandbox's end"
import ctypes, os, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
oci = [sys.argv[2], "--root", sys.argv[1]]
quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
subprocess.run([*oci, "create", "-b", "b2", "--pid-file", "pid4", "four"], check=True, **quiet)
subprocess.run([*oci, "start", "four"], check=True)
subprocess.run([*oci, "kill", "box", "9"], check=True)
status = os.waitpid(int(open("pid4").read()), 0)[1]
assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 137, status
END2
  wait_for 60 is_status one stopped
  wait_for 60 is_status two stopped
  oci delete box || fail "the sandbox cannot be removed first"
  ! oci create -b b1 five </dev/null 2>"$err" || fail "made in what has gone"
  for id in one two four; do
    oci delete "$id" || fail "delete $id"
  done
  expect_same "$(oci list -q)$(ls oci/pods/v1/run)" ""
}

# change DIR CODE: what Python makes of the bundle's configuration c.
change() {
  python3 - "$1/config.json" "$2" <<'END2'
import json, sys
c = json.load(open(sys.argv[1]))
exec(sys.argv[2])
json.dump(c, open(sys.argv[1], "w"))
END2
}

# All else that is done with a container does with one of a sandbox what it does with any. The sandbox is one of CRI-O.
test_verbs() {
  annotations=(io.kubernetes.cri-o.ContainerType io.kubernetes.cri-o.SandboxID)
  make_bundle b0 sandbox - sh -c 'sleep 1000 & wait'
  oci create -b b0 --pid-file pid0 box </dev/null >"$out" 2>"$err" && oci start box || fail "the sandbox is not made"
  if [ "$(id -u)" = 0 ]; then
    network_path=$PWD/network && : >network
    trap 'umount "$network_path"' EXIT
    mount --bind "/proc/$(cat pid0)/ns/net" network || fail "the network has no other name"
  fi
  # Hooks, where they belong.
  cat >hook <<END2
#!/bin/bash
echo \$1 \$(sed -n 's/^ *"\(id\|status\)": "\(.*\)",$/\2/p') \$(ls "$PWD/b1/rootfs/data") >>"$PWD/hooks"
readlink /proc/self/ns/net >"$PWD/net.\$1"
END2
  chmod +x hook
  make_bundle b1 container box sh -c 'cat /first; sleep 1000 & trap "exit 5" TERM; echo ready; wait'
  change b1 'h = c["hooks"] = {k: [{"path": "'"$PWD"'/hook", "args": ["hook", k]}] for k in ("createRuntime", "createContainer", "poststart", "poststop")}
h["startContainer"] = [{"path": "/bin/sh", "args": ["sh", "-c", "cat >/state; echo hooked >/first"]}]'
  touch b1/data/seen
  oci create -b b1 --pid-file pid1 one </dev/null >one.out 2>&1 || fail "not made: $(cat one.out)"
  [ ! -e b1/rootfs/first ] || fail "startContainer before the start"
  oci start one || fail "not started"
  wait_for 60 has_line one.out ready
  expect_same "$(cat one.out)" "hooked
ready"
  grep -q '"id": "one"' b1/rootfs/state || fail "no state for the hook in the guest"
  expect_same "$(cat net.createContainer)" "$(readlink "/proc/$(cat pid0)/ns/net")"
  # Its limits and figures are its own.
  oci update --memory 48M --pids-limit 30 --cpu-quota 20000 --cpu-period 50000 one || fail update
  limits='cd /sys/fs/cgroup; cat memory.max cpu.max pids.max'
  expect_same "$(oci exec one sh -c "$limits" | xargs) $(oci exec box sh -c "$limits" | xargs)" "50331648 40000 100000 30 max max 100000 max"
  oci events --stats one >figures || fail events
  python3 -c 'import json; d = json.load(open("figures"))["data"]; assert (d["memory"]["usage"]["limit"], d["pids"]) == (48 << 20, {"current": 2, "limit": 30}), d' ||
    fail "$(cat figures)"
  expect_same "$(oci ps --format json one) $(oci ps --format json box)" "[$(cat pid1)] [$(cat pid0)]"
  "$here/terminal" size:30x90 'wait:#' 'send:stty size; echo a""b\r' wait:ab 'send:exit 7\r' -- "${nacelle%/*}/nacelle-oci" --root "$PWD/oci" \
    exec -t one sh >"$out" 2>&1 || fail "at a terminal"
  [[ $(tr -d '\r' <"$out") == *$'\n30 90\n'*$'\nstatus 7\nmodes restored' ]] || fail "at a terminal: $(cat "$out")"
  # Commands end with it.
  oci exec -d --pid-file pid2 one sleep 1000 >"$out" 2>&1 </dev/null || fail "exec -d"
  oci kill one TERM && wait_for 60 is_status one stopped
  wait_for 60 is_gone "$(cat pid2)"
  oci delete one || fail delete
  expect_same "$(cat hooks)" "createRuntime one creating
createContainer one creating seen
poststart one running
poststop one stopped"
  # What fails before the program runs.
  change b1 'c["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "echo too bad; exit 3"]}]}'
  ! oci create -b b1 one </dev/null >"$out" 2>"$err" || fail "made"
  expect_stderr_has "the createRuntime hook /bin/sh ended with status 3"
  change b1 'c["hooks"] = {}; c["process"]["args"] = ["/data/seen"]'
  ! oci run -b b1 one </dev/null >"$out" 2>"$err" || fail "made"
  expect_stderr_has 'exec: "/data/seen": permission denied'
  change b1 'c["process"]["cwd"] = "/data/seen"; c["process"]["args"] = ["true"]'
  ! oci run -b b1 one </dev/null >"$out" 2>"$err" || fail "made"
  expect_stderr_has 'chdir to cwd ("/data/seen") set in config.json failed: not a directory'
  change b1 'c["process"]["cwd"] = "/"'
  expect_same "$(oci list -q)" box
  change b1 'c["hooks"] = {"startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "exit 4"]}]}; c["process"]["args"] = ["sh", "-c", "sleep 1000 & wait"]'
  oci create -b b1 one </dev/null >one.out 2>&1 || fail "not made: $(cat one.out)"
  ! oci start one 2>"$err" || fail "started"
  expect_stderr_has "error running hook #0: the startContainer hook /bin/sh: exit status 4"
  wait_for 60 is_status one stopped
  expect_same "$(cat one.out)" "nacelle: the startContainer hook /bin/sh ended with status 4"
  oci delete one || fail delete
  # One that does not end does not keep its container from being killed.
  change b1 'c["hooks"]["startContainer"][0]["args"][2] = "echo hook; exec sleep 1000"'
  oci create -b b1 one </dev/null >one.out 2>&1 || fail "not made: $(cat one.out)"
  oci start one 2>start.err &
  start=$!
  wait_for 60 has_line one.out hook
  oci kill one KILL || fail "kill"
  ! wait "$start" || fail "started"
  grep -qF "the app was killed before its start" start.err || fail "$(cat start.err)"
  wait_for 60 is_status one stopped
  oci delete one || fail delete
  change b1 'c["hooks"] = {}'
  oci run -d -b b1 one </dev/null >one.out 2>&1 || fail "not made: $(cat one.out)"
  oci delete --force one || fail "delete --force"
  expect_same "$(oci list -q)" box
  # The machine is killed: so are all, whether they ran or waited.
  oci run -d -b b1 one </dev/null >one.out 2>&1 || fail "not made: $(cat one.out)"
  oci exec -d --pid-file pid2 one sleep 1000 >"$out" 2>&1 </dev/null || fail "exec -d"
  oci create -b b1 two </dev/null >two.out 2>&1 || fail "not made: $(cat two.out)"
  kill -KILL "$(cat pid0)"
  wait_for 60 is_status one stopped
  wait_for 60 is_status two stopped
  wait_for 60 is_gone "$(cat pid2)"
  for id in box one two; do
    oci delete "$id" || fail "delete $id"
  done
  expect_same "$(oci list -q)$(ls oci/pods/v1/run)" ""
}
is_gone() { ! kill -0 "$1" 2>/dev/null; }

# One stands still while the others go on; also one that was paused with its sandbox.
test_pause_one() {
  make_bundle b0 sandbox - sh -c 'sleep 1000 & wait'
  oci run -d -b b0 box </dev/null >"$out" 2>&1 || fail "the sandbox is not made"
  make_bundle b1 container box sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/data/count; done'
  make_bundle b2 container box sh -c 'while :; do cat /data/count >/data/copy; done'
  oci run -d -b b1 one </dev/null >one.out 2>&1 || fail "not made: $(cat one.out)"
  oci run -d -b b2 two </dev/null >two.out 2>&1 || fail "not made: $(cat two.out)"
  wait_for 60 has_moved b1/data/count
  ! oci resume one 2>"$err" || fail "resumed what runs"
  expect_stderr_has "container not paused: it is running"
  oci pause one || fail "pause"
  expect_same "$(field_of one status) $(field_of two status) $(field_of box status)" "paused running running"
  ! oci pause one 2>"$err" || fail "paused twice"
  expect_stderr_has "container not running: it is paused"
  ! oci exec one true 2>"$err" || fail "a command in one that is paused"
  expect_stderr_has "cannot exec in a paused container"
  before=$(cat b1/data/count)
  expect_same "$(oci exec two echo goes on)" "goes on"
  expect_same "$(cat b1/data/count)" "$before"
  oci update --pids-limit 30 one || fail "update"
  # A command that may wait does.
  oci exec --ignore-paused one echo late </dev/null >late 2>&1 &
  late=$!
  # The machine stops and goes on, and it is paused still.
  oci pause box || fail "pause of all"
  oci pause two || fail "pause of one in a machine that is paused"
  oci resume box || fail "resume of all"
  expect_same "$(field_of one status) $(field_of two status) $(field_of box status)" "paused paused running"
  expect_same "$(cat b1/data/count) $(cat late)" "$before "
  oci resume two || fail "resume two"
  oci resume one || fail "resume one"
  wait "$late"
  expect_same "$(cat late)" late
  wait_for 60 has_moved b1/data/count
  # It can be killed as it stands.
  oci pause one || fail "pause again"
  oci kill one KILL || fail "kill"
  wait_for 60 is_status one stopped
  oci pause two || fail "pause two"
  oci delete --force two || fail "delete --force"
  oci delete one || fail "delete"
  oci delete --force box || fail "delete box"
  expect_same "$(oci list -q)$(ls oci/pods/v1/run)" ""
}
has_moved() {
  local first
  first=$(cat "$1" 2>/dev/null) && [ -n "$first" ] && sleep 0.1 && [ "$(cat "$1")" != "$first" ]
}

# The sandbox's program ends before others do: its process lives until the last one has ended, or it is killed.
test_program_first() {
  make_bundle b0 sandbox - sh -c 'trap "exit 5" TERM; sleep 1000 & wait'
  program_ends 'trap "sleep 1; exit 3" TERM; echo there; sleep 1000 & wait'
  expect_same "$(field_of box status) $(field_of one status)" "running running"
  wait_for 60 is_status two stopped
  expect_same "$(oci exec one echo hello)" hello
  ! oci create -b b1 three </dev/null 2>"$err" || fail "made in what has ended"
  expect_stderr_has "the sandbox's program has ended"
  expect_same "$(oci list -q | sort | xargs)" "box one two"
  # Asked again, it is the same.
  oci kill box TERM || fail "not told"
  oci kill one TERM || fail "not asked"
  all_ended 5 3
  for how in "kill box KILL" "delete --force box"; do
    program_ends 'trap "" TERM; echo there; while :; do sleep 1; done'
    # shellcheck disable=SC2086
    oci $how || fail "$how"
    all_ended 5 137
  done
}
# program_ends WORDS: makes `box`, `one`, whose shell runs WORDS, and `two`, which waits for its start; then the program of box ends.
program_ends() {
  oci run --keep -b b0 --pid-file pid0 box </dev/null >box.out 2>&1 &
  box=$!
  wait_for 60 is_status box running
  make_bundle b1 container box sh -c "$1"
  oci run --keep -b b1 one </dev/null >one.out 2>&1 &
  one=$!
  wait_for 60 has_line one.out there
  oci create -b b1 two </dev/null >two.out 2>&1 || fail "not made: $(cat two.out)"
  oci kill box TERM || fail "not asked: box"
  wait_for 60 program_has_ended
}
program_has_ended() { oci exec box true 2>&1 | grep -qF "the app has ended"; }
# all_ended STATUS STATUS: so have `box` and `one`, in whatever order that is told; all of them are removed.
all_ended() {
  status=0
  wait "$one" || status=$?
  expect_status "$2"
  status=0
  wait "$box" || status=$?
  expect_status "$1"
  for id in one two box; do
    wait_for 60 is_no_more "$id"
  done
  expect_same "$(oci list -q)$(ls oci/pods/v1/run)" ""
}
is_no_more() { oci delete "$1" 2>/dev/null || ! oci state "$1" >/dev/null 2>&1; }

# Debian's podman with nothing changed but the runtime, as the function p; rootfs is a root for containers.
podman_begin() {
  [ "$(id -u)" = 0 ] || skip "podman as an ordinary user needs a network that it makes itself"
  command -v conmon >/dev/null || skip "podman is not installed"
  mkdir rootfs
  cp -a "${busybox_dir#rootfs:}/." rootfs/
  cat >containers.conf <<END2
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime_supports_json = ["nacelle-oci"]
[engine.runtimes]
nacelle-oci = ["${nacelle%/*}/nacelle-oci"]
END2
  export CONTAINERS_CONF=$PWD/containers.conf
  trap '(p pod rm -f -a -t 0; p rm -f -a -t 0) >/dev/null 2>&1' EXIT
}
p() { podman --root "$PWD/s" --runroot "$PWD/r" --storage-driver vfs --runtime nacelle-oci "$@"; }

# beside NAME OPTION... WORDS: a container with a root of its own, whose shell runs WORDS.
beside() {
  cp -a rootfs "$1"
  p run --name "$1" "${@:2:$#-2}" --rootfs "$PWD/$1" sh -c "${*: -1}"
}
loaded='until wget -qO /got http://127.0.0.1/page 2>/dev/null; do sleep 0.1; done; mv /got /page; cat /page'

# Podman's own infra container, two more, one that goes and one that comes.
test_podman_pod() {
  podman_begin
  p pod create --name pod --hostname box --network none >"$out" 2>"$err" || fail "pod create"
  beside web -d --pod pod 'echo "web in $(hostname)" >/page; httpd -f -p 80 -h /' >"$out" 2>"$err" || fail "the first"
  beside two -d --pod pod --memory 48m 'trap "exit 3" TERM; '"$loaded; cat /sys/fs/cgroup/memory.max; sleep 1000 & wait" \
    >"$out" 2>"$err" || fail "the second"
  wait_for 60 test -e two/page
  expect_same "$(cat two/page)" "web in box"
  wait_for 60 listed
  echo copied >in.txt
  p cp in.txt two:/tmp/in.txt
  expect_same "$(p exec two cat /tmp/in.txt)" copied
  p stop -t 120 two >"$out" || fail "stop"
  expect_same "$(p logs two | xargs) $(p inspect -f '{{.State.Status}} {{.State.ExitCode}}' two)" "web in box 50331648 exited 3"
  p rm two >"$out" || fail "rm"
  status=0
  beside three --pod pod "$loaded; exit 7" >"$out" 2>"$err" || status=$?
  expect_status 7
  expect_stdout "web in box"
  p pod rm -f -t 0 pod >"$out" || fail "pod rm"
  expect_same "$(p ps -aq)" ""
}

# Of each container what runs there, and nothing of the others.
listed() {
  [ "$(p pod top pod pid args | grep -cE '^1 +(httpd -f -p 80 -h /|sh -c trap) .*')" = 2 ] && p top two args | grep -qx 'sleep 1000 ' &&
    ! p top two args | grep -q httpd
}

# Without a pod: who shares a container's network shares its machine, but not its memory.
test_podman_net() {
  podman_begin
  beside web -d --network none 'echo page >/page; echo x >/dev/shm/mine; httpd -f -p 80 -h /' >"$out" 2>"$err" || fail "the first"
  status=0
  beside two --network container:web "$loaded; ls /dev/shm; exit 5" >"$out" 2>"$err" || status=$?
  expect_status 5
  expect_stdout page
  p rm -f -t 0 --depend web >"$out" || fail "rm"
  expect_same "$(p ps -aq)" ""
}

# Podman ends all containers of a pod at once, in no order: here the infra container's program is the first.
test_podman_order() {
  podman_begin
  p pod create --name pod --network none >"$out" 2>"$err" || fail "pod create"
  beside leaves -d --pod pod 'trap "sleep 1; exit 3" TERM; echo there; sleep 1000 & wait' >"$out" 2>"$err" || fail "the first"
  wait_for 60 has_words leaves there
  infra=$(p pod inspect -f '{{.InfraContainerID}}' pod)
  p kill -s TERM "$infra" >"$out" || fail "kill infra"
  wait_for 60 infra_has_ended
  expect_same "$(p inspect -f '{{.State.Status}}' "$infra")" running
  p pod stop -t 120 pod >"$out" 2>"$err" || fail "pod stop"
  expect_same "$(p inspect -f '{{.State.Status}} {{.State.ExitCode}}' leaves)" "exited 3"
  # One that does not end when it is asked to ends with the time.
  beside stays -d --pod pod 'trap "" TERM; echo there; while :; do sleep 1; done' >"$out" 2>"$err" || fail "the second"
  wait_for 60 has_words stays there
  p pod stop -t 2 pod >"$out" 2>"$err" || fail "pod stop -t 2"
  expect_same "$(p inspect -f '{{.State.Status}} {{.State.ExitCode}}' stays)" "exited 137"
  # Podman's other ways to end what is left by the infra container's program.
  for how in "pod kill pod" "pod rm -f -t 2 pod"; do
    p pod start pod >"$out" 2>"$err" || fail "pod start"
    wait_for 60 is_running "$infra"
    p kill -s TERM "$infra" >"$out" || fail "kill infra"
    wait_for 60 infra_has_ended
    # shellcheck disable=SC2086
    p $how >"$out" 2>"$err" || fail "$how"
    wait_for 60 none_runs
  done
  expect_same "$(p ps -aq)" ""
}
has_words() { p logs "$1" 2>/dev/null | grep -qsxF -- "$2"; }
infra_has_ended() { "${nacelle%/*}/nacelle-oci" exec "$infra" true 2>&1 | grep -qF "the app has ended"; }
is_running() { [ "$(p inspect -f '{{.State.Status}}' "$1")" = running ]; }
none_runs() { [ -z "$(p ps -q)" ]; }

# A pod as Kubernetes describes it; stopped and started again.
test_podman_kube() {
  podman_begin
  tar -C rootfs -c . | p import -q - localhost/box:latest >"$out" 2>"$err" || fail import
  cat >pod.yaml <<END2
apiVersion: v1
kind: Pod
metadata: {name: kube}
spec:
  hostname: cube
  containers:
  - name: web
    image: localhost/box:latest
    command: [sh, -c, "cat /sys/fs/cgroup/memory.max >/shared/page; exec httpd -f -p 80 -h /shared"]
    volumeMounts: [{name: shared, mountPath: /shared}]
    resources: {limits: {memory: 64Mi}}
  - name: look
    image: localhost/box:latest
    command: [sh, -c, "trap 'exit 3' TERM; until wget -qO /got http://127.0.0.1/page 2>/dev/null; do sleep 0.1; done; cat /got; hostname; touch /shared/x 2>/dev/null || echo done; sleep 1000 & wait"]
    volumeMounts: [{name: shared, mountPath: /shared, readOnly: true}]
  volumes: [{name: shared, hostPath: {path: $PWD/shared, type: DirectoryOrCreate}}]
END2
  p play kube --network none pod.yaml >"$out" 2>"$err" || fail "play kube"
  wait_for 60 logs_are "67108864 cube done"
  # A program without a handler ends by SIGTERM.
  p pod stop -t 120 kube >"$out" 2>"$err" || fail "pod stop"
  expect_same "$(p inspect -f '{{.State.Status}} {{.State.ExitCode}}' kube-web kube-look | xargs)" "exited 143 exited 3"
  p pod start kube >"$out" 2>"$err" || fail "pod start"
  wait_for 60 logs_are "67108864 cube done 67108864 cube done"
  p play kube --down pod.yaml >"$out" 2>"$err" || fail "play kube --down"
  expect_same "$(p ps -aq)" ""
}
logs_are() { [ "$(p logs kube-look 2>/dev/null | xargs)" = "$1" ]; }
