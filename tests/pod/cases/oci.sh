# shellcheck shell=bash disable=SC2154,SC2016,SC2034
# level: oci
# nacelle-oci: bundles from create to delete, as an engine drives it.

. "$here/engines.sh"
status_of() { oci state "$1" | sed -n 's/^ *"status": "\(.*\)",$/\1/p'; }
is_status() { [ "$(status_of "$1")" = "$2" ]; }

# make_bundle DIR ARG...: a bundle over busybox's root whose program is ARG..., with a share of its own.
make_bundle() {
  local bundle=$1
  shift
  mkdir -p "$bundle/rootfs" "$bundle/data"
  cp -a "${busybox_dir#rootfs:}/." "$bundle/rootfs/"
  python3 - "$bundle/config.json" "$@" <<'END'
import json, sys
caps = ["CAP_KILL", "CAP_CHOWN", "CAP_UNHEARD_OF"]
json.dump({
    "ociVersion": "1.0.2",
    "root": {"path": "rootfs"},
    "hostname": "box",
    "process": {
        "args": sys.argv[2:], "cwd": "/tmp", "env": ["PATH=/bin:/usr/bin", "A=b c"],
        "user": {"uid": 0, "gid": 0, "umask": 7, "additionalGids": [5]},
        "capabilities": {"bounding": caps, "permitted": caps, "effective": caps},
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 88}],
        "noNewPrivileges": True},
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
        {"destination": "/data", "type": "bind", "source": "data", "options": ["rbind", "ro"]},
        {"destination": "/scratch", "type": "tmpfs", "source": "tmpfs", "options": ["size=64k", "mode=700"]}],
    "annotations": {"org.example.key": "a \"value\""},
    "linux": {
        "namespaces": [{"type": t} for t in ("pid", "network", "ipc", "uts", "mount")],
        "resources": {"memory": {"limit": 67108864}},
        "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]},
        "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"]}},
    open(sys.argv[1], "w"))
END
}

