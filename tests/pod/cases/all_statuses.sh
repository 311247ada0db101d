# shellcheck shell=bash
# level: soak
# Every exit status there is.

test_every_status() {
  local number
  for number in $(seq 0 255); do
    run_pod "$busybox" -- sh -c "exit $number"
    expect_status "$number"
    expect_stderr ""
  done
}
