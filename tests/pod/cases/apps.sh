# shellcheck shell=bash
# level: pod
# The lives of a pod's apps: order, limits, handlers, restarts, and what one's end means for the others.
# Apps wait for each other by files in /dev/shm, which they share.

# Takes memory by small pieces until it is killed.
greedy="exec awk 'BEGIN { while (1) a[i++] = sprintf(\"%1000d\", i) }'"
await() { echo "until [ -e /dev/shm/$1 ]; do sleep 0.1; done;"; }

test_first_failing_status() {
  local pre="sh /vol/order.sh " on=$PWD/volume:/vol
  mkdir -p volume
  # shellcheck disable=SC2016
  echo 'echo $1 >>/vol/order' >volume/order.sh
  run_pod --volume "$on" --json-log "$busybox" --name one --pre-start "${pre}one" -- sh -c "$(await up) exit 0" \
    --- "$busybox" --name two --pre-start "${pre}two" -- sh -c "$(await up) exit 5" \
    --- "$busybox" --name three --pre-start "${pre}three" -- sh -c "sleep 1000" \
    --- "$busybox" --name four --pre-start "${pre}four" --stop-signal USR1 --init \
    -- sh -c "trap 'exit 6' USR1; >/dev/shm/up; while :; do sleep 0.1; done"
  expect_status 5
  expect_same "$(tr '\n' ' ' <volume/order)" "one two three four " "order of start"
  expect_stderr_has "app 0 ended: status 0"
  expect_stderr_has "app 1 ended: status 5"
  # It was asked to end by another's failure, and did.
  expect_stderr_has "app 2 ended: status 0"
  expect_stderr_has "app 3 ended: status 6"
}

# The limits that an app sees, and that it alone is killed when it is above one of memory.
test_limits() {
  run_pod --memory 256M "$busybox" --name greedy --memory 24M --cpus 0.5 --cpu-shares 512 --pids-limit 20 --oom-score-adj 100 \
    -- sh -c "cd /sys/fs/cgroup; cat memory.max memory.oom.group cpu.max cpu.weight pids.max; cat /proc/self/oom_score_adj
      $(await go) $greedy" \
    --- "$busybox" --pids-limit 9 -- sh -c 'sh -c "for n in 0 1 2 3 4 5 6 7 8 9; do sleep 1000 & done"; echo fork $?; exit 0' \
    --- "$busybox" -- sh -c "trap 'echo modest; exit 0' TERM; >/dev/shm/go; while :; do sleep 0.1; done"
  expect_status 137
  expect_stdout_has "25165824
1
50000 100000"
  expect_stdout_has "20
100"
  expect_stdout_has "fork 2"
  expect_stdout_has modest
  expect_stderr_has "app greedy was out of memory and has been killed"
}

# Without a limit of its own an app has the pod's memory, and is killed when that is taken: soon, instead of reading again
# and again the programs that were given up for it. A shell passes on how its child has ended.
test_out_of_memory() {
  local said
  run_pod --boot-timeout 100 --memory 64M --name oom-1 "$busybox" --name greedy -- sh -c "$greedy"
  expect_status 137
  expect_stderr "nacelle: warning: app greedy was out of memory and has been killed"
  said=$("$nacelle" status --root "$store" oom-1)
  expect grep -qx app-greedy.out-of-memory=true <<<"$said"
  run_pod --boot-timeout 100 --memory 64M "$busybox" --name shell -- sh -c "sh -c \"\$1\"; code=\$?; echo shell lives; exit \$code" - "$greedy"
  expect_status 137
  expect_stdout "shell lives"
  expect_stderr_has "nacelle: warning: a process of app shell was out of memory and has been killed"
  run_pod --boot-timeout 100 --memory 64M "$busybox" --init -- sh -c 'sh -c "kill -9 \$\$"; exit $?'
  expect_status 137
  ! grep -q "out of memory" "$err" || fail "killed by a signal, not for its memory"
}

