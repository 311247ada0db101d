# shellcheck shell=bash
# level: pod
# The options of nacelle run, one by one.

test_kernel_runs_in_the_guest() {
  run_pod "$busybox" -- uname -sr
  expect_stdout_has "Linux 6.12"
}

test_cpus() {
  run_pod --cpus 2 "$busybox" -- sh -c 'nproc; grep -c ^processor /proc/cpuinfo'
  expect_stdout "$(printf '2\n2')"
  run_pod "$busybox" -- nproc
  expect_stdout 1
  run_pod -c 4 "$busybox" -- nproc
  expect_stdout 4
}

# The CPUs beyond the first come up when somebody asks for them: each way to ask, as the first thing that an app does.
test_cpus_asked() {
  run_pod -c 4 "$busybox" -- cat /sys/devices/system/cpu/online
  expect_stdout 0-3
  run_pod -c 4 "$busybox" -- cat /sys/devices/system/cpu/cpu3/online
  expect_stdout 1
  run_pod -c 4 "$busybox" -- grep -c ^processor /proc/cpuinfo
  expect_stdout 4
  run_pod -c 4 "$busybox" -- grep -c '^cpu[0-9]' /proc/stat
  expect_stdout 4
  run_pod -c 4 "$busybox" -- taskset 8 echo there
  expect_stdout there
}

# Nobody asks here: threads want them, and so does who runs for a while.
test_cpus_not_asked() {
  make_probe
  run_pod -c 4 --volume "$probe" "$busybox" -- /probe/probe threads:4
  expect_stdout "threads 4 turns 400"
  run_pod -c 2 "$busybox" -- sh -c 'until grep -q CPU1 /proc/interrupts; do sleep 0.1; done; echo up'
  expect_stdout up
}

# Each CPU has the stacks for its exceptions, though they come with the CPU.
test_cpus_have_stacks() {
  make_probe
  run_pod -c 4 --volume "$probe" "$busybox" -- /probe/probe steps:4
  expect_stdout "steps 4"
}

test_memory() {
  local size total
  for size in 32 64 200; do
    run_pod --memory ${size}M "$busybox" -- sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo
    expect_status 0
    total=$(($(cat "$out") / 1024))
    [ "$total" -gt $((size * 4 / 10)) ] && [ "$total" -lt "$size" ] || fail "--memory ${size}M: MemTotal is $total MiB"
  done
}

# Not all of it is touched, so the host needs less than that.
test_memory_above_the_hole() {
  run_pod --memory 3500M "$busybox" -- sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo
  expect_status 0
  [ "$(cat "$out")" -gt $((3300 * 1024)) ] || fail "MemTotal is $(cat "$out") kB"
}

# 2 GiB, or half of a smaller host's memory.
test_memory_default() {
  local most
  most=$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)
  most=$((most / 2 < 2048 * 1024 ? most / 2 : 2048 * 1024))
  run_pod "$busybox" -- sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo
  expect_status 0
  [ "$(cat "$out")" -gt $((most * 9 / 10)) ] && [ "$(cat "$out")" -le $((most + 2048)) ] || fail "MemTotal is $(cat "$out") kB, and may be $most"
}

# A command in a cgroup with a limit does not size its pod beyond that.
test_memory_default_in_a_cgroup() {
  local cgroup=/sys/fs/cgroup/nacelle-size.$$
  mkdir "$cgroup" 2>/dev/null && [ -e "$cgroup/memory.max" ] || skip "no cgroup with a limit of memory can be made here"
  trap 'rmdir "$cgroup"' EXIT
  echo 512M >"$cgroup/memory.max"
  (
    echo $BASHPID >"$cgroup/cgroup.procs" || exit
    run_pod "$busybox" -- sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo
    exit "$status"
  ) || fail "status $?"
  # 64 MiB and a part of 64 are the processes'.
  [ "$(cat "$out")" -gt 350000 ] && [ "$(cat "$out")" -lt $((448 * 1024)) ] || fail "MemTotal is $(cat "$out") kB"
}

test_too_much_memory() {
  run_pod --memory 500G "$busybox" -- true
  expect_status 125
  expect_one_line_on_stderr
}

test_environment() {
  CALLER="from outside" run_pod --env A=1 -e 'B=two words' -e CALLER -e NOT_SET -e EMPTY= "$busybox" -- env
  expect_stdout_has A=1
  expect_stdout_has "B=two words"
  expect_stdout_has "CALLER=from outside"
  grep -qx "EMPTY=" "$out" || fail "EMPTY is not there"
  ! grep -q NOT_SET "$out" || fail "NOT_SET is there"
  expect_stdout_has PATH=
  run_pod -e PATH=/bin "$busybox" -- sh -c 'echo $PATH'
  expect_stdout /bin
}

