# shellcheck shell=bash
# level: pod
# What the processes of a pod may do, as /proc shows it.

start_pod_with_roles() {
  mkdir -p share
  chmod 777 . share
  start_pod --init --volume "$PWD/share:/mnt" "$busybox" -- sh -c 'echo ready; exec sleep 100'
  wait_for_stdout ready
  vm=$(role nacelle-vm)
  files=$(role nacelle-files)
  [ -n "$vm" ] && [ -n "$files" ] || fail "the roles of the pod are not there"
}
end_pod() {
  kill -TERM "$pod"
  wait_pod
  expect_status 143
}

expect_confined() {
  local pid=$1 what=$2 field
  expect_same "$(status_field "$pid" NoNewPrivs)" 1 "$what: no_new_privs"
  expect_same "$(status_field "$pid" Seccomp)" 2 "$what: seccomp"
  for field in CapInh CapAmb CapBnd; do
    [ "$field" = CapBnd ] && [ "$(id -u)" != 0 ] && continue
    expect_same "$(status_field "$pid" "$field")" 0000000000000000 "$what: $field"
  done
  # Every thread, not the first alone.
  for field in /proc/"$pid"/task/*/status; do
    expect_same "$(sed -n 's/^Seccomp:[[:space:]]*//p' "$field")" 2 "$what: seccomp of $field"
  done
}

test_machine() {
  start_pod_with_roles
  expect_confined "$vm" machine
  for field in CapPrm CapEff; do
    expect_same "$(status_field "$vm" $field)" 0000000000000000 "machine: $field"
  done
  [ "$(id -u)" != 0 ] || [ "$(status_field "$vm" Uid | cut -f 1)" -gt 65535 ] || fail "the machine runs as $(status_field "$vm" Uid)"
  [ "$(id -u)" != 0 ] || expect_same "$(status_field "$vm" Groups | tr -d ' ')" "" "machine: groups"
  end_pod
}

test_files() {
  start_pod_with_roles
  expect_confined "$files" files
  if [ "$(id -u)" = 0 ]; then
    # CHOWN 0, DAC_OVERRIDE 1, FOWNER 3, FSETID 4
    expect_same "$(status_field "$files" CapPrm)" 000000000000001b "files: CapPrm"
    expect_same "$(status_field "$files" CapEff)" 000000000000001b "files: CapEff"
    [ "$(status_field "$files" Uid | cut -f 1)" -gt 65535 ] || fail "files runs as $(status_field "$files" Uid)"
  fi
  end_pod
}

test_users_differ_between_roles_and_pods() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  start_pod_with_roles
  local first_pod=$pod first_vm=$vm first_files=$files
  out=second
  start_pod_with_roles
  expect_same "$(for pid in $first_vm $first_files $vm $files; do status_field "$pid" Uid | cut -f 1; done | sort -u | wc -l)" 4 "different users"
  end_pod
  pod=$first_pod
  end_pod
}

test_descriptors_of_the_machine() {
  start_pod_with_roles
  ls -l "/proc/$vm/fd" >fds
  cat fds
  [ "$(grep -c 'anon_inode:kvm-vcpu' fds)" = 1 ] || fail "not one vCPU"
  ! grep -E -- '-> /(etc|home|root|usr|run|tmp|var)' fds | grep -vE 'vmlinux|initramfs|\.erofs|/images?/|/store|stdout|stderr|/dev/' || fail "a path that the machine does not need"
  ! grep -qE '/dev/kvm' fds || echo "(the machine keeps /dev/kvm)"
  [ "$(grep -c -- '->' fds)" -le 32 ] || fail "more descriptors than the machine needs"
  end_pod
}

test_descriptors_of_files() {
  start_pod_with_roles
  ls -l "/proc/$files/fd" >fds
  cat fds
  ! grep -qE 'kvm' fds || fail "files holds KVM"
  ! grep -qE 'vmlinux|erofs' fds || fail "files holds what is the machine's"
  [ "$(grep -c 'share$' fds)" -ge 1 ] || fail "files does not hold its share"
  [ "$(grep -c -- '->' fds)" -le 12 ] || fail "more descriptors than files needs"
  end_pod
}

test_namespaces() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  start_pod_with_roles
  local kind pid
  for pid in $vm $files; do
    for kind in mnt net ipc; do
      [ "$(readlink "/proc/$pid/ns/$kind")" != "$(readlink "/proc/self/ns/$kind")" ] || fail "$kind namespace is the host's"
    done
  done
  end_pod
}

test_root_of_the_machine_is_empty() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  start_pod_with_roles
  expect_same "$(ls -A "/proc/$vm/root/")" "" "the machine's root"
  end_pod
}

test_no_core_dumps_no_tracing() {
  start_pod_with_roles
  grep -q "^Max core file size *0 *0" "/proc/$vm/limits" || fail "core dumps are possible"
  end_pod
}

