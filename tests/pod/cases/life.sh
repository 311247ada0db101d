# shellcheck shell=bash
# level: pod
# The life of pods: what list, status, stop, kill, rm and gc see and do, and what is left after any end.

n() { "$nacelle" "$@"; }
state() { n status --root "$store" "$1" | sed -n 's/^state=//p'; }
field() { n status --root "$store" "$1" | sed -n "s/^$2=//p"; }
is_state() { [ "$(state "$1")" = "$2" ]; }
pods_in() { find "$store/pods/v1/$1" -mindepth 1 -maxdepth 1 -name "$2*" 2>/dev/null | wc -l; }

# start_life ARG...: a pod with a UUID file; $uuid is its UUID.
start_life() {
  rm -f uuid
  start_pod --memory 64M --boot-timeout 100 --uuid-file uuid "$@"
  wait_for 100 test -s uuid
  uuid=$(cat uuid)
}

refused() {
  local text=$1
  shift
  ! n "$@" >refusal 2>&1 || fail "not refused: $*"
  grep -qF -- "$text" refusal || fail "no '$text' in: $(cat refusal)"
}

test_a_whole_life() {
  start_life --name life-1 "$busybox" -- sh -c 'trap "exit 7" TERM; trap "echo usr1" USR1; echo ready; while :; do sleep 0.1; done'
  wait_for_stdout ready
  expect is_state "$uuid" running
  expect is_state life-1 running
  expect is_state "$(echo "${uuid:0:8}" | tr a-f A-F)" running
  expect_same "$(field life-1 pid)" "$pod" "pid of the supervisor"
  n status --root "$store" life-1 | grep -qx 'app-[a-z0-9-]*=running' || fail "$(n status --root "$store" life-1)"
  expect_same "$(n list --root "$store" -q --state running)" "$uuid"
  n list --root "$store" --no-header --state running >list
  grep -qE "^${uuid:0:8} +life-1 +[^ ]+ +oci:[^ ]+ +running +20" list || fail "list: $(cat list)"
  expect_same "$(n list --root "$store" --json --state running | python3 -c '
import json, sys
pod, = json.load(sys.stdin)
print(pod["uuid"], pod["name"], pod["state"], pod["ended"], pod["exitStatus"], len(pod["apps"]))')" \
    "$uuid life-1 running None None 1" json
  n status --root "$store" life-1 | grep -qE '^app-[a-z0-9-]*\.started=20' || fail "$(n status --root "$store" life-1)"
  refused "has not ended within 1 seconds" status --root "$store" --wait --timeout 1 life-1
  # What must not work while it runs.
  refused "is running; stop it first" rm --root "$store" life-1
  refused "belongs to the pod $uuid, which is running" run --root "$store" --net none --name life-1 "$busybox"
  refused "there is no pod" status --root "$store" none-such
  refused "the pod has no app x; its apps are" kill --root "$store" --app x life-1
  refused "no such signal" kill --root "$store" --signal NONE life-1
  expect_same "$(stat -c '%a %F' "$store/pods/v1/run/$uuid/control")" "600 socket"
  # Signals, then an orderly end, which others wait for.
  n kill --root "$store" --signal USR1 --uuid-file uuid
  wait_for_stdout usr1
  n status --root "$store" --wait life-1 >waited &
  waiter=$!
  n stop --root "$store" life-1 || fail "stop"
  is_state life-1 exited || fail "not exited when stop returns"
  expect_same "$(pods_in run "$uuid")" 1
  wait "$waiter" || fail "status --wait"
  grep -qx 'exit-status=7' waited || fail "$(cat waited)"
  wait_pod
  expect_status 7
  expect_same "$(cat "$store/pods/v1/run/$uuid/exit") $(cat "$store/pods/v1/run/$uuid/status/"*)" "7 7" statuses
  n status --root "$store" --wait --timeout 100 --json life-1 | tr -d ' \n' >json || fail "status of one that has ended"
  for part in '"networks":[]' '"exitStatus":7,' '"state":"exited"' '"started":"20' '"ended":"20' '"restarts":0' '"outOfMemory":false'; do
    grep -qF "$part" json || fail "no $part: $(cat json)"
  done
  ! sed 's/"pid":null//' json | grep -q null || fail "not all is known: $(cat json)"
  n list --root "$store" --no-header | grep -qE "^${uuid:0:8} .* exited +7 +20" || fail "$(n list --root "$store")"
  refused "does not run: it is exited" stop --root "$store" life-1
  refused "does not run: it is exited" kill --root "$store" life-1
  # gc notes the end, keeps the pod for a while, and takes it away.
  n gc --root "$store" --mark-only >/dev/null
  expect is_state life-1 garbage
  expect_same "$(field life-1 exit-status)" 7
  n gc --root "$store" >/dev/null
  expect_same "$(pods_in exited-garbage "$uuid")" 1
  n gc --root "$store" --grace-period 0s >said
  grep -qx "removed $uuid" said || fail "$(cat said)"
  refused "there is no pod life-1" status --root "$store" life-1
  expect_same "$(find "$store/pods" -name "$uuid*" -o -lname "$uuid*")" "" "what is left"
}

