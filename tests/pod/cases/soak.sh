# shellcheck shell=bash
# level: soak
# Many pods.

# What pods could leave behind, as text that is the same before and after.
host_state() {
  grep -c . /proc/mounts
  ls /sys/class/net
  find /sys/fs/cgroup -type d | wc -l
  ls /run/netns 2>/dev/null
  pgrep -c -x 'nacelle.*|passt.*'
  find "$store/pods" -mindepth 3 2>/dev/null | wc -l
  find /dev/shm /tmp -maxdepth 1 -name 'nacelle-[0-9]*' | wc -l
}

# Open files of the whole host change by themselves, but not by one for each pod.
open_files() { cut -f 1 /proc/sys/fs/file-nr; }

# The exits are taken down, while others look, and the host is as before.
expect_nothing_left() {
  local files=$1 before=$2
  "$nacelle" list --root "$store" >list & lister=$!
  "$nacelle" gc --root "$store" --grace-period 0s --quiet & collector=$!
  "$nacelle" gc --root "$store" --grace-period 0s --quiet || fail "gc"
  wait "$lister" || fail "list beside gc"
  wait "$collector" || fail "gc beside gc"
  wait_for 60 eval '[ "$(host_state)" = "$before" ]'
  [ "$(open_files)" -lt $((files + 64)) ] || fail "from $files to $(open_files) open files"
}

expect_every_status() {
  local number
  for number in $(seq "$1" "$2"); do
    run_pod --memory 64M "$busybox" -- sh -c "exit $number"
    expect_status "$number"
    expect_stderr ""
  done
}

test_statuses_0_to_127() {
  local before files
  run_pod --rm --memory 64M "$busybox" -- true
  "$nacelle" gc --root "$store" --grace-period 0s --quiet
  before=$(host_state) files=$(open_files)
  expect_every_status 0 127
  expect_same "$("$nacelle" list --root "$store" --quiet --state exited | wc -l)" 128 "pods that have ended"
  expect_nothing_left "$files" "$before"
}

test_statuses_128_to_255() {
  expect_every_status 128 255
}

test_twenty_at_once() {
  local number before files
  local -a pids=()
  run_pod --rm --memory 64M "$busybox" -- true
  "$nacelle" gc --root "$store" --grace-period 0s --quiet
  before=$(host_state) files=$(open_files)
  for number in $(seq 20); do
    nacelle_run --memory 64M --boot-timeout 200 --name "soak-$number" --volume "$PWD:/mnt" "$busybox" -- \
      sh -c "sleep 1; seq 1000; exit $number" >"out$number" 2>&1 &
    pids+=($!)
  done
  # Whoever looks on while they come and go finds no fault.
  for number in $(seq 20); do
    "$nacelle" list --root "$store" --json >list || fail "list"
    "$nacelle" gc --root "$store" --mark-only --quiet || fail "gc"
  done
  for number in $(seq 20); do
    status=0
    wait "${pids[number - 1]}" || status=$?
    expect_status "$number"
    expect_same "$(digest <"out$number")" "$(seq 1000 | digest)" "output of pod $number"
    expect_same "$("$nacelle" status --root "$store" "soak-$number" | sed -n 's/^exit-status=//p')" "$number" "status"
  done
  expect_nothing_left "$files" "$before"
}

# A pod that writes and reads for a while does not grow.
test_machine_does_not_grow() {
  local before after
  mkfifo pipe
  cat pipe >/dev/null &
  out=pipe
  start_pod --init --memory 64M "$busybox" -- sh -c 'echo ready >&2; while :; do seq 2000; done'
  wait_for 40 grep -q ready "$err"
  vm=$(role nacelle-vm)
  sleep 5
  before=$(status_field "$vm" RssAnon | cut -d ' ' -f 1)
  sleep 30
  after=$(status_field "$vm" RssAnon | cut -d ' ' -f 1)
  kill -TERM "$pod"
  wait_pod
  # The guest's memory is in it; what it has not touched before may come.
  [ "$after" -lt $((before + 8192)) ] || fail "from $before to $after kB"
  [ "$after" -lt $((64 * 1024 + 8192)) ] || fail "$after kB for a guest of 64 MiB"
}
