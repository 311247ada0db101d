# shellcheck shell=bash disable=SC2154,SC2034
# What the cases of the OCI runtime share; lib.sh is there already.

oci() { "${nacelle%/*}/nacelle-oci" --root "$PWD/oci" "$@"; }

# podman_begin [PROGRAM...]: Debian's podman with its settings of README.md, as the function p and, for what takes a command,
# the array podman. rootfs is a root of busybox. At the case's end no container is left.
podman_begin() {
  podman_prepare "$@"
  podman=(podman --root "$PWD/s" --runroot "$PWD/r" --storage-driver vfs --runtime nacelle-oci)
  trap podman_end EXIT
}
podman_prepare() {
  local program
  [ "$(id -u)" = 0 ] || skip "needs root"
  for program in podman conmon "$@"; do
    command -v "$program" >/dev/null || skip "$program is not installed"
  done
  # Beside those lines: what a host without systemd needs.
  sed -n '/^podman, /,/^containerd, /s/^    //p' "$here/../../README.md" |
    sed -e "s|/usr/bin/nacelle-oci|${nacelle%/*}/nacelle-oci|" -e '/^\[engine\]$/a cgroup_manager = "cgroupfs"\nevents_logger = "file"' >containers.conf
  export CONTAINERS_CONF=$PWD/containers.conf
  mkdir rootfs
  cp -a "${busybox_dir#rootfs:}/." rootfs/
}
# rootless_begin: the same as an ordinary user's, with slirp4netns; his home is home, and the image busybox is there. What he
# has started ends with his namespaces of processes and mounts, for which the process $holder stands.
rootless_begin() {
  podman_prepare newuidmap slirp4netns
  [ -c /dev/net/tun ] || modprobe tun 2>/dev/null || skip "there is no tun device"
  modprobe -a sch_ingress cls_matchall act_mirred 2>/dev/null
  # Paths of sockets are short.
  runtime_dir=$(mktemp -d /run/user-XXXXXX)
  mkdir -m 700 home
  echo games:300000:65536 >subordinates
  chmod 755 .
  chmod 666 /dev/kvm /dev/net/tun
  chown -R games:games home rootfs "$runtime_dir"
  # Process 1 there takes leave of those whose parents have ended, as a host's does.
  unshare --mount --pid --fork --kill-child --mount-proc bash -c 'mount --bind subordinates /etc/subuid &&
    mount --bind subordinates /etc/subgid && touch home/ready && while sleep 1000 & do wait; done' &
  unshared=$!
  trap rootless_end EXIT
  wait_for 60 test -e home/ready
  holder=$(pgrep -P $unshared)
  user=(nsenter --target "$holder" --mount --pid --wd="$PWD" setpriv --reuid games --regid games --init-groups
    env HOME="$PWD/home" XDG_RUNTIME_DIR="$runtime_dir")
  podman=("${user[@]}" podman --storage-driver vfs --runtime nacelle-oci)
  tar -C rootfs -cf image.tar .
  says 0 import image.tar busybox
}
rootless_end() {
  local turn
  kill -KILL "$unshared" ${holder:+"$holder"}
  # The first process of a namespace ends behind all others there.
  for ((turn = 0; turn < 300; turn++)); do
    [ -n "${holder-}" ] && ! gone "$holder" || break
    sleep 0.1
  done
  rm -rf "$runtime_dir"
} 2>/dev/null
podman_end() { p rm -f -a -t 0 >/dev/null 2>&1; }
p() { "${podman[@]}" "$@"; }
# says STATUS COMMAND...: podman ends with this status; what it says is in $out and $err.
says() {
  local wanted=$1
  shift
  status=0
  p "$@" >"$out" 2>"$err" || status=$?
  [ "$status" = "$wanted" ] || fail "podman $*: status $status, expected $wanted"
}
# at_terminal STEP... -- WORD...: podman with a user at a terminal, as tests/pod/terminal says; $out is what was shown.
at_terminal() {
  local steps=()
  while [ "$1" != -- ]; do
    steps+=("$1") && shift
  done
  "$here/terminal" "${steps[@]}" -- "$(command -v "${podman[0]}")" "${podman[@]:1}" "${@:2}" >"$out" 2>&1 || fail "at a terminal: podman ${*:2}"
}
# fetched URL: it answers with the word served.
fetched() { [ "$(python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=15).read().decode())' "$1" 2>/dev/null)" = served ]; }
# top_shows CONTAINER|--pod=POD LINE FIELD...: without the blanks between columns.
top_shows() {
  local command=(top "$1")
  [ "${1#--pod=}" = "$1" ] || command=(pod top "${1#--pod=}")
  p "${command[@]}" "${@:3}" | sed 's/  */ /g; s/ $//' | grep -qxF -- "$2"
}
nobody_left() { ! pgrep -x 'conmon|nacelle-oci|nacelle-vm|nacelle-files'; }
