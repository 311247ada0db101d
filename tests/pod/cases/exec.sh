# shellcheck shell=bash
# level: pod
# Commands in a running pod: their streams, signals, terminals and status, that they are confined as the app is, and
# that nothing is left of them; pods that stand still.

x() { "$nacelle" exec --root "$store" "$@"; }
n() { local verb=$1 && shift && "$nacelle" "$verb" --root "$store" "$@"; }
# try STATUS ARG...: exec, whose status must be that; what it wrote is in $out and $err of the expectations.
try() {
  local expected=$1
  shift
  status=0
  x "$@" >exec.out 2>exec.err || status=$?
  out=exec.out err=exec.err
  expect_status "$expected"
}
app='trap "exit 7" TERM; echo ready; while :; do sleep 0.1; done'
start_ready() {
  start_pod --memory 96M "$@"
  wait_for 90 grep -qF ready "$out"
  first_out=$out
}
count_fds() { ls "/proc/$pod/fd" "/proc/$(role nacelle-vm)/fd" | wc -l; }
processes() { x "$1" sh -c 'set -- /proc/[0-9]*; echo $#'; }
end_pod() {
  n stop "$1" || fail "cannot stop $1"
  wait_pod
}

test_commands() {
  start_ready --name exec-1 -e ONE=app -e TWO=app -w /tmp "$busybox" -- sh -c "$app"
  # Streams and status.
  try 3 exec-1 sh -c 'echo out; echo err >&2; exit 3'
  expect_stdout out
  expect_stderr err
  random_file file 1500000
  x -i exec-1 cat <file | cmp - file || fail "not what was sent"
  expect_same "$(echo hidden | x exec-1 cat)" "" "stdin without -i"
  x -i exec-1 sh -c 'cat >/tmp/file; md5sum </tmp/file' <file >sum
  expect_same "$(cat sum)" "$(md5sum <file)" "a file as stdin"
  try 127 exec-1 nothing
  expect_stderr_has "cannot execute nothing: it is in no directory of PATH"
  try 126 exec-1 -- /tmp
  expect_stderr_has "cannot execute /tmp: it is a directory"
  try 137 exec-1 sh -c 'kill -KILL $$'
  # Environment, user, directory.
  try 0 -e ONE=mine -e THREE=3 -u 5:6 -w /var exec-1 sh -c 'echo $ONE $TWO $THREE; id -u; id -g; pwd'
  expect_stdout $'mine app 3\n5\n6\n/var'
  try 0 exec-1 pwd
  expect_stdout /tmp
  try 126 -u nobody-here exec-1 true
  expect_stderr_has 'there is no user "nobody-here"'
  # As confined as the app, and in the same place.
  try 0 exec-1 sh -c 'for f in status limits cgroup mountinfo oom_score_adj; do
      grep -vE "^(Name|State|Tgid|Pid|PPid|Ngid|NSp?t?g?s?i?d|Vm|Rss|Threads|SigQ|Sig|Shd|voluntary|nonvoluntary|Cpus|Mems|HugetlbPages|x86)" \
        /proc/self/$f >a; grep -vE "^(Name|State|Tgid|Pid|PPid|Ngid|NSp?t?g?s?i?d|Vm|Rss|Threads|SigQ|Sig|Shd|voluntary|nonvoluntary|Cpus|Mems|HugetlbPages|x86)" \
        /proc/1/$f >b; cmp a b; done
    for s in pid mnt cgroup ipc uts net user; do [ "$(readlink /proc/self/ns/$s)" = "$(readlink /proc/1/ns/$s)" ] || echo $s; done
    grep Seccomp: /proc/self/status; ls /proc/self/fd'
  expect_stdout $'Seccomp:\t2\n0\n1\n2\n3'
  expect_stderr ""
  # Signals go to the command; a client that is gone is a hang-up.
  out=signal.out err=signal.err
  start "$nacelle" exec --root "$store" exec-1 sh -c 'trap "echo got it; exit 9" USR1; echo there; while :; do sleep 0.1; done'
  client=$pod
  wait_for_stdout there
  kill -USR1 "$client"
  wait_pod
  expect_status 9
  out=hup.out err=hup.err
  # The shell's word about its child, which is hung up too, must not meet a broken pipe.
  start "$nacelle" exec --root "$store" exec-1 sh -c 'exec 2>/dev/null; trap "echo >/tmp/hup" HUP; echo there; while [ ! -e /tmp/hup ]; do sleep 0.1; done'
  wait_for_stdout there
  kill -KILL "$pod"
  wait_for 60 x exec-1 sh -c 'test -e /tmp/hup'
  # Detached: nobody waits.
  try 0 -d exec-1 sh -c 'sleep 0.1; echo >/tmp/detached'
  wait_for 60 x exec-1 sh -c 'test -e /tmp/detached'
  # Mistakes.
  try 125 --app other exec-1 true
  expect_stderr_has "the pod has no app other; its apps are"
  try 125 exec-none true
  expect_stderr_has exec-none
  try 125 -d -t exec-1 true
  expect_one_line_on_stderr
}

