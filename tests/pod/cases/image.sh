# shellcheck shell=bash
# level: pod
# An OCI image becomes the root: layers, whiteouts, owners, links; and a second run does no image work.

test_whiteouts() {
  run_pod "$layers" -- sh -c 'ls -a /opaque; ls /kept; ls /gone; cat /gone/again /kept/replaced'
  expect_status 0
  expect_stdout "$(printf '.\n..\nnew\nfifo\nhardlink\nreplaced\nsymlink\nagain\nthree\nthree')"
}

test_links() {
  run_pod "$layers" -- sh -c 'cat /kept/hardlink /kept/symlink; readlink /kept/symlink'
  expect_stdout "$(printf 'one\nthree\n/kept/replaced')"
}

test_owners_modes_times() {
  run_pod "$layers" -- stat -c '%u:%g %a %n' /etc/owned /etc/dated
  expect_stdout_has "1234:5678 4751 /etc/owned"
  run_pod "$layers" -- stat -c %Y /etc/dated
  expect_stdout "$(date -d '2001-02-03 04:05:06 UTC' +%s)"
}

test_device_nodes_and_pipes() {
  run_pod "$layers" -- stat -c '%F %t:%T' /dev/zero-node /kept/fifo
  expect_stdout_has fifo
}

test_extended_attributes() {
  run_pod --volume "$(command -v getfattr):/getfattr:ro" "$layers" -- cat /etc/owned
  expect_stdout owned
}

test_file_contents() {
  run_pod "$layers" -- sha256sum /etc/large /etc/sparse
  expect_stdout_has "$(head -c 3000000 /dev/zero | tr '\0' x | digest)"
  expect_stdout_has "$({ head -c 5242880 /dev/zero; echo tail; } | digest)"
}

test_odd_names() {
  run_pod "$layers" -- sh -c 'ls /etc | grep -c nnnnnnnn; cat /etc/name*with*'
  expect_stdout "$(printf '1\nodd')"
}

test_shared_libraries_work() {
  run_pod "$debian" -- bash -c 'set -o pipefail; echo $BASH_VERSION; ls / | sort -r | head -n 3 | tr a-z A-Z; date -d @0 -u +%Y'
  expect_status 0
  expect_stdout_has 1970
}

# What store and layout look like does not change, and the importer is not started.
test_second_run_does_no_image_work() {
  cp -a "$busybox_layout" layout
  mkdir -m 700 fresh
  "$nacelle" run --net none --root "$PWD/fresh" "oci:$PWD/layout" -- true || fail "the first run"
  find fresh/images layout -type f -printf '%p %s %T@ %i\n' | sort >before
  # Without the importer a run can only succeed if it needs none.
  mkdir -p alone/bin alone/lib/nacelle
  cp "$nacelle" alone/bin/
  cp "$prefix/lib/nacelle/vmlinux" "$prefix/lib/nacelle/initramfs.cpio" alone/lib/nacelle/
  alone/bin/nacelle run --net none --root "$PWD/fresh" "oci:$PWD/layout" -- echo again >"$out" 2>"$err" || fail "the second run"
  expect_stdout again
  find fresh/images layout -type f -printf '%p %s %T@ %i\n' | sort >after
  expect cmp before after
}

test_a_changed_image_is_imported_again() {
  cp -a "$busybox_layout" layout
  mkdir -m 700 fresh
  "$nacelle" run --net none --root "$PWD/fresh" "oci:$PWD/layout" -- true || fail "the first run"
  umoci --log=error config --image layout:latest --config.env NEW=value --config.cmd env || skip "umoci does not run here"
  "$nacelle" run --net none --root "$PWD/fresh" "oci:$PWD/layout" >"$out" || fail "the run of the new image"
  expect_stdout_has NEW=value
}

test_without_a_tag() {
  run_pod "$busybox:latest" -- echo tagged
  expect_stdout tagged
}

test_erofs_images_are_sound() {
  command -v fsck.erofs >/dev/null || skip "fsck.erofs is not here"
  local image found=0
  mkdir -m 700 fresh
  "$nacelle" run --net none --root "$PWD/fresh" "$layers" -- sh -c : || fail "the run"
  while IFS= read -r image; do
    file_magic=$(od -An -tx4 -j1024 -N4 "$image" | tr -d ' ')
    [ "$file_magic" = e0f5e1e2 ] || continue
    found=1
    fsck.erofs "$image" >fsck.log 2>&1 || fail "fsck.erofs: $(tail -n 1 fsck.log)"
  done < <(find fresh -type f -size +4k)
  expect_same $found 1 "an EROFS image in the store"
}

test_two_runs_import_at_once() {
  cp -a "$busybox_layout" layout
  mkdir -m 700 fresh
  "$nacelle" run --net none --root "$PWD/fresh" "oci:$PWD/layout" -- echo one >one 2>&1 &
  "$nacelle" run --net none --root "$PWD/fresh" "oci:$PWD/layout" -- echo two >two 2>&1 || fail "the second"
  wait $! || fail "the first"
  expect_same "$(cat one two | tr '\n' ' ')" "one two " "outputs"
}
