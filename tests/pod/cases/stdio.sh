# shellcheck shell=bash
# level: pod
# stdin, stdout and stderr: separate, binary, unbounded, files and pipes and nothing at all.

test_separate() {
  run_pod "$busybox" -- sh -c 'echo out; echo err >&2'
  expect_status 0
  expect_stdout out
  expect_stderr err
}

test_stdin_needs_interactive() {
  echo text >input
  run_pod "$busybox" -- cat <input
  expect_status 0
  expect_stdout ""
}

test_binary_through_files() {
  random_file input 3000000
  run_pod -i "$busybox" -- cat <input
  expect_status 0
  expect cmp input "$out"
  expect_stderr ""
}

test_binary_through_pipes() {
  random_file input 3000000
  cat input | nacelle_run -i "$busybox" -- cat | cat >output
  expect cmp input output
}

test_binary_stderr() {
  random_file input 1500000
  run_pod -i "$busybox" -- sh -c 'cat >&2' <input
  expect_status 0
  expect cmp input "$err"
}

test_both_at_once() {
  random_file input 1200000
  run_pod -i "$busybox" -- sh -c 'tee /proc/self/fd/2' <input
  expect_status 0
  expect cmp input "$out"
  expect cmp input "$err"
}

test_every_byte() {
  python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)) * 3)' >input
  run_pod -i "$busybox" -- cat <input
  expect cmp input "$out"
}

test_input_of_a_socket() {
  random_file input 200000
  python3 -c '
import socket, subprocess, sys, threading
ours, theirs = socket.socketpair()
data = open("input", "rb").read()
process = subprocess.Popen(sys.argv[1:], stdin=theirs, stdout=theirs)
theirs.close()
def feed():
    ours.sendall(data)
    ours.shutdown(socket.SHUT_WR)
threading.Thread(target=feed).start()
seen = b""
while chunk := ours.recv(65536):
    seen += chunk
assert process.wait() == 0
assert seen == data, (len(seen), len(data))
' "$nacelle" run --net none --root "$store" -i "$busybox" -- cat || fail "a socket as stdin and stdout"
}

test_append_to_a_file() {
  echo before >output
  nacelle_run "$busybox" -- echo after >>output
  expect_same "$(cat output)" "$(printf 'before\nafter')" "the file"
}

test_same_file_twice() {
  nacelle_run "$busybox" -- sh -c 'echo one; echo two >&2; echo three' >both 2>&1
  expect_same "$(sort both | tr '\n' ' ')" "one three two " "the file"
}

test_closed() {
  status=0
  "$nacelle" run --net none --root "$store" -i "$busybox" -- sh -c 'echo x; echo y >&2; exit 5' <&- >&- 2>&- || status=$?
  expect_status 5
  status=0
  "$nacelle" run --net none --root "$store" -i "$busybox" -- sh -c 'read line; exit 6' <&- >"$out" 2>"$err" || status=$?
  expect_status 6
  status=0
  "$nacelle" run --net none --root "$store" "$busybox" -- sh -c 'ls -l /proc/self/fd >&2; exit 7' >&- 2>"$err" || status=$?
  expect_status 7
}

test_devices_open() {
  run_pod "$busybox" -- sh -c 'echo a >/dev/stdout; echo b >/dev/stderr; exec 3</dev/stdin'
  expect_status 0
  expect_stdout a
  expect_stderr b
}

test_stdout_closed_early() {
  local -a statuses
  timeout 60 "$nacelle" run --net none --root "$store" "$busybox" -- sh -c 'yes; exit $?' 2>"$err" | head -c 1 >first
  statuses=("${PIPESTATUS[@]}")
  expect_same "$(cat first)" y "the first byte"
  # yes dies by SIGPIPE, as it does outside.
  expect_same "${statuses[0]}" 141 "status"
}

test_stdin_ends_before_the_app() {
  status=0
  echo line | nacelle_run -i "$busybox" -- sh -c 'read a; read b || echo "end after $a"; sleep 0.2; exit 4' >"$out" 2>"$err" ||
    status=$?
  expect_status 4
  expect_stdout "end after line"
}

test_app_does_not_read() {
  # More than any buffer on the way: the app ends all the same.
  run_pod -i "$busybox" -- sh -c 'exit 3' </dev/zero
  expect_status 3
}

test_app_closes_stdin() {
  status=0
  (yes || true) | nacelle_run -i "$busybox" -- sh -c 'read a; exec <&-; sleep 0.3; echo "$a"' >"$out" 2>"$err" || status=$?
  expect_status 0
  expect_stdout y
}

test_slow_reader_stalls_nothing_else() {
  mkfifo pipe
  exec 3<>pipe
  out=pipe
  start_pod "$busybox" -- sh -c 'seq 300000 & echo other >&2; wait'
  wait_for 40 grep -q other "$err"
  sleep 1
  expect kill -0 "$pod"
  timeout 60 head -n 300000 <&3 >slow
  wait_pod
  expect_status 0
  expect_same "$(seq 300000 | digest)" "$(digest <slow)" "what came late"
}

test_three_descriptors_only() {
  run_pod "$busybox" -- sh -c 'for fd in /proc/self/fd/*; do echo ${fd##*/}; done' 5</dev/null 9</etc/passwd
  # The shell's own descriptor of the directory may be there.
  expect_same "$(head -n 3 "$out" | tr '\n' ' ')" "0 1 2 " "descriptors"
  [ "$(wc -l <"$out")" -le 4 ] || fail "more descriptors than three"
}
