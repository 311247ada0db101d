# shellcheck shell=bash disable=SC2154,SC2016,SC2034
# level: oci
# Debian's containerd as a kubelet uses it: pods and their containers by its Container Runtime Interface, with the lines of README.md
# for a RuntimeClass; ../cri is the kubelet.

image=docker.io/library/busybox

# cri_begin: a containerd of this case's own with the image, a sandbox's own image that does what Kubernetes' does, and a network.
cri_begin() {
  local program
  [ "$(id -u)" = 0 ] || skip "needs root"
  for program in containerd curl jq umoci /usr/lib/cni/bridge; do
    command -v "$program" >/dev/null || skip "$program is not installed"
  done
  base=$(mktemp -d /run/cri-XXXXXX)
  mkdir "$base/cni" "$base/logs"
  cat >"$base/cni/10-pods.conflist" <<END2
{ "cniVersion": "0.4.0", "name": "cri-pods", "plugins": [ { "type": "bridge", "bridge": "cri0", "isGateway": true,
  "ipam": { "type": "host-local", "subnet": "10.88.77.0/24", "dataDir": "$base/addresses", "routes": [ { "dst": "0.0.0.0/0" } ] } } ] }
END2
  {
    sed -n '/^containerd, /,/^CRI-O, /s/^    //p' "$here/../../README.md" |
      sed -e "s|/usr/bin/nacelle-oci|${nacelle%/*}/nacelle-oci|" -e "1a root = '$base/root'\nstate = '$base/state'"
    cat <<END2
[grpc]
  address = '$base/socket'
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$image:pause"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$base/cni"
END2
  } >config.toml
  export CONTAINERD_ADDRESS=$base/socket CONTAINERD_NAMESPACE=k8s.io
  trap cri_end EXIT
  daemon_start
  cp -r "$busybox_layout" layout
  umoci config --image layout:latest --tag pause --config.entrypoint /bin/sh --config.cmd -c --config.cmd 'trap "exit 0" TERM; sleep 1000000 & wait'
  tar -C layout -cf images.tar .
  ctr image import --base-name "$image" images.tar >"$out" 2>&1 || fail "import: $(cat "$out")"
}
daemon_start() {
  containerd -c config.toml >>containerd.log 2>&1 &
  daemon=$!
  wait_for 100 ready
}
ready() { [ "$(ask Status '{}' | jq -c '[.status.conditions[].status]')" = "[true,true]" ]; }
ask() { "$here/cri" "$base/socket" "$@"; }
cri_end() {
  grep -E 'level=(warning|error)' containerd.log | tail -20
  local id
  for id in $(ask ListPodSandbox '{}' | jq -r '.items[]?.id'); do
    ask StopPodSandbox "{\"pod_sandbox_id\": \"$id\"}" && ask RemovePodSandbox "{\"pod_sandbox_id\": \"$id\"}"
  done >/dev/null 2>&1
  [ -z "${daemon-}" ] || { kill "$daemon" && wait "$daemon"; }
  ip link del cri0
  umount "$base"/state/*/sandboxes/*/shm
  rm -rf "$base"
} 2>/dev/null

# cri METHOD REQUEST: succeeds; the answer is in $out, and value FILTER says a part of it.
cri() {
  echo "$SECONDS s: $*" | cut -c 1-150
  ask "$@" >"$out" 2>"$err" || fail "$1: $(cat "$err")"
}
refused() {
  ! ask "$1" "$2" >"$out" 2>"$err" || fail "not refused: $1 $2"
  expect_stderr_has "$3"
}
value() { jq -rc "$1" "$out"; }
# What a kubelet asks for.
pod='{"metadata": {"name": "pod", "uid": "u1", "namespace": "default"}, "hostname": "box", "linux": {"cgroup_parent": "/kubepods/burstable/podu1",
  "security_context": {"namespace_options": {"network": 0, "pid": 1, "ipc": 0}, "seccomp": {"profile_type": 0}}}}'