test_killed_supervisor() {
  start_life --name life-2 --volume "$PWD:/mnt" "$busybox" -- sh -c 'echo ready; exec sleep 100'
  wait_for_stdout ready
  vm=$(role nacelle-vm) files=$(role nacelle-files)
  kill -KILL "$pod"
  # Within a second, where nobody else wants the processor.
  wait_for 30 eval 'gone $vm && gone $files && gone $pod'
  wait_pod
  expect is_state "$uuid" exited
  expect_same "$(field "$uuid" exit-status)" ""
  n status --root "$store" "$uuid" | grep -qx 'app-[a-z0-9-]*=unknown' || fail "$(n status --root "$store" "$uuid")"
  # Its name is free again, and --force ends what does not answer.
  start_life --name life-2 "$busybox" -- sh -c 'echo ready; exec sleep 100'
  wait_for_stdout ready
  vm=$(role nacelle-vm)
  kill -STOP "$pod"
  n stop --root "$store" --force life-2 || fail "stop --force"
  wait_pod
  wait_for 30 gone "$vm"
  expect is_state life-2 exited
  n gc --root "$store" --grace-period 0s -q || fail gc
  expect_same "$(find "$store/pods" -name "${uuid:0:8}*")" "" "what is left"
}

test_rm() {
  start_life --rm "$busybox" -- sh -c 'trap "" TERM; echo ready; while :; do sleep 1; done'
  wait_for_stdout ready
  n stop --root "$store" --timeout 1 "$uuid" || fail "stop of one that ignores SIGTERM"
  wait_pod
  expect_status 137
  wait_for 30 eval '[ "$(find "$store/pods" -name "$uuid")" = "" ]'
  start_life "$busybox" -- sh -c 'echo ready; exec sleep 100'
  wait_for_stdout ready
  n rm --root "$store" --force "$uuid" || fail "rm --force"
  wait_pod
  expect_same "$(find "$store/pods" -name "$uuid")" "" "what is left"
}

