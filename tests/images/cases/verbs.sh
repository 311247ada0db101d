# shellcheck shell=bash disable=SC2154
# What can be done with images that the store has: list, inspect, rm, gc, export, extract.
. "$here/cases/trees.sh"
. "$here/cases/trust.sh"

import_both() {
  image import "oci:$busybox:latest"
  expect_status 0
  one=$(cat "$out")
  image import "oci:$layers:latest"
  expect_status 0
  two=$(cat "$out")
}

# shape_of: the members of the JSON on stdout and the types of their values, without their number in arrays.
shape_of() { jq -r '[paths(type != "object" and type != "array") as $p | ($p | map(if type == "number" then "*" else . end) | join(".")) + " " + (getpath($p) | type)] | unique[]' "$out"; }

test_list() {
  image list
  expect_status 0
  expect_stdout ""
  image list --json
  expect_stdout "[]"
  import_both
  image list
  expect_same "$(wc -l <"$out")" 3 "lines"
  expect_same "$(head -n 1 "$out" | xargs)" "REFERENCE DIGEST KIND SIZE AGE VERITY" "the header"
  expect_stdout_has "oci:$busybox:latest"
  expect_stdout_has "${two:7:12}"
  image list --quiet
  expect_stdout "$(printf '%s\n' "oci:$busybox:latest" "oci:$layers:latest" | LC_ALL=C sort)"
  image list --json
  expect_same "$(shape_of)" "*.digest string
*.imported string
*.kind string
*.name string
*.reference string
*.size number
*.verity boolean" "the shape"
  expect_same "$(jq -r '.[].digest' "$out" | sort)" "$(printf '%s\n' "$one" "$two" | sort)" "digests"
  # A name cannot make two lines of one.
  cp -r "$busybox" $'odd\nname'
  image import $'oci:odd\nname:latest'
  expect_status 0
  image list --quiet
  expect_stdout_has "oci:$PWD/odd?name:latest"
  image rm $'oci:odd\nname:latest'
  # A damaged record counts as missing, for list as for run.
  truncate -s 40 "$v1/records/sha256-${one#*:}"
  image list --quiet
  expect_stdout "oci:$layers:latest"
  image_of /dev/null list
  expect_refused "cannot"
}

test_names() {
  import_both
  for name in "$one" "${one#*:}" "${one:7:6}" "sha256:${one:7:8}" "oci:$busybox:latest" "oci:$busybox/../oci:latest"; do
    image inspect --json "$name"
    expect_status 0
    expect_same "$(jq -r .digest "$out")" "$one" "the image of $name"
  done
  image inspect "${one:7:5}"
  expect_refused "at least 6 digits"
  image inspect 000000
  expect_refused "no image in the store has the digest"
  image inspect "oci:$busybox:other"
  expect_refused "is not in the store"
  image inspect nonsense
  expect_refused "is not an image reference"
  # What it led to, whatever stands at its place now.
  cp -r "$busybox" moved
  image import "oci:$PWD/moved:latest"
  rm -r moved
  image inspect "oci:$PWD/moved:latest"
  expect_status 0
}