test_hostile_environment_and_arguments() {
  local odd
  odd=$(printf 'new\nline "quoted" \\ $x \x01\xff')
  run_pod -e "ODD=$odd" "$busybox" -- sh -c 'printf %s "$ODD|$1"' sh "$odd"
  expect_same "$(digest <"$out")" "$(printf %s "$odd|$odd" | digest)" "what arrived"
}

test_many_arguments() {
  # shellcheck disable=SC2046
  run_pod "$busybox" -- sh -c 'echo $#; echo "${#1}"' sh "$(head -c 100000 /dev/zero | tr '\0' x)" $(seq 5000)
  expect_status 0
  expect_stdout "$(printf '5001\n100000')"
}

test_empty_argument() {
  run_pod "$busybox" -- sh -c 'echo "$#:$1:$2"' sh "" x
  expect_stdout "2::x"
}

test_user() {
  run_pod --user user "$busybox" -- id
  expect_stdout "uid=1000(user) gid=1000(user) groups=1000(user),2000(extra)"
  run_pod --user 1000 "$busybox" -- sh -c 'id -u; id -g'
  expect_stdout "$(printf '1000\n1000')"
  run_pod --user 77:88 "$busybox" -- sh -c 'id -u; id -g; id -G'
  expect_stdout "$(printf '77\n88\n88')"
  run_pod --user user:extra "$busybox" -- sh -c 'id -u; id -g'
  expect_stdout "$(printf '1000\n2000')"
}

test_unknown_user() {
  run_pod --user nosuch "$busybox" -- true
  expect_status 126
  expect_stderr_has nosuch
}

test_home_follows_the_user() {
  run_pod --user user "$busybox" -- sh -c 'echo $HOME'
  expect_stdout /home/user
}

test_workdir() {
  run_pod --workdir /home/user "$busybox" -- pwd
  expect_stdout /home/user
  run_pod "$busybox" -- pwd
  expect_stdout /
}

test_hostname() {
  run_pod --hostname box.example "$busybox" -- hostname
  expect_stdout box.example
  run_pod --name mypod "$busybox" -- hostname
  expect_stdout mypod
  run_pod --name mypod --hostname other "$busybox" -- sh -c 'hostname; cat /proc/sys/kernel/hostname'
  expect_stdout "$(printf 'other\nother')"
}

test_entrypoint() {
  run_pod --entrypoint /bin/echo "$config" -- a b
  expect_stdout "a b"
  run_pod --entrypoint "" "$config" -- /bin/echo plain
  expect_stdout plain
}

test_image_configuration() {
  run_pod "$config"
  expect_stdout "entry: one two words
user: 123:456 groups: 456 789
dir: /home/app
COLOUR=blue HOME=/home/app"
  run_pod -e COLOUR=red -u 0 -w / "$config" -- other
  expect_stdout_has "entry: other"
  expect_stdout_has "user: 0:0"
  expect_stdout_has "dir: /"
  expect_stdout_has "COLOUR=red"
}

test_default_command() {
  status=0
  echo 'echo from stdin; exit 3' | nacelle_run -i "$busybox" >"$out" 2>"$err" || status=$?
  expect_status 3
  expect_stdout "from stdin"
}

test_nothing_to_run() {
  run_pod "rootfs:$busybox_dir"
  expect_status 125
  expect_one_line_on_stderr
}

test_read_only() {
  run_pod --read-only "$busybox" -- sh -c 'touch /file'
  expect_status 1
  expect_stderr_has "Read-only file system"
  run_pod --read-only "rootfs:$busybox_dir" -- sh -c 'touch /file'
  expect_status 1
  expect_stderr_has "Read-only file system"
}

test_upper_tmpfs() {
  run_pod "$busybox" -- sh -c 'echo new >/etc/passwd && mkdir /new && rm /bin/vi && cat /etc/passwd'
  expect_status 0
  expect_stdout new
  run_pod --upper tmpfs:1M "$busybox" -- dd if=/dev/zero of=/big bs=64k count=64
  expect_status 1
  expect_stderr_has "No space left"
  run_pod "rootfs:$busybox_dir" -- touch /must-not-appear
  expect_status 0
  [ ! -e "$busybox_dir/must-not-appear" ] || fail "the directory was written to"
}

test_upper_none() {
  cp -a "$busybox_dir" root
  run_pod --upper none "rootfs:$PWD/root" -- sh -c 'echo written >/new'
  expect_status 0
  expect_same "$(cat root/new)" written "the file"
  run_pod --upper none "$busybox" -- touch /file
  expect_status 1
}

