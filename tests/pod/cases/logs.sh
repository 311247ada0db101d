# shellcheck shell=bash disable=SC2154 # store, busybox and others come from the runner and lib.sh
# level: pod
# The apps' output in logs: pods in the background, files and their bounds, nacelle logs and nacelle attach.

# detach_pod [OPTION...] IMAGE [-- COMMAND...]: nacelle run --detach; $uuid is the pod, $directory its directory.
detach_pod() {
  uuid=$(nacelle_run --detach --net none "$@" 2>"$err") || fail "nacelle run --detach: status $?"
  directory=$store/pods/v1/run/$uuid
  expect test -d "$directory"
}
has_ended() { [ -s "$directory/exit" ]; }
pod_exit() {
  wait_for 60 has_ended
  cat "$directory/exit"
}
logs() { "$nacelle" logs --root "$store" "$@" >"$out" 2>"$err" || fail "nacelle logs: status $?"; }
log_file() { find "$directory/logs" -name '*.log'; }
# The log, put together again by somebody else's reader.
read_json() {
  python3 -c '
import json, sys
text = {"stdout": "", "stderr": ""}
for line in open(sys.argv[1], newline="\n"):
    entry = json.loads(line)
    assert set(entry) == {"log", "stream", "time"}, entry
    text[entry["stream"]] += entry["log"]
sys.stdout.buffer.write(text[sys.argv[2]].encode("utf-8", "surrogateescape"))' "$(log_file)" "$1"
}

# From a script, which $( ) shows to be let go; nothing of the caller's stays open, not even descriptor 9.
test_detach() {
  local supervisor
  mkfifo held
  exec 8<>held
  uuid=$(nacelle_run -d --net none "$busybox" -- sh -c '
    echo "to \"stdout\"	\\"; echo to stderr >&2; printf "\377\001caf\303\251"; printf " end"; cat /proc/uptime >&2
    sleep 5; exit 3' 2>"$err" 9>held)
  directory=$store/pods/v1/run/$uuid
  supervisor=$(cat "$directory/pid")
  expect_same "$(cut -d ' ' -f 6 "/proc/$supervisor/stat")" "$supervisor" session
  for pid in "$supervisor" $(pgrep -P "$supervisor"); do
    for fd in "/proc/$pid/fd/"*; do
      case $(readlink "$fd") in *held) fail "$pid holds the caller's descriptor" ;; esac
    done
  done
  expect_same "$(pod_exit)" 3 status
  printf 'to "stdout"\t\\\n\377\001caf\303\251 end' >expected
  read_json stdout >found
  expect cmp expected found
  "$nacelle" logs --root "$store" --stream stdout "${uuid:0:8}" >found
  expect cmp expected found
  logs "$uuid"
  expect cmp expected "$out"
  expect_same "$(head -n 1 "$err")" "to stderr"
  logs --tail 1 --timestamps "$uuid"
  LC_ALL=C grep -qaE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}Z .*caf.* end$' "$out" || fail "no time in front"
  expect_same "$(grep -c . "$err")" 0 "lines of stderr"
  logs --since 2030-01-01 "$uuid"
  expect_stdout ""
}

# A pod whose app cannot start, and one that cannot be made: as in the foreground, and nothing stays.
test_detach_fails() {
  status=0
  nacelle_run -d --net none "$busybox" -- /no/such/program >"$out" 2>"$err" || status=$?
  expect_status 127
  expect_stdout ""
  expect_stderr_has /no/such/program
  status=0
  nacelle_run -d --net none --stdout inherit "$busybox" -- true >"$out" 2>"$err" || status=$?
  expect_status 125
  expect_one_line_on_stderr
}

# Rotation: what is kept is bounded and whole; who follows it sees all of it, until the pod ends.
test_rotation_and_follow() {
  detach_pod --log-size 32k --log-files 100 --log-format cri "$busybox" -- \
    sh -c 'for i in $(seq 4000); do echo "line $i"; done; exit 5'
  logs --follow "$uuid"
  expect_same "$(pod_exit)" 5 status
  seq -f 'line %g' 4000 >expected
  expect cmp expected "$out"
  logs "$uuid"
  expect cmp expected "$out"
  for file in "$directory/logs/"*; do
    [ "$(stat -c %s "$file")" -le 32768 ] || fail "$file is too large"
    grep -vqE '^[0-9T:.Z-]{30} stdout F line [0-9]+$' "$file" && fail "$file is not of the form"
  done
  [ "$(find "$directory/logs" -type f | wc -l)" -gt 3 ] || fail "nothing has been rotated"
  # In the foreground, of one stream alone; the oldest goes. The disk is full beyond 256 KiB: the app does not notice.
  (
    ulimit -f 256
    run_pod --net none --stdout log --log-size 16k --log-files 2 "$busybox" -- \
      sh -c 'seq 3000 | sed "s/^/line /"; head -c 2000000 /dev/zero; echo seen >&2'
    expect_status 0
    expect_stdout ""
    expect_stderr seen
  ) || exit
}