# As an engine does it: whoever made the container's process is gone, and the engine waits for it.
test_life_of_a_bundle() {
  make_bundle b sh -c 'cat /data/in; hostname; echo "$A $(umask) $(ulimit -n) $(pwd) $(id -G)"
    grep -E "^(CapBnd|NoNewPrivs)" /proc/self/status; mkdir /tmp/x; echo x >/data/y; echo new >/written; df /scratch | tail -n 1
    trap "echo usr1; exit 7" USR1; echo ready >&2; while :; do sleep 0.1; done'
  echo input >b/data/in
  mv b/config.json other.json
  python3 - "${nacelle%/*}/nacelle-oci" "$PWD" <<'END' || fail "as an engine"
import ctypes, fcntl, glob, json, os, signal, subprocess, sys, time
oci, top = [sys.argv[1], "--root", sys.argv[2] + "/new/er/oci"], sys.argv[2]
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER

def say(*words):
    while True:
        done = subprocess.run([*oci, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        # On a loaded host a supervisor may be too busy to answer in time.
        if b"creating" not in done.stdout + done.stderr:
            return done.returncode, done.stdout.decode(), done.stderr.decode()

def state():
    return json.loads(say("state", "c1")[1])

leaked = os.open("/dev/null", os.O_RDONLY)
os.set_inheritable(leaked, True)
out, err = open("out", "w"), open("err", "w")
made = subprocess.run([*oci, "create", "--bundle=b", "--config=other.json", "--pid-file", "pid", "--no-pivot", "c1"],
                      stdin=subprocess.DEVNULL, stdout=out, stderr=err, pass_fds=[leaked])
assert made.returncode == 0, open("err").read()
pid = int(open("pid").read())
assert open("out").read() == "" and open("err").read() == "", open("err").read()
assert os.getsid(pid) == pid
assert not [fd for fd in os.listdir(f"/proc/{pid}/fd") if os.readlink(f"/proc/{pid}/fd/{fd}") in (top + "/out", top + "/err")]
now = state()
assert now["status"] == "created" and now["pid"] == pid and now["id"] == "c1", now
assert now["bundle"] == top + "/b" and now["annotations"] == {"org.example.key": 'a "value"'}, now
assert open("out").read() == ""
assert say("create", "-b", "b", "c1")[2] == "nacelle-oci: container with given ID already exists: c1\n"
assert say("start", "c1") == (0, "", ""), "start"
while "ready" not in open("err").read():
    time.sleep(0.05)
assert state()["status"] == "running"
assert "already running" in say("start", "c1")[2]
assert "that is not stopped: running" in say("delete", "c1")[2]
assert say("pause", "c1") == (0, "", "") and state()["status"] == "paused"
assert say("resume", "c1") == (0, "", "") and state()["status"] == "running"
assert say("ps", "--format", "json", "c1")[1] == f"[{pid}]\n"
assert say("list", "-q")[1] == "c1\n"
os.kill(pid, signal.SIGUSR1)
assert os.waitpid(pid, 0)[1] == 7 << 8
now = state()
assert now["status"] == "stopped" and now["pid"] == 0, now
assert say("kill", "c1", "KILL") == (1, "", "nacelle-oci: container not running\n")
assert say("kill", "c1", "SIGFOO") == (1, "", 'nacelle-oci: unknown signal "SIGFOO"\n')
assert say("kill", "--all", "c1", "9") == (0, "", "")
# Nor does one run that somebody else holds to delete it.
[directory] = glob.glob(top + "/new/er/oci/pods/v1/*/*-*")
lock = os.open(directory, os.O_RDONLY)
fcntl.flock(lock, fcntl.LOCK_EX)
assert say("kill", "c1", "TERM") == (1, "", "nacelle-oci: container not running\n")
os.close(lock)
assert say("delete", "c1") == (0, "", "")
assert say("delete", "--force", "c1") == (0, "", "")
assert "does not exist" in say("delete", "c1")[2]
assert say("list", "--format=json")[1].split() == ["[]"]
END
  out=out err=err
  expect_same "$(sed -n 1,3p out)" "input
box
b c 0007 77 /tmp 0 5"
  expect_stdout_has "CapBnd:	0000000000000021"
  expect_stdout_has "NoNewPrivs:	1"
  expect_stdout_has usr1
  grep -qE ' 64 .*/scratch$' out || fail "no tmpfs of 64k"
  expect_stderr_has "not supported"
  expect_same "$(cat b/rootfs/written) $(stat -c %a b/rootfs/written)" "new 660"
  [ ! -e b/data/y ] || fail "a read-only mount was written to"
  expect_same "$(find new/er/oci/pods/v1 -mindepth 2 -type d)" ""
  expect_same "$(stat -c %a new new/er new/er/oci | sort -u) $(echo pid*)" "700 pid"
}

# What fails leaves nothing, with the words and statuses that engines look for.
test_what_cannot_be_created() {
  local program text
  for program in no-such /etc; do
    make_bundle b "$program"
    case $program in
    no-such) text='exec: \u0022no-such\u0022: executable file not found in $PATH' ;;
    *) text='exec: \u0022/etc\u0022: permission denied' ;;
    esac
    rm -f log
    ! oci --log log --log-format=json create --bundle b c1 </dev/null >"$out" 2>"$err" || fail "made: $program"
    expect_stdout ""
    grep -qF -- "{\"level\":\"error\",\"msg\":\"$text\",\"time\":\"20" log || fail "$(cat log)"
    expect_same "$(wc -l <log)" 1
    expect_same "$(oci list -q)" ""
    expect_nothing_left
  done
  make_bundle b true
  sed -i 's|{"type": "ipc"}|{"type": "ipc", "path": "/proc/1/ns/ipc"}|' b/config.json
  ! oci create --bundle b c1 2>"$err" || fail "a namespace was joined"
  expect_stderr_has "linux.namespaces[ipc].path: a virtual machine cannot join the ipc namespace of others"
  ! oci create --bundle none c1 2>"$err" || fail "made of nothing"
  ! oci create --bundle b a/b 2>"$err" || fail "a wrong id"
  expect_stderr "nacelle-oci: invalid container id format: a/b"
  ! oci checkpoint c1 2>"$err" || fail "an unknown verb"
  expect_stderr_has "there is no verb checkpoint"
}

# Nothing of any container, its name included.
expect_nothing_left() { expect_same "$(cd oci/pods/v1 && find . -mindepth 2)" ""; }

