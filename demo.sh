#!/bin/bash
# From a fresh Debian 12 to container pods in micro-VMs of their own: installs what is missing, builds everything, makes
# an image from Debian's packages and runs pods from it. To be started as root; may be started again.
# shellcheck source=tests/lib.sh
. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/tests/lib.sh" || exit 1

# What runs where KVM is: on this machine, or inside the emulated host. $1: the image's layout.
pods() {
  local image=oci:demo directory status
  directory=$(mktemp -d /run/nacelle-demo-XXXXXX)
  trap 'rm -rf "$directory"' EXIT
  chmod 755 "$directory"
  cp -r "$stage/." "$directory/"
  PATH=$directory/bin:$PATH
  ln -s "$1" "$directory/demo"
  cd "$directory" || exit
  mkdir -m 700 "$directory/images"
  nacelle() { command nacelle "$1" --root "$directory/images" "${@:2}"; }

  show 'The first run of an image checks its digests and makes one read-only disk of it:'
  type_and_run "nacelle run $image -- figlet nacelle" nacelle run "$image" -- figlet nacelle
  show 'The image is Debian; the kernel is the pod'\''s own, not that of the host:'
  type_and_run "nacelle run $image -- sh -c '. /etc/os-release; echo \$PRETTY_NAME; uname -sr'" \
    nacelle run "$image" -- sh -c '. /etc/os-release; echo $PRETTY_NAME; uname -sr'
  echo "  (the host runs $(uname -sr))"
  show 'A pod behaves like the command in it: streams, and the exit status.'
  echo "  \$ echo to be shouted | nacelle run -i $image -- tr a-z A-Z"
  echo to be shouted | nacelle run -i "$image" -- tr a-z A-Z | sed 's/^/  /'
  status=0
  type_and_run "nacelle run $image -- sh -c 'exit 3'" nacelle run "$image" -- sh -c 'exit 3' || status=$?
  echo "  (exit status $status)"
  show 'As many CPUs and as much memory as asked for, and a directory of the host, read-only:'
  type_and_run "nacelle run --cpus 2 --memory 256M --volume $top:/here:ro $image -- sh -c 'nproc; grep MemTotal /proc/meminfo; head -n 1 /here/README.md'" \
    nacelle run --cpus 2 --memory 256M --volume "$top:/here:ro" "$image" -- sh -c 'nproc; grep MemTotal /proc/meminfo; head -n 1 /here/README.md'
  show 'Where the time of a start goes, in microseconds, on both sides:'
  type_and_run "nacelle run --trace timeline $image -- true; cat timeline" \
    nacelle run --trace timeline "$image" -- true
  sed 's/^/  /' timeline
}
show() { printf '\n%s\n' "$*"; }
type_and_run() {
  echo "  \$ $1"
  shift
  "$@" 2>&1 | sed 's/^/  /'
  return "${PIPESTATUS[0]}"
}

if [ "${1-}" = --pods ]; then
  # Where nothing leads anywhere, as in the emulated host, there is at least an interface.
  if [ -z "$(ip route show default)" ] && [ -z "${3-}" ]; then
    modprobe dummy 2>/dev/null
    exec unshare -n bash -c 'ip link set lo up && ip link add ext0 type dummy && ip addr add 192.0.2.10/24 dev ext0 &&
      ip link set ext0 up && ip route add default via 192.0.2.1 && exec "$@"' bash "$0" --pods "$2" alone
  fi
  pods "$2"
  exit 0
fi
[ $# -eq 0 ] || die "usage: ./demo.sh"

started=$SECONDS
say "This takes about ten minutes the first time (half of it is the guest kernel), and a minute or two later."
install_packages "$top/tests/packages.txt" "$top/tests/host/packages.txt"
build_and_stage || die "the build failed; see above"
image=$("$top/tests/images/make" demo) || exit
ln -sfn "$image/oci" "$top/build/demo"

say "== running pods"
start_group "$top/tests/host/run" --host auto --timeout 600 -- "$top/demo.sh" --pods "$image/oci"
wait_group
[ "$status" = 0 ] || die "the pods above did not run as they should (status $status)"

if "$("$top/tests/host/run" --print-probe)" >/dev/null 2>&1; then
  how="sudo build/stage/bin/nacelle run -it oci:build/demo -- bash"
else
  show "This machine's own /dev/kvm cannot run guests natively (or there is none), so the pods above ran inside an emulated
host, many times slower than on a machine with KVM: their times say nothing about such a machine."
  how="tests/host/run -- build/stage/bin/nacelle run -i oci:build/demo -- bash"
fi
show "That took $((SECONDS - started)) s. What to type next:

  $how
  build/stage/bin/nacelle run --help       all options; man -l vmm/cli/nacelle.1 explains them
  sudo build/stage/bin/nacelle check       what this machine can do
  sudo ./test.sh                           all tests
  sudo cmake --install build --prefix /usr/local"