test_init() {
  run_pod --init "$busybox" -- sh -c 'echo $$; cat /proc/1/comm; (sleep 0.1 & exit); sleep 0.5; ps | grep -c "[z]ombie\|Z " || true'
  expect_status 0
  expect_same "$(sed -n 1p "$out")" 2 "the app's process"
  run_pod --init "$busybox" -- sh -c 'exit 12'
  expect_status 12
  run_pod --init "$busybox" -- sh -c 'kill -9 $$'
  expect_status 137
}

test_app_is_process_one() {
  run_pod "$busybox" -- sh -c 'echo $$; ls -d /proc/[0-9]* | wc -l'
  expect_same "$(sed -n 1p "$out")" 1 "the app's process"
}

test_console() {
  run_pod --console "$busybox" -- echo hello
  expect_status 0
  expect_stdout hello
  expect_stderr_has "Linux version 6.12"
}

test_kernel_option() {
  run_pod --kernel "$prefix/lib/nacelle/vmlinux" "$busybox" -- echo hello
  expect_stdout hello
}

test_kernel_arguments() {
  run_pod --kernel-args "nacelle.test=1 quiet" "$busybox" -- cat /proc/cmdline
  expect_stdout_has "nacelle.test=1 quiet"
}

test_json_log() {
  run_pod --json-log --name jay "$busybox" -- sh -c 'exit 3'
  expect_status 3
  python3 -c '
import json
lines = [json.loads(line) for line in open("stderr")]
assert lines
for line in lines:
    assert {"time", "level", "msg", "pod"} <= set(line), line
    assert line["pod"] == "jay"
' || fail "stderr is not JSON with time, level, pod and msg"
  run_pod --json-log oci:/no/such -- true
  expect_status 125
  python3 -c 'import json; assert json.loads(open("stderr").read())["level"] == "error"' || fail "no JSON error"
}

test_trace() {
  run_pod --trace trace.txt "$busybox" -- true
  expect_status 0
  python3 - <<'END' || fail "the trace is not a timeline of both sides"
rows = [line.split() for line in open("trace.txt") if not line.startswith("#")]
times = [float(row[0]) for row in rows]
assert times == sorted(times) and times[0] == 0, times
assert {row[2] for row in rows} >= {"host", "guest"}, rows
names = [row[3] for row in rows]
assert len(names) >= 25 and len(names) == len(set(names)), names
# The machine's, the kernel's own, the drivers', guest-init's: each kind is there.
assert {"locked-down", "kernel-clock", "driver-vsock", "app-exec"} <= set(names), names
# The kernel's are told at the end, as of before its init, whenever that was.
assert names.index("cpus-made") < names.index("kernel-clock") < names.index("kernel-done") < names.index("init-started"), names
END
}

test_cluster_and_equals() {
  echo text | nacelle_run -ie A=b --env=C=d "$busybox" -- sh -c 'cat; echo $A$C' >"$out"
  expect_stdout "$(printf 'text\nbd')"
}

test_options_end_at_the_image() {
  run_pod "$busybox" echo --cpus 99
  expect_status 0
  expect_stdout "--cpus 99"
}

test_help_and_version() {
  local verb
  for verb in "" run check completion version; do
    # shellcheck disable=SC2086
    "$nacelle" $verb --help >"$out" 2>"$err" || fail "$verb --help fails"
    expect_stdout_has usage
    [ ! -s "$err" ] || fail "$verb --help writes to stderr"
  done
  "$nacelle" version >"$out"
  expect_stdout_has nacelle
  "$nacelle" run --help >/dev/full 2>/dev/null && fail "a full disk is not noticed"
  return 0
}

test_check() {
  "$nacelle" check >"$out" || fail "nacelle check finds something wrong"
  ! grep -q "^no" "$out" || fail "nacelle check finds something wrong"
  expect_stdout_has "KVM makes a VM in"
  expect_stdout_has "MiB of memory are there in"
  "$nacelle" check --json >check.json || fail "nacelle check --json finds something wrong"
  python3 - <<'END' || fail "nacelle check --json is not what it should be"
import json
report = json.load(open("check.json"))
assert report["can_run"], report
found = {check["name"]: check for check in report["checks"]}
assert len(found) == len(report["checks"]) and not [c for c in found.values() if c["status"] == "no"], found
# What KVM and memory cost can be measured wherever pods can run.
costs = {name: found[name]["cost_ns"] for name in ("vm", "memory-slots", "exits", "memory", "clock")}
assert all(cost > 0 for cost in costs.values()), costs
assert "cost_ns" in found.get("nx-huge-pages", {"cost_ns": 0}), found
END
}
