# shellcheck shell=bash
# What becomes of an image: the tree in the EROFS image against what umoci and GNU tar unpack of the same layers.

hostile=$here/../hostile

. "$here/odd-tree.sh"

# change_tree DIRECTORY: what a second layer does to it.
change_tree() {
  local d=$1
  rm -r "$d/hidden" "$d/replaced" "$d/becomes a directory" "$d/hard too" "$d/a b/-dash"
  echo "a file now" >"$d/replaced" && mkdir "$d/becomes a directory" && echo y >"$d/becomes a directory/f"
  rm -r "$d/opaque" && mkdir "$d/opaque" && echo new >"$d/opaque/new"
  ln "$d/usr/lib/large" "$d/large too"
  rm "$d/dangling" && echo y >"$d/dangling"
  chmod 700 "$d/sticky" && echo longer >>"$d/a b/quote\"s"
}

erofs_image() { printf '%s\n' "$v1"/erofs/sha256-*; }

# The listing of the one image in the store: of the independent reader, and the kernel's must be the same where it can
# mount one.
list_image() {
  must "$here/listing" --image "$(erofs_image)"
  mv must.log reader
  must fsck.erofs "$(erofs_image)"
  mkdir -p mounted
  if mount -t erofs -o ro,loop "$(erofs_image)" mounted 2>mount.log; then
    must "$here/listing" mounted
    mv must.log kernel
    umount mounted
    diff reader kernel >differences || fail "reader and kernel differ: $(head -n 6 differences)"
  fi
}

# expect_same_tree LAYOUT TAG: the image is the tree that umoci unpacks.
expect_same_tree() {
  rm -rf "${store:?}/images" bundle
  image import "oci:$1:$2"
  expect_status 0
  list_image
  must umoci unpack --image "$1:$2" bundle
  must "$here/listing" bundle/rootfs
  mv must.log unpacked
  rm -rf bundle
  diff unpacked reader >differences || fail "umoci's tree and the image differ: $(head -n 20 differences)"
  expect [ "$(wc -l <reader)" -gt 5 ]
}

test_umoci() {
  must umoci init --layout made
  must umoci new --image made:v1
  must umoci unpack --image made:v1 work
  odd_tree work/rootfs
  must umoci repack --image made:v1 work
  rm -rf work
  expect_same_tree "$PWD/made" v1
  expect grep -q 'security.capability' reader
  expect grep -q 'posix_acl_default' reader
  must umoci unpack --image made:v1 work
  change_tree work/rootfs
  must umoci repack --image made:v2 work
  rm -rf work
  expect_same_tree "$PWD/made" v2
}

# Opaque directories and whiteouts in every position, which no tool writes at will.
test_opaque() {
  python3 - "$hostile" <<'END' || fail "no archives"
import sys
sys.path.insert(0, sys.argv[1])
from layout import *
lower = [directory(b"d"), entry(b"d/a", b"1"), directory(b"d/e"), entry(b"d/e/b", b"1"), entry(b"f", b"1"),
         hardlink(b"g", b"f"), directory(b"h"), entry(b"h/x", b"1")]
upper = [entry(b"d/new", b"2"), entry(b"d/.wh..wh..opq", b""), directory(b"d/e"), entry(b"d/e/c", b"2"), entry(b".wh.f", b""),
         hardlink(b"i", b"g"), entry(b"h/.wh.x", b""), entry(b"h/y", b"2")]
open("lower.tar", "wb").write(tar(*lower))
open("upper.tar", "wb").write(tar(*upper))
END
  must umoci init --layout made
  must umoci new --image made:v1
  must umoci raw add-layer --image made:v1 lower.tar
  must umoci raw add-layer --image made:v1 upper.tar
  touch -d @0 .
  rm -rf "${store:?}/images" bundle
  image import "oci:$PWD/made:v1"
  expect_status 0
  list_image
  must umoci unpack --image made:v1 bundle
  must "$here/listing" bundle/rootfs
  # umoci gives directories that it writes into for a later layer the time of that moment
  expect_same "$(sed 's/ [0-9]* size/ size/; s/ [0-9]*$//' must.log)" "$(sed 's/ [0-9]* size/ size/; s/ [0-9]*$//' reader)" "the trees"
}