# Whoever waits for the supervisor clears up after it when it is killed. Its cgroup has a two hundredth of a CPU, so that this is
# long before it has made a machine, however fast that is.
test_killed_in_the_making() {
  local cgroup=/nacelle-case-$$ making
  [ "$(id -u)" = 0 ] || skip "an ordinary user has no cgroup here"
  mkdir "/sys/fs/cgroup$cgroup" && echo +cpu >/sys/fs/cgroup/cgroup.subtree_control || fail "no cgroup"
  echo 5000 1000000 >"/sys/fs/cgroup$cgroup/cpu.max" || fail "no limit"
  make_bundle b sleep 1000
  sed -i 's|"seccomp": {|"cgroupsPath": "'"$cgroup"'", "seccomp": {|' b/config.json
  "${nacelle%/*}/nacelle-oci" --root "$PWD/oci" create --bundle b c1 </dev/null >"$out" 2>"$err" &
  making=$!
  wait_for 300 begun
  kill -KILL "$(cat oci/pods/v1/run/*/pid)" || fail "it is not there"
  echo max >"/sys/fs/cgroup$cgroup/cpu.max"
  status=0
  wait "$making" || status=$?
  expect_status 1
  expect_stderr_has "its process ended with status 137 before it was there"
  expect_same "$(oci list -q)" ""
  expect_nothing_left
  [ ! -e "/sys/fs/cgroup$cgroup" ] || fail "its cgroup is there"
  # Nothing is in the next one's way.
  oci create --bundle b c1 </dev/null >"$out" 2>"$err" || fail "create"
  oci delete --force c1 || fail "delete"
  expect_nothing_left
  [ ! -e "/sys/fs/cgroup$cgroup" ] || fail "its cgroup is there"
}

begun() { [ -n "$(find oci/pods/v1/run -name pid -size +0 2>/dev/null)" ]; }

# In the foreground, and with a terminal whose master goes to a socket.
test_run() {
  make_bundle b sh -c 'read line; echo "got $line"; exit 3'
  status=0
  echo word | oci run --bundle b c1 >"$out" 2>"$err" || status=$?
  expect_status 3
  expect_stdout "got word"
  expect_same "$(oci list -q)" ""
  make_bundle b sh -c 'trap "stty size; exit 4" WINCH; stty size; while :; do sleep 0.1; done'
  sed -i 's|"process": {|"process": {"terminal": true, "consoleSize": {"height": 33, "width": 44}, |' b/config.json
  ! oci create --bundle b c2 2>"$err" || fail "a terminal without a socket"
  expect_stderr_has "--console-socket"
  python3 - "${nacelle%/*}/nacelle-oci" "$PWD" <<'END' || fail "a terminal"
import array, ctypes, fcntl, os, socket, struct, subprocess, sys, termios
oci = [sys.argv[1], "--root", sys.argv[2] + "/oci"]
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
listener = socket.socket(socket.AF_UNIX)
listener.bind("console")
listener.listen()
# containerd accepts when create has ended, and waits for the end of its output.
made = subprocess.run([*oci, "create", "-b", "b", "--console-socket", "console", "--pid-file", "pid", "c2"],
                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
assert (made.returncode, made.stdout) == (0, b""), made
connection, _ = listener.accept()
_, descriptors, _, _ = socket.recv_fds(connection, 64, 1)
master = descriptors[0]
subprocess.run([*oci, "start", "c2"], check=True)
seen = b""
while b"33 44" not in seen:
    seen += os.read(master, 1000)
fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 60, 0, 0))
while b"50 60" not in seen:
    seen += os.read(master, 1000)
assert os.waitpid(int(open("pid").read()), 0)[1] == 4 << 8
subprocess.run([*oci, "delete", "c2"], check=True)
END
  # One that was made and not started goes without force, and what runs with it.
  make_bundle b sleep 1000
  oci run -d --bundle b c3 </dev/null
  oci create --bundle b c4 </dev/null
  wait_for 60 is_status c3 running
  wait_for 60 is_status c4 created
  oci delete c4 || fail "delete one that was made"
  # A supervisor that is stuck keeps nobody waiting for long.
  kill -STOP "$(sed -n 's/^ *"pid": \(.*\),$/\1/p' <(oci state c3))"
  timeout 60 "${nacelle%/*}/nacelle-oci" --root "$PWD/oci" state c3 >"$out" || fail "state of one that is stuck"
  timeout 60 "${nacelle%/*}/nacelle-oci" --root "$PWD/oci" delete -f c3 || fail "delete --force"
  expect_same "$(oci list -q)" ""
}