test_inspect() {
  must umoci init --layout made
  must umoci new --image made:v1
  must umoci config --image made:v1 --config.label 'key=va"lue' --config.cmd $'esc\033ape' --config.exposedports 80/tcp \
    --config.env A=b --author somebody --config.stopsignal SIGINT --manifest.annotation 'note=text'
  must tar -c -f file.tar -C / etc/passwd
  must umoci raw add-layer --image made:v1 file.tar
  image import "oci:made:v1"
  expect_status 0
  image inspect "oci:made:v1"
  expect_status 0
  expect_stdout_has 'key=va"lue'
  expect_stdout_has 'esc?ape'
  expect_stdout_has somebody
  image inspect --json "oci:made:v1"
  expect_same "$(jq -r '.config | .cmd[0], .labels.key, .author, .exposedPorts[0], .stopSignal' "$out")" \
    "$(printf 'esc\033ape\nva"lue\nsomebody\n80/tcp\n2')" "the configuration"
  expect_same "$(jq -r .annotations.note "$out")" text "the annotation"
  expect_same "$(shape_of)" 'annotations.note string
blobs.*.digest string
blobs.*.mediaType string
blobs.*.role string
blobs.*.size number
config.architecture string
config.author string
config.cmd.* string
config.created string
config.env.* string
config.exposedPorts.* string
config.labels.key string
config.os string
config.stopSignal number
config.user null
config.workingDir null
digest string
erofs.chain string
erofs.size number
erofs.verity null
imported string
kind string
references.*.name string
references.*.reference string' "the shape"
  expect_same "$(jq -r '[.blobs[].role] | join(" ")' "$out")" "manifest config layer" "the blobs"
  expect_same "$(jq -r '.blobs[0].digest' "$out")" "$(jq -r .digest "$out")" "the manifest"
  # Documents are read from the store and hashed again.
  chmod 600 "$v1"/blobs/* && for blob in "$v1"/blobs/*; do sed -i 's/somebody/somebodx/' "$blob"; done
  image inspect "oci:made:v1"
  expect_refused "damaged"
  image import "oci:made:v1"
  expect_status 0
  image inspect "oci:made:v1"
  expect_status 0
}

test_rm() {
  import_both
  cp -r "$busybox" copy
  image import "oci:copy:latest"
  image rm "$one"
  expect_refused "2 references lead to"
  image rm "oci:copy:latest" nothing:such
  expect_refused "is not an image reference"
  image list --quiet
  expect_same "$(wc -l <"$out")" 3 "references"
  image rm "oci:copy:latest"
  expect_status 0
  expect_stdout_has "removed reference oci:$PWD/copy:latest"
  expect_stdout_has "freed"
  expect [ -e "$v1/records/sha256-${one#*:}" ]
  image rm "oci:$busybox:latest"
  expect_stdout_has "removed image $one"
  expect [ ! -e "$v1/records/sha256-${one#*:}" ]
  expect_same "$(find "$v1" -type f -path '*/erofs/*' | wc -l)" 1 "EROFS images"
  image rm "oci:$busybox:latest"
  expect_refused "is not in the store"
  # What fails half way says what it had done.
  image import "oci:$busybox:latest"
  blob=$v1/blobs/sha256-${one#*:}
  rm "$blob" && mkdir "$blob"
  image rm "oci:$busybox:latest"
  expect_refused "after 1 file systems, "
  expect_stderr_has "cannot remove blobs/sha256-${one#*:}"
  rmdir "$blob"
  image gc
  image import "oci:copy:latest"
  image import "oci:$busybox:latest"
  image rm --force "${one:7:10}" "$two"
  expect_status 0
  expect_same "$(find "$v1" -type f ! -name lock)" "" "what is left"
}

test_gc() {
  import_both
  before=$(find "$v1" -type f | sort)
  image gc
  expect_same "$(find "$v1" -type f | sort)" "$before" "what a collection leaves"
  # All kinds of garbage.
  rm "$v1"/references/*
  image import "oci:$busybox:latest"
  after=$(find "$v1" -type f | sort)
  printf x >"$v1/blobs/sha256-$(printf x | sha256sum | cut -d ' ' -f 1)"
  printf x >"$v1/tmp/partial-sha256-$(printf y | sha256sum | cut -d ' ' -f 1)"
  printf x >"$v1/tmp/file-0123456789abcdef"
  printf x >"$v1/references/0123456789abcdef"
  printf x >"$v1/signatures/sha256-${two#*:}"
  printf x >"$v1/verdicts/sha256-${two#*:}-0123456789abcdef"
  printf x >"$v1/erofs/sha256-$(printf z | sha256sum | cut -d ' ' -f 1)"
  printf x >"$v1/blobs/somebody else's"
  image gc --dry-run --json
  expect_status 0
  expect_same "$(jq -c '[.dryRun, .images, .references, .erofs]' "$out")" "[true,[\"$two\"],1,2]" "what would go"
  freed=$(jq .freed "$out")
  image gc --json
  expect_same "$(jq .freed "$out")" "$freed" "bytes"
  expect_same "$(shape_of | sed '/^images/d; /^inUse/d')" "blobs number
dryRun boolean
erofs number
freed number
others number
references number" "the shape"
  rm "$v1/blobs/somebody else's"
  expect_same "$(find "$v1" -type f | sort)" "$(sed "/${two#*:}/d" <<<"$after" | while read -r f; do [ -e "$f" ] && echo "$f"; done)" "what is left"
  image inspect "oci:$busybox:latest"
  expect_status 0
  image gc
  expect_stdout_has "freed 0 B"
}

# A pod holds a shared lock on its EROFS image.
test_in_use() {
  import_both
  image inspect --json "$one"
  chain=$(jq -r .erofs.chain "$out")
  exec 9<"$v1/erofs/sha256-${chain#*:}"
  must flock --shared 9
  image rm "oci:$busybox:latest"
  expect_status 0
  expect_stdout_has "kept image $one, which a pod uses"
  image gc --json
  expect_same "$(jq -c .inUse "$out")" "[\"$one\"]" "what is in use"
  expect [ -e "$v1/erofs/sha256-${chain#*:}" ]
  image list --quiet
  expect_stdout_has "$one"
  exec 9<&-
  image gc --json
  expect_same "$(jq -c .images "$out")" "[\"$one\"]" "what has gone"
  expect [ ! -e "$v1/erofs/sha256-${chain#*:}" ]
}

# Who removes waits for who imports, and the other way round.
test_locks() {
  import_both
  python3 - "$v1/tmp/lock" <<'END' &
import fcntl, os, struct, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.fcntl(fd, 37, struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 0, 1, 0))  # F_OFD_SETLK, as an import has it
open("locked", "w").close()
while not os.path.exists("go on"):
    time.sleep(0.02)
END
  wait_for 10 test -e locked
  "$nacelle_image" rm --root "$store" "oci:$busybox:latest" >removed 2>&1 &
  removal=$!
  image list --quiet
  expect_stdout_has "oci:$busybox:latest"
  expect kill -0 $removal
  wait_for 10 grep -q "waiting for an import to end" removed
  touch "go on"
  wait $removal || fail "$(cat removed)"
  image list --quiet
  expect_stdout "oci:$layers:latest"
}

test_export() {
  import_both
  image export "oci:$layers:latest" made
  expect_status 0
  expect_stdout ""
  must skopeo inspect "oci:made:latest"
  expect_same "$(jq -r .Digest must.log)" "$two" "skopeo's digest"
  must skopeo copy "oci:made:latest" "dir:copied"
  for blob in made/blobs/sha256/*; do expect cmp "$blob" "$layers/blobs/sha256/${blob##*/}"; done
  must umoci list --layout made
  must umoci unpack --image made:latest bundle
  image export "${two:7:12}" oci:other:v2
  expect_same "$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' other/index.json)" v2 "the tag"
  image export "$two" "oci-archive:$PWD/archive.tar:v3"
  must skopeo inspect "oci-archive:archive.tar:v3"
  expect_same "$(jq -r .Digest must.log)" "$two" "skopeo's digest"
  mkdir unpacked
  must tar -x -f archive.tar -C unpacked
  expect diff -r unpacked/blobs made/blobs
  image_of second import "oci-archive:$PWD/archive.tar:v3"
  expect_stdout "$two"
  expect_same "$(sha256sum <"$v1/erofs/$(ls second/images/v1/erofs)")" "$(sha256sum <second/images/v1/erofs/sha256-*)" "the EROFS images"
  image export "$two" made
  expect_refused "made exists already"
  image export "$two" "oci-archive:$PWD/archive.tar"
  expect_refused "exists already"
  image export "$two" "aci:file"
  expect_refused "is no ACI"
  image export "$two" "/nowhere/made"
  expect_refused "No such file"
  mkdir left.partial
  image export "$two" left
  expect_refused "an interrupted run may have left"
  # What is damaged in the store does not go on.
  image inspect --json "$two"
  blob=$v1/blobs/$(jq -r '.blobs | max_by(.size) | .digest | sub(":"; "-")' "$out")
  chmod 600 "$blob" && printf x | dd of="$blob" bs=1 seek=70000 conv=notrunc status=none
  image export "oci:$layers:latest" damaged
  expect_status 125
  expect [ ! -e damaged ] && expect [ ! -e damaged.partial ]
}

