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
