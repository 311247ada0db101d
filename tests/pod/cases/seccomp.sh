# shellcheck shell=bash
# level: pod
# Filters of system calls: the default one, appc's sets, isolators, profiles in JSON. What rkt's fifteen cases try is here,
# as many of them as possible in one pod.

test_default() {
  make_probe
  run_pod --volume "$probe" \
    "$busybox" --name one -- /probe/probe label:one privileges call:stat call:chroot call:mount call:unshare call:clone-user \
    call:clone3 call:keyctl call:bpf call:reboot call:io_uring call:socket-unix call:socket-vsock call:socket-alg \
    call:personality call:unknown \
    --- "$busybox" --name user --user 1000 -- /probe/probe label:user privileges capabilities call:stat call:mount \
    --- "$busybox" --name caps --cap-add SYS_ADMIN --cap-drop SYS_CHROOT -- /probe/probe label:caps call:mount call:unshare call:chroot call:clone3 \
    --- "$busybox" --name nnp --no-new-privileges -- /probe/probe label:nnp privileges call:mount \
    --- "$busybox" --name init --init -- /probe/probe label:init privileges capabilities call:mount call:ptrace \
    --- "$busybox" --name none --seccomp none -- /probe/probe label:none privileges call:mount call:clone3 \
    --- "$busybox" --name shell -- sh -c 'exec >/proc/self/fd/1; /probe/probe label:shell privileges call:mount; umount /proc 2>&1'
  expect_status 1
  local line
  for line in "one Seccomp:	2" "one Seccomp_filters:	1" "one no_new_privs 0" "one keepcaps 0" "one stat allowed" "one chroot allowed" \
    "one mount EPERM" "one unshare EPERM" "one clone-user EPERM" "one clone3 ENOSYS" "one keyctl EPERM" "one bpf EPERM" \
    "one reboot EPERM" "one io_uring EPERM" "one socket-unix allowed" "one socket-vsock EPERM" "one socket-alg EPERM" \
    "one personality EPERM" "one unknown ENOSYS" \
    "user Seccomp:	2" "user no_new_privs 0" "user CapPrm:	0000000000000000" "user CapEff:	0000000000000000" "user stat allowed" "user mount EPERM" \
    "caps mount EFAULT" "caps unshare allowed" "caps chroot EPERM" "caps clone3 EINVAL" \
    "nnp no_new_privs 1" "nnp Seccomp:	2" "nnp mount EPERM" \
    "init Seccomp:	2" "init CapPrm:	00000000a80425fb" "init CapEff:	00000000a80425fb" "init mount EPERM" "init ptrace EPERM" \
    "none Seccomp:	0" "none mount EFAULT" "none clone3 EINVAL" \
    "shell Seccomp:	2" "shell mount EPERM"; do
    expect_stdout_has "$line"
  done
}

test_sets() {
  make_probe
  run_pod --volume "$probe" \
    "$busybox" --name a --seccomp mode=retain,@appc.io/all -- /probe/probe label:a privileges call:stat \
    --- "$busybox" --name b --seccomp mode=remove,@appc.io/empty -- /probe/probe label:b privileges call:stat call:mount \
    --- "$busybox" --name c --seccomp mode=remove,@rkt/default-blacklist -- /probe/probe label:c call:stat \
    --- "$busybox" --name d --seccomp mode=remove,reboot -- /probe/probe label:d call:stat \
    --- "$busybox" --name e --seccomp mode=remove,errno=EXFULL,stat -- /probe/probe label:e call:stat call:getppid \
    --- "$busybox" --name f --seccomp mode=retain,@rkt/default-whitelist -- /probe/probe label:f call:stat \
    --- "$busybox" --name g --seccomp mode=retain,errno=EMULTIHOP,@docker/default-whitelist -- /probe/probe label:g call:stat call:mount \
    --- "$busybox" --name h --seccomp mode=remove,reboot --user 0:100 -- /probe/probe label:h call:stat \
    --- "$busybox" --name i --seccomp mode=remove,reboot --user 1000 -- /probe/probe label:i call:stat \
    --- "$busybox" --name j --seccomp mode=remove,errno=EPERM,@systemd/mount,no_such_call -- /probe/probe label:j call:mount call:stat
  expect_status 0
  local line
  for line in "a Seccomp:	0" "a stat allowed" "b Seccomp:	2" "b stat allowed" "b mount EPERM" "c stat allowed" "d stat allowed" \
    "e stat EXFULL" "e getppid allowed" "f stat allowed" "g stat allowed" "g mount EMULTIHOP" "h stat allowed" "i stat allowed" \
    "j mount EPERM" "j stat allowed"; do
    expect_stdout_has "$line"
  done
  expect_stderr_has "system calls that are not known and left out: no_such_call"
}

test_killed() {
  make_probe
  run_pod --volume "$probe" --seccomp mode=remove,getppid "$busybox" -- /probe/probe call:stat call:getppid call:mount
  expect_status 159
  expect_stdout "stat allowed"
}

# What an option says counts before the isolator.
test_isolators() {
  make_probe
  local set='"app":{"exec":["/probe/probe","call:stat","call:mount"],"user":"0","group":"0","isolators":[
    {"name":"os/linux/seccomp-remove-set","value":{"set":["stat"],"errno":"EXFULL"}}]}'
  echo '{"acKind":"PodManifest","acVersion":"0.8.11","volumes":[{"name":"probe","kind":"host","source":"'"$PWD/probe"'"}],
    "apps":[{"name":"app","image":{"id":""},"annotations":[{"name":"nacelle/image","value":"'"$busybox"'"}],
      "mounts":[{"volume":"probe","path":"/probe"}],'"$set"'}]}' >pod.json
  run_pod --pod pod.json
  expect_status 0
  expect_stdout_has "stat EXFULL"
  expect_stdout_has "mount EFAULT"
  run_pod --pod pod.json --seccomp mode=retain,@appc.io/all
  expect_stdout_has "stat allowed"
  run_pod --pod pod.json --seccomp mode=remove,errno=EMULTIHOP,stat
  expect_stdout_has "stat EMULTIHOP"
}

test_json() {
  make_probe
  cat >profile.json <<'END'
{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": [
  {"names": ["stat", "not_a_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 54},
  {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 72, "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]},
  {"names": ["mount"], "action": "SCMP_ACT_LOG", "includes": {"caps": ["CAP_CHOWN"]}},
  {"names": ["getppid"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_CHOWN"]}}]}
END
  run_pod --volume "$probe" --seccomp profile.json "$busybox" -- /probe/probe call:stat call:socket-unix call:socket-vsock call:mount call:getppid
  expect_status 0
  expect_stdout "$(printf 'stat EXFULL\nsocket-unix EMULTIHOP\nsocket-vsock allowed\nmount EFAULT\ngetppid allowed')"
  expect_stderr_has "left out: not_a_call"
}

test_refused() {
  echo '{"defaultAction": "SCMP_ACT_NOTIFY"}' >notify.json
  local profile why
  while IFS='|' read -r profile why; do
    run_pod --seccomp "$profile" "$busybox" -- true
    expect_status 125
    expect_one_line_on_stderr
    expect_stderr_has "$why"
  done <<'END'
mode=remove,execve|it forbids execve
mode=nothing,read|mode=retain or mode=remove is expected
mode=retain,errno=EWHAT,read|EWHAT is not the name of an error
notify.json|SCMP_ACT_NOTIFY needs a process of the host
missing.json|No such file
END
}