container='{"image": {"image": "'$image':latest"}, "linux": {"security_context": {"namespace_options": {"network": 0, "pid": 1, "ipc": 0}}}}'
# sandbox [FILTER]: runs one; $sandbox is its id.
sandbox() {
  sandbox_config=$(jq -c "${1-.}" <<<"$pod")
  cri RunPodSandbox "{\"runtime_handler\": \"nacelle\", \"config\": $sandbox_config}"
  sandbox=$(value .pod_sandbox_id)
}
# create NAME FILTER: a container, with what the filter adds; $id is its id. start NAME FILTER: the same, started.
create() {
  cri CreateContainer "$(jq -c --arg name "$1" --arg sandbox "$sandbox" --argjson pod "$sandbox_config" \
    '.metadata.name = $name | .log_path = $name + ".log" | '"$2"' | {pod_sandbox_id: $sandbox, config: ., sandbox_config: $pod}' <<<"$container")"
  id=$(value .container_id)
}
start() { create "$@" && cri StartContainer "{\"container_id\": \"$id\"}"; }
of() { echo "{\"container_id\": \"$1\"}"; }
# says ID STATUS WORDS: a command of sh in a container, as a probe runs it.
says() {
  cri ExecSync "$(jq -nc --arg id "$1" --arg words "$3" '{container_id: $id, cmd: ["sh", "-c", $words], timeout: 100}')"
  expect_same "$(value '.exit_code // 0')" "$2" "$(cat "$out")"
}
# ended ID STATUS REASON: in the end.
ended() {
  local deadline=$((SECONDS + 100))
  until is_ended "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || fail "not $2 $3: $(ask ContainerStatus "$(of "$1")" | jq -c '.status | [.state, .exit_code, .reason]')"
    sleep 0.2
  done
}
is_ended() { [ "$(ask ContainerStatus "$(of "$1")" | jq -rc '.status | [.state, .exit_code // 0, .reason]')" = "[2,$2,\"$3\"]" ]; }
# logged NAME: what the container has written, as a kubelet reads it: STREAM F LINE.
logged() { cut -d ' ' -f 2- "$base/logs/$1.log"; }
# Processes whose command lines name what is this case's own: shims, and those that nacelle-oci makes, as PID NAME.
processes() { pgrep -lf -- "$base/(socket|state/)" | grep -E ' (nacelle-|.*-shim)'; }
# What a sandbox leaves on this machine since the case began.
left() {
  processes
  find /sys/fs/cgroup/kubepods/burstable/podu1 -mindepth 1 -type d
  find /run/netns /run/containerd/runc/k8s.io/pods/v1/{run,names,prepared} -mindepth 1 -newer images.tar
  find "$base/state/io.containerd.runtime.v2.task" -mindepth 1
  find "$base/state/io.containerd.grpc.v1.cri/sandboxes" -mindepth 1
  find "$base/addresses" -name '10.*'
  grep -F "$base/" /proc/mounts
  ip -o link show master cri0
} 2>/dev/null
nothing_left() { [ "$(left | grep -cv '/k8s.io$')" = 0 ]; }
remove_sandbox() {
  cri StopPodSandbox "{\"pod_sandbox_id\": \"$sandbox\"}"
  cri RemovePodSandbox "{\"pod_sandbox_id\": \"$sandbox\"}"
  for ((i = 0; i < 200; i++)); do ! nothing_left || return 0; sleep 0.5; done
  fail "left: $(left)"
}
# machine: the pod's virtual machine. There is one.
machine() {
  expect_same "$(processes | grep -c ' nacelle-vm$')" 1 "virtual machines"
  processes | sed -n 's/ nacelle-vm$//p'
}


