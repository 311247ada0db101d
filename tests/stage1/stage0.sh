# shellcheck shell=bash disable=SC2154
# rkt's stage0, as far as a stage1 can tell: lays out, locks and renames pod directories as rkt 1.30 does, and calls the
# entry points with its arguments, working directory and environment. To be sourced by cases (tests/pod/lib.sh).
#
#   begin_rkt                          $rkt, a data directory of rkt's with $stage1_aci in its tree store
#   prepare_pod [--no-overlay] MANIFEST APP=ROOT...    $uuid, locked and prepared; ROOT is a rendered image
#   run_stage1 [FLAG...]               the entry point run, to the end: status, stdout, stderr as after run_pod
#   start_stage1 [FLAG...]             the same in the background; $pod is its process; wait_pod
#   wait_pid                           until stage1 has written its pid, as rkt waits
#   stage1_at_terminal STEP... -- FLAG...   the entry point run with a terminal (tests/pod/terminal); what was shown is in $out
#   enter APP COMMAND...               $status and the output in entered, entered.err
#   enter_at_terminal APP STEP... -- COMMAND...
#   stop_stage1 [--force]
#   reboot                             leaves of the pod what a host that has started anew has: its files
#   collect                            what rkt gc does with $uuid when its time has come
#   app_status APP, rkt_state          as rkt status has them
#   pod_manifest NAME EXEC MEMBERS...  a manifest on stdout, as Go writes it

stage1_aci=$prefix/lib/nacelle/stage1-nacelle.aci
annotation() { sed -n "s|.*coreos.com/rkt/stage1/$1\", *\"value\": *\"\([^\"]*\)\".*|\1|p" "$rkt/cas/tree/$tree/manifest"; }

# An overlay wants a plain file system below it; the hosts' root is one already.
begin_rkt() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  rkt=$(mktemp -d /run/nacelle-rkt-XXXXXX) tree=deps-sha512-$(sha512sum "$stage1_aci" | cut -c 1-64)
  trap 'end_rkt' EXIT
  chmod 755 "$rkt"
  mkdir -p "$rkt/cas/tree/$tree" "$rkt"/pods/{embryo,prepare,prepared,run,exited-garbage,garbage}
  chmod 2770 "$rkt/cas"
  tar -C "$rkt/cas/tree/$tree" -xzf "$stage1_aci" || fail "the ACI"
}
end_rkt() {
  local mount
  # Its shares are in use until its last process has gone.
  if [ -n "${pod-}" ] && kill -KILL "$pod" 2>/dev/null; then
    wait "$pod"
    ! is_held || flock -w 20 "$pod_dir" true
  fi
  for mount in $(awk -v rkt="$rkt/" 'index($2, rkt) == 1 { print $2 }' /proc/mounts | sort -r); do
    umount "$mount"
  done
  ! mountpoint -q "$rkt" || umount "$rkt"
  rm -rf --one-file-system "$rkt"
}

mount_overlay() { # LOWER TREE-ID TARGET [APP]
  local base=$rkt/pods/$phase/$uuid/overlay/$2
  mkdir -p "$base/upper${4:+/$4}" "$base/work${4:+/$4}" "$3"
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$base/upper${4:+/$4},workdir=$base/work${4:+/$4}" "$3" || fail "overlay"
}