# Where no directory can be made no pod runs; the exit status is kept where nothing else can be.
test_full_and_read_only() {
  command -v mount >/dev/null && [ "$(id -u)" = 0 ] || skip "needs root to mount"
  mkdir -p "$store/pods/v1"
  mount -t tmpfs -o mode=700,size=16m none "$store/pods/v1" || skip "cannot mount"
  trap 'umount -l "$store/pods/v1"' EXIT
  start_life "$busybox" -- sh -c 'echo ready; exec sleep 100'
  wait_for_stdout ready
  n prepare --root "$store" --memory 64M --net none --upper tmpfs --name life-full "$busybox" -- true >/dev/null || fail prepare
  dd if=/dev/zero of="$store/pods/v1/filler" bs=4k 2>/dev/null
  n kill --root "$store" "$uuid" || fail kill
  wait_pod
  expect_status 137
  expect_stderr ""
  # What somebody has prepared does not vanish because it could not be brought up.
  n run-prepared --root "$store" life-full >"$out" 2>"$err" && fail "a pod runs on a full disk"
  expect_stderr_has "No space left on device"
  expect_same "$(field life-full exit-status)" 125 "exit status of the prepared"
  n rm --root "$store" life-full || fail "rm of the prepared"
  dd if=/dev/zero of="$store/pods/v1/filler" bs=4k oflag=append conv=notrunc 2>/dev/null
  expect_same "$(field "$uuid" exit-status)" 137 "exit status"
  n status --root "$store" "$uuid" | grep -q '^app-.*=137$' || fail "the app's status is lost"
  expect_same "$(find "$store/pods/v1" -path "*/$uuid/*" -type l | wc -l)" 2 "statuses without a block"
  refused "No space left on device" prepare --root "$store" --net none "$busybox" -- true
  run_pod --memory 64M "$busybox" -- true
  expect_status 125
  expect_stderr_has "No space left on device"
  expect_one_line_on_stderr
  expect_same "$(n list --root "$store" --quiet)" "$uuid"
  rm "$store/pods/v1/filler"
  mount -o remount,ro "$store/pods/v1"
  run_pod --memory 64M "$busybox" -- true
  expect_status 125
  expect_stderr_has "Read-only file system"
  n list --root "$store" >/dev/null || fail "list of a read-only tree"
}

test_prepared() {
  export LIFE_VALUE=before
  uuid=$(n prepare --root "$store" --memory 64M --net none --name life-3 -e LIFE_VALUE -v .:/mnt "$busybox" -- \
    sh -c 'echo "$LIFE_VALUE $(cat /mnt/data)"; grep -o "upperdir=/[a-z/]*" /proc/mounts >/etc/changed; exit 9') || fail prepare
  expect is_state life-3 prepared
  [ "$(stat -c '%s' "$store/pods/v1/prepared/$uuid/upper.img")" -gt 1000000000 ] || fail "no disk for changes"
  refused "which is prepared" prepare --root "$store" --net none --name life-3 "$busybox"
  refused "does not run: it is prepared" stop --root "$store" life-3
  n gc --root "$store" -q --grace-period 0s || fail gc
  expect is_state life-3 prepared
  n status --root "$store" --wait --uuid-file <(echo "$uuid") >waited &
  waiter=$!
  echo data >data
  export LIFE_VALUE=now
  status=0
  (cd / && "$nacelle" run-prepared --root "$store" life-3) >"$out" 2>"$err" || status=$?
  expect_stdout "before data"
  expect_status 9
  wait "$waiter" || fail "status --wait"
  grep -qx exit-status=9 waited || fail "$(cat waited)"
  refused "is not prepared: it is exited" run-prepared --root "$store" life-3
  n rm --root "$store" life-3 || fail rm
  expect_same "$(find "$store/pods" -name "$uuid*" -o -lname "$uuid*")" "" "what is left"
  uuid=$(n prepare --root "$store" --net none "$busybox") || fail "prepare again"
  n gc --root "$store" --expire-prepared 0s -q || fail gc
  refused "there is no pod" status --root "$store" "$uuid"
}

# Ends between the machine's start and the app's, and by the death of the logger: nothing is left for longer than gc needs.
test_early_and_odd_ends() {
  local end
  echo '>/mnt/begun; exec sleep 1000' >wait.sh
  for end in "nacelle stop" "kill -INT"; do
    rm -f begun
    start_life --volume "$PWD:/mnt" --pre-start 'sh /mnt/wait.sh' "$busybox" -- true
    wait_for 100 test -e begun
    vm=$(role nacelle-vm) files=$(role nacelle-files)
    if [ "$end" = "nacelle stop" ]; then n stop --root "$store" "$uuid" || fail stop; else kill -INT "$pod"; fi
    wait_pod
    [ "$end" = "nacelle stop" ] && expect_status 143 || expect_status 130
    wait_for 30 eval 'gone $vm && gone $files && gone $pod'
    expect is_state "$uuid" exited
    n rm --root "$store" "$uuid" || fail rm
  done
  rm -f begun
  start_life --volume "$PWD:/mnt" --stdout log --stderr log "$busybox" -- sh -c 'echo kept; >/mnt/begun; exec sleep 1000'
  wait_for 100 test -e begun
  vm=$(role nacelle-vm) files=$(role nacelle-files)
  kill -KILL "$(role nacelle-log)"
  wait_pod
  expect_status 125
  expect_one_line_on_stderr
  expect_stderr_has logger
  wait_for 30 eval 'gone $vm && gone $files && gone $pod'
  n gc --root "$store" --mark-only >/dev/null || fail "gc --mark-only"
  expect is_state "$uuid" garbage
  n gc --root "$store" -q --grace-period 0s || fail gc
  expect_same "$(find "$store/pods" -name "${uuid:0:8}*")" "" "what is left"
}
