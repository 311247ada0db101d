# shellcheck shell=bash disable=SC2154 # store, busybox and others come from the runner and lib.sh
# level: pod
# nacelle export: what apps on a disk of their pod have changed, as archives that other tools understand.

boot=(--boot-timeout 100)

export_pod() {
  status=0
  "$nacelle" export --root "$store" "${boot[@]}" "$@" >"$out" 2>"$err" || status=$?
}
refused() {
  local text=$1
  shift
  export_pod "$@"
  expect_status 125
  expect_stderr_has "$text"
  [ ! -s "$out" ] || fail "something was written"
}

# What is in a tree, but for what is mounted in a pod; with names of one tree on one line each.
list_tree='b=/bin/busybox
look() { $b find . -xdev ! -path "./dev*" ! -path "./proc*" ! -path "./sys*" ! -path "./etc/host*" ! -path ./etc/resolv.conf "$@"; }
look -exec $b stat -c "%F|%a|%u|%g|%Y|%t:%T|%N" {} + | $b sort
look -type f -exec $b md5sum {} + | $b sort
[ ./new/first -ef ./new/second ] && $b stat -c "%h links" new/first'
list_here() { (cd "$1" && /bin/busybox sh -c "$list_tree"); }

# Of the image layers: something of everything.
changes='b=/bin/busybox
set -e
$b mkdir -p /new/deep
echo one >/new/first; $b ln /new/first /new/second; $b ln -s ../kept/fifo /new/link
$b ln -s "/$($b printf "t%.0s" $($b seq 150))" /new/long-link
$b mknod -m 640 /new/null c 1 3; $b mknod /new/disk b 7 5; $b mkfifo /new/fifo
echo owned >/new/owned; $b chown 3000000:4000000 /new/owned; $b chmod 6711 /new/owned
$b dd if=/dev/zero of=/new/sparse bs=1 count=1 seek=3000000 2>/dev/null
dir=/new/deep/$($b printf "d%.0s" $($b seq 120)); $b mkdir -p "$dir/$dir"
echo deep >"$dir/$dir/$($b printf "f%.0s" $($b seq 250))"
echo odd >"/new/$($b printf "a\302\240b=%% c")"; : >/new/empty
$b touch -t 200102030405.06 /new/empty
echo more >>/kept/replaced; $b chmod 600 /etc/owned; $b rm /etc/dated /kept/fifo
$b rm -r /opaque; $b mkdir /opaque; echo fresh >/opaque/only
$b rm -r /gone; echo file >/gone; $b rm /kept/symlink; $b mkdir /kept/symlink; $b touch /kept/symlink/inside'

test_round_trip() {
  local uuid layer
  command -v umoci >/dev/null || skip "umoci is not here"
  [ "$(id -u)" = 0 ] || skip "needs root to unpack"
  run_pod "${boot[@]}" --upper disk:256M --uuid-file id "$layers" --name first -- /bin/busybox sh -c "$changes
cd / && $list_tree" --- "$layers" --name second -- /bin/busybox sh -c 'echo second >/second'
  expect_status 0
  mv "$out" seen
  grep -q '^regular file|6711|3000000|4000000|.*new/owned' seen || fail "the app did not list its files: $(cat seen)"
  grep -qx '2 links' seen || fail "the app has no links"
  uuid=$(cat id)
  refused "say which with --app" "$uuid"
  refused "has no app third" --app third "$uuid"
  refused "tar, oci-layer or oci-image" --format zip --app first "$uuid"

  # All of it: GNU tar makes of it what the app saw.
  mkdir whole
  export_pod --app first --output whole.tar "$uuid"
  expect_status 0
  expect_stdout ""
  tar -C whole --numeric-owner --xattrs --xattrs-include='*' -xpf whole.tar || fail "tar"
  list_here whole >whole.list
  diff seen whole.list >&2 || fail "the whole root is not what the app saw"
  expect_same "$(getfattr --only-values -n user.colour whole/etc/owned)" blue "attribute"

  # The changes alone, over the image: umoci makes the same of it.
  layer=$PWD/layer.tar
  export_pod --format oci-layer --app first "$uuid"
  expect_status 0
  mv "$out" "$layer"
  tar -tf "$layer" >names
  for name in ./ kept/.wh.fifo etc/.wh.dated opaque/ opaque/.wh..wh..opq opaque/only kept/symlink/inside; do
    grep -qxF "$name" names || fail "the layer has no $name"
  done
  ! grep -qE '^(etc/large|bin/)' names || fail "what has not changed is in the layer"
  cp -r "$layers_layout" layout
  umoci --log=error raw add-layer --image layout:latest "$layer" || fail "umoci"
  umoci --log=error unpack --image layout:latest bundle || fail "umoci"
  list_here bundle/rootfs >layer.list
  diff seen layer.list >&2 || fail "image and layer are not what the app saw"
  expect_same "$(getfattr --only-values -n user.colour bundle/rootfs/etc/owned)" blue "attribute"

  # The other app's alone; and to a pipe whose reader goes away.
  export_pod --format oci-layer --app second "$uuid"
  expect_status 0
  expect_same "$(tar -xOf "$out" second)" second
  ! tar -tf "$out" | grep -q '^new/' || fail "the apps are mixed"
  { "$nacelle" export --root "$store" "${boot[@]}" --app first "$uuid" 2>"$err" || echo $? >broken; } | head -c 100 >/dev/null
  expect_same "$(cat broken)" 125 "status when the pipe breaks"
  expect_stderr_has "Broken pipe"
}

