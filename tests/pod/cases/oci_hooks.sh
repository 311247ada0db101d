# shellcheck shell=bash disable=SC2154,SC2016,SC2034
# level: oci
# nacelle-oci: hooks of all kinds, in order, where they belong, and what becomes of their failures.

. "$here/engines.sh"

status_of() { oci state "$1" | sed -n 's/^ *"status": "\(.*\)",$/\1/p'; }
is_status() { [ "$(status_of "$1")" = "$2" ]; }

# make_bundle DIR HOOKS ARG...: a bundle over busybox's root with these hooks (JSON), whose program is ARG...
make_bundle() {
  mkdir -p "$1/rootfs/data" "$1/data"
  [ -e "$1/rootfs/bin" ] || cp -a "${busybox_dir#rootfs:}/." "$1/rootfs/"
  rm -f "$1/config.json"
  oci spec --bundle "$1"
  python3 - "$1/config.json" "${@:2}" <<'END'
import json, sys
config = json.load(open(sys.argv[1]))
config["root"]["readonly"] = False
config["hooks"] = json.loads(sys.argv[2])
config["process"]["args"] = sys.argv[3:]
config["annotations"] = {"org.example.key": "a \"value\""}
config["mounts"] = [{"destination": "/proc", "type": "proc", "source": "proc"},
                    {"destination": "/data", "type": "bind", "source": "data", "options": ["rbind"]}]
json.dump(config, open(sys.argv[1], "w"))
END
}

# Notes what a hook finds: its kind, its arguments and environment, where it is, its descriptors, and the state.
make_hook() {
  cat >hook <<END
#!/bin/bash
sed -n 's/^ *"pid": \\(.*\\),$/\\1/p' >"$PWD/pid.\$1"
echo "\$1 \$# X=\$X HOME=\$HOME \$(pwd)" \$(ls /proc/self/fd) >>"$PWD/log"
readlink /proc/self/ns/net >"$PWD/net.\$1"
cat "$PWD/b/rootfs/data/in" >"$PWD/data.\$1" 2>/dev/null
"${nacelle%/*}/nacelle-oci" --root "$PWD/oci" state c1 2>&1 | sed -n 's/^ *"status": "\(.*\)",$/state \1/p' >>"$PWD/log"
END
  chmod +x hook
}

test_order() {
  make_hook
  hooks=$(python3 - "$PWD" <<'END'
import json, sys
def hook(kind, **more):
    return {"path": sys.argv[1] + "/hook", "args": ["hook", kind], "env": ["X=" + kind, "PATH=/usr/bin:/bin"], "timeout": 60, **more}
print(json.dumps({
    "prestart": [hook("pre1"), hook("pre2", env=["PATH=/usr/bin:/bin"])], "createRuntime": [hook("runtime")], "createContainer": [hook("container")],
    "startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "cat >/state; echo \"hook $X $0 $(id -u)\" | tee /first", "zero"], "env": ["X=y", "PATH=/bin"]}],
    "poststart": [hook("poststart")], "poststop": [hook("poststop1"), {"path": "/bin/false"}, hook("poststop2")]}))
END
)
  make_bundle b "$hooks" sh -c 'cat /first; ls /; sleep 1000 & wait'
  echo given >b/data/in
  exec 9</dev/null
  oci create --bundle b --pid-file pid c1 </dev/null >"$out" 2>"$err" || fail "create"
  expect_same "$(cat log)" "pre1 1 X=pre1 HOME= $PWD/b 0 1 2 3
state creating
pre2 1 X= HOME= $PWD/b 0 1 2 3
state creating
runtime 1 X=runtime HOME= $PWD/b 0 1 2 3
state creating
container 1 X=container HOME= $PWD/b 0 1 2 3
state creating"
  expect_same "$(cat pid.pre1 pid.pre2 pid.runtime pid.container | sort -u)" "$(cat pid)"
  # Which of them sees the container's network and mounts.
  expect_same "$(cat net.pre1) $(cat net.runtime)" "$(readlink /proc/self/ns/net) $(readlink /proc/self/ns/net)"
  expect_same "$(cat net.container)" "$(readlink "/proc/$(cat pid)/ns/net")"
  expect_same "$(cat data.pre1)$(cat data.runtime)-$(cat data.container)" -given
  [ ! -e b/rootfs/first ] || fail "startContainer before the start"
  expect_same "$(status_of c1)" created
  # A container that waits for its start can be looked into.
  expect_same "$(oci exec c1 sh -c 'cat /data/in; ls /first 2>&1' </dev/null)" "given
ls: /first: No such file or directory"
  : >log
  oci start c1 || fail "start"
  expect_same "$(cat log)" "poststart 1 X=poststart HOME= $PWD/b 0 1 2 3
state running"
  expect_same "$(cat pid.poststart)" "$(cat pid)"
  expect_same "$(cat b/rootfs/first)" "hook y zero 0"
  python3 - <<'END' || fail "the state in the guest"
import json
state = json.load(open("b/rootfs/state"))
assert (state["status"], state["pid"], state["id"]) == ("created", 1, "c1"), state
assert state["annotations"] == {"org.example.key": 'a "value"'} and state["bundle"].endswith("/b"), state
END
  wait_for 60 grep -q "^hook y zero 0$" "$out"
  : >log
  oci --log warned --log-format json delete --force c1 2>err2 || fail "delete"
  expect_same "$(cat log)" "poststop1 1 X=poststop1 HOME= $PWD/b 0 1 2 3
