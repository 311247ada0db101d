# shellcheck shell=bash disable=SC2154 # store, busybox and others come from the runner and lib.sh
# level: pod
# --upper: where changes to an app's root go.

# A disk of its own: more than the pod has memory, for several apps, with volumes, kept and whole afterwards.
test_disk() {
  local disk uuid
  run_pod --net none --upper disk:1G --memory 160M --uuid-file id -v data,kind=empty --mount volume=data,target=/data "$busybox" --name first -- sh -c '
    dd if=/dev/zero of=/large bs=1M count=200 2>/dev/null && echo kept >/small && echo shared >/data/file && chown 12:34 /small &&
    rm /etc/passwd && ls -l /large' --- "$busybox" --name second -- sh -c '
    until [ -e /data/file ]; do sleep 0.1; done; cat /data/file; [ ! -e /small ] && [ -e /etc/passwd ] && echo alone >/own'
  expect_status 0
  expect_stderr ""
  expect_stdout_has 209715200
  expect_stdout_has shared
  uuid=$(cat id)
  disk=$store/pods/v1/run/$uuid/upper.img
  expect_same "$(stat -c %s "$disk")" $((1 << 30)) size
  [ "$(du -m "$disk" | cut -f 1)" -lt 260 ] || fail "the disk is not sparse"
  e2fsck -fn "$disk" >"$err" 2>&1 || fail "the file system is not whole"
  debugfs -R "cat /apps/first/files/small" "$disk" 2>/dev/null | grep -qx kept || fail "nothing is kept: $(debugfs -R 'ls -p /apps/first' "$disk")"
  debugfs -R "stat /apps/first/files/small" "$disk" 2>/dev/null | grep -qE 'User: +12 +Group: +34' || fail "its owner is not kept"
  debugfs -R "cat /apps/second/files/own" "$disk" 2>/dev/null | grep -qx alone || fail "the second app has no upper layer"
}

test_refused() {
  run_pod --upper disk:1M "$busybox" -- true
  expect_status 125
  expect_one_line_on_stderr
}