# A pod, its containers' lives, figures and limits, beside each other in one virtual machine.
test_pod() {
  cri_begin
  cri Version '{"version": "v1"}'
  expect_same "$(value '[.runtime_name, .runtime_api_version]')" '["containerd","v1"]'
  sandbox ".log_directory = \"$base/logs\""
  cri PodSandboxStatus "{\"pod_sandbox_id\": \"$sandbox\"}"
  expect_same "$(value '.status | [.state // 0, .network.ip, .runtime_handler]')" '[0,"10.88.77.2","nacelle"]'
  first_machine=$(machine)

  # They share the pod's network, its address and name, and no files.
  start web '.command = ["sh", "-c"] | .args = ["echo page of $(hostname) >/page; httpd -f -p 80 -h /"]'
  web=$id
  start job '.command = ["sh", "-c", "until wget -qO - 127.0.0.1/page; do sleep 0.1; done; echo err >&2; ls /page; printf part; exit 3"]'
  job=$id
  ended "$job" 3 Error
  expect_same "$(logged job | sort)" "$(sort <<<'stdout F page of box
stderr F err
stderr F ls: /page: No such file or directory
stdout P part')"
  wget -T 60 -qO page http://10.88.77.2/page || fail "the pod is not reached at its address"
  expect_same "$(cat page)" "page of box"

  # Probes, and one that takes too long, which leaves nothing that runs.
  says "$web" 4 'echo out; echo err >&2; exit 4'
  expect_same "$(value '[.stdout, .stderr]')" '["out\n","err\n"]'
  refused ExecSync "{\"container_id\": \"$web\", \"cmd\": [\"sleep\", \"1234\"], \"timeout\": 2}" "timeout 2s exceeded"
  cri UpdateContainerResources "{\"container_id\": \"$web\", \"linux\": {\"memory_limit_in_bytes\": 50331648, \"cpu_quota\": 20000, \"cpu_period\": 50000}}"
  says "$web" 0 'cd /sys/fs/cgroup; cat memory.max cpu.max; ps | grep -c "[s]leep 1234"; true'
  expect_same "$(value .stdout | xargs)" "50331648 40000 100000 0"

  # Figures: of a container, of those that run, and of the whole machine.
  cri ListContainerStats '{}'
  expect_same "$(value "[.stats[] | select(.attributes.id == \"$web\") | .cpu.usage_core_nano_seconds.value > 0, .memory.working_set_bytes.value > 4096]")" '[true,true]'
  cri PodSandboxStats "{\"pod_sandbox_id\": \"$sandbox\"}"
  expect_same "$(value '.stats.linux | [.memory.usage_bytes.value > 16777216, .network.default_interface.name, .network.default_interface.rx_bytes.value > 0]')" \
    '[true,"eth0",true]'

  # One that has ended goes, and is started anew; one that runs out of memory ends alone.
  cri RemoveContainer "$(of "$job")"
  # containerd looks for such ends from a moment after the start on, and misses an earlier one (its issue 8180).
  mkdir "$base/go"
  start job '.metadata.attempt = 1 | .command = ["sh", "-c", "until [ -e /go/now ]; do sleep 0.1; done; exec tail /dev/zero"] |
    .mounts = [{host_path: "'"$base"'/go", container_path: "/go"}] | .linux.resources = {memory_limit_in_bytes: 33554432}'
  says "$id" 0 true
  sleep 1
  : >"$base/go/now"
  ended "$id" 137 OOMKilled
  start job '.metadata.attempt = 2 | .command = ["sh", "-c", "trap \"echo bye; exit 0\" TERM; echo ready; while :; do sleep 0.1; done"]'
  wait_for 100 grep -q 'stdout F ready' "$base/logs/job.log"
  mv "$base/logs/job.log" "$base/logs/job.log.1"
  cri ReopenContainerLog "$(of "$id")"
  cri StopContainer "{\"container_id\": \"$id\", \"timeout\": 100}"
  ended "$id" 0 Completed
  expect_same "$(logged job)" "stdout F bye"
  says "$web" 0 true
  expect_same "$(machine)" "$first_machine"
  remove_sandbox
  refused ExecSync "{\"container_id\": \"$web\", \"cmd\": [\"true\"]}" "not found"
}

# What is in a container and what it may do, a volume of two, a daemon that is killed, and what a virtual machine cannot be.
test_containers() {
  cri_begin
  # The processes and the network of others are out of reach, and such a pod leaves nothing.
  refused RunPodSandbox "{\"runtime_handler\": \"nacelle\", \"config\": $(jq -c '.linux.security_context.namespace_options.network = 2' <<<"$pod")}" "linux.namespaces"
  sandbox ".log_directory = \"$base/logs\" | .dns_config = {servers: [\"10.88.77.1\"], searches: [\"pods.test\"]}"
  create same '.command = ["true"] | .linux.security_context.namespace_options.pid = 0'
  refused StartContainer "$(of "$id")" "a virtual machine cannot join the pid namespace of others"
  create none '.command = ["no-such"]'
  refused StartContainer "$(of "$id")" 'exec: "no-such": executable file not found in $PATH'

  # Bound files and directories, as of a ConfigMap, of the kubelet's hosts file and of an emptyDir.
  mkdir "$base/volume" "$base/map"
  chmod 777 "$base/volume"
  echo word >"$base/map/key"
  echo 10.9.8.7 known >"$base/hosts"
  : >"$base/ended" && chmod 666 "$base/ended"
  mounts='.mounts = [{host_path: "'$base'/volume", container_path: "/volume"}, {host_path: "'$base'/map", container_path: "/map", readonly: true},
    {host_path: "'$base'/hosts", container_path: "/etc/hosts"}, {host_path: "'$base'/ended", container_path: "/dev/termination-log"}]'
  start bare "$mounts"' | .envs = [{key: "A", value: "b c"}] | .working_dir = "/volume" | .linux.security_context += {run_as_user: {value: 1234}, run_as_group: {value: 7},
    supplemental_groups: [55], readonly_rootfs: true, no_new_privs: true, capabilities: {drop_capabilities: ["ALL"]}, seccomp: {profile_type: 0},
    masked_paths: ["/proc/interrupts"]} |
    .command = ["sh", "-c"] | .args = ["id -u; id -g; id -G; echo $A in $(pwd); cat /map/key /etc/hosts; grep -v ^# /etc/resolv.conf; hostname;
      grep -E \"CapEff|CapBnd|NoNewPrivs|Seccomp:\" /proc/self/status; cat /proc/interrupts | wc -c; touch /x; touch /map/x; mkdir /dev/shm/made; echo mine >own; echo why >/dev/termination-log; exec sleep 1000000"]'
  bare=$id
  wait_for 100 grep -q 'stderr F touch: /map' "$base/logs/bare.log"
  wait_for 100 grep -qx '.* stdout F 0' "$base/logs/bare.log"
  wait_for 100 test -s "$base/ended"
  expect_same "$(logged bare | tr '\t' ' ' | sed -n 's/^stdout F //p')" "1234
