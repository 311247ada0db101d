# shellcheck shell=bash disable=SC2154,SC2016,SC2034
# level: oci
# What runs uses and may use: nacelle stats and update, nacelle-oci events and update, and the container's cgroup on the host.

test_stats_and_update() {
  local from_pod
  start_pod --name figures --memory 128M --uuid-file uuid "$busybox" --memory 64M --pids-limit 20 \
    -- sh -c 'dd if=/dev/zero of=/dev/shm/x bs=1M count=8 2>/dev/null; sleep 1000 & echo ready; exec sleep 1000'
  wait_for 90 grep -qF ready "$out"
  "$nacelle" stats --root "$store" --json figures >json || fail stats
  python3 - <<'END' || fail "the figures: $(cat json)"
import json
[app] = json.load(open("json"))
assert app["memoryBytes"] >= 8 << 20 and app["memoryStat"]["shmem"] >= 8 << 20
assert (app["memoryLimitBytes"], app["tasks"], app["tasksLimit"], app["podCpus"], app["oomKills"]) == (64 << 20, 2, 20, 1, 0)
assert app["cpuUsec"] > 0 and 100 << 20 < app["podMemoryBytes"] < 128 << 20
END
  "$nacelle" stats --root "$store" --uuid-file uuid >table || fail "stats as a table"
  grep -qE "^[a-z0-9-]+ +[0-9]+\.[0-9]{3} +[0-9]+\.[0-9]M +64\.0M +2 +20$" table || fail "$(cat table)"
  "$nacelle" update --root "$store" --memory 72M --cpus 0.5 --cpu-shares 512 --pids-limit 30 figures || fail update
  from_pod=$("$nacelle" exec --root "$store" figures sh -c 'cd /sys/fs/cgroup; cat memory.max cpu.max cpu.weight pids.max' | tr '\n' ' ')
  expect_same "$from_pod" "75497472 50000 100000 20 30 "
  # A machine does not grow, and what is refused leaves the others as they are.
  if "$nacelle" update --root "$store" --memory 129M --pids-limit 99 figures 2>message; then fail "more memory than there is"; fi
  grep -q 'a memory limit of 135266304 bytes is beyond the [0-9]* that the virtual machine has' message || fail "$(cat message)"
  if "$nacelle" update --root "$store" --cpus 1.001 figures 2>message; then fail "more CPUs than there are"; fi
  grep -q 'a limit of 1.001 CPUs is beyond the 1 that' message || fail "$(cat message)"
  expect_same "$("$nacelle" exec --root "$store" figures cat /sys/fs/cgroup/pids.max)" 30
  "$nacelle" pause --root "$store" figures
  if "$nacelle" stats --root "$store" figures 2>message >/dev/null; then fail "figures of one that is paused"; fi
  grep -q 'is paused' message || fail "$(cat message)"
  "$nacelle" resume --root "$store" figures
  "$nacelle" kill --root "$store" figures
  wait_pod
  if "$nacelle" stats --root "$store" figures 2>message; then fail "figures of one that has ended"; fi
}

# An app without a limit is told apart by its CPU time and tasks; its memory is then its machine's. Each becomes one by update.
test_stats_without_limits() {
  start_pod --name several --memory 128M "$busybox" --name one -- sh -c 'echo ready; exec sleep 1000' \
    --- "$busybox" --name two -- sh -c 'sleep 1000 & sleep 1000 & exec sleep 1000'
  wait_for 90 grep -qF ready "$out"
  wait_for 90 sh -c "'$nacelle' stats --root '$store' --no-header several | grep -q '^two .* 3       -$'"
  "$nacelle" stats --root "$store" --no-header several >table
  expect_same "$(awk '{print $1, $5, $6}' table | tr '\n' ' ')" "one 1 - two 3 - "
  "$nacelle" update --root "$store" --app two --memory 32M --pids-limit 9 several || fail "limits for one that had none"
  expect_same "$("$nacelle" exec --root "$store" --app two several sh -c 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max' | tr '\n' ' ')" "33554432 9 "
  expect_same "$("$nacelle" exec --root "$store" --app one several cat /sys/fs/cgroup/memory.max)" max
  if "$nacelle" update --root "$store" --memory 32M several 2>message; then fail "which app?"; fi
  "$nacelle" kill --root "$store" several
  wait_pod
}