poststop2 1 X=poststop2 HOME= $PWD/b 0 1 2 3"
  expect_same "$(cat pid.poststop1)" 0
  grep -q '"level":"warning","msg":"the poststop hook /bin/false ended with status 1"' warned || fail "$(cat warned)"
  expect_same "$(cat err2)" ""
}

# A failure before the program runs leaves no container, or a stopped one if it had been created.
test_failures() {
  local last='"poststop": [{"path": "/bin/sh", "args": ["sh", "-c", "echo stopped >>'$PWD'/log"]}]'
  make_bundle b '{"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "echo too bad >&2; exit 3"]}, {"path": "/bin/touch", "args": ["touch", "'"$PWD"'/never"]}], '"$last"'}' true
  ! oci create --bundle b --pid-file pid c1 </dev/null >"$out" 2>"$err" || fail "created"
  expect_stderr "nacelle-oci: the createRuntime hook /bin/sh ended with status 3: too bad"
  expect_same "$(cat log)" stopped
  [ ! -e pid ] && [ ! -e never ] || fail "it went on"
  expect_same "$(oci list -q)" ""
  make_bundle b '{"createContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "sleep 1000 & echo $! >'"$PWD"'/child; wait"], "timeout": 1}], '"$last"'}' true
  ! oci create --bundle b c1 </dev/null >"$out" 2>"$err" || fail "created"
  expect_stderr_has "the createContainer hook /bin/sh did not end within 1 seconds and was killed"
  ! kill -0 "$(cat child)" 2>/dev/null || wait_for 60 is_gone "$(cat child)"
  expect_same "$(oci list -q)" ""
  make_bundle b '{"startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "exit 4"]}]}' true
  oci create --bundle b c1 </dev/null >"$out" 2>"$err" || fail "create"
  ! oci start c1 2>err2 || fail "started"
  wait_for 60 is_status c1 stopped
  grep -qF "error running hook #0: the startContainer hook /bin/sh: exit status 4" err2 || fail "$(cat err2)"
  expect_stderr_has "the startContainer hook /bin/sh ended with status 4"
  oci delete c1 || fail "delete"
  make_bundle b '{"poststart": [{"path": "/no/such"}]}' sleep 1000
  oci create --bundle b c1 </dev/null >"$out" 2>"$err" || fail "create"
  ! oci start c1 2>err2 || fail "started"
  grep -q "the poststart hook /no/such ended with status 127: cannot be executed: No such file or directory" err2 || fail "$(cat err2)"
  wait_for 60 is_status c1 stopped
  oci delete c1 || fail "delete"
}
is_gone() { ! kill -0 "$1" 2>/dev/null; }

# Of two who make a container with the same id, one does.
test_one_wins() {
  local i won=0 many="1 2 3 4 5 6" cgroup=/nacelle-case-$$
  make_bundle b '{}' sleep 1000
  sed -i 's|"linux": {|"linux": {"cgroupsPath": "'"$cgroup"'", |' b/config.json
  grep -q cgroupsPath b/config.json || fail "no cgroup"
  for i in $many; do
    { oci create --bundle b c1 </dev/null >"out$i" 2>"err$i" && echo won >"won$i"; } &
  done
  wait
  for i in $many; do
    if [ -e "won$i" ]; then won=$((won + 1)); else expect_same "$(cat "err$i")" "nacelle-oci: container with given ID already exists: c1"; fi
  done
  expect_same "$won $(oci list -q)" "1 c1"
  expect_same "$(cd oci/pods/v1 && find run names -mindepth 1 -maxdepth 1 | wc -l)" 2
  grep -qx "$(oci state c1 | sed -n 's/^ *"pid": \(.*\),$/\1/p')" "/sys/fs/cgroup$cgroup/cgroup.procs" || fail "its cgroup is empty"
  ! oci create --preserve-fds 1 --bundle b c2 </dev/null >"$out" 2>"$err" || fail "descriptors are passed"
  expect_stderr_has "--preserve-fds 1: open files and sockets of the host cannot be handed to a virtual machine"
  ! oci exec --preserve-fds 2 c1 true >"$out" 2>"$err" || fail "descriptors are passed"
  oci exec --preserve-fds=0 c1 true || fail "exec in a container that waits"
  oci delete c1 || fail "delete"
  expect_same "$(cd oci/pods/v1 && find . -mindepth 2)" ""
  [ ! -e "/sys/fs/cgroup$cgroup" ] || fail "its cgroup is there"
}

# podman's own hooks.
test_podman() {
  local stage
  podman_begin
  make_hook
  mkdir hooks.d
  for stage in prestart createRuntime createContainer poststart poststop; do
    echo '{"version": "1.0.0", "hook": {"path": "'"$PWD/hook"'", "args": ["hook", "'$stage'"], "env": ["PATH=/usr/bin:/bin"]}, "when": {"always": true}, "stages": ["'$stage'"]}' >hooks.d/$stage.json
  done
  echo '{"version": "1.0.0", "hook": {"path": "/bin/touch", "args": ["touch", "/from-hook"]}, "when": {"always": true}, "stages": ["startContainer"]}' >hooks.d/start.json
  says 3 --hooks-dir hooks.d run --rm --net none --rootfs "$PWD/rootfs" sh -c 'ls /from-hook; exit 3'
  expect_stdout /from-hook
  expect_same "$(cut -d' ' -f1 log | tr '\n' ' ')" "prestart createRuntime createContainer poststart poststop "
}