test_extract() {
  must umoci init --layout made
  must umoci new --image made:v1
  must umoci unpack --image made:v1 work
  odd_tree work/rootfs
  must umoci repack --image made:v1 work
  rm -rf work
  must umoci unpack --image made:v1 work
  change_tree work/rootfs
  must umoci repack --image made:v2 work
  rm -rf work
  image import "oci:made:v2"
  expect_status 0
  image extract "oci:made:v2" tree
  expect_status 0
  expect_stdout ""
  expect_same "$(stat -c '%a %u' tree)" "700 0" "the directory"
  must umoci unpack --image made:v2 bundle
  must "$here/listing" bundle/rootfs
  mv must.log unpacked
  must "$here/listing" tree
  # the directory itself is the caller's
  expect diff <(tail -n +2 unpacked) <(tail -n +2 must.log)
  expect [ "$(wc -l <unpacked)" -gt 30 ]
  image extract "oci:made:v2" tree
  expect_refused "exists already"
}

# An ordinary user gets what the host lets him create.
test_extract_as_user() {
  must umoci init --layout made
  must umoci new --image made:v1
  must umoci unpack --image made:v1 work
  odd_tree work/rootfs
  must umoci repack --image made:v1 work
  rm -rf work
  mkdir mine
  chown -R 1000 made mine
  chmod 755 .
  # What `.` is below may be closed to others.
  as_user ls made/index.json >/dev/null 2>&1 || skip "the directory of tests is closed to other users"
  run as_user "$nacelle_image" import --root "$PWD/mine/store" "oci:$PWD/made:v1"
  expect_status 0
  run as_user "$nacelle_image" extract --root "$PWD/mine/store" "oci:$PWD/made:v1" mine/tree
  expect_status 0
  expect_stderr_has "left out:"
  expect_stderr_has "3 device nodes"
  expect [ ! -e mine/tree/dev/null ]
  expect [ -p mine/tree/fifo ]
  expect_same "$(stat -c '%u %a' mine/tree/setuid)" "1000 755" "a file that was root's"
  expect_same "$(find mine/tree -perm /6000 -type f)" "" "files with rights of others"
  expect cmp mine/tree/usr/lib/large "mine/tree/usr/lib/large"
  expect_same "$(stat -c %i mine/tree/etc/file)" "$(stat -c %i mine/tree/usr/lib/hard)" "a hard link"
}