7
7 55
b c in /volume
word
10.9.8.7 known
search pods.test
nameserver 10.88.77.1
box
CapEff: 0000000000000000
CapBnd: 0000000000000000
NoNewPrivs: 1
Seccomp: 2
0"
  expect_same "$(logged bare | grep stderr)" "stderr F touch: /x: Read-only file system
stderr F touch: /map/x: Read-only file system"
  expect_same "$(cat "$base/ended" "$base/volume/own")" "why
mine"
  # Another one of the pod has the volume and the shared memory too.
  start other "$mounts"' | .command = ["sh", "-c", "ls -d /dev/shm/made; cat /volume/own; exec sleep 1000000"]'
  other=$id
  wait_for 100 grep -q mine "$base/logs/other.log"
  expect_same "$(logged other)" "stdout F /dev/shm/made
stdout F mine"

  # A daemon that has been killed finds them again, and what has ended meanwhile.
  kill -KILL "$daemon" && wait "$daemon"
  pid=$(cat "$base/state/io.containerd.runtime.v2.task/k8s.io/$other/init.pid")
  kill -TERM "$pid"
  wait_for 100 gone "$pid"
  daemon_start
  ended "$other" 143 Error
  says "$bare" 0 'cat /volume/own'
  expect_same "$(value .stdout)" mine
  machine
  remove_sandbox
}
