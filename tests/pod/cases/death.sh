# shellcheck shell=bash
# level: pod
# A role, the guest or its kernel dies: one clear line, 125, and nothing is left within a second.

start_sleeper() {
  start_pod --volume "$PWD:/mnt" "$@" "$busybox" -- sh -c 'echo ready; exec sleep 100'
  wait_for_stdout ready
  vm=$(role nacelle-vm)
  files=$(role nacelle-files)
  [ -n "$vm" ] && [ -n "$files" ] || fail "the roles of the pod are not there"
}

# In the emulated host a second is short.
all_gone() { wait_for 30 eval 'gone $vm && gone $files && gone $pod'; }

test_kill_the_machine() {
  start_sleeper
  kill -KILL "$vm"
  wait_pod
  expect_status 125
  expect_one_line_on_stderr
  all_gone
}

test_kill_files() {
  start_sleeper
  kill -KILL "$files"
  wait_pod
  expect_status 125
  expect_one_line_on_stderr
  all_gone
}

test_kill_the_supervisor() {
  start_sleeper
  kill -KILL "$pod"
  wait_pod
  expect_status 137
  all_gone
}

test_stopped_machine_can_be_killed() {
  start_sleeper
  kill -STOP "$vm"
  kill -KILL "$pod"
  wait_pod
  all_gone
}

test_panic() {
  run_pod --kernel-args "rdinit=/no/such/init" "$busybox" -- true
  expect_status 125
  expect_one_line_on_stderr
  expect_stderr_has console
}

test_panic_with_console() {
  run_pod --console --kernel-args "rdinit=/no/such/init" "$busybox" -- true
  expect_status 125
  expect_stderr_has "Kernel panic"
}

test_guest_never_reports() {
  local started=$SECONDS
  # The kernel waits for a root that never comes.
  run_pod --boot-timeout 3 --kernel-args "rdinit=/no root=/dev/nothing rootwait" "$busybox" -- true
  expect_status 125
  expect_one_line_on_stderr
  [ $((SECONDS - started)) -lt 20 ] || fail "it took $((SECONDS - started)) s"
}

test_app_cannot_reboot_or_panic_the_guest() {
  run_pod "$busybox" -- sh -c 'echo c >/proc/sysrq-trigger; reboot -f; halt -f; poweroff -f; echo still here'
  expect_stdout_has "still here"
}

test_out_of_memory() {
  local pages grow='
kept = []
while True:
    kept.append(bytearray(b"x" * 100000))'
  run_pod --memory 96M "$debian" -- python3 -c "$grow"
  expect_status 137
  # Before that the pages of what runs are not taken again and again, to be read again each time: that may last for minutes.
  run_pod --memory 96M "$debian" -- sh -c 'python3 -c "$1"; echo "it ended with $?"
    grep ^workingset_refault_file /proc/vmstat' sh "$grow"
  expect_status 0
  expect_stdout_has "it ended with 137"
  pages=$(sed -n 's/^workingset_refault_file //p' "$out")
  [ "$pages" -lt 3000 ] || fail "$pages pages were read again"
}

test_fork_bomb() {
  run_pod --memory 128M "$busybox" -- sh -c 'ulimit -u 200; f() { f | f & }; f 2>/dev/null; exit 9'
  expect_status 9
}

test_gone_at_the_end() {
  run_pod --volume "$PWD:/mnt" "$busybox" -- true
  expect_status 0
  wait_for 30 eval '! pgrep -x "nacelle-(vm|files)"'
}