# oci_engine: the program on stdin, with what it has of an engine in front.
oci_engine() {
  mkdir -p b/rootfs
  cp -a "${busybox_dir#rootfs:}/." b/rootfs/
  cat >engine.py <<'END'
import ctypes, errno, glob, json, os, signal, subprocess, sys, time
oci, top = [sys.argv[1], "--root", sys.argv[2] + "/oci"], sys.argv[2]
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
cgroups = os.path.exists("/sys/fs/cgroup/cgroup.controllers") and os.getuid() == 0

def say(*words, given=None):
    done = subprocess.run([*oci, *words], input=given, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr

def make(name, script):
    json.dump({
        "ociVersion": "1.0.2", "root": {"path": "rootfs"},
        "process": {"args": ["sh", "-c", script], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}},
        "linux": {"namespaces": [{"type": t} for t in ("pid", "network", "ipc", "uts", "mount")],
                  "cgroupsPath": "/nacelle-test/" + name,
                  "resources": {"memory": {"limit": 64 << 20}, "pids": {"limit": 40}, "cpu": {"quota": 50000, "period": 100000}}}},
        open("b/config.json", "w"))
    done = subprocess.run([*oci, "create", "--bundle", "b", "--pid-file", "pid", name], stdin=subprocess.DEVNULL,
                          stdout=open("out", "w"), stderr=subprocess.STDOUT)
    assert done.returncode == 0, open("out").read()
    assert say("start", name) == (0, "", "")
    while "ready" not in open("out").read():
        time.sleep(0.05)
    return int(open("pid").read())

END
  cat >>engine.py
  python3 engine.py "${nacelle%/*}/nacelle-oci" "$PWD" || fail "as an engine"
}