# Nothing is left when the disk is full, and the store is as it was.
test_extract_without_space() {
  import_both
  mkdir small
  must mount -t tmpfs -o size=1m,mode=755 small small
  image extract "oci:$layers:latest" small/tree
  expect_refused "No space left on device"
  expect_same "$(ls -A small)" "" "what is left"
  image export "oci:$layers:latest" small/layout
  expect_refused "No space left on device"
  expect_same "$(ls -A small)" "" "what is left"
}

# An EROFS image that a merge which was taken over has made.
test_hostile_erofs() {
  image import "oci:$layers:latest"
  python3 - "$(erofs_image)" <<'END'
import os, sys
os.chmod(sys.argv[1], 0o600)
with open(sys.argv[1], "r+b") as file:
    data = file.read()
    at = data.rindex(b"passwd") if b"passwd" in data else len(data) - 4000
    for place in range(len(data) - 8192, len(data), 7):
        file.seek(place)
        file.write(b"/")
END
  image extract "oci:$layers:latest" tree
  expect_refused "damaged"
  expect [ ! -e tree ]
  expect [ ! -e tree.partial ]
}

test_completion() {
  run "$nacelle" completion
  expect_status 0
  cp "$out" completion
  prepare
  image import oci:img:latest
  complete_words() {
    PATH=$(dirname "$nacelle"):$PATH bash -c '. ./completion; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
      COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; _nacelle; printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
  }
  expect_same "$(complete_words nacelle image ins)" inspect "the verb"
  expect_same "$(complete_words nacelle image gc --dr)" "--dry-run" "the option"
  expect_same "$(complete_words nacelle image pull docker:)" "//" "the transport"
  expect_same "$(complete_words nacelle image rm oci)" "oci:$PWD/img:latest" "a reference of the store"
  expect_same "$(complete_words nacelle image rm "oci:$PWD/i")" "$PWD/img:latest" "its rest, behind the colon"
}

