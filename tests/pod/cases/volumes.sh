# shellcheck shell=bash
# level: pod
# The forms of volumes: by name, empty, disks, tmpfs, mounts below them; volume.sh has what files are in a share.

# One pod, many volumes. The script's lines begin with what they are about.
test_every_kind() {
  mkdir share named
  echo host >share/file
  echo named >named/file
  cat >script <<'END'
cd /
echo "tmpfs $(stat -c '%a %u:%g' /scratch) $(stat -f -c %T /scratch)"
cp /bin/busybox /scratch/ && /scratch/busybox true || echo tmpfs noexec
dd if=/dev/zero of=/scratch/full bs=1M count=2 2>/dev/null || echo tmpfs is full
echo "empty $(stat -c '%a %u:%g' /empty)$(ls /empty)"
echo shared >/empty/new && echo "again $(cat /again/new)"
echo x >/again/more || echo again is read-only
echo "named $(cat /named/file)"
touch /named/new || echo named is read-only
echo "below $(cat /named/below/file)"
grep -c ' /proc/fd\| /scratch ' /proc/mounts
END
  run_pod --volume "$PWD:/script:ro" --volume "data,kind=empty,mode=2770,uid=3,gid=4" \
    --volume "named,kind=host,source=$PWD/named,readOnly=true" --volume "$PWD/share:/named/below" \
    --mount volume=data,target=/empty --mount volume=data,target=/again,readOnly=true \
    --mount volume=named,target=/named,readOnly=false --tmpfs /scratch:size=1M,mode=701,uid=1,gid=2,noexec \
    "$busybox" -- sh /script/script
  # The target below a read-only share must be there: it is not made on the host.
  [ "$status" != 0 ] || fail "a target was made in a read-only volume"
  mkdir named/below
  run_pod --volume "$PWD:/script:ro" --volume "data,kind=empty,mode=2770,uid=3,gid=4" \
    --volume "named,kind=host,source=$PWD/named,readOnly=true" --volume "$PWD/share:/named/below" \
    --mount volume=data,target=/empty --mount volume=data,target=/again,readOnly=true \
    --mount volume=named,target=/named,readOnly=false --tmpfs /scratch:size=1M,mode=701,uid=1,gid=2,noexec \
    "$busybox" -- sh /script/script
  expect_status 0
  expect_stdout "tmpfs 701 1:2 tmpfs
tmpfs noexec
tmpfs is full
empty 2770 3:4
again shared
again is read-only
named named
named is read-only
below host
1"
}

test_what_an_image_declares() {
  run_pod --entrypoint /bin/sh --user 0 --read-only "$config" -- -c \
    'cat /var/data/sub/file; stat -c "%a %u:%g" /var/data/sub; echo more >/var/data/more && ls /var/data; touch /x'
  [ "$status" != 0 ] || fail "the root was written"
  expect_stdout "from the image
1770 123:456
more
sub"
  # What is mounted there by an option stays as it is.
  mkdir own
  run_pod --entrypoint /bin/sh --user 0 --volume "$PWD/own:/var/data/" "$config" -- -c 'ls /var/data; touch /var/data/new'
  expect_status 0
  expect_stdout ""
  expect test -e own/new
}

test_mounts_below_a_volume() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  mkdir -p share/{below,kept}
  echo hidden >share/below/hidden
  mount -t tmpfs below share/below
  mount -t tmpfs kept share/kept
  echo shown >share/below/shown
  mount -o remount,ro share/kept
  run_pod --volume "$PWD/share:/rec" --volume "$PWD/share:/recro:ro" --volume "$PWD/share:/flat:norec" \
    --volume "$PWD/share:/flatro:norec,ro" "$busybox" -- sh -c \
    'cd /; ls rec/below recro/below flat/below flatro/below; touch rec/below/new || echo wrong
     for place in rec/kept recro/below flatro/below; do touch $place/new 2>/dev/null || echo $place; done
     touch flat/below/new'
  umount share/kept
  expect_same "$(ls share/below)" "$(printf 'new\nshown')" "the mount"
  umount share/below
  expect_status 0
  expect_stdout "flat/below:
hidden

flatro/below:
hidden

rec/below:
shown

recro/below:
shown
rec/kept
recro/below
flatro/below"
  expect_same "$(ls share/below)" "$(printf 'hidden\nnew')" "the directory below the mount"
}

test_disks() {
  command -v mkfs.ext4 >/dev/null || skip "no mkfs.ext4"
  truncate -s 32M disk
  mkfs.ext4 -q disk
  head -c 8192 /dev/zero >raw
  run_pod --volume "$PWD/disk:/data:block" --volume "$PWD/raw:/dev/raw:block" --volume "$PWD/raw2:/dev/raw2:block" \
    "$busybox" -- true
  expect_status 125
  expect_stderr_has "raw2"
  start_pod -i --volume "$PWD/disk:/data:block" --volume "$PWD/raw:/dev/raw:block" "$busybox" -- sh -c \
    'stat -f -c %T /data; echo kept >/data/file; echo written | dd of=/dev/raw conv=notrunc 2>/dev/null; sync
     stat -c %F /dev/raw; ls /dev/vd* 2>/dev/null; echo ready; while [ ! -e /data/end ]; do read line || break; touch /data/end; done' <<<end
  wait_for_stdout ready
  wait_pod
  expect_status 0
  expect_stdout "ext2/ext3
block special file
ready"
  expect_same "$(head -c 7 raw)" written "the raw disk"
  # Again, for reading alone; the guest refuses what the host would not take.
  run_pod --volume "$PWD/disk:/data:block,ro" --volume "$PWD/raw:/dev/raw:block,ro" "$busybox" -- sh -c \
    'cat /data/file; touch /data/new 2>/dev/null || echo refused; (echo x >/dev/raw) 2>/dev/null || echo refused'
  expect_status 0
  expect_stdout "kept
refused
refused"
}

test_a_disk_has_one_writer() {
  head -c 8192 /dev/zero >raw
  exec 9<raw
  flock -x 9
  run_pod --volume "$PWD/raw:/dev/raw:block" "$busybox" -- true
  expect_status 125
  expect_stderr_has "another pod or process uses"
  flock -s 9
  run_pod --volume "$PWD/raw:/dev/raw:block" "$busybox" -- true
  expect_status 125
}

# The host is asked about what the guest has not seen, and about nothing else.
test_caches() {
  mkdir share
  echo 1 >share/file
  start_pod -i --volume "$PWD/share:/hard:ro" --volume "$PWD/share:/soft:ro,cache=mmap" --volume "$PWD/share:/rw" \
    "$busybox" -- sh -c 'cat /hard/file /soft/file; echo ready; while [ ! -e /rw/go ]; do sleep 0.1; done; cat /soft/file /soft/new /hard/new'
  wait_for_stdout ready
  echo 2 >share/file
  echo new >share/new
  touch share/go
  wait_pod
  expect_status 0
  expect_stdout "1
1
ready
2
new
new"
}