# A system call that is not on the list, put into the machine by a debugger, ends it.
test_forbidden_system_call_kills() {
  command -v gdb >/dev/null || skip "gdb is not here"
  [ "$(id -u)" = 0 ] || skip "needs root"
  local victim
  for victim in vm files; do
    start_pod_with_roles
    # 41 is socket(2), AF_INET, SOCK_STREAM.
    timeout 60 gdb -nx -batch -p "${!victim}" -ex 'set $rax=41' -ex 'set $rdi=2' -ex 'set $rsi=1' -ex 'set $rdx=0' \
      -ex 'set $pc=(unsigned long)$pc-2' -ex detach >gdb.log 2>&1
    wait_pod
    [ "$status" = 125 ] || {
      tail -n 5 gdb.log
      fail "$victim: status $status, expected 125"
    }
    expect_stderr_has "system call"
  done
}

test_app_has_the_usual_capabilities() {
  run_pod "$busybox" -- grep -E '^Cap(Prm|Eff|Bnd)|^NoNewPrivs|^Seccomp:' /proc/self/status
  expect_stdout_has "CapEff:	00000000a80425fb"
  expect_stdout_has "CapBnd:	00000000a80425fb"
}

test_app_cannot_see_or_change_the_guest() {
  run_pod "$busybox" -- sh -c 'ls -A /sys/firmware; cat /proc/kcore | head -c 1; ls /pod.dtb; echo 1 >/proc/sys/kernel/panic; mount -t tmpfs none /mnt; exit 0'
  expect_status 0
  expect_stdout ""
  expect_stderr_has "Read-only file system"
}

# The whole again as somebody who is in the group kvm and nothing else.
test_ordinary_user() {
  [ "$(id -u)" = 0 ] || skip "needs root to become somebody else"
  local as=(setpriv --reuid 12345 --regid 12345 --groups "$(stat -c %g /dev/kvm)")
  chown 12345:12345 .
  mkdir home share
  chown 12345:12345 home share
  chmod 660 /dev/kvm
  status=0
  HOME=$PWD/home "${as[@]}" "$nacelle" run --net none --volume "$PWD/share:/mnt" "$busybox" -- sh -c 'echo written >/mnt/file; id -u; exit 3' >"$out" 2>"$err" || status=$?
  expect_status 3
  expect_stdout 0
  expect_same "$(cat share/file)" written "the file"
  expect_same "$(stat -c %u share/file)" 12345 "the file's owner"
  # An export is his too.
  status=0
  HOME=$PWD/home "${as[@]}" "$nacelle" run --net none --upper disk:64M --uuid-file home/id "$busybox" -- sh -c 'echo made >/made; chown 77 /made' || status=$?
  expect_status 0
  HOME=$PWD/home "${as[@]}" "$nacelle" export --boot-timeout 100 --format oci-layer --output home/layer.tar --uuid-file home/id >"$out" 2>"$err" || status=$?
  expect_status 0
  expect_same "$(tar -tvf home/layer.tar --numeric-owner made | cut -d ' ' -f 2)" 77/0 "owner in the layer"
  expect_same "$(stat -c %u:%a home/layer.tar)" 12345:644 "the layer's owner and mode"
  out=second
  HOME=$PWD/home start "${as[@]}" "$nacelle" run --net none --init --volume "$PWD/share:/mnt" "$busybox" -- sh -c 'echo ready; exec sleep 100'
  wait_for_stdout ready
  vm=$(role nacelle-vm)
  files=$(role nacelle-files)
  for pid in $vm $files; do
    expect_same "$(status_field "$pid" NoNewPrivs)" 1 "no_new_privs"
    expect_same "$(status_field "$pid" Seccomp)" 2 "seccomp"
    expect_same "$(status_field "$pid" CapEff)" 0000000000000000 "CapEff"
  done
  end_pod
}

test_user_without_kvm() {
  [ "$(id -u)" = 0 ] || skip "needs root to become somebody else"
  mkdir home
  chown 12345 home
  chmod 660 /dev/kvm
  status=0
  HOME=$PWD/home setpriv --reuid 12345 --regid 12345 --clear-groups "$nacelle" run --net none "$busybox" -- true >"$out" 2>"$err" || status=$?
  expect_status 125
  expect_stderr_has kvm
  expect_one_line_on_stderr
}

# A working directory that lies under what is masked or read-only is entered as the app sees it.
test_workdir_under_a_mask() {
  local dir
  mkdir volume
  ln -s /proc/sys volume/sys
  for dir in /proc/sys /tmp/sys /proc/self/cwd/tmp/sys; do
    run_pod --volume "$PWD/volume:/tmp" --workdir "$dir" "$busybox" -- sh -c 'echo /tmp/x >kernel/core_pattern; cat kernel/core_pattern'
    [ "$status" = 126 ] || expect_stdout core
  done
  run_pod --workdir /sys/firmware "$busybox" -- ls
  expect_stdout ""
}