type_until_shown() {
  echo more >&6
  grep -qx "got more" "$1"
}
# Several who attach, one of whom stalls: the app goes on, the others see all.
test_attach() {
  local first stalled
  detach_pod -i "$busybox" -- sh -c '
    while read -r line; do
      [ "$line" != flood ] || seq 80000
      echo "got $line"
      [ "$line" != end ] || exit 7
    done'
  mkfifo type1 type2 slow
  exec 6<>type1 7<>slow
  "$nacelle" attach --root "$store" "$uuid" <type1 >shown1 2>errors1 &
  first=$!
  # Its output goes to a pipe that nobody reads.
  "$nacelle" attach --no-stdin --root "$store" "$uuid" >slow 2>errors2 &
  stalled=$!
  echo one >&6
  wait_for 60 grep -qx "got one" shown1
  echo flood >&6
  wait_for 60 type_until_shown shown1
  cat <&7 >shown2 &
  wait_for 60 type_until_shown shown2
  grep -q 'bytes of output are not shown' errors2 || fail "nothing says that output is missing"
  echo end >&6
  expect_same "$(pod_exit)" 7 status
  status=0
  wait "$first" || status=$?
  expect_status 7
  status=0
  wait "$stalled" || status=$?
  expect_status 7
  { echo got one && seq 80000 && echo got flood; } >expected
  logs "$uuid"
  grep -v 'got [me]' "$out" >found && mv found "$out"
  expect cmp expected "$out"
}

# At a terminal: its size goes to the app, Ctrl-P Ctrl-Q leave it, and the app goes on.
test_attach_terminal() {
  detach_pod -it -e 'PS1=$ ' "$busybox" -- sh
  "$tools/terminal" size:33x77 'send:stty size\r' 'wait:33 77' 'raw' 'send:echo $((6 * 7))\r' 'wait:42' 'wait:$' \
    'send:\x10\x11' -- "$nacelle" attach --root "$store" "$uuid" >"$out" || fail "$(tail -n 1 "$out")"
  tr -d '\r' <"$out" | grep -qx "status 0" || fail "$(cat "$out")"
  tr -d '\r' <"$out" | grep -qx "modes restored" || fail "$(cat "$out")"
  "$tools/terminal" 'send:exit 4\r' -- "$nacelle" attach --root "$store" "$uuid" >"$out" || fail "$(tail -n 1 "$out")"
  tr -d '\r' <"$out" | grep -qx "status 4" || fail "$(cat "$out")"
  expect_same "$(pod_exit)" 4 status
  logs "$uuid"
  expect_stdout_has 42
}

# A killed supervisor takes the logger with it, and leaves what has been written.
test_killed() {
  local roles
  detach_pod "$busybox" -- sh -c 'echo before; sleep 1000'
  wait_for 60 grep -q before "$(log_file)"
  roles=$(pgrep -P "$(cat "$directory/pid")")
  expect_same "$(ps -o comm= -p "${roles//$'\n'/,}" | sort | tr '\n' ' ')" "nacelle-log nacelle-vm " roles
  kill -9 "$(cat "$directory/pid")"
  for pid in $roles; do wait_for 30 gone "$pid"; done
  logs --follow "$uuid"
  expect_stdout before
}

# Each app of a pod has a log of its own; together they are merged, and share stdout in the foreground.
test_several_apps() {
  detach_pod "$busybox" --name one -- sh -c 'echo from one' --- "$busybox" --name two --stderr null -- \
    sh -c 'echo from two; echo nowhere >&2; exit 6'
  expect_same "$(pod_exit)" 6 status
  logs "$uuid"
  expect_same "$(sort "$out")" $'one: from one\ntwo: from two'
  expect_stderr ""
  logs --app two "$uuid"
  expect_stdout "from two"
  run_pod --net none "$busybox" -- echo one --- "$busybox" --stdout null -- echo none --- "$busybox" -- echo three
  expect_status 0
  expect_same "$(sort "$out")" $'one\nthree'
}
