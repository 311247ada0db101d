# shellcheck shell=bash
# level: pod
# What a pod sees of its image is what was put in.

. "$here/../images/odd-tree.sh"

# On a plain tmpfs: in the overlay of an emulated host the numbers of inodes meet, and tools take files for links.
test_odd_tree() {
  local top=$PWD directory
  directory=$(mktemp -d /run/nacelle-tree-XXXXXX)
  # shellcheck disable=SC2064
  trap "rm -rf '$directory'" EXIT
  out=$top/stdout err=$top/stderr
  cd "$directory" || fail "cd"
  mkdir root
  gcc -D_GNU_SOURCE -static -O1 -o root/list "$here/list.c" || fail "list.c"
  odd_tree root/tree
  root/list root/tree >expected || fail "list"
  expect grep -q 'security.capability=' expected
  expect grep -q 'posix_acl_default=' expected
  expect grep -q '[.]000000001 ' expected
  tar -C root --xattrs --xattrs-include='*' --format=posix -cf layer.tar . || fail "tar"
  { umoci init --layout made && umoci new --image made:v1 && umoci raw add-layer --image made:v1 layer.tar; } >log 2>&1 ||
    fail "umoci"
  run_pod "oci:$directory/made:v1" -- /list /tree
  expect_status 0
  diff expected "$out" >differences || fail "the pod sees something else: $(head -n 6 differences)"
}
