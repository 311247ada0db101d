# shellcheck shell=bash
# level: pod
# The pod's wall clock is the host's.

# Asks the pod for its time, and says by how many milliseconds it is out of the time that the question took. Of
# several questions the shortest counts. In an emulated host nothing is good to 10 ms; without the first look at the
# host's clock it is out by seconds there.
compare='
import subprocess, sys, time
pod = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
def ask():
    best = None
    for _ in range(8):
        before = time.time()
        pod.stdin.write(b"\n")
        there = float(pod.stdout.readline())
        after = time.time()
        if best is None or after - before < best[0]:
            best = (after - before, max(before - there, there - after, 0))
    return best[1] * 1000
def control(verb):
    subprocess.run([sys.argv[1], verb, "--root", sys.argv[sys.argv.index("--root") + 1], "clock"], check=True)
print("at the start:", ask() < 100)
control("pause")
time.sleep(2)
control("resume")
print("after a pause:", ask() < 100)
pod.stdin.close()
sys.exit(pod.wait())
'

test_wall_clock() {
  python3 -c "$compare" "$nacelle" run --root "$store" --net none --name clock --rm -i "$debian" -- \
    perl -MTime::HiRes=time -e '$| = 1; while (<STDIN>) { printf "%.6f\n", time }' >"$out" 2>"$err" || fail "status $?"
  expect_stdout "at the start: True
after a pause: True"
}