# Processes that are added: each with a process of its own on the host, or in the foreground.
test_exec() {
  make_bundle b sh -c 'trap "exit 9" TERM; sleep 1000 & wait'
  sed -i 's|"umask": 7, ||' b/config.json
  python3 - "${nacelle%/*}/nacelle-oci" "$PWD" <<'END' || fail "exec"
import ctypes, fcntl, json, os, signal, socket, struct, subprocess, sys, termios
oci, top = [sys.argv[1], "--root", sys.argv[2] + "/oci"], sys.argv[2]
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER

def say(*words, **how):
    how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
    while True:
        done = subprocess.run([*oci, *words], **how)
        # On a loaded host a supervisor may be too busy to answer in time.
        if b"creating" not in (done.stdout or b"") + (done.stderr or b""):
            return done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode()

def status_of(pid):
    status = os.waitpid(pid, 0)[1]
    assert os.WIFEXITED(status), status
    return os.WEXITSTATUS(status)

def read_pid():
    pid = int(open("pid").read())
    os.unlink("pid")
    assert os.getsid(pid) == pid
    return pid

def process(*args, **more):
    caps = ["CAP_KILL", "CAP_NET_RAW"]
    what = {"args": args, "cwd": "/", "env": ["PATH=/bin", "ONLY=this"], "user": {"uid": 0, "gid": 0},
            "capabilities": {"bounding": caps, "permitted": caps, "effective": caps}, **more}
    json.dump(what, open("p.json", "w"))

assert say("create", "-b", "b", "--pid-file", "pid", "c1", stdout=None, stderr=None)[0] == 0
container = read_pid()
assert say("exec", "c1", "echo", "early") == (0, "early\n", "")
assert say("start", "c1") == (0, "", "")

# In the foreground the streams and the status are this process's; what follows the id is not the verb's.
config = open("b/config.json").read()
assert say("exec", "c1", "sh", "-c", "cat; echo out; echo err >&2; exit 5", stdin=open("b/config.json")) == (5, config + "out\n", "err\n")
assert say("exec", "--pid-file", "pid", "c1", "sh", "-c", "kill -9 $$")[0] == 137
os.unlink("pid")
done = say("exec", "--cwd", "/data", "-e", "B=x y", "-u", "12", "-g", "77", "--env", "A=new", "-c", "CAP_NET_RAW", "c1",
           "sh", "-c", "pwd; echo $A $B; id -u; id -g; id -G; grep CapBnd /proc/self/status")
assert done == (0, "/data\nnew x y\n12\n0\n0 5 77\nCapBnd:\t0000000000002021\n", ""), done
assert say("exec", "c1") == (1, "", "nacelle-oci: exec takes a command or --process\n")

# A process of its own: an orphan, whose streams may be files, and which holds nothing else of the caller's.
leaked = os.open("/dev/null", os.O_RDONLY)
os.set_inheritable(leaked, True)
process("sh", "-c", "echo $A $ONLY; id -u; id -g; id -G; umask; ulimit -n; pwd; grep CapBnd /proc/self/status; cat; exit 6", cwd="/tmp",
        user={"uid": 3, "gid": 4, "umask": 0o27, "additionalGids": [8, 9]}, rlimits=[{"type": "RLIMIT_NOFILE", "soft": 33, "hard": 44}])
open("given", "w").write("given")
with open("out", "w") as out, open("given") as given:
    made = say("exec", "--process=p.json", "--pid-file=pid", "--detach", "c1", stdin=given, stdout=out, stderr=out, pass_fds=[leaked])
assert made[0] == 0, open("out").read()
assert status_of(read_pid()) == 6
assert open("out").read() == "this\n3\n4\n4 8 9\n0027\n33\n/tmp\nCapBnd:\t0000000000002020\ngiven", open("out").read()

# Many at a time. Signals are relayed; who is killed takes what it stands for along.
process("sh", "-c", "trap 'exit 7' USR1; echo ready; read line; echo $line; while :; do sleep 1; done")
many = []
for i in range(4):
    (input_end, input_way), (output_way, output_end) = os.pipe(), os.pipe()
    assert say("exec", "-p", "p.json", "--pid-file", "pid", "-d", "c1", stdin=input_end, stdout=output_end, stderr=output_end)[0] == 0
    os.close(input_end)
    os.close(output_end)
    many.append((read_pid(), input_way, os.fdopen(output_way)))
pid = many[0][0]
for fd in os.listdir(f"/proc/{pid}/fd"):
    what = os.readlink(f"/proc/{pid}/fd/{fd}")
    assert what == "/dev/null" or what.startswith(("socket:", "anon_inode:")), what
for i, (pid, way, back) in enumerate(many):
    os.write(way, b"word %d\n" % i)
    assert back.readline() == "ready\n" and back.readline() == f"word {i}\n"
os.kill(many[0][0], signal.SIGUSR1)
assert status_of(many[0][0]) == 7
os.kill(many[1][0], signal.SIGTERM)
assert status_of(many[1][0]) == 143
os.kill(many[2][0], signal.SIGKILL)
os.waitpid(many[2][0], 0)
for _, _, back in many[:3]:
    assert back.read() == ""  # nobody in the guest holds it any more
assert say("exec", "c1", "sh", "-c", "ps | grep -c '[r]ead line'")[1] == "1\n"

# Paused: only where the caller says that it knows.
assert say("pause", "c1")[0] == 0
assert say("exec", "c1", "true")[2] == "nacelle-oci: cannot exec in a paused container (use --ignore-paused to override)\n"
waits = subprocess.Popen([*oci, "exec", "--ignore-paused", "c1", "echo", "late"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
assert say("resume", "c1")[0] == 0
assert waits.communicate()[0] == b"late\n" and waits.returncode == 0

# What cannot be executed leaves nothing, with the words that engines look for.
for name, text in (("script", "#!/no/such\n"), ("text", "plain")):
    open(f"b/rootfs/{name}", "w").write(text)
    os.chmod(f"b/rootfs/{name}", 0o755)
for program, more, text in (("no-such", {}, 'exec: "no-such": executable file not found in $PATH'), ("/etc", {}, 'exec: "/etc": permission denied'),
                            ("/no/such", {}, 'exec: "/no/such": stat /no/such: no such file or directory'),
                            ("/script", {}, "exec /script: no such file or directory"), ("/text", {}, "exec /text: exec format error"),
                            ("true", {"cwd": "/no/such"}, 'chdir to cwd ("/no/such") set in config.json failed: no such file or directory'),
                            ("true", {"cwd": "/script"}, 'chdir to cwd ("/script") set in config.json failed: not a directory')):
    process(program, **more)
    code, _, err = say("--log", "said", "--log-format=json", "exec", "-p", "p.json", "--pid-file", "pid", "-d", "c1", stdout=subprocess.DEVNULL)
    assert code == 1 and err.endswith(f"nacelle-oci: {text}\n") and not os.path.exists("pid"), err
    [line] = open("said").readlines()
    assert json.loads(line)["msg"] == text
    os.unlink("said")
process("true", scheduler={"policy": "SCHED_IDLE"})
assert "scheduler: it is not supported" in say("exec", "-p", "p.json", "c1")[2]

# A terminal: its master goes to the socket, and its size to the guest.
listener = socket.socket(socket.AF_UNIX)
listener.bind("console")
listener.listen()
process("sh", "-c", "trap 'stty size; exit 4' WINCH; stty size; tty; while :; do sleep 0.1; done", terminal=True,
        consoleSize={"height": 33, "width": 44})
assert "needs --console-socket" in say("exec", "-p", "p.json", "-d", "c1")[2]
made = subprocess.run([*oci, "exec", "-p", "p.json", "--tty", "-d", "--console-socket", "console", "--pid-file", "pid", "c1"],
                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
assert (made.returncode, made.stdout) == (0, b""), made
connection, _ = listener.accept()
master = socket.recv_fds(connection, 64, 1)[1][0]
seen = b""
while b"33 44" not in seen or b"/dev/pts/" not in seen:
    seen += os.read(master, 1000)
fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 60, 0, 0))
while b"50 60" not in seen:
    seen += os.read(master, 1000)
assert status_of(read_pid()) == 4

# The end of the container is the end of all.
assert say("kill", "c1", "TERM")[0] == 0
assert status_of(many[3][0]) == 137
assert status_of(container) == 9
assert say("exec", "c1", "true")[2] == "nacelle-oci: cannot exec in a stopped container\n"
assert say("delete", "c1")[0] == 0
END
}
