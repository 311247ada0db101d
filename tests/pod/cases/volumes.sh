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

# Appends of two apps with four processes each, and of the host: nothing is lost, no line is torn.
test_appends_meet() {
  local cache
  # shellcheck disable=SC2016
  echo 'for process in 1 2 3 4; do
    for n in $(seq 25); do echo "$2 $process $n"; done >>"$1" &
    for n in $(seq 5); do echo "$2 $process again $n" >>"$1"; done &
  done
  wait' >append
  for who in one two host; do
    for process in 1 2 3 4; do
      seq -f "$who $process %g" 25
      seq -f "$who $process again %g" 5
    done
  done | sort >expected
  for cache in mmap loose; do
    mkdir "$cache"
    start_pod --volume "$PWD/$cache:/share:cache=$cache" --volume "$PWD/append:/append:ro" \
      "$busybox" --name one -- sh -c 'echo ready; sh /append /share/log one' \
      --- "$busybox" --name two -- sh /append /share/log two
    wait_for_stdout ready
    sh append "$cache/log" host
    wait_pod
    expect_status 0
    sort "$cache/log" >found
    cmp -s expected found || fail "$cache: $(wc -l <found) lines, $(comm -13 expected found | head -n 2)"
  done
}

# Each of two apps counts in the same files, under locks; what one has read while the other wrote would be missing.
test_locks_between_apps() {
  mkdir share
  cat >share/count.py <<'END'
import fcntl
import os
for place in "/host", "/empty":
    for lock in fcntl.lockf, fcntl.flock:
        for _ in range(50):
            fd = os.open(f"{place}/{lock.__name__}", os.O_RDWR | os.O_CREAT)
            lock(fd, fcntl.LOCK_EX)
            count = int(os.read(fd, 20) or 0) + 1
            os.pwrite(fd, b"%d" % count, 0)
            os.close(fd)
        print(place, lock.__name__, count)
END
  run_pod --volume "host,kind=host,source=$PWD/share" --volume empty,kind=empty \
    "$debian" --name one --mount volume=host,target=/host --mount volume=empty,target=/empty -- python3 /host/count.py \
    --- "$debian" --name two --mount volume=host,target=/host --mount volume=empty,target=/empty -- python3 /host/count.py
  expect_status 0
  expect_same "$(grep -c ' 100$' "$out")" 4 "files that one of the apps left at 100"
  expect_same "$(cat share/lockf share/flock)" 100100 "the counts on the host"
}

# A lock that somebody on the host holds is asked for at once again, and then less and less often. The file server sleeps
# once between two requests that do not come at once.
test_held_locks_are_asked_for_soon() {
  local before asked holder files
  mkdir share
  cat >share/ask.py <<'END'
import fcntl
import signal
import sys


def say(word):
    print(word, flush=True)
    sys.stdin.readline()


signal.signal(signal.SIGALRM, lambda *_: None)
file = open("/share/lock", "r+")
say("ready")
for _ in range(5):
    signal.setitimer(signal.ITIMER_REAL, 0.8)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX)
        print("nobody held it")
    except OSError:
        pass
say("asked")
END
  python3 -c 'import fcntl, signal
file = open("share/lock", "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
signal.pause()' >held &
  holder=$!
  # shellcheck disable=SC2064
  trap "kill $holder" EXIT
  wait_for 100 grep -q held held
  mkfifo go
  exec 3<>go
  start_pod -i --volume "$PWD/share:/share" "$debian" -- python3 /share/ask.py <go
  wait_for 200 grep -q ready "$out"
  files=$(role nacelle-files)
  before=$(status_field "$files" voluntary_ctxt_switches)
  echo >&3
  wait_for_stdout asked
  asked=$(($(status_field "$files" voluntary_ctxt_switches) - before))
  echo >&3
  wait_pod
  expect_status 0
  expect_stdout $'ready\nasked'
  # Seven times in each 0.8 seconds; once by a guest that waits for a second between two.
  [ "$asked" -gt 15 ] || fail "asked $asked times in 5 rounds"
}

# tests/p9 tries the file server with the host's client; here is what depends on ours, and on the way through the device.
test_what_programs_expect() {
  mkdir share fixed
  echo kept >fixed/file
  run_pod --volume "$PWD/share:/share" --volume "$PWD/fixed:/fixed:ro" --volume "$top/tests/p9:/p9:ro" "$debian" -- \
    python3 /p9/client.py ours /share /share /fixed unlinked_open_file open_files_without_names rename_over_open_file \
    append append_by_several append_and_places temporary_file shared_mapping sparse_and_large locks random_access times \
    read_only
  expect_status 0
}

# A listing that is cached is the directory's, soon also after the host has changed it.
test_cached_listings() {
  mkdir -p share/many share/sub/empty
  (cd share/many && seq -f "a name of some length %g" 300 | xargs -d '\n' touch)
  cat >list <<'END'
cd /hard
for n in 1 2 3; do ls -a many | md5sum; ls -a sub; done
# A reader that stops and goes back.
ls -a many | head -n 5
echo ready
while [ ! -e sub/new ] || [ "$(ls sub)" != "empty
new" ]; do sleep 0.2; done
while ls many | grep -q "length 7$"; do sleep 0.2; done
ls many | wc -l
END
  start_pod --volume "$PWD/share:/hard:ro" --volume "$PWD/list:/list:ro" "$busybox" -- sh /list
  wait_for_stdout ready
  touch share/sub/new
  rm "share/many/a name of some length 7"
  wait_pod
  expect_status 0
  for n in 1 2 3; do
    { printf '.\n..\n'; seq -f "a name of some length %g" 300 | LC_ALL=C sort; } | md5sum
    printf '.\n..\nempty\n'
  done >expected
  { printf '.\n..\n'; seq -f "a name of some length %g" 300 | LC_ALL=C sort | head -n 3; echo ready; echo 299; } >>expected
  expect cmp "$out" expected
}

# How often the file server has run and stopped: about once for each request, or more.
turns_of_files() { awk '/ctxt_switches:/ { turns += $2 } END { print turns }' "/proc/$(role nacelle-files)/status"; }

# Nor is the host asked for it each time, or to open the directory: once a second at most, whether it has changed.
test_listings_are_kept() {
  local before asked
  mkdir -p share/sub/{one,two}
  mkfifo go
  exec 3<>go
  # shellcheck disable=SC2016
  start_pod -i --volume "$PWD/share:/hard:ro" "$busybox" -- sh -c 'cd /hard; set -- sub/*; echo ready; read -r line
    for n in $(seq 500); do set -- sub/*; done; echo "$@"; read -r line' <go
  wait_for_stdout ready
  before=$(turns_of_files)
  echo >&3
  wait_for_stdout "sub/one sub/two"
  asked=$(($(turns_of_files) - before))
  echo >&3
  wait_pod
  expect_status 0
  [ "$asked" -lt 250 ] || fail "asked $asked times for 500 listings"
}
