# shellcheck shell=bash
# level: pod
# Several apps on the command line and by a manifest, isolators, and what is refused.

# manifest APPS [MEMBERS]: pod.json with these apps and further members.
manifest() {
  echo "{\"acKind\":\"PodManifest\",\"acVersion\":\"1.30.0\",\"volumes\":null,\"apps\":[$1]${2:+,$2}}" >pod.json
}
# app NAME SHELL_TEXT [MEMBERS_OF_APP_SECTION [MEMBERS_OF_APP]]
app() {
  echo "{\"name\":\"$1\",\"image\":{\"id\":\"\"},\"annotations\":[{\"name\":\"nacelle/image\",\"value\":\"$busybox\"}]," \
    "\"app\":{\"exec\":[\"/bin/sh\",\"-c\",\"$2\"],\"user\":\"0\",\"group\":\"0\"${3:+,$3}}${4:+,$4}}"
}

test_several_apps() {
  run_pod --env ALL=common --env OWN=common "$busybox" --name one --env OWN=one --memory 20M \
    -- sh -c 'echo "one $ALL $OWN $AC_APP_NAME $(hostname) $(cat /sys/fs/cgroup/memory.max)"' \
    --- "$layers" --name two -- /bin/sh -c 'echo "two $ALL $OWN"; test ! -e /one' \
    --- "$busybox" --cap-drop ALL --user 5:6 -- sh -c 'sleep 1; echo "three $(id -u):$(id -g) $(grep CapBnd /proc/self/status)"; exit 7'
  expect_status 7
  expect_stdout_has "one common one "
  expect_stdout_has "two common common"
  expect_stdout_has "three 5:6 CapBnd:	0000000000000000"
}

test_pod_file() {
  manifest "$(app one 'echo one $AC_APP_NAME $container $A; cat /sys/fs/cgroup/memory.max /proc/self/oom_score_adj; id -G; pwd; touch /x 2>/dev/null || echo ro' \
    "\"environment\":[{\"name\":\"A\",\"value\":\"b\"}],\"supplementaryGIDs\":[7,8],\"workingDirectory\":\"/tmp\",\"isolators\":[
      {\"name\":\"resource/memory\",\"value\":{\"limit\":\"64Mi\"}},{\"name\":\"os/linux/oom-score-adj\",\"value\":99},
      {\"name\":\"resource/cpu\",\"value\":{\"limit\":\"1500m\"}}]" '"readOnlyRootFS":true'),
    $(app two 'nproc; grep MemTotal /proc/meminfo; cat /proc/sys/net/core/somaxconn')" \
    '"isolators":[{"name":"resource/memory","value":{"limit":"128Mi"}},{"name":"os/unix/sysctl","value":{"net.core.somaxconn":"77"}}]'
  run_pod --pod pod.json
  expect_status 0
  expect_stdout_has "one one nacelle b"
  expect_stdout_has 67108864
  expect_stdout_has 99
  expect_stdout_has "0 7 8"
  expect_stdout_has /tmp
  expect_stdout_has ro
  expect_stdout_has 77
}
