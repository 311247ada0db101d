# shellcheck shell=bash
# level: soak
# Many pods.

# What pods could leave behind, as text that is the same before and after: what is mounted, interfaces, cgroups,
# processes, leases of addresses, files; and where nobody else is at work namespaces, listeners, unix sockets, shared
# memory and KVM's machines too.
host_state() {
  cut -d ' ' -f 1-3 /proc/mounts | sort
  ip -o link | sed 's/^[0-9]*: //; s/[@:].*//' | sort
  find /run/netns /run/nacelle leases -type f 2>/dev/null | grep -vE '/(lock|last_reserved_ip[.0-9]*)$'
  find /sys/fs/cgroup -type d | sort
  ps -e -o ppid=,comm= | awk '$1 != 2 { print $2 }' | grep -E '^(nacelle|passt|pasta|mke2fs|bridge|ptp|host-local)'
  find "$store/pods" -mindepth 3 2>/dev/null | wc -l
  find /dev/shm /run -maxdepth 1 -name '*nacelle*' | sort
  [ -z "$alone" ] || kernel_state
}
kernel_state() {
  lsns -n -o TYPE | sort | uniq -c
  awk '$4 == "0A" { print $2 }' /proc/net/tcp /proc/net/tcp6 | sort
  tail -n +2 /proc/net/unix | wc -l
  tail -n +2 /proc/sysvipc/shm | wc -l
  find /sys/kernel/debug/kvm -mindepth 1 -maxdepth 1 -type d 2>/dev/null | wc -l
}

# Open files of the whole host change by themselves, but not by one for each pod.
open_files() { cut -f 1 /proc/sys/fs/file-nr; }

# The exits are taken down, while others look, and the host is as before.
expect_nothing_left() {
  local files=$1
  "$nacelle" list --root "$store" >list & lister=$!
  "$nacelle" gc --root "$store" --grace-period 0s --quiet & collector=$!
  "$nacelle" gc --root "$store" --grace-period 0s --quiet || fail "gc"
  wait "$lister" || fail "list beside gc"
  wait "$collector" || fail "gc beside gc"
  for _ in $(seq 100); do
    host_state >after
    cmp -s before after && break
    sleep 0.5
  done
  diff before after >difference || fail "left, or gone: $(grep '^[<>]' difference | head -n 5 | tr '\n' ';')"
  [ "$(open_files)" -lt $((files + 64)) ] || fail "from $files to $(open_files) open files"
}

# One tap for all, a network of CNI, and an uplink for passt, where they can be made; a volume.
make_surroundings() {
  alone=
  if [ "$(readlink /proc/1/exe)" = /init ]; then
    alone=1
    mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug
  fi
  modprobe -a tun veth dummy 2>/dev/null
  networks=("--net none")
  mkdir -p net.d leases volume
  trap 'ip link del soak-tap; ip link del soak-ext' EXIT
  if ip tuntap add soak-tap mode tap; then
    ip link set soak-tap up
    networks+=("--net tap:soak-tap,address=10.77.0.2/24")
  fi
  if [ -x /usr/lib/cni/ptp ]; then
    cat >net.d/10-soak.conf <<END
{ "cniVersion": "0.4.0", "name": "soak", "type": "ptp",
  "ipam": { "type": "host-local", "dataDir": "$PWD/leases", "subnet": "10.79.0.0/16" } }
END
    networks+=("--cni-config $PWD/net.d --net soak")
  fi
  if command -v passt >/dev/null && ip link add soak-ext type dummy; then
    ip addr add 192.0.2.10/24 dev soak-ext
    ip link set soak-ext up
    ip route add default via 192.0.2.1 2>/dev/null
    networks+=("--net passt --dns 192.0.2.53 -p 127.0.0.1:PORT:80")
  fi
}

# options_of NUMBER: of the pod of this number: a volume, one network after the other, a log, a disk.
options_of() {
  local text=${networks[$1 % ${#networks[@]}]}
  # shellcheck disable=SC2206 # words
  options=(--memory 64M --boot-timeout 600 --volume "$PWD/volume:/mnt" ${text/PORT/$((7200 + $1))})
  [ $(($1 % 3)) != 0 ] || options+=(--stdout log)
  [ $(($1 % 16)) != 0 ] || options+=(--upper disk:64M)
}

# One pod of each kind first: what the kernel and the plug-ins make once is there.
begin_soak() {
  local number
  make_surroundings
  for number in 0 1 2 3; do
    options_of $number
    run_pod --rm "${options[@]}" "$busybox" -- true
    expect_status 0
  done
  "$nacelle" gc --root "$store" --grace-period 0s --quiet
  host_state >before
}

expect_every_status() {
  local number
  for number in $(seq "$1" "$2"); do
    [ -z "${networks-}" ] || options_of "$number"
    run_pod "${options[@]}" "$busybox" -- sh -c "echo $number >&2; exit $number"
    expect_status "$number"
    expect_stderr "$number"
  done
}

test_statuses_0_to_127() {
  local files
  local -a networks options
  begin_soak
  files=$(open_files)
  expect_every_status 0 127
  expect_same "$("$nacelle" list --root "$store" --quiet --state exited | wc -l)" 128 "pods that have ended"
  expect_nothing_left "$files"
}

test_statuses_128_to_255() {
  local -a options=(--memory 64M)
  expect_every_status 128 255
}

test_twenty_at_once() {
  local number files
  local -a pids=() networks options
  begin_soak
  # A tap is one pod's alone.
  networks=("${networks[@]/#--net tap*/--net none}")
  files=$(open_files)
  for number in $(seq 20); do
    options_of "$number"
    nacelle_run "${options[@]}" --stdout inherit --name "soak-$number" "$busybox" -- \
      sh -c "echo $number >/mnt/at-once-$number; sleep 1; seq 1000; exit $number" >"out$number" 2>&1 &
    pids+=($!)
  done
  # Whoever looks on while they come and go finds no fault.
  for number in $(seq 20); do
    "$nacelle" list --root "$store" --json >list || fail "list"
    "$nacelle" gc --root "$store" --mark-only --quiet || fail "gc"
  done
  for number in $(seq 20); do
    status=0
    wait "${pids[number - 1]}" || status=$?
    out=out$number
    expect_status "$number"
    expect_same "$(digest <"out$number")" "$(seq 1000 | digest)" "output of pod $number"
    expect_same "$("$nacelle" status --root "$store" "soak-$number" | sed -n 's/^exit-status=//p')" "$number" "status"
  done
  expect_same "$(cat volume/at-once-* | wc -l)" 20 "lines on the volume"
  expect_nothing_left "$files"
}

# A pod that writes and reads for a while does not grow.
test_machine_does_not_grow() {
  local before after
  mkfifo pipe
  cat pipe >/dev/null &
  out=pipe
  start_pod --init --memory 64M "$busybox" -- sh -c 'echo ready >&2; while :; do seq 2000; done'
  wait_for 40 grep -q ready "$err"
  vm=$(role nacelle-vm)
  sleep 5
  before=$(status_field "$vm" RssAnon | cut -d ' ' -f 1)
  sleep 30
  after=$(status_field "$vm" RssAnon | cut -d ' ' -f 1)
  kill -TERM "$pod"
  wait_pod
  # The guest's memory is in it; what it has not touched before may come.
  [ "$after" -lt $((before + 8192)) ] || fail "from $before to $after kB"
  [ "$after" -lt $((64 * 1024 + 8192)) ] || fail "$after kB for a guest of 64 MiB"
}
