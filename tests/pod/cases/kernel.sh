# shellcheck shell=bash
# level: pod
# What the guest kernel offers, as an app sees it.

test_features() {
  run_pod --memory 512M --seccomp none --volume "$top/tests/pod:/pod:ro" "$debian" -- sh /pod/kernel-features.sh
  sed '/^ok /d' "$out"
  expect_status 0
  expect_stdout_has "all features are there"
  expect same_number_of_checks
}

# A script that ended early would report nothing missing.
same_number_of_checks() { [ "$(grep -c '^ok ' "$out")" -ge 215 ]; }

# A program of a real-time class that never sleeps leaves ordinary ones a twentieth of their CPU.
test_real_time_leaves_some() {
  # shellcheck disable=SC2016
  run_pod --cpus 1 "$debian" --cap-add SYS_NICE -- sh -c 'chrt --fifo 10 sh -c "while :; do :; done" &
    for i in 1 2 3; do sleep 0.1; done; chrt --pid $! | head -n 1 | sed "s/.*: //"; kill -9 $!'
  expect_status 0
  expect_stdout SCHED_FIFO
}
