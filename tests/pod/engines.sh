# shellcheck shell=bash disable=SC2154,SC2034
# What the cases of the OCI runtime share; lib.sh is there already.

oci() { "${nacelle%/*}/nacelle-oci" --root "$PWD/oci" "$@"; }

# podman_begin [PROGRAM...]: Debian's podman with its settings of README.md, as the function p and, for what takes a command,
# the array podman. rootfs is a root of busybox. At the case's end no container is left.
podman_begin() {
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
  podman=(podman --root "$PWD/s" --runroot "$PWD/r" --storage-driver vfs --runtime nacelle-oci)
  trap podman_end EXIT
}
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
  "$here/terminal" "${steps[@]}" -- "$(command -v podman)" "${podman[@]:1}" "${@:2}" >"$out" 2>&1 || fail "at a terminal: podman ${*:2}"
}
