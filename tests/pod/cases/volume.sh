# shellcheck shell=bash
# level: pod
# --volume, and a directory as the root: the 9p share, as an app sees it.

test_read_and_write() {
  mkdir share
  echo outside >share/file
  run_pod --volume "$PWD/share:/mnt" "$busybox" -- sh -c 'cat /mnt/file; echo inside >/mnt/new; mkdir /mnt/dir; mv /mnt/file /mnt/dir/moved'
  expect_status 0
  expect_stdout outside
  expect_same "$(cat share/new)" inside "the new file"
  expect_same "$(cat share/dir/moved)" outside "the moved file"
}

test_read_only_volume() {
  mkdir share
  echo kept >share/file
  run_pod --volume "$PWD/share:/mnt:ro" "$busybox" -- sh -c \
    'cat /mnt/file; for try in "touch /mnt/new" "rm /mnt/file" "chmod 777 /mnt/file" "mkdir /mnt/d"; do $try && echo "$try worked"; done; mount -o remount,rw /mnt; echo x >/mnt/file'
  [ "$status" != 0 ] || fail "the last write worked"
  expect_stdout kept
  expect_same "$(ls share)" file "the directory"
  expect_same "$(cat share/file)" kept "the file"
}

test_a_file_as_volume() {
  echo one >file
  run_pod --volume "$PWD/file:/etc/single" --volume "$PWD/file:/etc/fixed:ro" "$busybox" -- \
    sh -c 'cat /etc/single /etc/fixed; echo two >/etc/single; echo three >/etc/fixed'
  [ "$status" != 0 ] || fail "the read-only file was written"
  expect_stdout "$(printf 'one\none')"
  expect_same "$(cat file)" two "the file"
}

test_new_directory_as_target() {
  mkdir share
  run_pod --volume "$PWD/share:/no/such/place" "$busybox" -- sh -c 'touch /no/such/place/file'
  expect_status 0
  expect test -e share/file
}

test_several() {
  mkdir a b c
  run_pod --volume "$PWD/a:/a" --volume "$PWD/b:/a/b" --volume "$PWD/c:/c:ro" "$busybox" -- \
    sh -c 'touch /a/one /a/b/two; ls /c'
  expect_status 0
  expect test -e a/one
  expect test -e b/two
}

test_owners_and_modes() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  mkdir share
  touch share/file
  chown 1234:5678 share/file
  chmod 6751 share/file
  run_pod --volume "$PWD/share:/mnt" "$busybox" -- sh -c \
    'stat -c "%u:%g %a" /mnt/file; touch /mnt/new; chown 11:22 /mnt/new; chmod 640 /mnt/new'
  expect_stdout "1234:5678 6751"
  expect_same "$(stat -c '%u:%g %a' share/new)" "11:22 640" "the new file"
}

test_symbolic_links_stay_inside() {
  mkdir share
  ln -s /etc/passwd share/absolute
  ln -s ../../../../../../etc/passwd share/relative
  run_pod --volume "$PWD/share:/mnt" "$busybox" -- sh -c \
    'cat /mnt/absolute /mnt/relative | grep -c "a user"; readlink /mnt/absolute; ln -s /target /mnt/new'
  # Both lead to the pod's own file, never to the host's.
  expect_same "$(sed -n 1p "$out")" 2 "the pod's /etc/passwd"
  expect_same "$(readlink share/new)" /target "the new link"
}

test_large_file() {
  mkdir share
  random_file share/in 2000000
  run_pod --volume "$PWD/share:/mnt" "$busybox" -- sh -c 'cp /mnt/in /mnt/out; sha256sum </mnt/in | cut -c1-64'
  expect cmp share/in share/out
  expect_stdout "$(digest <share/in)"
}

test_many_files() {
  mkdir share
  run_pod --volume "$PWD/share:/mnt" "$busybox" -- sh -c \
    'cd /mnt; i=0; while [ $i -lt 120 ]; do echo $i >file$i; i=$((i+1)); done; ls | wc -l; rm file1*; ls | wc -l'
  expect_status 0
  expect_stdout "$(printf '120\n89')"
  expect_same "$(find share -type f | wc -l)" 89 "files"
}

