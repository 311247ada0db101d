# shellcheck shell=bash
# level: pod
# What the guest kernel offers to containers.

test_kernel_features() {
  run_pod --memory 1G --volume "$tools:/tools:ro" "$debian" -- sh /tools/kernel-features.sh
  grep MISSING "$out" && fail "$(grep -c MISSING "$out") features are missing"
  expect_status 0
  [ "$(grep -c ^ok "$out")" -gt 20 ] || fail "few features were looked for"
}
