# shellcheck shell=bash
# level: hostile
# Kernels, layouts and hosts that are not as they should be: one clear line and 125, and nothing is left behind.

expect_refusal() {
  expect_status 125
  expect_one_line_on_stderr
  [ -z "${1-}" ] || expect_stderr_has "$1"
}

test_kernel_that_is_no_elf() {
  echo 'not a kernel' >kernel
  run_pod --kernel "$PWD/kernel" "$busybox" -- true
  expect_refusal kernel
  : >empty
  run_pod --kernel "$PWD/empty" "$busybox" -- true
  expect_refusal
  run_pod --kernel /bin/busybox "$busybox" -- true
  expect_refusal
  run_pod --kernel /dev/zero "$busybox" -- true
  expect_refusal
  run_pod --kernel "$PWD" "$busybox" -- true
  expect_refusal
  mkfifo pipe
  run_pod --kernel "$PWD/pipe" "$busybox" -- true
  expect_refusal
}

test_truncated_kernel() {
  local bytes
  for bytes in 3 64 100 500 4096 1000000; do
    head -c $bytes "$prefix/lib/nacelle/vmlinux" >kernel
    run_pod --kernel "$PWD/kernel" "$busybox" -- true
    expect_refusal
  done
}

# Every field of the ELF header and of the first program headers, set to a few bad values.
test_kernel_that_lies() {
  local field value
  for field in 4:1 5:1 16:2 18:2 24:8 32:8 52:2 54:2 56:2 64:4 72:8 80:8 88:8 96:8 104:8 112:8 120:4; do
    for value in 0 255 127; do
      head -c 4096 "$prefix/lib/nacelle/vmlinux" >kernel
      python3 - "${field%:*}" "${field#*:}" $value <<'END'
import sys
at, size, value = map(int, sys.argv[1:])
with open("kernel", "r+b") as file:
    file.seek(at)
    file.write(bytes([value]) * size)
END
      truncate -s 18000000 kernel
      run_pod --boot-timeout 2 --memory 64M --kernel "$PWD/kernel" "$busybox" -- true
      # Some lies are harmless to us: then the guest has nothing to run and dies, or never reports.
      [ "$status" = 125 ] || fail "field $field, value $value: status $status"
      [ "$(wc -l <"$err")" = 1 ] || fail "field $field, value $value: not one line on stderr"
      case $(cat "$err") in *killed*|*assert*|*signal*) fail "field $field, value $value: the machine died" ;; esac
    done
  done
}

test_initramfs_that_is_garbage() {
  cp -r "$prefix" copy
  head -c 100000 /dev/urandom >copy/lib/nacelle/initramfs.cpio
  status=0
  copy/bin/nacelle run --net none --root "$store" "$busybox" -- true >"$out" 2>"$err" || status=$?
  expect_refusal
}

test_incomplete_installation() {
  local part
  for part in vmlinux initramfs.cpio nacelle-image; do
    rm -rf copy
    cp -r "$prefix" copy
    rm copy/lib/nacelle/$part
    mkdir -m 700 -p fresh
    status=0
    copy/bin/nacelle run --net none --root "$PWD/fresh" "$config" >"$out" 2>"$err" || status=$?
    expect_status 125
    expect_stderr_has $part
    rm -rf fresh
  done
}

copy_layout() {
  rm -rf layout fresh
  cp -a "$busybox_layout" layout
  mkdir -m 700 fresh
}
run_layout() {
  status=0
  "$nacelle" run --net none --root "$PWD/fresh" "oci:$PWD/layout" -- echo ran >"$out" 2>"$err" || status=$?
}
blob_of() { find layout/blobs -type f -size "$1"; }
expect_refused_image() {
  expect_status 125
  [ ! -s "$out" ] || fail "something ran"
  [ -s "$err" ] || fail "nothing is said"
  [ "$(wc -l <"$err")" -le 2 ] || fail "more than two lines"
  # Nothing that a later run could take for an image.
  [ -z "$(find fresh -type f -size +3k)" ] || fail "the store holds: $(find fresh -type f -size +3k)"
}

test_wrong_digest() {
  copy_layout
  blob=$(blob_of +100k)
  chmod u+w "$blob"
  printf 'x' | dd of="$blob" bs=1 seek=1000 conv=notrunc status=none
  run_layout
  expect_refused_image
}

test_missing_blob() {
  copy_layout
  rm -f "$(blob_of +100k)"
  run_layout
  expect_refused_image
}

test_truncated_layer() {
  copy_layout
  blob=$(blob_of +100k)
  truncate -s -100 "$blob"
  run_layout
  expect_refused_image
}

