# shellcheck shell=bash
# level: pod
# The exit status is part of the interface.

test_hello() {
  run_pod "$busybox" -- echo hello
  expect_status 0
  expect_stdout hello
  expect_stderr ""
}

test_exit_status() {
  for number in 0 1 3 125 128 255; do
    run_pod "$busybox" -- sh -c "exit $number"
    expect_status $number
    expect_stderr ""
  done
}

# As in a container, process 1 cannot be killed from inside its own namespace: --init makes it another.
test_killed_by_signal() {
  for number in 1 6 9 15 64; do
    run_pod --init "$busybox" -- sh -c "kill -$number \$\$; sleep 5"
    expect_status $((128 + number))
  done
}

test_and_then() {
  nacelle_run "$busybox" -- true && nacelle_run "$busybox" -- false && fail "false is true"
  nacelle_run "$busybox" -- false || return 0
  fail "false is true"
}

test_not_found() {
  run_pod "$busybox" -- /no/such/program
  expect_status 127
  expect_stderr_has /no/such/program
  run_pod "$busybox" -- no-such-program
  expect_status 127
  expect_stderr_has no-such-program
  expect_one_line_on_stderr
}

test_cannot_execute() {
  run_pod "$busybox" -- /etc/passwd
  expect_status 126
  expect_stderr_has /etc/passwd
  run_pod "$busybox" -- /etc
  expect_status 126
  expect_stderr_has /etc
}

test_no_interpreter() {
  mkdir -p volume
  printf '#!/no/such/interpreter\n' >volume/script
  chmod 755 volume/script
  run_pod --volume "$PWD/volume:/mnt" "$busybox" -- /mnt/script
  expect_status 126
  expect_stderr_has /mnt/script
  expect_stderr_has /no/such/interpreter
}

test_no_loader() {
  mkdir -p volume
  cp /bin/true volume/dynamic
  run_pod --volume "$PWD/volume:/mnt" "$busybox" -- /mnt/dynamic
  expect_status 126
  expect_stderr_has /mnt/dynamic
  expect_stderr_has ld-linux
}

test_no_shared_library() {
  run_pod "$debian" -- sh -c 'rm /usr/lib/x86_64-linux-gnu/libz.so.1* && exec /usr/bin/file /bin/sh'
  expect_status 127
  expect_stderr_has libz.so.1
}

test_errors_of_nacelle() {
  run_pod --no-such-option "$busybox"
  expect_status 125
  expect_stderr_has --no-such-option
  expect_one_line_on_stderr
  run_pod
  expect_status 125
  expect_one_line_on_stderr
  run_pod oci:/no/such/layout -- true
  expect_status 125
  expect_stderr_has /no/such/layout
  run_pod rootfs:/no/such/directory -- true
  expect_status 125
  expect_stderr_has /no/such/directory
  run_pod "$busybox:no-such-tag" -- true
  expect_status 125
  expect_stderr_has no-such-tag
  run_pod ubuntu -- true
  expect_status 125
  expect_one_line_on_stderr
}

test_wrong_values() {
  local -a words
  for words in --cpus=0 --cpus=33 --cpus=x --memory=1M --memory=0 --memory=abc --memory=900T --volume=relative \
    --volume=/no/such:/x --volume=/tmp:relative --volume=/tmp:/x:rx --hostname=a/b --upper=nothing --env==x \
    --workdir=relative --kernel=/no/such/kernel --boot-timeout=0; do
    run_pod "$words" "$busybox" -- true
    [ "$status" = 125 ] || fail "$words: status $status, expected 125"
    [ "$(wc -l <"$err")" = 1 ] || fail "$words: not one line on stderr"
  done
}

test_orphans_are_reaped_at_the_end() {
  run_pod "$busybox" -- sh -c 'sleep 1000 & sleep 1000 & exit 7'
  expect_status 7
}

test_output_is_complete_at_the_end() {
  run_pod "$busybox" -- sh -c 'seq 20000; exec false'
  expect_status 1
  expect_same "$(seq 20000 | digest)" "$(digest <"$out")" "stdout"
}

test_grandchild_keeps_stdout_open() {
  run_pod "$busybox" -- sh -c '(sleep 1000; echo late) & echo early'
  expect_status 0
  expect_stdout early
}