# A pod from what the store has: the policy is asked by the name that the image was imported under.
test_run_by_digest() {
  prepare
  image import oci:img:latest
  expect_stdout "$digest"
  allowed "$digest"
  allowed "${digest:0:14}"
  refused "no image in the store has the digest" sha256:000000
  refused "at least 6 digits" sha256:0000
  trust set --prefix "$name" reject
  refused "rule reject" "$digest"
  trust set --prefix "$name" accept
  trust default reject
  allowed "$digest"
  # Two names that the rules could be about.
  cp -r img other
  trust set --prefix "oci:$PWD/other" accept
  image import oci:other:latest
  expect_status 0
  refused "several references lead to" "$digest"
  image rm oci:img:latest oci:other:latest
  refused "no image in the store" "$digest"
  image import oci:img:latest
  rm "$v1"/references/*
  refused "no reference leads to" "$digest"
}

# What cosign put beside an image goes with it and counts for the next one who imports it.
test_export_signatures() {
  prepare
  p256 key
  cosign_sign img key example.com/app
  image import oci:img:latest
  expect_status 0
  image inspect --json oci:img:latest
  expect_same "$(jq -c '[.signatures[].kind]' "$out")" '["cosign"]' "the signatures"
  image export oci:img:latest made
  expect_status 0
  image export oci:img:latest oci-archive:made.tar
  expect_status 0
  expect_same "$(jq -c '[.manifests[].annotations["org.opencontainers.image.ref.name"]]' made/index.json)" \
    "[\"latest\",\"${digest/:/-}.sig\"]" "the tags"
  must skopeo inspect oci:made:latest
  must rm -r "$v1"
  trust default reject
  trust add --prefix "oci:$PWD/made" --key key.pub
  trust add --prefix "oci-archive:$PWD/made.tar" --key key.pub
  for reference in oci:made:latest oci-archive:made.tar:latest; do
    image import "$reference"
    expect_status 0
    expect_stdout "$digest"
  done
}

test_export_aci() {
  prepare
  gpg_home
  must "$here/aci.py" app.aci '{"compression": "gzip"}'
  gpg_key good rsa3072
  gpg_sign good
  trust add --prefix example.com --key good.asc
  image import aci:app.aci
  expect_status 0
  image inspect aci:app.aci
  expect_stdout_has "ACI name:"
  expect_stdout_has "openpgp, from"
  image export aci:app.aci copy.aci
  expect_status 0
  expect cmp app.aci copy.aci
  expect cmp app.aci.asc copy.aci.asc
  image import aci:copy.aci
  expect_status 0
  image export aci:app.aci oci:made
  expect_refused "is an ACI"
}
