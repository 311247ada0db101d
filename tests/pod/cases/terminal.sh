# shellcheck shell=bash
# level: pod
# --tty: a real terminal, and the user's one as it was, whatever ends the pod.

# at_terminal STEP... -- OPTION... IMAGE [-- COMMAND]: what was shown is in $out.
at_terminal() {
  local -a steps=()
  while [ "$1" != -- ]; do
    steps+=("$1")
    shift
  done
  shift
  "$tools/terminal" "${steps[@]}" -- "$nacelle" run --net none --root "$store" "$@" >"$out" || fail "$(tail -n 1 "$out")"
  tr -d '\r' <"$out" >"$out.plain"
  mv "$out.plain" "$out"
}
expect_end() {
  grep -qx "status $1" "$out" || fail "$(grep '^status' "$out"), expected $1"
  grep -qx "modes restored" "$out" || fail "the terminal's modes are not restored"
}

test_it_is_a_terminal() {
  at_terminal -- -it "$busybox" -- sh -c 'tty; test -t 0 && test -t 1 && test -t 2 && echo all three; stty size; exit 9'
  expect_stdout_has /dev/pts/0
  expect_stdout_has "all three"
  expect_stdout_has "24 80"
  expect_end 9
}

test_controlling_terminal() {
  at_terminal 'wait:ready' 'send:\x03' 'wait:caught' -- -it "$busybox" -- \
    sh -c 'trap "echo caught; exit 11" INT; echo ready >/dev/tty; sleep 100 & wait; wait'
  expect_end 11
}

test_typing() {
  at_terminal 'wait:$' 'raw' 'send:echo $((6 * 7))\r' 'wait:42' 'wait:$' 'send:\x04' -- -it -e 'PS1=$ ' "$busybox" -- sh
  expect_end 0
}

test_window_size() {
  at_terminal 'wait:24 80' 'size:50x132' 'wait:50 132' 'send:q' -- -it "$busybox" -- \
    sh -c 'stty -icanon; trap "stty size" WINCH; stty size; while ! read -t 1 -n 1 x; do :; done'
  expect_end 0
}

test_modes_after_signal() {
  at_terminal 'wait:ready' 'raw' 'signal:TERM' -- -it --init "$busybox" -- sh -c 'echo ready; exec sleep 100'
  expect_end 143
}

test_modes_after_kill_of_the_machine() {
  at_terminal 'wait:ready' 'raw' 'kill:nacelle-vm' -- -it "$busybox" -- sh -c 'echo ready; exec sleep 100'
  expect_end 125
}

test_modes_after_kill_of_files() {
  at_terminal 'wait:ready' 'raw' 'kill:nacelle-files' -- -it --volume "$PWD:/mnt" "$busybox" -- sh -c 'echo ready; exec sleep 100'
  expect_end 125
}

test_modes_after_a_panic() {
  at_terminal -- -it --kernel-args "rdinit=/no/such/init" "$busybox" -- true
  expect_end 125
}

test_modes_after_a_fault() {
  at_terminal 'wait:ready' 'raw' 'signal:SEGV' -- -it "$busybox" -- sh -c 'echo ready; exec sleep 100'
  grep -qx "modes restored" "$out" || fail "the terminal's modes are not restored"
}

test_terminal_without_input() {
  at_terminal -- -t "$busybox" -- sh -c 'tty; exit 2'
  expect_stdout_has /dev/pts/0
  expect_end 2
}

test_without_a_terminal() {
  run_pod -t "$busybox" -- sh -c 'test -t 1 && echo yes; stty size'
  expect_status 0
  expect_stdout_has yes
  # The end of what is not a terminal would never reach the app.
  run_pod -it "$busybox" -- sh </dev/null
  expect_status 125
  expect_stderr_has "stdin is no terminal"
}

test_stop_and_continue() {
  at_terminal 'wait:ready' 'raw' 'signal:STOP' 'signal:CONT' 'raw' 'send:x\r' 'wait:got x' -- -it "$busybox" -- \
    sh -c 'echo ready; read a; echo got $a'
  expect_end 0
}
