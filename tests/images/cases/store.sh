# shellcheck shell=bash
# The store under many hands, and what a start reads of it.

test_storm() {
  must skopeo copy "oci:$layers:latest" "docker-archive:$PWD/a.tar:localhost/bb:1"
  must skopeo copy "oci:$layers:latest" "oci-archive:$PWD/b.tar:v1"
  run "$top/tests/images/storm" "$nacelle_image" 8 "$PWD" "oci:$busybox:latest" "oci:$layers:latest" \
    docker-archive:a.tar:localhost/bb:1 oci-archive:b.tar "docker-archive:$PWD/a.tar" oci-archive:b.tar:v1
  cat stdout
  expect_status 0
}

# Two at once, and one after an interrupted one, end in the bytes of a clean one.
test_two_at_once() {
  must skopeo copy "oci:$layers:latest" "docker-archive:$PWD/a.tar:localhost/bb:1"
  for reference in "oci:$layers:latest" docker-archive:a.tar; do
    rm -rf "$store" clean
    mkdir -m 700 "$store"
    must "$nacelle_image" import --root "$PWD/clean" "$reference"
    "$nacelle_image" import --root "$store" "$reference" >one 2>&1 &
    first=$!
    "$nacelle_image" import --root "$store" "$reference" >two 2>&1 &
    wait $first || fail "one fails: $(cat one)"
    wait $! || fail "two fails: $(cat two)"
    expect cmp one two
    expect_same "$(store_list "$store")" "$(store_list "$PWD/clean")" "stores"
  done
}

# A start from the store needs neither OpenSSL nor libcurl, zlib or JSON, and does not run who has them.
test_start_without_libraries() {
  image import "oci:$busybox:latest"
  expect_status 0
  trace_start file,process
  ! grep -E 'libcrypto|libssl|libcurl|libz\.|libzstd|liblzma|libcjson|nacelle-image"' trace || fail "a start loads a library"
  expect grep -q "erofs/sha256-" trace
  if ! nm "$nacelle" 2>/dev/null | grep -q __asan_init; then
    ! readelf -d "$nacelle" 2>/dev/null | grep -q NEEDED || fail "nacelle is not static"
  fi
  # The names of the libraries' functions would be in its texts or symbols.
  ! strings "$nacelle" | grep -E '^(EVP_DigestInit|curl_easy_init|inflateInit2_|cJSON_Parse)$' || fail "a library is linked in"
}

# The pod itself needs a KVM that runs guests; how the image is found does not.
trace_start() {
  strace -f -o trace -e trace="$1" "$nacelle" run --root "$store" "oci:$busybox:latest" -- true >start.log 2>&1 </dev/null
  [ -s trace ] || fail "no trace"
}

# A start finds the image with two small files, index.json and the image itself.
test_start_reads_little() {
  image import "oci:$busybox:latest"
  trace_start openat
  expect_same "$(grep -cE 'blobs/|signatures/|/lock' trace)" 0 "files that a start has no use for"
  expect_same "$(grep -cE '"references/|"records/|"erofs/sha256' trace)" 3 "files of the store"
}

# Where the file system has fs-verity, the kernel guards the image.
test_verity() {
  truncate -s 200M disk
  must mkfs.ext4 -q -b 4096 -O verity disk
  mkdir disk-mounted
  mount -o loop disk disk-mounted 2>mount.log || skip "no ext4 here: $(tail -n 1 mount.log)"
  mkdir -m 700 disk-mounted/store
  echo x >disk-mounted/probe
  has_verity disk-mounted/probe || skip "this kernel has no fs-verity (CONFIG_FS_VERITY)"
  image_of disk-mounted/store import "oci:$layers:latest"
  expect_status 0
  file=$(echo disk-mounted/store/images/v1/erofs/*)
  expect has_verity "$file"
  chmod 600 "$file"
  ! echo x >>"$file" || fail "a guarded image can be written"
  # Another file under its name is not what was published: it is made anew.
  cp "$file" other
  mv other "$file"
  image_of disk-mounted/store import "oci:$layers:latest"
  expect_status 0
  expect has_verity "$file"
  umount disk-mounted
}
# has_verity FILE: turns it on if it is off, as the importer would; then statx says so.
has_verity() {
  python3 - "$1" <<'END'
import fcntl, struct, sys
with open(sys.argv[1], "rb") as file:
    try:
        fcntl.ioctl(file, 0xc0046686, bytearray(struct.pack("HH", 0, 64) + bytes(64)))
    except OSError:
        if "probe" not in sys.argv[1]:
            raise SystemExit(1)
        try:
            fcntl.ioctl(file, 0x40806685, struct.pack("IIIIQIIQ11Q", 1, 1, 4096, 0, 0, 0, 0, 0, *[0] * 11))
        except OSError:
            raise SystemExit(1)
END
}