# Prepared and run at once: the overlays are mounted when the pod has its place in run/.
prepare_pod() {
  local overlay=1 app name root dir manifest
  [ "$1" != --no-overlay ] || { overlay='' && shift; }
  manifest=$1 phase=run
  shift
  uuid=$(cat /proc/sys/kernel/random/uuid)
  dir=$rkt/pods/run/$uuid
  mkdir -m 750 "$dir"
  mkdir -p "$dir/stage1/rootfs" "$dir/appsinfo"
  install -m 640 "$manifest" "$dir/pod"
  : >"$dir/pod-created"
  cp "$rkt/cas/tree/$tree/manifest" "$dir/stage1/manifest"
  echo -n "$tree" >"$dir/stage1TreeStoreID"
  if [ "$overlay" ]; then
    : >"$dir/overlay-prepared"
    mkdir -m 750 "$dir/overlay"
    mount_overlay "$rkt/cas/tree/$tree/rootfs" "$tree" "$dir/stage1/rootfs"
    touch "$dir/stage1/rootfs/rkt/status"
  else
    cp -a "$rkt/cas/tree/$tree/rootfs/." "$dir/stage1/rootfs"
  fi
  for app; do
    name=${app%%=*} root=${app#*=}
    mkdir -p "$dir/appsinfo/$name" "$dir/stage1/rootfs/opt/stage2/$name/rootfs"
    echo '{"acKind":"ImageManifest","acVersion":"0.8.11","name":"example.com/app","labels":null,"app":{"exec":["/bin/sh","-c","exit 9"],"user":"0","group":"0"}}' |
      tee "$dir/appsinfo/$name/manifest" >"$dir/stage1/rootfs/opt/stage2/$name/manifest"
    if [ "$overlay" ]; then
      echo -n "deps-sha512-$name" >"$dir/appsinfo/$name/treeStoreID"
      mount_overlay "$root" "deps-sha512-$name" "$dir/stage1/rootfs/opt/stage2/$name/rootfs" "$name"
    else
      cp -a "$root/." "$dir/stage1/rootfs/opt/stage2/$name/rootfs"
    fi
  done
  pod_dir=$dir
}

# In a process of its own, which holds the lock and becomes the stage1.
become_stage1() {
  local lock
  cd "$pod_dir" || exit
  exec {lock}<. || exit
  flock -x "$lock" || exit
  export RKT_LOCK_FD=$lock RKT_SELINUX_CONTEXT="" RKT_SELINUX_MOUNT_CONTEXT=""
  exec "$pod_dir/stage1/rootfs$(annotation run)" "$@" "$uuid"
}
# stage0 always passes --net.
with_net() {
  local flag
  for flag; do
    case $flag in --net=*) return ;; esac
  done
  net=(--net=none)
}
run_stage1() {
  local net=()
  with_net "$@"
  status=0
  (become_stage1 "${net[@]}" "$@") >"$out" 2>"$err" || status=$?
}
start_stage1() {
  local net=()
  with_net "$@"
  start become_stage1 "${net[@]}" "$@"
}

at_terminal() { # STEP... -- COMMAND...
  "$tools/terminal" "$@" >"$out" || fail "$(tail -n 1 "$out")"
  sed -i 's/\r//' "$out"
  grep -qx "modes restored" "$out" || fail "the terminal's modes are not restored"
}
stage1_at_terminal() {
  local steps=()
  while [ "$1" != -- ]; do
    steps+=("$1") && shift
  done
  # shellcheck disable=SC2016
  at_terminal "${steps[@]}" -- /bin/bash -c 'cd "$1" && exec {lock}<. && flock -x $lock && export RKT_LOCK_FD=$lock && shift && exec "$@"' \
    bash "$pod_dir" "$pod_dir/stage1/rootfs$(annotation run)" --net=none "${@:2}" "$uuid"
}

is_held() { ! flock -sn "$pod_dir" true; }
rkt_state() { if is_held; then echo running; else echo exited; fi; }
# rkt looks again and again, until the file is there or the pod has gone.
pid_or_end() { [ -e "$pod_dir/pid" ] || ! is_held; }
wait_pid() {
  wait_for 100 is_held
  wait_for 200 pid_or_end
  [ -e "$pod_dir/pid" ] || fail "the pod has ended without a pid"
}

