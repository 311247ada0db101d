# shellcheck shell=bash disable=SC2034
# What the pod cases are written with. Each case is a function test_NAME that runs in a directory of its own,
# in a process of its own; the first expectation that does not hold ends it.
#
#   run_pod [OPTION...] IMAGE [-- COMMAND...]   nacelle run; its stdin is the function's
#   start_pod [OPTION...] IMAGE [-- COMMAND...] the same in the background; $pod is its process
#                                               (both without a network, unless an option names one)
#   wait_pod                                    waits for it; what it did is checked as after run_pod
#   expect_status N, expect_stdout TEXT, expect_stderr TEXT, expect_stdout_has TEXT, expect_stderr_has TEXT
#   fail WHY, skip WHY
#   make_probe                                  builds probe.c; it is shared with --volume "$probe" and says what an app is
# In a pod without --init the app is process 1 of its namespace, which cannot kill itself.
#
# Images: $busybox (oci), $busybox_dir (a directory), $layers, $config, $debian.

out=stdout err=stderr status=

fail() {
  echo "why: $*"
  show_outputs
  exit 1
}
skip() {
  echo "skip: $*"
  exit 77
}
show_outputs() {
  local file
  for file in "$out" "$err"; do
    [ -s "$file" ] || continue
    echo "--- $file (the last of $(wc -l <"$file") lines)"
    tail -n 15 "$file" | tr -d '\000' | cut -c 1-300
    echo
  done
}

# Sets network to what comes before a case's own options: none, unless they name one. Half a second of every pod.
set_network() {
  network=(--net none)
  for word; do
    case $word in
    --) break ;;
    --net | --net=* | -p) network=() && break ;;
    esac
  done
}
nacelle_run() {
  local network word
  set_network "$@"
  "$nacelle" run --root "$store" "${network[@]}" "$@"
}

run_pod() {
  status=0
  nacelle_run "$@" >"$out" 2>"$err" || status=$?
}

start_pod() {
  local network word
  set_network "$@"
  start "$nacelle" run --root "$store" "${network[@]}" "$@"
}
# start COMMAND...: in the background, but with a process group of its own, where SIGINT is not ignored.
start() {
  set -m
  "$@" >"$out" 2>"$err" &
  pod=$!
  set +m
}
wait_pod() {
  status=0
  wait "$pod" || status=$?
}

expect_status() { [ "$status" = "$1" ] || fail "status $status, expected $1"; }
expect_stdout() { [ "$(cat "$out")" = "$1" ] || fail "stdout is not: $1"; }
expect_stderr() { [ "$(cat "$err")" = "$1" ] || fail "stderr is not: $1"; }
expect_stdout_has() { grep -qF -- "$1" "$out" || fail "stdout has no: $1"; }
expect_stderr_has() { grep -qF -- "$1" "$err" || fail "stderr has no: $1"; }
expect_one_line_on_stderr() { [ "$(wc -l <"$err")" = 1 ] || fail "stderr is not one line"; }
expect() { "$@" || fail "does not hold: $*"; }
expect_same() { [ "$1" = "$2" ] || fail "${3-}: '$1' is not '$2'"; }

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || fail "did not happen in time: $*"
    sleep 0.05
  done
}
wait_for_stdout() { wait_for 100 grep -qF -- "$1" "$out"; }

# role NAME: the process of a role (nacelle-vm, nacelle-files) of the pod $pod.
role() { pgrep -P "$pod" -x "$1"; }
gone() { [ ! -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null; }

# status_field PID FIELD: of /proc/PID/status.
status_field() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }

# make_probe: the directory probe with the program of probe.c, to be shared with --volume "$probe".
make_probe() {
  mkdir -p probe
  cp "$here/../../build/probe" probe/probe 2>/dev/null || build_probe probe/probe || fail "probe.c"
  probe=$PWD/probe:/probe:ro
}
build_probe() { gcc -D_GNU_SOURCE -static -O1 -o "$1" "$here/probe.c"; }

random_file() { head -c "$2" /dev/urandom >"$1"; }
digest() { sha256sum | cut -d ' ' -f 1; }

# Sets host_ip: an address of this machine behind its default route. An emulated host has none and gets one.
need_uplink() {
  command -v passt >/dev/null || skip "passt is not here"
  host_ip=$(ip -4 route get 192.0.2.1 2>/dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p')
  if [ -z "$(ip -4 route show default)" ]; then
    [ "$(id -u)" = 0 ] || skip "there is no default route"
    modprobe dummy 2>/dev/null
    ip link add ext0 type dummy || skip "there is no default route"
    trap 'ip link del ext0' EXIT
    host_ip=192.0.2.10
    ip addr add $host_ip/24 dev ext0
    ip -6 addr add fd88::10/64 dev ext0 nodad
    ip link set ext0 up
    ip route add default via 192.0.2.1
    ip -6 route add default via fd88::1 dev ext0
  fi
}