test_many_commands() {
  local fds before i writer
  start_ready --name exec-2 "$busybox" -- sh -c "$app"
  supervisor=$pod
  x exec-2 true
  fds=$(count_fds)
  before=$(processes exec-2)
  # A reader that stalls holds up its own command alone.
  mkfifo fifo
  exec 9<>fifo
  "$nacelle" exec --root "$store" exec-2 yes >fifo 2>/dev/null &
  writer=$!
  for ((i = 0; i < 12; i++)); do
    x exec-2 sh -c "echo $i" >"many.$i" &
    many[i]=$!
  done
  for ((i = 0; i < 12; i++)); do
    wait "${many[i]}" || fail "command $i of 12 at once: $?"
    expect_same "$(cat "many.$i")" "$i"
  done
  kill -KILL "$writer"
  for ((i = 0; i < 8; i++)); do
    x exec-2 sh -c 'true; exit 5'
    expect_same $? 5 "command $i of 8 in a row"
  done
  left() { [ "$(processes exec-2)" -le "$before" ] && [ "$(count_fds)" -le "$fds" ]; }
  wait_for 40 left
  # The app ends: so do they, and say so.
  x exec-2 sh -c 'echo there; sleep 1000' >last &
  writer=$!
  wait_for 40 grep -q there last
  end_pod exec-2
  expect_status 7
  status=0
  wait "$writer" || status=$?
  expect_status 137
  try 125 exec-2 true
  expect_stderr_has "does not run"
}

test_at_a_terminal() {
  start_ready --name exec-3 "$busybox" -- sh -c "$app"
  supervisor=$pod
  at() {
    "$tools/terminal" "${@:2}" >terminal.out || fail "$(tail -n 1 terminal.out)"
    tr -d '\r' <terminal.out >terminal.plain
    out=terminal.plain
    grep -qx "status $1" "$out" || fail "$(grep '^status' "$out"), expected $1"
    grep -qx "modes restored" "$out" || fail "the terminal's modes are not restored"
  }
  at 9 'wait:24 80' 'raw' 'size:50x132' 'wait:50 132' 'send:exit 9\r' -- "$nacelle" exec --root "$store" -it -e 'PS1=$ ' exec-3 -- \
    sh -c 'trap "stty size" WINCH; stty size; sh -c "test -t 0 && test -t 1 && test -t 2" || exit 1; while :; do read line && $line; done'
  at 130 'wait:there' 'send:\x03' -- "$nacelle" exec --root "$store" -it exec-3 sh -c 'echo there; sleep 1000'
  status=0
  "$nacelle" exec --root "$store" -it exec-3 sh </dev/null 2>"$err" || status=$?
  expect_status 125
  expect_stderr_has "stdin is no terminal"
  # Without a command: a shell, at this terminal.
  at 4 'wait:# ' 'raw' 'send:echo $((6 * 7))\r' 'wait:42' 'send:exit 4\r' -- "$nacelle" enter --root "$store" exec-3
  # stdin from a terminal without -t: lines, and their end.
  at 0 'send:word\n' 'wait:got word' 'send:\x04' -- "$nacelle" exec --root "$store" -i exec-3 sh -c 'while read line; do echo got $line; done'
  # The app ends.
  at 137 'wait:there' -- "$nacelle" exec --root "$store" -it exec-3 sh -c 'echo there; kill -TERM 1; sleep 1000'
}

# Between which seconds the pod's wall clock is ahead of the host's.
look_at_clock() {
  local began seen
  began=$(date +%s)
  seen=$(x pause-1 date +%s)
  low=$((seen - $(date +%s) - 1)) high=$((seen - began + 1))
}
test_pause() {
  start_ready --console --boot-timeout 100 --name pause-1 "$busybox" -- sh -c 'trap "exit 7" TERM; echo ready; while :; do echo x; sleep 0.1; done'
  n resume pause-1 2>refusal && fail "resumed what runs"
  grep -q "the pod is not paused" refusal || fail "$(cat refusal)"
  look_at_clock
  low_before=$low high_before=$high
  n pause pause-1 || fail "cannot pause"
  n pause pause-1 2>refusal && fail "paused twice"
  grep -q "the pod is paused already" refusal || fail "$(cat refusal)"
  n status pause-1 | grep -qx state=paused || fail "$(n status pause-1)"
  try 125 pause-1 true
  expect_stderr_has "the pod is paused; resume it first"
  # Nothing runs: the app writes nothing.
  sleep 0.5
  before=$(wc -l <stdout)
  sleep 1
  expect_same "$(wc -l <stdout)" "$before" "lines while paused"
  n resume pause-1 || fail "cannot resume"
  # Its wall clock has not stood still.
  look_at_clock
  [ $((low > low_before ? low : low_before)) -le $((high < high_before ? high : high_before)) ] ||
    fail "the clock was off by $low_before to $high_before s, and is by $low to $high s"
  # A paused pod can be stopped.
  n pause pause-1 || fail "cannot pause again"
  out=$first_out err=stderr
  end_pod pause-1
  expect_status 7
  ! grep -iE "soft lockup|rcu.*stall|hung task" stderr || fail "the guest's kernel complains"
}
