# shellcheck shell=bash disable=SC2154,SC2016,SC2034,SC2094
# level: oci
# Debian's containerd and buildah with nacelle-oci, and nothing changed but the runtime.

oci=${nacelle%/*}/nacelle-oci
image=docker.io/library/busybox:latest

# containerd_begin: a containerd of this case's own, with the image; its directory is below /run, which can hold overlays.
containerd_begin() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  command -v containerd >/dev/null || skip "containerd is not installed"
  base=$(mktemp -d /run/containerd-XXXXXX)
  trap containerd_end EXIT
  printf 'version = 2\nroot = "%s/root"\nstate = "%s/state"\n[grpc]\n  address = "%s/socket"\n' "$base" "$base" "$base" >config.toml
  sed -i '1a disabled_plugins = ["io.containerd.grpc.v1.cri"]' config.toml
  containerd -c config.toml >containerd.log 2>&1 &
  daemon=$!
  export CONTAINERD_ADDRESS=$base/socket
  wait_for 100 ctr version
  tar -C "$busybox_layout" -cf busybox.tar .
  says 0 ctr image import --base-name "${image%:*}" busybox.tar
  ctr events >told 2>&1 &
  watcher=$!
}
containerd_end() {
  for id in $(ctr task ls -q); do
    ctr task delete -f "$id"
  done >/dev/null 2>&1
  kill "$watcher" "$daemon"
  wait "$watcher" "$daemon"
  rm -rf "$base"
}
# says STATUS COMMAND...: ends with this status; what it says is in $out and $err.
says() {
  local wanted=$1
  shift
  echo "$SECONDS s: $*"
  status=0
  "$@" >"$out" 2>"$err" || status=$?
  [ "$status" = "$wanted" ] || fail "$*: status $status, expected $wanted"
}
run() { ctr run --runc-binary "$oci" "$@"; }
at_terminal() { SHELL=/bin/bash script -qec "$*" /dev/null </dev/null; }
pid_of() { ctr task ls | awk -v id="$1" '$1 == id { print $2 }'; }
has_event() { grep -qE -- "$1" told; }
# exits ID STATUS: the shim has said so. A status of 0 is not written.
exits() { wait_for 100 has_event "/tasks/exit .*\"id\":\"$1\",\"pid\":[0-9]+,\"exit_status\":$2,"; }
remove() {
  ctr task delete "$1" >"$out" 2>&1 || fail "task delete $1"
  ctr container delete "$1" >"$out" 2>&1 || fail "container delete $1"
}
# What tasks leave on this machine; ctr's own last steps may still be under way.
left() {
  pgrep -l 'nacelle-|-shim'
  find /sys/fs/cgroup/default -mindepth 1 -type d 2>/dev/null
  find "$base/state/io.containerd.runtime.v2.task" -mindepth 2 2>/dev/null
  find /run/containerd/runc/default/pods/v1/{run,names,prepared} -mindepth 1 2>/dev/null
  grep -F "$base" /proc/mounts
}
nothing_left() { [ -z "$(left)" ]; }
expect_nothing_left() { for ((i = 0; i < 200; i++)); do ! nothing_left || return 0; sleep 0.5; done; fail "left: $(left)"; }

test_containerd_run() {
  containerd_begin
  mkdir data
  echo given >data/in
  says 3 run --rm --read-only --env A=b --cwd /tmp --memory-limit 100663296 --seccomp --mount "type=bind,src=$PWD/data,dst=/data,options=rbind:ro" "$image" a \
    sh -c 'cat /data/in; echo "$A" $(pwd); cat /sys/fs/cgroup/memory.max; cat /proc/kcore | wc -c; uname -r; touch /x /data/x; exit 3' </dev/null
  expect_same "$(sed -n 1,4p "$out")" "given
b /tmp
100663296
0"
  [ "$(sed -n 5p "$out")" != "$(uname -r)" ] || fail "the host's kernel"
  expect_stderr_has "/x: Read-only file system"
  expect_stderr_has "/data/x: Read-only file system"
  says 8 at_terminal ctr run --rm -t --runc-binary "$oci" "$image" t sh -c "'tty; echo err >&2; exit 8'"
  expect_stdout_has /dev/pts/0
  expect_stdout_has err
  expect_nothing_left
}

test_containerd_task() {
  containerd_begin
  says 0 run -d "$image" c sh -c 'trap "exit 9" TERM; sleep 1000 & wait' </dev/null
  pid=$(pid_of c)
  expect_same "$(ctr task ps c | sed 1d | awk '{ print $1 }')" "$pid"
  says 6 ctr task exec --exec-id e1 c sh -c 'cat; exit 6' <config.toml
  expect_same "$(cat "$out")" "$(cat config.toml)"
  says 7 at_terminal ctr task exec -t --exec-id e2 c sh -c "'tty; exit 7'"
  expect_stdout_has /dev/pts/
  says 1 ctr task exec --exec-id e3 c no-such </dev/null
  expect_stderr_has 'executable file not found in $PATH'
  says 0 ctr task exec -d --exec-id e4 c sleep 1000 </dev/null
  says 0 ctr task kill --exec-id e4 -s KILL c
  exits e4 137
  says 0 ctr task metrics c
  grep -qE '^memory.usage +[1-9]' "$out" || fail "no figures"
  says 0 ctr task pause c
  expect_same "$(ctr task ls | awk '$1 == "c" { print $3 }')" PAUSED
  says 1 ctr task checkpoint c
  expect_stderr_has "there is no verb checkpoint"
  says 0 ctr task resume c
  says 0 ctr task kill -s TERM c
  exits c 9
  expect_same "$(ctr task ls | awk '$1 == "c" { print $3 }')" STOPPED
  remove c
  expect_nothing_left
}

# Ends that are not its own.
test_containerd_ends() {
  containerd_begin
  # A machine that is killed ends its task, and what runs in it.
  says 0 run -d "$image" k sleep 1000 </dev/null
  says 0 ctr task exec -d --exec-id e5 k sleep 1000 </dev/null
  kill -KILL "$(pgrep -P "$(pid_of k)" -x nacelle-vm)"
  exits k 125
  wait_for 100 has_event '/tasks/exit .*"id":"e5"'
  remove k

  # Out of memory in the guest.
  says 0 run -d --memory-limit 67108864 "$image" o tail /dev/zero </dev/null
  exits o 137
  wait_for 100 has_event '/tasks/oom {"container_id":"o"}'
  remove o
  expect_nothing_left
}

# buildah, and podman build: what runs while an image is made runs in a VM, and is in the image.
test_buildah() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  command -v buildah >/dev/null || skip "buildah is not installed"
  base=$(mktemp -d /run/buildah-XXXXXX)
  trap 'rm -rf "$base"' EXIT
  local storage=(--root "$base/s" --runroot "$base/r" --storage-driver vfs) options=(--runtime "$oci" --isolation oci --network none)
  says 0 buildah "${storage[@]}" from --name w "$busybox:latest"
  echo word >word
  says 3 buildah "${storage[@]}" run "${options[@]}" w -- sh -c 'cat; uname -r; echo made >/made; exit 3' <word
  expect_same "$(sed -n 1p "$out")" word
  [ "$(sed -n 2p "$out")" != "$(uname -r)" ] || fail "the host's kernel"
  says 0 buildah "${storage[@]}" commit -q w made:1
  mkdir context
  echo file >context/file
  printf 'FROM localhost/made:1\nCOPY file /\nRUN cat /file /made >/both\n' >context/Containerfile
  says 0 buildah "${storage[@]}" bud -q "${options[@]}" -t built:1 context
  says 0 podman "${storage[@]}" --runtime "$oci" run --rm --net none built:1 cat /both
  expect_stdout "file
made"
  # Roles of the last pod may be ending still.
  wait_for 10 eval '! pgrep -x "nacelle-.*"'
}
