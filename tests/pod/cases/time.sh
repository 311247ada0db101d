# shellcheck shell=bash
# level: pod
# The pod's wall clock is the host's, to 10 ms.

# Asks the pod for its time, between two looks at the host's clock: what the answer says lies between them, however
# long it takes. Several answers narrow down how far the two are apart.
compare='
import ctypes, subprocess, sys, time
pod = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
def is_close():
    least, most, tries = -1e9, 1e9, 0
    while tries < 8 or (most - least > 0.01 and tries < 40):
        before = time.time()
        pod.stdin.write(b"\n")
        there = float(pod.stdout.readline())
        after = time.time()
        least, most, tries = max(least, before - there), min(most, after - there), tries + 1
        if least > 0.01 or most < -0.01:
            time.sleep(0.05)
            break
    if least > 0.01 or most < -0.01:
        print(f"apart by {least * 1000:.1f} to {most * 1000:.1f} ms", file=sys.stderr)
    return least <= 0.01 and most >= -0.01
def is_close_within(seconds):
    end = time.monotonic() + seconds
    while not is_close():
        if time.monotonic() > end:
            return False
    return True
def control(verb):
    subprocess.run([sys.argv[2], verb, "--root", sys.argv[sys.argv.index("--root") + 1], "clock"], check=True)
class timex(ctypes.Structure):
    _fields_ = [("modes", ctypes.c_uint), ("words", ctypes.c_long * 40)]
def set_tick(us):
    change = timex(modes=0x4000)
    change.words[10] = us
    if ctypes.CDLL(None).adjtimex(ctypes.byref(change)) < 0:
        sys.exit("adjtimex")
def pause():
    print("at the start:", is_close_within(20))
    control("pause")
    time.sleep(2)
    control("resume")
    print("after a pause:", is_close_within(5))
def host():
    started = time.time() - time.monotonic()
    # Less than the period after which the pod looks by itself.
    for jump in 86400, -90000, 3600, -0.05, 0.05:
        time.clock_settime(time.CLOCK_REALTIME, time.time() + jump)
        print(jump, "seconds:", is_close_within(5))
    # 30 ms in three seconds, of which nobody tells the pod.
    set_tick(10100)
    time.sleep(3)
    set_tick(10000)
    print("after a drift:", is_close_within(30))
    time.clock_settime(time.CLOCK_REALTIME, started + time.monotonic())
{"pause": pause, "host": host}[sys.argv[1]]()
pod.stdin.close()
sys.exit(pod.wait())
'
compare() {
  python3 -c "$compare" "$1" "$nacelle" run --root "$store" --net none --name clock --rm -i "$debian" -- \
    perl -MTime::HiRes=time -e '$| = 1; while (<STDIN>) { printf "%.6f\n", time }' >"$out" 2>"$err" || fail "status $?"
}

test_wall_clock() {
  compare pause
  expect_stdout "at the start: True
after a pause: True"
}

# Only a host of our own has its clock set.
test_the_hosts_clock_is_set() {
  [ "$(readlink /proc/1/exe)" = /init ] || skip "this is no emulated host"
  compare host
  expect_stdout "86400 seconds: True
-90000 seconds: True
3600 seconds: True
-0.05 seconds: True
0.05 seconds: True
after a drift: True"
}
