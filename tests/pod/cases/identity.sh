# shellcheck shell=bash
# level: pod
# Who an app is and what it may: users and groups, capabilities, no_new_privs, limits, oom score, cgroup, namespaces.

test_users() {
  make_probe
  run_pod --volume "$probe" \
    "$busybox" --name root -- /probe/probe label:root ids environment directory \
    --- "$busybox" --name number --user 1234 -- /probe/probe label:number ids \
    --- "$busybox" --name name --user user -- /probe/probe label:name ids environment \
    --- "$busybox" --name both --user user:nobody --workdir /home -- /probe/probe label:both ids directory \
    --- "$busybox" --name path --user /home/user:/etc/passwd -- /probe/probe label:path ids \
    --- "$busybox" --name more --user 7:8 --supplementary-gids 9,10 --supplementary-gids 11 -- /probe/probe label:more ids
  expect_status 0
  local line
  for line in "root uid 0 0 0" "root gid 0 0 0" "root env HOME=/root" "root directory /" "number uid 1234 1234 1234" "number gid 0 0 0" \
    "name uid 1000 1000 1000" "name gid 1000 1000 1000" "name groups 1000 2000" "name env HOME=/home/user" \
    "both uid 1000 1000 1000" "both gid 65534 65534 65534" "both directory /home" \
    "path uid 1000 1000 1000" "path gid 0 0 0" "more uid 7 7 7" "more gid 8 8 8" "more groups 8 9 10 11"; do
    expect_stdout_has "$line"
  done
  run_pod --user nobody-here "$busybox" -- true
  expect_status 126
}

test_capabilities() {
  make_probe
  run_pod --volume "$probe" \
    "$busybox" --name usual -- /probe/probe label:usual capabilities \
    --- "$busybox" --name add --cap-add NET_ADMIN --cap-add CAP_SYS_TIME -- /probe/probe label:add capabilities \
    --- "$busybox" --name drop --cap-drop MKNOD --cap-drop CAP_CHOWN -- /probe/probe label:drop capabilities \
    --- "$busybox" --name none --cap-drop ALL -- /probe/probe label:none capabilities \
    --- "$busybox" --name some --cap-drop ALL --cap-add KILL -- /probe/probe label:some capabilities \
    --- "$busybox" --name retain --caps-retain CAP_NET_RAW,CAP_KILL -- /probe/probe label:retain capabilities \
    --- "$busybox" --name remove --caps-remove CAP_MKNOD -- /probe/probe label:remove capabilities \
    --- "$busybox" --name user --user 5 --cap-add NET_ADMIN -- /probe/probe label:user capabilities
  expect_status 0
  local line
  for line in "usual CapInh:	0000000000000000" "usual CapPrm:	00000000a80425fb" "usual CapEff:	00000000a80425fb" "usual CapBnd:	00000000a80425fb" \
    "usual CapAmb:	0000000000000000" "add CapBnd:	00000000aa0435fb" "add CapEff:	00000000aa0435fb" "drop CapBnd:	00000000a00425fa" \
    "none CapBnd:	0000000000000000" "none CapPrm:	0000000000000000" "some CapEff:	0000000000000020" "some CapBnd:	0000000000000020" \
    "retain CapEff:	0000000000002020" "remove CapBnd:	00000000a00425fb" \
    "user CapPrm:	0000000000000000" "user CapEff:	0000000000000000" "user CapBnd:	00000000a80435fb" "user CapAmb:	0000000000000000"; do
    expect_stdout_has "$line"
  done
  run_pod --cap-add NO_SUCH_THING "$busybox" -- true
  expect_status 125
  expect_one_line_on_stderr
}

test_limits() {
  make_probe
  run_pod --volume "$probe" \
    "$busybox" --name one --ulimit nofile=100:200 --ulimit core=0 --ulimit nproc=50 --oom-score-adj 500 --memory 48M --cpus 1 --pids-limit 20 \
    --no-new-privileges -- /probe/probe label:one limits oom cgroup privileges namespaces descriptors \
    --- "$busybox" --name two --oom-score-adj -500 -- /probe/probe label:two oom privileges namespaces
  expect_status 0
  local line kind
  for line in "one limit nofile 100 200" "one limit core 0 0" "one limit nproc 50 50" "one oom_score_adj 500" "one memory.max 50331648" \
    "one pids.max 20" "one no_new_privs 1" "two oom_score_adj -500" "two no_new_privs 0" "one 0::/"; do
    expect_stdout_has "$line"
  done
  # Network, names and IPC are the pod's; processes, mounts and cgroup the app's own.
  for kind in net ipc uts user; do
    expect_same "$(sed -n "s/^one namespace $kind://p" "$out")" "$(sed -n "s/^two namespace $kind://p" "$out")" "$kind namespaces"
  done
  for kind in pid mnt cgroup; do
    [ "$(sed -n "s/^one namespace $kind://p" "$out")" != "$(sed -n "s/^two namespace $kind://p" "$out")" ] || fail "the apps share their $kind namespace"
  done
  expect_same "$(grep -c '^one descriptor ' "$out")" 3 "descriptors"
}