# The tools of containers/storage, by their own two drivers.
with_driver() {
  local driver=$1 root=$PWD/root id
  tool=(--root "$root" --runroot "$PWD/runroot" --storage-driver "$driver")
  id=$(buildah "${tool[@]}" from scratch 2>buildah.log) || return 1
  odd_tree "$(buildah "${tool[@]}" mount "$id")"
  must buildah "${tool[@]}" commit --format oci "$id" odd:v1
  id=$(buildah "${tool[@]}" from --pull-never odd:v1) || fail "buildah from"
  change_tree "$(buildah "${tool[@]}" mount "$id")"
  must buildah "${tool[@]}" commit --format oci "$id" odd:v2
  must buildah "${tool[@]}" push odd:v2 "oci:$PWD/made:v2"
  must buildah "${tool[@]}" umount -a
  expect_same_tree "$PWD/made" v2
  expect grep -q 'security.capability' reader
}
test_buildah_vfs() {
  with_driver vfs || fail "buildah: $(cat buildah.log)"
}
test_buildah_overlay() {
  with_driver overlay || skip "buildah cannot use overlay here: $(tail -n 1 buildah.log)"
}

test_podman() {
  tool=(--root "$PWD/root" --runroot "$PWD/runroot" --storage-driver vfs)
  odd_tree tree
  tar -C tree --xattrs --xattrs-include='*' --format=posix -cf tree.tar .
  must podman "${tool[@]}" import tree.tar odd:v1
  must podman "${tool[@]}" save --format oci-dir -o made odd:v1
  expect_same_tree "$PWD/made" "$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' made/index.json)"
}

# expect_as_tar FORMAT: a layer made and unpacked by GNU tar.
expect_as_tar() {
  rm -rf "${store:?}/images" unpacked-tree made
  local attributes=(--xattrs '--xattrs-include=*')
  [ "$1" = posix ] || attributes=()
  tar -C tree "${attributes[@]}" --sparse --format="$1" -cf tree.tar . || fail "tar"
  must umoci init --layout made
  must umoci new --image made:v1
  must umoci raw add-layer --image made:v1 tree.tar
  image import "oci:$PWD/made:v1"
  expect_status 0
  list_image
  mkdir unpacked-tree
  tar -C unpacked-tree "${attributes[@]}" --same-owner -xpf tree.tar || fail "tar"
  must "$here/listing" unpacked-tree
  diff must.log reader >differences || fail "GNU tar's tree and the image differ ($1): $(head -n 20 differences)"
}

# Sparse files in each form, with times to the nanosecond where the form has them; one of more than 4 GiB.
test_gnu_tar() {
  odd_tree tree
  truncate -s 5G tree/sparse && echo end >>tree/sparse
  for i in {0..40}; do echo "$i" | dd of=tree/sparse bs=1 seek=$((i * 97 * 1048576)) conv=notrunc status=none; done
  truncate -s 3M tree/nothing
  expect_as_tar posix
  expect grep -q 'sparse.*size=5368709124' reader
  find tree -exec touch -h -d @1000000000 {} + # the other form has no nanoseconds and no attributes
  find tree ! -type l -exec setfattr -x user.text {} \; -exec setfattr -x user.bytes {} \; -exec setfattr -x user.large {} \; \
    -exec setfattr -x security.capability {} \; -exec setfattr -x system.posix_acl_access {} \; \
    -exec setfattr -x system.posix_acl_default {} \; 2>/dev/null
  rm tree/sparse
  expect_as_tar gnu
}

# A directory of 100,000 names, and data that lies where it can be mapped.
test_large_directory() {
  python3 - "$hostile" <<'END' || fail "no layout"
import sys
sys.path.insert(0, sys.argv[1])
from layout import *
parts = [directory(b"d")] + [entry(b"d/%06d-%d" % (i * 7919 % 100000, i), b"%d" % i if i % 50 == 0 else b"") for i in range(100000)]
Layout(tar(*parts), compress=False).write("layout")
END
  image import "oci:$PWD/layout:v1"
  expect_status 0
  list_image
  expect_same "$(grep -c '^.d/' reader)" 100000 "names"
}

