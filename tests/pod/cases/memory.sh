# shellcheck shell=bash
# level: pod
# The memory of a pod: small ones, all of it at once, and what is free goes back to the host.

test_small_pods() {
  run_pod --memory 32M "$busybox" -- sh -c 'ls -R /bin | sort | tail -n 1 >/tmp/last; ps >/dev/null; echo small'
  expect_status 0
  expect_stdout small
  run_pod --memory 64M "$debian" -- python3 -c 'import json; print(json.dumps({"sum": sum(range(100000))}))'
  expect_status 0
  expect_stdout '{"sum": 4999950000}'
}

# An app that takes all there is at once, and one that asks for more than there is.
test_all_memory_at_once() {
  run_pod --memory 200M "$debian" -- python3 -c '
import mmap
taken = mmap.mmap(-1, 130 << 20)
for at in range(0, len(taken), 4096): taken[at] = 1
print("taken")'
  expect_status 0
  expect_stdout taken
  run_pod --memory 200M "$debian" -- python3 -c 'bytearray(b"x") * (600 << 20)'
  [ "$status" != 0 ] || fail "three times the memory was there"
}

# The kernel makes its accounts of most pages when they are first needed: they count as free before, who walks through memory
# meets only those that are made, and two CPUs need more at once.
test_untouched_memory() {
  run_pod --memory 1G --cpus 2 --cap-add ALL "$debian" -- python3 -c '
import mmap, os
def walk():
    for name in "kpagecount", "kpageflags", "pagetypeinfo":
        with open("/proc/" + name, "rb") as file:
            while file.read(1 << 20): pass
free = [int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemFree:")][0]
print("free" if free > 800 << 10 else free)
walk()
children = []
for fill in 1, 2:
    children.append(os.fork())
    if children[-1] == 0:
        taken = mmap.mmap(-1, 330 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        for at in range(0, len(taken), 4096): taken[at] = fill
        walk()
        os._exit(0 if all(taken[at] == fill for at in range(0, len(taken), 4096)) else 1)
print([os.waitpid(child, 0)[1] for child in children])'
  expect_status 0
  expect_stdout $'free\n[0, 0]'
}

# KiB that the machine has of its host's memory.
machine_kib() {
  local child most=0 kib
  for child in $(pgrep -P "$pod" -x nacelle-vm); do
    kib=$(sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$child/status" 2>/dev/null)
    [ "${kib:-0}" -le "$most" ] || most=$kib
  done
  echo "$most"
}

has_given_back() { # MIB
  local now
  now=$(machine_kib)
  [ "$now" -gt 0 ] && [ "$now" -lt $((before - $1 * 1024)) ]
}

test_free_memory_goes_back() {
  local before
  mkfifo go
  exec 3<>go
  start_pod --memory 200M --interactive "$busybox" -- sh -c 'dd if=/dev/zero of=/dev/shm/it bs=1M count=60 2>/dev/null; echo full
    read -r line; rm /dev/shm/it; echo empty; read -r line; dd if=/dev/zero of=/dev/shm/it bs=1M count=60 2>/dev/null
    md5sum </dev/shm/it' <go
  until grep -q full "$out"; do kill -0 "$pod" || fail "it has ended"; sleep 0.1; done
  before=$(machine_kib)
  [ "$before" -gt $((60 * 1024)) ] || fail "of 60 MiB it has $before KiB"
  echo >&3
  until has_given_back 40; do kill -0 "$pod" || fail "it has ended"; sleep 0.5; done
  echo >&3
  exec 3>&-
  wait_pod
  expect_status 0
  expect_stdout $'full\nempty\n76c136bc0d680abd978d9934070c01e5  -'
}

# Without --memory an app may grow beyond 512 MiB; at its start the machine has little of that, and at its end what it has used goes back.
test_grows_without_memory() {
  local before
  [ "$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)" -gt $((1600 * 1024)) ] || skip "half of this host is not enough"
  mkfifo go
  exec 3<>go
  start_pod --interactive --tmpfs /big:size=640M "$busybox" -- sh -c 'echo small; read -r line
    head -c 629145600 /dev/zero >/big/it && echo full; read -r line; rm /big/it; read -r line' <go
  until grep -q small "$out"; do kill -0 "$pod" || fail "it has ended"; sleep 0.1; done
  before=$(machine_kib)
  [ "$before" -lt $((100 * 1024)) ] || fail "at its start it has $before KiB"
  echo >&3
  until grep -q full "$out"; do kill -0 "$pod" || fail "it has ended"; sleep 0.1; done
  before=$(machine_kib)
  [ "$before" -gt $((600 * 1024)) ] || fail "of 600 MiB it has $before KiB"
  echo >&3
  until has_given_back 500; do kill -0 "$pod" || fail "it has ended"; sleep 0.5; done
  echo >&3
  exec 3>&-
  wait_pod
  expect_status 0
}