# Handlers are root in the app's root, confined as it is; the last word is the app's.
test_handlers() {
  mkdir -p volume
  cat >volume/handler.sh <<'END'
echo "$1 $(id -u) $$ $(grep CapBnd /proc/self/status | cut -f 2) $(cat /sys/fs/cgroup/pids.max) $(ls /proc/kcore /tmp/made 2>&1 | wc -l)"
>/tmp/made
END
  run_pod --volume "$PWD/volume:/vol" "$busybox" --user 7:8 --caps-retain CAP_NET_RAW --pids-limit 30 \
    --pre-start "sh /vol/handler.sh pre" --post-stop "sh /vol/handler.sh post" -- sh -c 'echo app $(id -u); exit 9'
  expect_status 9
  expect_stdout_has "pre 0 "
  expect_stdout_has " 0000000000002000 30 2
app 7
post 0 1 0000000000002000 30 2"
  run_pod "$busybox" --pre-start "sh -c false" --post-stop "echo cleaned" -- echo never
  expect_status 126
  expect_stdout cleaned
  expect_stderr_has "the pre-start handler sh ended with status 1"
}

test_restarts() {
  # shellcheck disable=SC2016
  local count='echo x >>/tmp/n; n=$(wc -l </tmp/n); echo run $n $$;'
  run_pod --json-log "$busybox" --restart on-failure -- sh -c "$count"' [ $n = 3 ] || kill -9 $$; [ $n = 3 ] || exit 1' \
    --- "$busybox" --restart always -- sh -c "$count"' [ $n -lt 3 ] || >/dev/shm/end; exit 0' \
    --- "$busybox" -- sh -c "$(await end) exit 4"
  expect_status 4
  expect_stdout_has "run 1 1"
  expect_stdout_has "run 3 1"
  expect_stderr_has "app 0 ended: status 1; it starts again (2)"
  expect_stderr_has "app 0 ended: status 0"
  expect_stderr_has "app 1 ended: status 0; it starts again (2)"
  # Ctrl-C ends it for good.
  start_pod "$busybox" --restart always -- sh -c 'trap "exit 3" INT; echo ready; while :; do sleep 0.1; done'
  wait_for_stdout ready
  kill -INT "$pod"
  wait_pod
  expect_status 3
}

# What the apps of a pod share, and what each has for itself. No app gets at the disk of another.
test_shared_and_not() {
  run_pod --volume data,kind=empty,mode=0750,gid=5 "$busybox" --mount volume=data,target=/a --user 0:0 \
    -- sh -c 'hostname >/a/name; echo secret >/own; >/dev/shm/there; '"$(await end)"' cat /a/answer; kill -0 2 2>/dev/null && echo foreign; exit 0' \
    --- "$layers" --mount volume=data,target=/b -- /bin/sh -c "$(await there)"'
      { [ "$(cat /b/name)" = "$(hostname)" ] && echo same; stat -c %a:%g /b; ls /own; echo /proc/[0-9]*
        for disk in 0 16 32; do
          mknod /dev/d$disk b 254 $disk; mknod /d$disk b 254 $disk; mknod /b/d$disk b 254 $disk
          cat /dev/d$disk /d$disk /b/d$disk
        done; } >/b/answer 2>&1; echo x >/dev/null; >/dev/shm/end'
  expect_status 0
  expect_stdout_has "same
750:5"
  expect_stdout_has "No such file"
  expect_stdout_has "/proc/1"
  [ "$(grep -c 'Permission denied' "$out")" = 9 ] || fail "a disk could be opened"
  ! grep -q foreign "$out" || fail "a process of another app is there"
}

# What is said afterwards of an app whose turn never came.
test_not_started() {
  local said
  run_pod --name partly "$busybox" --name first -- /no/such/program --- "$busybox" --name second -- true
  expect_status 127
  said=$("$nacelle" status --root "$store" partly)
  expect grep -qx app-first=127 <<<"$said"
  expect grep -qx app-second=not-started <<<"$said"
  said=$("$nacelle" list --root "$store" --json | tr -d ' \n')
  expect grep -q '"state":"not-started","exitStatus":null' <<<"$said"
}