# Image and changes as an image of its own, which runs.
test_image() {
  command -v umoci >/dev/null || skip "umoci is not here"
  run_pod "${boot[@]}" --upper disk:64M --uuid-file id "$layers" -- /bin/busybox sh -c 'b=/bin/busybox; echo new >/kept/new; $b rm -r /opaque'
  expect_status 0
  refused "an image needs a place" --format oci-image --uuid-file id
  mkdir made
  refused "made: File exists" --format oci-image --output oci:made:v1 --uuid-file id
  export_pod --format oci-image --output built:v1 --uuid-file id
  expect_status 0
  umoci --log=error list --layout built | grep -qx v1 || fail "umoci"
  run_pod "${boot[@]}" oci:built:v1 -- /bin/busybox sh -c '/bin/busybox cat /kept/new; [ ! -e /opaque ] && [ -e /etc/owned ]'
  expect_status 0
  expect_stdout new
}

# A disk whose journal is to be replayed: it is read, and stays as it is.
test_killed_pod() {
  local uuid disk before
  start_pod "${boot[@]}" --upper disk:64M --uuid-file id "$busybox" --name app -- sh -c 'mkdir /d && echo kept >/d/file && sync && echo ready && exec sleep 1000'
  wait_for_stdout ready
  uuid=$(cat id)
  refused "is running: stop it first" "$uuid"
  kill -KILL "$pod"
  wait_pod
  disk=$store/pods/v1/run/$uuid/upper.img
  flock "$disk" true
  dumpe2fs -h "$disk" 2>/dev/null | grep -q needs_recovery || fail "the disk is clean: this test tests nothing"
  before=$(digest <"$disk")
  export_pod --format oci-layer "$uuid"
  expect_status 0
  expect_same "$(tar -xOf "$out" d/file)" kept
  expect_same "$(digest <"$disk")" "$before" "the disk has changed"
  expect_same "$(find "$store/pods/v1/run/$uuid" -name 'export*')" "" "what is left"

  # Nothing passes as whole that is not: no space, a signal while nobody reads, a damaged file system.
  refused "No space left" --output /dev/full "$uuid"
  if [ "$(id -u)" = 0 ] && mkdir tiny && mount -t tmpfs -o size=256k none tiny; then
    refused "No space left" --output tiny/file.tar "$uuid"
    expect_same "$(find tiny -type f)" "" "what is left"
    umount tiny
  fi
  mkfifo stalled
  exec 9<>stalled
  start bash -c 'exec "$@" >stalled' - "$nacelle" export --root "$store" "${boot[@]}" "$uuid"
  wait_for 100 pgrep -P "$pod" -x nacelle-vm
  kill -INT "$pod"
  wait_pod
  exec 9>&-
  expect_status 130
  dd if=/dev/zero of="$disk" bs=64k count=1 conv=notrunc 2>/dev/null
  refused "its file system is damaged" --output file.tar "$uuid"
  expect_same "$(find . -name 'file.tar*')" "" "what is left"
}

# A directory of the host is shared with the machine that exports, as it was with the pod; by its real path.
test_directory() {
  local before
  mkdir root
  cp -a "$busybox_dir" own
  before=$(list_here own | digest)
  ln -s own relative
  run_pod "${boot[@]}" --upper disk:64M --uuid-file id rootfs:relative -- sh -c 'echo new >/file && rm /etc/group'
  expect_status 0
  rm relative
  export_pod --uuid-file id
  expect_status 0
  tar -C root --numeric-owner -xpf "$out" || fail "tar"
  expect_same "$(cat root/file)" new
  [ ! -e root/etc/group ] || fail "a file that was removed is there"
  cmp own/bin/busybox root/bin/busybox || fail "a file that was not changed is another"
  expect_same "$(list_here own | digest)" "$before" "the directory has changed"
  refused "a directory: no OCI image" --format oci-image --output made --uuid-file id
  export_pod --format oci-layer --uuid-file id
  expect_status 0
  expect_same "$(tar -xOf "$out" file)" new
  tar -tf "$out" | grep -qx etc/.wh.group || fail "nothing is removed"
  ! tar -tf "$out" | grep -E '^(dev|proc|sys)/|^etc/(hosts|hostname|resolv.conf)$' || fail "the layer has mount points"
  # What leads elsewhere by now is not the directory that the pod had.
  mv own moved
  ln -s / own
  refused "is now reached by a symbolic link" --output file.tar --uuid-file id
}

test_no_disk() {
  local uuid
  run_pod "${boot[@]}" --uuid-file id "$busybox" -- true
  expect_status 0
  refused "run with --upper disk" --uuid-file id
  uuid=$("$nacelle" prepare --root "$store" --net none --upper disk:64M "$busybox")
  refused "has not run yet" "$uuid"
  "$nacelle" rm --root "$store" "$uuid"
}
