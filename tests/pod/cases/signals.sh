# shellcheck shell=bash
# level: pod
# Signals reach the app, or end the start.

test_forwarded_signals() {
  local name
  for name in TERM HUP QUIT INT USR1 USR2; do
    start_pod "$busybox" -- sh -c "trap 'echo got $name; exit 21' $name; echo ready; while :; do sleep 0.1; done"
    wait_for_stdout ready
    kill -"$name" "$pod"
    wait_pod
    expect_status 21
    expect_stdout_has "got $name"
    rm -f "$out"
  done
}

# The kernel shields process 1 of a PID namespace from default actions; from outside they work all the same.
test_default_actions() {
  local name
  for name in TERM INT HUP; do
    start_pod "$busybox" -- sh -c 'echo ready; exec sleep 100'
    wait_for_stdout ready
    kill -$name "$pod"
    wait_pod
    expect_status $((128 + $(kill -l $name)))
    rm -f "$out"
  done
}

test_init_passes_signals_on() {
  start_pod --init "$busybox" -- sh -c 'echo ready; exec sleep 100'
  wait_for_stdout ready
  kill -TERM "$pod"
  wait_pod
  expect_status 143
}

test_many_signals() {
  start_pod "$busybox" -- sh -c 'n=0; trap "n=\$((n+1)); echo \$n" USR1; trap "exit 5" USR2; echo ready; while :; do sleep 0.05; done'
  wait_for_stdout ready
  for _ in $(seq 200); do
    kill -USR1 "$pod"
  done
  kill -USR2 "$pod"
  wait_pod
  expect_status 5
}

nothing_left() {
  ! pgrep -x 'nacelle(-vm|-files|-image)?' >/dev/null
}

# Ctrl-C at each phase of the start: the process ends with 130 (or the app had begun), and nothing is left.
test_interrupt_during_the_start() {
  local delay_ms
  for delay_ms in 0 5 10 20 40 60 80 100 150 200 300 400 600 800 1100; do
    start_pod --init --volume "$PWD:/mnt" "$busybox" -- sleep 100
    sleep "$(awk -v ms=$delay_ms 'BEGIN { print ms / 1000 }')"
    kill -INT "$pod"
    wait_pod
    [ "$status" = 130 ] || fail "after $delay_ms ms: status $status, expected 130"
    wait_for 30 nothing_left
  done
}

test_interrupt_during_an_import() {
  local delay_ms
  mkdir -m 700 fresh
  for delay_ms in 0 10 30 60 100 200; do
    start "$nacelle" run --net none --root "$PWD/fresh" "$debian" -- true
    sleep "$(awk -v ms=$delay_ms 'BEGIN { print ms / 1000 }')"
    # As a terminal does it: to all of the foreground.
    kill -INT -- "-$pod"
    wait_pod
    [ "$status" = 130 ] || fail "after $delay_ms ms: status $status, expected 130"
    wait_for 30 nothing_left
  done
}