# From the tree store, where the pod uses overlays.
enter() {
  local app=$1 from=$pod_dir/stage1/rootfs
  shift
  [ ! -e "$pod_dir/overlay-prepared" ] || from=$rkt/cas/tree/$tree/rootfs
  status=0
  (cd "$pod_dir" && exec "$from$(annotation enter)" --pid="$(cat pid)" --appname="$app" -- "$@") >entered 2>entered.err || status=$?
}
enter_at_terminal() {
  local app=$1 steps=()
  shift
  while [ "$1" != -- ]; do
    steps+=("$1") && shift
  done
  (cd "$pod_dir" && out=entered at_terminal "${steps[@]}" -- "$rkt/cas/tree/$tree/rootfs$(annotation enter)" --pid="$(cat pid)" --appname="$app" "$@") || exit
  mv "$pod_dir/entered" .
}
stop_stage1() {
  (cd "$pod_dir" && exec "$pod_dir/stage1/rootfs$(annotation stop)" "$@" "$uuid") >stopped 2>&1 || fail "stop: $(cat stopped)"
}
unmount_pod() {
  local mount
  for mount in $(awk -v pod="$pod_dir/" 'index($2, pod) == 1 { print $2 }' /proc/mounts | sort -r); do
    # A thread of a killed process may hold it a little longer.
    wait_for 20 umount "$mount"
  done
}
reboot() {
  unmount_pod
  if [ -e "/run/nacelle/netns/$uuid" ]; then
    umount "/run/nacelle/netns/$uuid" && rm "/run/nacelle/netns/$uuid" || fail "the network namespace"
  fi
}
# Of what is no longer mounted, rkt mounts the stage1 alone.
collect() {
  flock -xn "$pod_dir" true || fail "the pod is still locked"
  local there=$rkt/pods/exited-garbage/$uuid
  mv "$pod_dir" "$there" && pod_dir=$there phase=exited-garbage
  if [ -e "$there/overlay-prepared" ] && ! mountpoint -q "$there/stage1/rootfs"; then
    mount_overlay "$rkt/cas/tree/$tree/rootfs" "$tree" "$there/stage1/rootfs"
  fi
  (cd "$there" && exec "$there/stage1/rootfs$(annotation gc)" "$@" "$uuid") >collected 2>&1 || fail "gc: $(cat collected)"
  unmount_pod
  rm -rf --one-file-system "$there" && [ ! -e "$there" ] || fail "the pod's directory cannot be removed"
}
# Without a look at mounts: also after a reboot.
app_status() {
  local upper=$pod_dir/overlay/$tree/upper/rkt/status/$1
  [ -d "$pod_dir/overlay" ] || upper=$pod_dir/stage1/rootfs/rkt/status/$1
  cat "$upper"
}

# pod_manifest NAME EXEC MEMBERS [NAME EXEC MEMBERS]...: lists that are empty are null, and acVersion is rkt's. MEMBERS are
# of the app section, in the place of what stands there else; $mounts are all apps', $volumes, $isolators and $ports the pod's.
pod_manifest() {
  local apps='' id app member
  id=sha512-$(printf '%064d' 0)
  while [ $# -gt 0 ]; do
    app="\"exec\":$2${3:+,$3}"
    for member in '"user":"0"' '"group":"0"' '"eventHandlers":null' '"supplementaryGIDs":null' '"mountPoints":null' '"ports":null' \
      '"isolators":null' '"environment":[{"name":"FROM","value":"manifest"}]'; do
      [[ ,$3 == *,"${member%%:*}":* ]] || app+=,$member
    done
    apps+="${apps:+,}{\"name\":\"$1\",\"image\":{\"name\":\"example.com/app\",\"id\":\"$id\",\"labels\":null},\"app\":{$app},\"mounts\":${mounts-null},\"annotations\":null}"
    shift 3
  done
  printf '{"acVersion":"1.30.0","acKind":"PodManifest","apps":[%s],"volumes":%s,"isolators":%s,"annotations":null,"ports":%s}' "$apps" \
    "${volumes-null}" "${isolators-null}" "${ports-null}"
}