test_oci_events_and_update() {
  oci_engine <<'END'
container = make("c1", "dd if=/dev/zero of=/dev/shm/x bs=1M count=8 2>/dev/null; sleep 1000 & echo ready; while :; do sleep 0.1; done")
status, line, errors = say("events", "--stats", "c1")
assert (status, errors, line.count("\n")) == (0, "", 1), (status, line, errors)
event = json.loads(line)
data = event["data"]
assert (event["type"], event["id"]) == ("stats", "c1")
assert data["memory"]["usage"]["limit"] == 64 << 20 and data["memory"]["usage"]["usage"] >= 8 << 20
assert data["memory"]["raw"]["shmem"] >= 8 << 20 and data["memory"]["cache"] >= 8 << 20
assert data["pids"]["limit"] == 40 and data["pids"]["current"] in (2, 3), data["pids"]
assert data["cpu"]["usage"]["total"] >= data["cpu"]["usage"]["user"] > 0 or data["cpu"]["usage"]["kernel"] > 0
assert data["blkio"] == {} and data["hugetlb"] == {}
assert say("events", "--interval", "0s", "c1")[2] == "nacelle-oci: --interval 0s: a time such as 5s is expected\n"
assert json.loads(say("ps", "--format", "json", "c1")[1]) == [container]

def limits():
    status, text, errors = say("exec", "c1", "sh", "-c", "cd /sys/fs/cgroup; cat memory.max cpu.max cpu.weight pids.max")
    assert (status, errors) == (0, ""), errors
    return text.split()

assert say("update", "--memory", "48M", "--cpu-quota=20000", "--cpu-period", "50000", "--cpu-share", "2048", "--pids-limit", "30", "c1") == (0, "", "")
# As engines do it: JSON, on stdin or in a file. What is not there stays.
assert say("update", "--resources", "-", "c1", given=json.dumps({"memory": {"limit": 60 << 20}, "cpu": {"shares": 0, "quota": 0}})) == (0, "", "")
assert limits() == [str(60 << 20), "40000", "100000", "79", "30"]
json.dump({"memory": {"swap": 1 << 30, "limit": -1}, "cpu": {"quota": -1, "cpus": "0"}, "pids": {"limit": -1}}, open("r.json", "w"))
status, said, errors = say("update", "--resources=r.json", "c1")
assert (status, said) == (0, "") and "linux.resources.memory.swap is not applied: the virtual machine has no swap" in errors, errors
assert "linux.resources.cpu.cpus is not applied" in errors
assert limits() == ["max", "max", "100000", "79", "max"]
assert "--cpuset-cpus is not applied" in say("update", "--cpuset-cpus", "0", "--pids-limit", "50", "c1")[2]
assert "a memory limit of 1073741824 bytes is beyond the" in say("update", "--memory", "1g", "c1")[2]
assert "a limit of 2.000 CPUs is beyond the 1" in say("update", "--cpu-quota", "200000", "c1")[2]
assert "realtimeRuntime: it is not supported" in say("update", "-r", "-", "c1", given='{"cpu":{"realtimeRuntime":1}}')[2]
assert "--l3-cache-schema: it is not supported" in say("update", "--l3-cache-schema", "x", "c1")[2]
assert say("update", "-r", "-", "c1", given="[]")[0] == 1

# A command's process is where the container's is; who kills the machine kills it, as in any other runtime.
pids = []
for _ in range(2):
    # Its streams are this process's, and would stay open.
    assert subprocess.call([*oci, "exec", "-d", "--pid-file", "pid", "c1", "sleep", "1000"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    pids.append(int(open("pid").read()))
if cgroups:
    for pid in (container, *pids):
        assert open("/proc/%d/cgroup" % pid).read().strip().endswith("/nacelle-test/c1"), open("/proc/%d/cgroup" % pid).read()
    # An engine's own cgroup below it makes nobody wait.
    os.mkdir("/sys/fs/cgroup/nacelle-test/c1/below")
follower = subprocess.Popen([*oci, "events", "--interval", "1h", "c1"], stdout=subprocess.PIPE, text=True)
assert json.loads(follower.stdout.readline())["type"] == "stats"
os.kill(container, signal.SIGKILL)
assert os.waitstatus_to_exitcode(os.waitpid(container, 0)[1]) == -9
assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [137, 137]
assert follower.communicate()[0] == "" and follower.returncode == 0
assert say("events", "--stats", "c1")[2] == "nacelle-oci: container with id c1 is not running\n"
assert say("update", "--memory", "60M", "c1")[2] == "nacelle-oci: container not running\n"
assert say("delete", "c1") == (0, "", "")
if cgroups:
    os.rmdir("/sys/fs/cgroup/nacelle-test/c1/below")
    # Its machine was killed, and is taken apart by the kernel.
    for _ in range(600):
        try:
            os.rmdir("/sys/fs/cgroup/nacelle-test/c1")
            break
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            time.sleep(0.1)
END
}

# Memory runs out: the container ends, and whoever follows it hears why.
test_oci_out_of_memory() {
  oci_engine <<'END'
container = make("c2", "echo ready; while [ ! -e /go ]; do sleep 0.1; done; tail /dev/zero; sleep 1000")
follower = subprocess.Popen([*oci, "events", "--interval", "1h", "c2"], stdout=subprocess.PIPE, text=True)
assert json.loads(follower.stdout.readline())["data"]["memory"]["usage"]["limit"] == 64 << 20
open("b/rootfs/go", "w").close()
assert os.waitstatus_to_exitcode(os.waitpid(container, 0)[1]) == 137
assert [json.loads(line) for line in follower.communicate()[0].splitlines()] == [{"type": "oom", "id": "c2"}]
assert say("delete", "c2") == (0, "", "")
assert not cgroups or not os.path.exists("/sys/fs/cgroup/nacelle-test/c2")
END
}
