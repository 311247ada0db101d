# shellcheck shell=bash disable=SC2154
# level: pod
# What appc's ACE validator asks of an executor, by nacelle run and by the stage1 (ace.c).

. "$here/../stage1/stage0.sh"

# The two images as appc's ace/ has them: main.json, sidekick.json and the directory root.
make_images() {
  local annotations='"annotations":[{"name":"created","value":"2014-10-27T19:32:27.67021798Z"},{"name":"lorem","value":"ipsum"}]'
  local point='"mountPoints":[{"name":"database","path":"/db","readOnly":false}]'
  local labels='"labels":[{"name":"version","value":"0.8.11"},{"name":"os","value":"linux"},{"name":"arch","value":"amd64"}]'
  mkdir -p "$1/opt/acvalidator"
  cp "$here/../../build/ace" "$1/ace-validator" 2>/dev/null || gcc -D_GNU_SOURCE -static -O1 -o "$1/ace-validator" "$here/ace.c" ||
    fail "ace.c"
  main='"exec":["/ace-validator","main"],"eventHandlers":[{"name":"pre-start","exec":["/ace-validator","prestart"]},
    {"name":"post-stop","exec":["/ace-validator","poststop"]}],"user":"0","group":"0","workingDirectory":"/opt/acvalidator",
    "environment":[{"name":"IN_ACE_VALIDATOR","value":"correct"}],'$point',
    "ports":[{"name":"www","protocol":"tcp","port":80}],"isolators":[{"name":"resource/memory","value":{"limit":"100M"}}]'
  sidekick='"exec":["/ace-validator","sidekick"],"user":"0","group":"0",'$point
  echo '{"acVersion":"0.8.11","acKind":"ImageManifest","name":"coreos.com/ace-validator-main",'"$labels"',"app":{'"$main"'},'"$annotations"'}' >main.json
  echo '{"acVersion":"0.8.11","acKind":"ImageManifest","name":"coreos.com/ace-validator-sidekick",'"$labels"',"app":{'"$sidekick"'}}' >sidekick.json
}
make_aci() {
  mkdir -p "work/$1"
  cp "$1.json" "work/$1/manifest"
  tar --create --gzip --file "ace-validator-$1.aci" --directory "$PWD/work/$1" manifest --transform 's|^\./|rootfs/|' \
    --directory "$PWD/root" ./ || fail "cannot make $1.aci"
}
expect_valid() {
  expect_status 0
  expect_same "$(sort "$out" | paste -s -d ,)" "main OK,poststop OK,prestart OK,sidekick OK" "what the validator says"
  expect_stderr ""
}

# The images by name, and a pod manifest, whose annotations override the image's. A pod that does not ask has no service.
test_run() {
  local id
  make_images root
  make_aci main
  make_aci sidekick
  run_pod --metadata --volume database,kind=empty aci:ace-validator-main.aci --name ace-validator-main --annotation lorem=changed --annotation own=1 \
    --- aci:ace-validator-sidekick.aci --name ace-validator-sidekick
  expect_valid
  id() { echo "sha512-$(gunzip <"ace-validator-$1.aci" | sha512sum | cut -d ' ' -f 1)"; }
  echo '{"acVersion":"0.8.11","acKind":"PodManifest","apps":[
    {"name":"ace-validator-main","image":{"id":"'"$(id main)"'"},"annotations":[{"name":"lorem","value":"pod"}]},
    {"name":"ace-validator-sidekick","image":{"id":"'"$(id sidekick)"'"}}],
    "volumes":[{"name":"database","kind":"host","source":"'"$PWD"'/db"}],"annotations":[{"name":"whose","value":"the pod\u0027s"}]}' >pod.json
  mkdir db
  run_pod --metadata --pod pod.json
  expect_valid
  expect [ -e db/poststop ]
  run_pod "$busybox" -- sh -c 'echo "${AC_METADATA_URL-none}"; wget -q -O - http://127.0.0.1:18112/ 2>&1 | grep -o refused'
  expect_stdout "none
refused"
}

# By rkt's stage0: the manifest with its nulls, the token is rkt's, and the image's manifest beside its root.
test_stage1() {
  local token=ab8e9d0c7f6b5a4938271605f4e3d2c1 app
  begin_rkt
  make_images root
  mkdir db
  volumes='[{"name":"database","kind":"host","source":"'$PWD'/db","readOnly":false,"recursive":null}]'
  mounts='[{"volume":"database","path":"/db"}]'
  id() { printf 'sha512-%064d' 0; }
  printf '{"acVersion":"1.30.0","acKind":"PodManifest","apps":[{"name":"ace-validator-main","image":{"name":"coreos.com/ace-validator-main","id":"%s","labels":null},"app":{%s},"mounts":%s,"annotations":null},{"name":"ace-validator-sidekick","image":{"id":"%s"},"app":{%s},"mounts":%s}],"volumes":%s,"isolators":null,"annotations":null,"ports":null}' \
    "$(id)" "$main" "$mounts" "$(id)" "$sidekick" "$mounts" "$volumes" >manifest
  prepare_pod manifest ace-validator-main="$PWD/root" ace-validator-sidekick="$PWD/root"
  for app in main sidekick; do
    cp "$app.json" "$pod_dir/stage1/rootfs/opt/stage2/ace-validator-$app/manifest"
  done
  run_stage1 --mds-token=$token
  expect_valid
  expect_same "$(app_status ace-validator-main)" 0 "status of main"
  expect [ -e db/poststop ]
  collect
}