test_rename_and_hard_links() {
  mkdir share
  run_pod --volume "$PWD/share:/mnt" "$busybox" -- sh -c \
    'cd /mnt; echo x >a; ln a b; mv a c; mkdir d; mv c d/; echo y >>b; cat d/c; stat -c %h b; mkfifo f; rm f; touch q; mv -f b q'
  expect_status 0
  expect_stdout "$(printf 'x\ny\n2')"
}

test_locks() {
  mkdir share
  run_pod --volume "$PWD/share:/mnt" "$debian" -- sh -c \
    'cd /mnt; touch l; flock l sh -c "flock -n l true && echo not exclusive || echo exclusive"; flock -n l true && echo free'
  expect_stdout "$(printf 'exclusive\nfree')"
}

test_extended_attributes() {
  mkdir share
  touch share/file
  setfattr -n user.probe -v 1 share/file 2>/dev/null || skip "this file system has no user attributes"
  run_pod --volume "$PWD/share:/mnt" "$debian" -- python3 -c '
import os
assert os.getxattr("/mnt/file", "user.probe") == b"1"
os.setxattr("/mnt/file", "user.more", b"\0binary\xff")
assert sorted(os.listxattr("/mnt/file")) == ["user.more", "user.probe"]
os.removexattr("/mnt/file", "user.probe")'
  expect_status 0
  expect_same "$(getfattr --only-values -n user.more share/file | digest)" "$(printf '\0binary\377' | digest)" "the attribute"
}

test_mapped_files() {
  mkdir share
  head -c 20000 /dev/zero >share/file
  run_pod --volume "$PWD/share:/mnt" "$debian" -- python3 -c '
import mmap
with open("/mnt/file", "r+b") as file:
    view = mmap.mmap(file.fileno(), 0)
    view[9000:9005] = b"hello"
    view.flush()'
  expect_status 0
  expect_same "$(tail -c +9001 share/file | head -c 5)" hello "what was mapped"
}

test_changes_of_the_host_are_seen() {
  mkdir share
  echo 1 >share/file
  start_pod -i --volume "$PWD/share:/mnt" "$busybox" -- sh -c 'cat /mnt/file; while [ ! -e /mnt/go ]; do sleep 0.1; done; cat /mnt/file'
  wait_for_stdout 1
  echo 2 >share/file.new
  mv share/file.new share/file
  touch share/go
  wait_pod
  expect_stdout "$(printf '1\n2')"
}

test_directory_as_root() {
  run_pod "rootfs:$busybox_dir" -- sh -c 'cat /etc/passwd | head -n 1; ls /bin/busybox; id -u'
  expect_status 0
  expect_stdout "$(printf 'root:x:0:0:root:/root:/bin/sh\n/bin/busybox\n0')"
  # As root the host's kernel itself keeps it, whatever the server of files may be talked into.
  [ "$(id -u)" = 0 ] || return 0
  start_pod --init "rootfs:$busybox_dir" -- sh -c 'echo ready; exec sleep 100'
  wait_for_stdout ready
  for fd in "/proc/$(role nacelle-files)/fd/"*; do
    [ ! -e "$fd/bin/busybox" ] || root=$fd
  done
  [ -n "${root-}" ] || fail "nobody has the directory"
  ! touch "$root/new" 2>said || fail "the directory can be written"
  expect grep -q "Read-only file system" said
  kill -TERM "$pod"
  wait_pod
}

test_special_files_of_the_host() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  mkdir share
  mknod share/null c 1 3
  mkfifo share/fifo
  run_pod --volume "$PWD/share:/mnt" "$busybox" -- sh -c 'stat -c %F /mnt/null /mnt/fifo; cat /mnt/null; mknod /mnt/evil b 8 0 && echo made'
  expect_stdout_has "character special file"
  expect_stdout_has fifo
  [ ! -b share/evil ] || fail "a block device was made on the host"
}