# The bytes of an image depend on its layers alone.
test_reproducible() {
  local other=$PWD/other
  image import "oci:$layers:latest"
  expect_status 0
  mkdir -m 700 "$other" elsewhere
  # shellcheck disable=SC2016
  (cd elsewhere && umask 077 && TZ=Pacific/Chatham LC_ALL=C.UTF-8 MALLOC_PERTURB_=85 \
    nice -n 19 "$nacelle_image" import --root "$other" "oci:$layers:latest" >/dev/null) || fail "the second import"
  expect_same "$(store_list "$other")" "$(store_list "$store")" "the images"
  expect [ "$(store_list "$store" | wc -l)" -ge 1 ]
}

# On a file system that can share blocks between files, a blob costs none; what is in the store is verified all the same.
test_shared_blocks() {
  truncate -s 300M disk
  must mkfs.btrfs -q disk
  mkdir disk-mounted
  mount -o loop disk disk-mounted 2>mount.log || skip "no btrfs here: $(tail -n 1 mount.log)"
  python3 - "$hostile" disk-mounted/layout <<'END' || fail "no layout"
import random, sys
sys.path.insert(0, sys.argv[1])
from layout import *
Layout(tar(entry(b"f", random.Random(1).randbytes(20000000))), compress=False).write(sys.argv[2])
END
  mkdir -m 700 disk-mounted/store
  image_of disk-mounted/store import "oci:$PWD/disk-mounted/layout:v1"
  expect_status 0
  blob=$(find disk-mounted/store/images/v1/blobs -size +10M)
  sync
  btrfs filesystem du --raw "$blob" >du.log
  cat du.log
  expect [ "$(awk 'NR == 2 { print $2 }' du.log)" = 0 ]
  expect_same "$(sha256sum <"$blob" | cut -c 1-64)" "$(basename "$blob" | sed 's/sha256-//')" "the digest"
  printf x | dd of=disk-mounted/layout/blobs/sha256/"$(basename "$blob" | sed 's/sha256-//')" bs=1 seek=9000000 conv=notrunc status=none
  expect_same "$(sha256sum <"$blob" | cut -c 1-64)" "$(basename "$blob" | sed 's/sha256-//')" "the digest after the layout changed"
  mkdir -m 700 disk-mounted/other
  image_of disk-mounted/other import "oci:$PWD/disk-mounted/layout:v1"
  expect_refused "does not have the digest"
  umount disk-mounted
}

# One image in each compression that skopeo writes, and in xz, has one tree.
test_compressions() {
  local kind first=
  for kind in gzip zstd; do
    must skopeo copy --quiet --dest-compress --dest-compress-format "$kind" "oci:$layers:latest" "oci:$PWD/$kind:v1"
    expect_same "$(manifest_of "$kind" | jq -r '.layers[0].mediaType')" "application/vnd.oci.image.layer.v1.tar+$kind" "the type"
  done
  python3 - "$hostile" zstd xz <<'END' || fail "no layout"
import json, lzma, os, subprocess, sys
sys.path.insert(0, sys.argv[1])
from layout import *
source, target = sys.argv[2:]
def read(digest):
    return open(os.path.join(source, "blobs", *digest.split(":")), "rb").read()
manifest = json.loads(read(json.load(open(source + "/index.json"))["manifests"][0]["digest"]))
tars = [subprocess.run(["zstd", "-dcq"], input=read(l["digest"]), stdout=subprocess.PIPE, check=True).stdout for l in manifest["layers"]]
layout = Layout(*tars)
layout.blobs, layout.layer_type = [lzma.compress(data) for data in tars], XZ
layout.write(target)
END
  for kind in gzip zstd xz; do
    rm -rf "${store:?}/images"
    image import "oci:$PWD/$kind:v1"
    expect_status 0
    list_image
    expect_same "$(sha256sum <reader)" "${first:=$(sha256sum <reader)}" "the tree of $kind"
  done
  expect [ "$(wc -l <reader)" -gt 5 ]
}
manifest_of() {
  cat "$1/blobs/sha256/$(jq -r '.manifests[0].digest' "$1/index.json" | cut -d : -f 2)"
}
