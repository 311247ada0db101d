# shellcheck shell=bash
# level: soak
# Many pods.

expect_every_status() {
  local number
  for number in $(seq "$1" "$2"); do
    run_pod --memory 64M "$busybox" -- sh -c "exit $number"
    expect_status "$number"
    expect_stderr ""
  done
}

test_statuses_0_to_127() {
  expect_every_status 0 127
}

test_statuses_128_to_255() {
  expect_every_status 128 255
}

test_twelve_at_once() {
  local number
  local -a pids=()
  for number in $(seq 12); do
    nacelle_run --memory 64M "$busybox" -- sh -c "sleep 1; seq 1000; exit $number" >"out$number" 2>&1 &
    pids+=($!)
  done
  for number in $(seq 12); do
    status=0
    wait "${pids[number - 1]}" || status=$?
    expect_status "$number"
    expect_same "$(digest <"out$number")" "$(seq 1000 | digest)" "output of pod $number"
  done
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
