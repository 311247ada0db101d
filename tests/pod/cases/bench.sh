# shellcheck shell=bash disable=SC2154
# level: pod
# nacelle bench measures real pods; what it makes of the figures is the unit tests' matter.

# holds EXPRESSION: of the report r, in Python.
holds() { python3 -c 'import json, sys; r = json.load(open("report.json")); sys.exit(not eval(sys.argv[1]))' "$1" || fail "does not hold: $1
$(cat report.json)"; }

test_start() {
  # Other programs are found, and run, as the caller would: with his environment.
  MARK=1 "$nacelle" bench start --root "$store" --runs 1 --with nacelle --with prepared --command 'sh=test "$MARK" && echo hello' --format json -o report.json \
    "$busybox" -- echo hello || fail "bench start"
  holds 'r["rounds"] == 1 and [row["name"] for row in r["rows"]] == ["nacelle", "prepared", "sh"]'
  holds 'all(0 < row["first_byte"]["median_ns"] <= row["end"]["median_ns"] and len(row["end"]["all_ns"]) == 1 for row in r["rows"])'
  # The phases are those of one start, host and guest, and leave nothing out.
  holds '(lambda names: names.index("supervisor-started") < names.index("app-exec") < names.index("waited-for"))([p["until"] for p in r["phases"]])'
  holds '{"kernel-clock", "driver-blk"} <= {p["until"] for p in r["phases"]}'
  holds 'sum(p["took_ns"] for p in r["phases"]) == r["phases"][-1]["at_ns"]'
}

test_memory() {
  # Machines of cases before this one would give their memory back meanwhile.
  for ((i = 0; i < 300; i++)); do
    pgrep -x nacelle-vm >/dev/null || break
    sleep 0.2
  done
  "$nacelle" bench memory --root "$store" --pods 4 --option=--memory=64M --format json "$busybox" >report.json || fail "bench memory"
  holds 'r["pods"] == 4 and r["available_kib"] > 2048 and r["rss_kib"] > r["pss_kib"] and r["processes"] >= 8'
  holds 'r["private_kib"] == r["guest_kib"] + r["kernel_image_kib"] + r["own_kib"] and r["guest_kib"] >= r["guest_huge_kib"]'
  # Each pod has a guest and some hundred KiB of its own.
  holds 'r["guest_kib"] > 4 * 4096 and 4 * 64 < r["own_kib"] < 4 * 4096 and r["kernel_kib"]["PageTables"] > 0'
}

# Any OCI runtime, ours beside others; one that fails is a row too, its container is gone, and the exit status says so.
test_oci() {
  printf '#!/bin/sh\ncase $1 in start) exit 5 ;; esac\nexec crun "$@"\n' >broken-crun
  chmod 755 broken-crun
  "$nacelle" bench start --root "$store" --runs 1 --with crun --oci "$(dirname "$nacelle")/nacelle-oci" --oci crun --oci ./broken-crun \
    --format json -o report.json "$busybox" -- echo hello 2>said
  expect_same "$?" 1 "exit status"
  holds '[row["name"] for row in r["rows"]] == ["crun", "oci nacelle-oci", "oci crun", "oci broken-crun"]'
  holds 'all(0 < row["first_byte"]["median_ns"] <= row["end"]["median_ns"] for row in r["rows"][:3])'
  holds '"start ended with status 5" in r["rows"][3]["failed"] and "end" not in r["rows"][3]'
  expect grep -q 'oci broken-crun: .*start ended with status 5' said
  expect_same "$(crun list -q)" "" "containers left"
}

count_running() { "$nacelle" list --root "$store" --quiet --state running | wc -l; }

# The pods end with who has started them, however that ends.
test_killed() {
  local before pid
  before=$(count_running)
  "$nacelle" bench memory --root "$store" --pods 100 --option=--memory=64M "$busybox" >said 2>&1 &
  pid=$!
  until [ "$(count_running)" -ge $((before + 2)) ]; do
    kill -0 $pid || fail "bench memory has ended: $(cat said)"
    sleep 0.2
  done
  kill -KILL $pid
  until [ "$(count_running)" = "$before" ]; do sleep 0.2; done
}

test_refusals() {
  "$nacelle" bench start --root "$store" --with nosuch "$busybox" 2>said && fail "an unknown row was measured"
  expect grep -q 'nosuch: nothing that can be measured has this name' said
  "$nacelle" bench start --root "$store" --runs 1 --with nacelle "$busybox" -- false 2>said && fail "a failure was measured"
  expect grep -q 'nacelle: .* ended with status 1' said
  "$nacelle" bench start --format xml "$busybox" 2>said && fail "--format xml"
  expect grep -qx 'nacelle-bench: --format xml: text, json, csv, csv-phases or html is expected' said
  "$nacelle" bench start --output not/there "$busybox" 2>said && fail "a report for a place that is not there"
  expect grep -qx 'nacelle-bench: cannot write not/there: No such file or directory' said
  "$nacelle" bench start --root "$store" --with crun "rootfs:$PWD" 2>said && fail "a directory was given to crun"
  expect grep -qx "nacelle-bench: crun: rootfs:$PWD is no image, which other runtimes could be given" said
}
