# shellcheck shell=bash
# What an import takes: 32 MiB and 256 bytes an entry, whatever the image, over all processes of it.

hostile=$here/../hostile

# expect_within_budget ENTRIES LAYOUT
expect_within_budget() {
  local budget_kib=$((32 * 1024 + $1 * 256 / 1024)) peak_kib
  rm -rf "${store:?}/images"
  run "$here/peak" "$nacelle_image" import --root "$store" "oci:$2:v1"
  expect_status 0
  peak_kib=$(tail -n 1 "$out")
  echo "$2: $peak_kib KiB of $budget_kib"
  [ "$peak_kib" -le "$budget_kib" ] || fail "$2 took $peak_kib KiB of $budget_kib"
  expect [ "$peak_kib" -gt 1000 ]
}

# make_layout NAME EXPRESSION: the layout of a layer that python makes.
make_layout() {
  python3 - "$hostile" "$1" "$2" <<'END' || fail "no layout"
import hashlib, lzma, random, subprocess, sys
sys.path.insert(0, sys.argv[1])
from layout import *
def packed(command, layer_type, data):
    layout = Layout(data)
    layout.blobs = [subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout]
    layout.layer_type = layer_type
    return layout
def noise(count):
    return random.Random(1).randbytes(count)
def name(number, length):
    return hashlib.sha256(b"%d" % number).hexdigest().encode()[:length].ljust(length, b"n")
eval(sys.argv[3]).write(sys.argv[2])
END
}

test_many_entries() {
  make_layout flat 'Layout(tar(*(entry(name(i, 40), b"") for i in range(200000))))'
  expect_within_budget 200000 flat
}

test_long_names() {
  make_layout long 'Layout(tar(*(entry(name(i, 64) + b"n" * 36, b"") for i in range(100000))))'
  expect_within_budget 100000 long
}

# With the largest windows that a decompressor may have.
test_large_layers() {
  make_layout plain 'Layout(tar(entry(b"f", noise(12000000))), compress=False)'
  expect_within_budget 1 plain
  make_layout gzip 'Layout(tar(entry(b"f", noise(12000000))))'
  expect_within_budget 1 gzip
  make_layout zstd 'packed(["zstd", "-q", "-1", "--zstd=wlog=23"], ZSTD, tar(entry(b"f", noise(12000000))))'
  expect_within_budget 1 zstd
  make_layout xz 'packed(["xz", "-T1", "--lzma2=preset=0,dict=8MiB"], XZ, tar(entry(b"f", noise(12000000))))'
  expect_within_budget 1 xz
}

# Everything at its limit at once: the window, the attributes, the headers.
test_all_at_once() {
  make_layout all 'packed(["xz", "-T1", "--lzma2=preset=0,dict=8MiB"], XZ, tar(entry(b"f", noise(12000000)),
    *(part for i in range(100) for part in (pax([(b"SCHILY.xattr.user.a", b"%d" % i + noise(60000))]), entry(b"x%d" % i, b""))),
    pax([(b"comment", noise(1000000))]), entry(b"g", b"")))'
  expect_within_budget 102 all
}
