# shellcheck shell=bash
# level: pod
# Several apps on the command line and by a manifest, isolators, and what is refused.

# manifest APPS [MEMBERS]: pod.json with these apps and further members.
manifest() {
  echo "{\"acKind\":\"PodManifest\",\"acVersion\":\"1.30.0\",\"userLabels\":null,\"apps\":[$1]${2:+,$2}}" >pod.json
}
# app NAME SHELL_TEXT [MEMBERS_OF_APP_SECTION [MEMBERS_OF_APP [ANNOTATIONS]]]
app() {
  echo "{\"name\":\"$1\",\"image\":{\"id\":\"\"},\"annotations\":[{\"name\":\"nacelle/image\",\"value\":\"$busybox\"}${5:+,$5}]," \
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

# rkt's cases for pod manifests, one app each, in one pod. Each app says its name and what it has found.
test_cases() {
  local bin='"isolators":[{"name":"os/linux/capabilities-retain-set","value":{"set":["CAP_KILL"]}}]'
  local without='"isolators":[{"name":"os/linux/capabilities-remove-set","value":{"set":["CAP_KILL"]}}]'
  local quiet='"isolators":[{"name":"os/linux/no-new-privileges","value":true},{"name":"os/linux/oom-score-adj","value":99},
    {"name":"os/linux/cpu-shares","value":2},{"name":"resource/cpu","value":{"limit":"500m"}},{"name":"resource/memory","value":{"limit":"20Mi"}}]'
  mkdir -p rw ro
  manifest "$(app cwd 'echo cwd $(pwd)' '"workingDirectory":"/tmp"'),
    $(app env 'echo env $A:$B' '"environment":[{"name":"A","value":"with space"},{"name":"B","value":"\u00e4 = \u0022"}]'),
    $(app rw 'echo rw $(touch /v/rw && echo yes)' '"mountPoints":[{"name":"rw","path":"/v"}]' '"mounts":[{"volume":"rw","path":"/v"}]'),
    $(app volume-ro 'echo volume-ro $(touch /v/x 2>/dev/null || echo no)' '"mountPoints":[{"name":"ro","path":"/v","readOnly":false}]' '"mounts":[{"volume":"ro","path":"/v"}]'),
    $(app point-ro 'echo point-ro $(touch /v/point && echo yes)' '"mountPoints":[{"name":"rw","path":"/v","readOnly":true}]' '"mounts":[{"volume":"rw","path":"/v"}]'),
    $(app silent-ro 'echo silent-ro $(touch /v/x 2>/dev/null || echo no)' '"mountPoints":[{"name":"silent","path":"/v","readOnly":true}]' '"mounts":[{"volume":"silent","path":"/v"}]'),
    $(app no-point 'echo no-point $(touch /some/where/x && echo yes)' '' '"mounts":[{"volume":"silent","path":"/some/where"}]'),
    $(app by-name 'echo by-name $(touch /named/by-name && echo yes)' '"mountPoints":[{"name":"rw","path":"/named"}]'),
    $(app empty 'echo empty $(stat -c %a:%u:%g /e); echo shared >/e/new; mv /e/new /e/file' '' '"mounts":[{"volume":"empty","path":"/e"}]'),
    $(app shared 'until [ -e /other/file ]; do sleep 0.05; done; echo shared $(cat /other/file)' '' '"mounts":[{"volume":"empty","path":"/other"}]'),
    $(app prefill 'echo prefill $(ls /bin | grep -cx busybox) $(touch /bin/new && echo yes)' '"mountPoints":[{"name":"bin","path":"/bin"}]'),
    $(app root-ro 'echo root-ro $(touch /x 2>/dev/null || echo no)' '' '"readOnlyRootFS":true'),
    $(app retain 'echo retain $(sed -n s/CapBnd:.//p /proc/self/status)' "$bin"),
    $(app remove 'echo remove $(sed -n s/CapBnd:.//p /proc/self/status)' "$without"),
    $(app limits 'echo limits $(sed -n s/NoNewPrivs:.//p /proc/self/status) $(cat /proc/self/oom_score_adj /sys/fs/cgroup/cpu.weight /sys/fs/cgroup/cpu.max /sys/fs/cgroup/memory.max)' "$quiet"),
    $(app groups 'echo groups $(id -u):$(id -G)' '"supplementaryGIDs":[7,8]'),
    $(app handler 'echo handler $(cat /started)' '"eventHandlers":[{"name":"pre-start","exec":["/bin/sh","-c","echo before >/started"]}]'),
    $(app annotated 'echo annotated $(ulimit -n) $(cat /sys/fs/cgroup/pids.max)' '' '' \
    '{"name":"nacelle/ulimit","value":"nofile=33:44 core=0"},{"name":"nacelle/pids-limit","value":"50"}')" \
    "\"volumes\":[{\"name\":\"rw\",\"kind\":\"host\",\"source\":\"$PWD/rw\",\"readOnly\":false},
      {\"name\":\"ro\",\"kind\":\"host\",\"source\":\"$PWD/ro\",\"readOnly\":true},
      {\"name\":\"silent\",\"kind\":\"empty\"},{\"name\":\"empty\",\"kind\":\"empty\",\"mode\":\"1770\",\"uid\":5,\"gid\":6}]"
  run_pod --pod pod.json --env B=option
  expect_status 0
  for line in 'cwd /tmp' 'env with space:option' 'rw yes' 'volume-ro no' 'point-ro yes' 'silent-ro no' 'no-point yes' 'by-name yes' \
    'empty 1770:5:6' 'shared shared' 'prefill 1 yes' 'root-ro no' 'retain 0000000000000020' 'remove 00000000a80425db' \
    'limits 1 99 1 50000 100000 20971520' 'groups 0:0 7 8' 'handler before' 'annotated 33 50'; do
    expect_stdout_has "$line"
  done
  expect test -e rw/rw -a -e rw/point -a -e rw/by-name -a ! -e ro/x
}

# What runs is written down, and can be run again.
test_cat_manifest() {
  run_pod --uuid-file uuid "$busybox" --name first --env A=b --memory 30M --cap-drop ALL --ulimit nofile=10:20 -- sh -c 'echo $A; ulimit -n' \
    --- "$busybox" --user 5:6 -- sh -c 'id -u'
  expect_status 0
  cp "$out" first
  "$nacelle" cat-manifest --root "$store" --uuid-file uuid >pod.json || fail "cat-manifest"
  expect grep -q '"name": "first"' pod.json
  run_pod --pod pod.json
  expect_status 0
  expect_same "$(sort first)" "$(sort "$out")"
}

# An app has what its limit says, and is killed beyond it, alone.
test_memory_limits() {
  run_pod "$busybox" --memory 48M -- dd if=/dev/zero of=/dev/null bs=40M count=1 \
    --- "$busybox" --memory 48M -- dd if=/dev/zero of=/dev/null bs=40M count=1
  expect_status 0
  run_pod --memory 128M "$busybox" --memory 30M -- dd if=/dev/zero of=/dev/null bs=60M count=1
  expect_status 137
}

test_aci_isolators() {
  local store=$PWD/fresh
  mkdir -p -m 700 fresh work
  echo '{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "example.com/limited",
    "app": {"exec": ["/bin/sh", "-c", "cat /sys/fs/cgroup/memory.max; grep CapBnd /proc/self/status; cat /made"],
      "user": "0", "group": "0", "eventHandlers": [{"name": "pre-start", "exec": ["/bin/sh", "-c", "echo made >/made"]}],
      "isolators": [{"name": "resource/memory", "value": {"limit": "40Mi"}},
        {"name": "os/linux/capabilities-retain-set", "value": {"set": ["CAP_KILL"]}}]}}' >work/manifest
  tar --create --file app.aci --gzip --directory "$PWD/work" manifest --transform 's|^\./|rootfs/|' \
    --directory "$busybox_dir" ./ || fail "cannot make app.aci"
  run_pod aci:app.aci
  expect_stdout "$(printf '41943040\nCapBnd:\t0000000000000020\nmade')"
  # As an earlier version has written it: without the limit, and without the version of the record.
  LC_ALL=C sed -i 's/\x22\x00\x00\x00\x08\x00\x00\x00\x02\x00/\x22\x00\x00\x00\x08\x00\x00\x00\x01\x00/
    s/\x91\x00\x00\x00\x08\x00\x00\x00/\x91\xff\x00\x00\x08\x00\x00\x00/' "$store"/images/v1/records/sha512-*
  run_pod aci:app.aci
  expect_stdout "$(printf '41943040\nCapBnd:\t0000000000000020\nmade')"
}

# refuse MANIFEST TEXT: with 125 and a sentence that has this text.
refuse() {
  printf '%s' "$1" >pod.json
  run_pod --pod pod.json
  expect_status 125
  expect_stderr_has "$2"
  expect_one_line_on_stderr
}
test_refused() {
  local head='{"acKind":"PodManifest","acVersion":"1.30.0"' app
  app=',"apps":[{"name":"a","image":{"id":""},"annotations":[{"name":"nacelle/image","value":"'$busybox'"}]'
  refuse '{' 'the pod manifest pod.json: '
  refuse "$head$app,\"app\":{\"user\":\"0\",\"group\":\"0\",\"exec\":[\"x\"],\"isolators\":[{\"name\":\"resource/magic\",\"value\":1}]}}]}" \
    'apps[0].app.isolators[0].name: "resource/magic" is no isolator'
  refuse "$head$app,\"mounts\":[{\"volume\":\"v\",\"path\":\"/v\"}]}],\"volumes\":[{\"name\":\"v\",\"kind\":\"host\",\"source\":\"/not/there\"}]}" /not/there
  refuse "$head,\"apps\":[{\"name\":\"a\",\"image\":{\"id\":\"sha512-00000000000000000000000000000000\"}}]}" 00000000000000000000000000000000
  run_pod --pod not-there.json
  expect_status 125
  expect_stderr_has not-there.json
  run_pod --pod pod.json "$busybox"
  expect_status 125
}