test_malformed_json() {
  local content
  for content in '' '{' '[]' '{"schemaVersion": 2}' '{"schemaVersion":2,"manifests":[{"digest":"sha256:../../x","size":1}]}' 'null'; do
    copy_layout
    printf %s "$content" >layout/index.json
    run_layout
    expect_refused_image
  done
  copy_layout
  python3 -c 'print("[" * 200000)' >layout/index.json
  run_layout
  expect_refused_image
}

# make_layout LAYER.tar: with umoci, which does not look into it.
test_names_that_escape() {
  local name
  command -v umoci >/dev/null || skip "umoci is not here"
  for name in ../escaped a/../../escaped /../../escaped; do
    rm -rf layout fresh layer.tar
    mkdir -m 700 -p fresh
    python3 - "$name" <<'END'
import io, sys, tarfile
with tarfile.open("layer.tar", "w") as tar:
    info = tarfile.TarInfo(sys.argv[1])
    info.size = 4
    tar.addfile(info, io.BytesIO(b"evil"))
END
    umoci --log=error init --layout layout
    umoci --log=error new --image layout:latest
    umoci --log=error raw add-layer --image layout:latest layer.tar
    run_layout
    [ "$status" != 0 ] || fail "$name: it ran"
    [ -z "$(find /run /tmp "${TMPDIR:-/tmp}" "$PWD" .. fresh -maxdepth 3 -xdev -name escaped 2>/dev/null)" ] || fail "$name: a file escaped"
  done
}

test_links_that_escape() {
  command -v umoci >/dev/null || skip "umoci is not here"
  mkdir -m 700 fresh
  python3 - "$busybox_dir/bin/busybox" <<'END'
import io, sys, tarfile
with tarfile.open("layer.tar", "w") as tar:
    tar.add(sys.argv[1], "bin/busybox")
    link = tarfile.TarInfo("out")
    link.type, link.linkname = tarfile.SYMTYPE, "../../../../../../tmp"
    tar.addfile(link)
    sh = tarfile.TarInfo("bin/sh")
    sh.type, sh.linkname = tarfile.SYMTYPE, "busybox"
    tar.addfile(sh)
    info = tarfile.TarInfo("out/escaped-through-link")
    info.size = 4
    tar.addfile(info, io.BytesIO(b"evil"))
END
  umoci --log=error init --layout layout
  umoci --log=error new --image layout:latest
  umoci --log=error raw add-layer --image layout:latest layer.tar
  status=0
  "$nacelle" run --net none --root "$PWD/fresh" "oci:$PWD/layout" -- /bin/sh -c 'exit 3' >"$out" 2>"$err" || status=$?
  [ "$status" = 3 ] || [ "$status" = 125 ] || fail "status $status"
  [ ! -e /tmp/escaped-through-link ] || fail "a file escaped"
}

test_full_disk_while_an_image_is_built() {
  [ "$(id -u)" = 0 ] || skip "needs root to mount a small disk"
  mkdir small
  mount -t tmpfs -o size=600k none small || skip "no tmpfs can be mounted here"
  mkdir -m 700 small/store
  status=0
  "$nacelle" run --net none --root "$PWD/small/store" "$busybox" -- true >"$out" 2>"$err" || status=$?
  local left
  left=$(du -sk small | cut -f 1)
  umount small
  expect_status 125
  expect_stderr_has "No space left"
  [ "$left" -lt 100 ] || fail "$left KiB are left behind"
}

test_store_that_is_not_mine() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  mkdir -m 700 open
  "$nacelle" run --net none --root "$PWD/open" "$busybox" -- true || fail "the first run"
  chmod go+w open/images/v1
  status=0
  "$nacelle" run --net none --root "$PWD/open" "$busybox" -- true >"$out" 2>"$err" || status=$?
  expect_refusal writable
  chmod go-w open/images/v1
  chown 12345 open/images/v1
  status=0
  "$nacelle" run --net none --root "$PWD/open" "$busybox" -- true >"$out" 2>"$err" || status=$?
  expect_refusal
}

test_few_descriptors() {
  (
    ulimit -n 12
    run_pod --volume "$PWD:/mnt" "$busybox" -- true
    expect_status 125
    [ -s "$err" ] || fail "nothing is said"
  ) || exit 1
}

test_environment_of_the_caller_changes_nothing() {
  LD_PRELOAD=/no/such.so LD_LIBRARY_PATH=/no NACELLE_KERNEL=/no PATH=/no TMPDIR=/no \
    run_pod "$busybox" -- sh -c 'echo ${LD_PRELOAD-unset}'
  expect_status 0
  expect_stdout_has unset
}

test_guest_floods_the_console() {
  run_pod --console "$busybox" -- sh -c 'i=0; while [ $i -lt 3000 ]; do echo "flood $i" >/dev/kmsg; i=$((i+1)); done 2>/dev/null; exit 4'
  expect_status 4
}
