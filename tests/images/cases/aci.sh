# shellcheck shell=bash
# App Container Images: archives, manifests, dependencies, whitelists. ../aci.py makes the files.

# make_aci NAME SPECIFICATION: NAME.aci, whose image id is in $id.
make_aci() { id=$("${BASH_SOURCE%/*}/../aci.py" "$1.aci" "$2") || fail "cannot make $1.aci"; }
# import_aci NAME SPECIFICATION: makes it, and imports it, which has to work.
import_aci() {
  make_aci "$@"
  image import "aci:$1.aci"
  expect_status 0
  expect_stdout "sha512:${id#sha512-}"
}
# refuse_aci TEXT SPECIFICATION: an import that is refused with this text and leaves nothing.
refuse_aci() {
  make_aci refused "$2"
  find store -type f ! -name lock | sort >before
  image import aci:refused.aci
  expect_refused "$1"
  find store -type f ! -name lock | sort >after
  cmp -s before after || fail "the import left something: $(diff before after)"
}
# The tree of an image, a line for each name: type and mode, size of a file, path.
tree_of() {
  rm -rf tree
  must "$nacelle_image" extract --root "$store" "aci:$1.aci" tree
  (cd tree && find . -mindepth 1 \( -type f -printf '%M %s %P\n' -o -printf '%M - %P\n' \) | sort -k 3)
}
expect_tree() { expect_same "$(tree_of "$1")" "$2" "the tree of $1"; }
small='-rw-r--r-- 8 etc/who'
small="drwxr-xr-x - etc
$small"

test_compressions() {
  local how
  for how in none gzip xz; do
    import_aci "$how" "{\"compression\": \"$how\"}"
    expect_stderr ""
    [ "$how" != none ] || first=$id
    expect_same "$id" "$first" "image id"
    rm -rf store
    mkdir -m 700 store
  done
  refuse_aci "compressed with bzip2" '{"compression": "bz2"}'
  refuse_aci "compressed with zstd" '{"compression": "zstd"}'
}

test_second_file_of_one_image() {
  import_aci one '{"compression": "gzip"}'
  make_aci two '{"compression": "xz"}'
  image import aci:two.aci
  expect_refused "has an image with this id from another file"
  image import aci:one.aci
  expect_status 0
}

test_manifest_anywhere() {
  import_aci last '{"order": "last"}'
  expect_tree last "$small"
  refuse_aci "the archive has no manifest" '{"order": "none"}'
  refuse_aci "manifest: it is there twice" '{"manifests": [["file", "{}"], ["file", "{}"]]}'
  refuse_aci "the manifest must be a regular file" '{"manifests": [["link", "rootfs/etc/who"]]}'
  refuse_aci "the manifest must be a regular file" '{"manifests": [["fifo", ""]]}'
  refuse_aci "the archive has no rootfs" '{"entries": []}'
}

test_manifest_of_five_megabytes() {
  python3 - <<'EOF'
import io, tarfile
with tarfile.open("large.aci", "w") as tar:
    info = tarfile.TarInfo("manifest")
    info.size = 5 << 20
    tar.addfile(info, io.BytesIO(b" " * info.size))
EOF
  image import aci:large.aci
  expect_refused "the manifest has more than 4194304 bytes"
}

test_names() {
  local entries
  while IFS='|' read -r text entries; do
    refuse_aci "$text" "{\"entries\": [[\"dir\", \"rootfs\"], $entries]}"
  done <<'EOF'
the name leads upwards|["file", "rootfs/../../x"]
the name leads upwards|["hard", "rootfs/x", "rootfs/../../etc/passwd"]
only manifest and rootfs|["file", "rootfsX/x"]
only manifest and rootfs|["file", "x"]
it is there twice|["file", "rootfs/x", "1"], ["file", "rootfs/x", "2"]
it is there twice|["dir", "rootfs/x"], ["dir", "./rootfs/x/"]
not a directory|["link", "rootfs/d", "/tmp"], ["file", "rootfs/d/x"]
no whiteouts|["file", "rootfs/.wh.x"]
hard link's target|["hard", "rootfs/x", "rootfs/y"]
not below rootfs|["hard", "rootfs/x", "manifest"]
EOF
  import_aci fifo '{"entries": [["dir", "rootfs"], ["fifo", "rootfs/etc/passwd"], ["link", "rootfs/l", "../../etc/shadow"]]}'
  expect_same "$(tree_of fifo | cut -c 1 | tr -d "\n")" dpl "the types"
}

test_manifests() {
  local text change
  while IFS='|' read -r text change; do
    refuse_aci "$text" "{\"manifest\": {$change}}"
  done <<'EOF'
acKind: "PodManifest"|"acKind": "PodManifest"
newer than what is supported|"acVersion": "0.9.0"
newer than what is supported|"acVersion": "1.30.0"
name: "Example"|"name": "Example"
name: it is missing|"name": null
stands there twice|"labels": [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]
for linux/aarch64|"labels": [{"name": "os", "value": "linux"}, {"name": "arch", "value": "aarch64"}]
app.user: it is missing|"app": {"group": "0"}
app.environment[0].name|"app": {"user": "0", "group": "0", "environment": [{"name": "", "value": "1"}]}
app.environment[1].name|"app": {"user": "0", "group": "0", "environment": [{"name": "A", "value": "1"}, {"name": "A\nB", "value": "1"}]}
app.mountPoints[0].path|"app": {"user": "0", "group": "0", "mountPoints": [{"name": "a", "path": "/../.."}]}
app.mountPoints[0].path|"app": {"user": "0", "group": "0", "mountPoints": [{"name": "a", "path": "/"}]}
app.mountPoints[1].path|"app": {"user": "0", "group": "0", "mountPoints": [{"name": "a", "path": "/x"}, {"name": "b", "path": "/x"}]}
app.isolators[0].value.limit|"app": {"user": "0", "group": "0", "isolators": [{"name": "resource/cpu", "value": {"limit": "-1"}}]}
app.isolators[0].value.limit|"app": {"user": "0", "group": "0", "isolators": [{"name": "resource/memory", "value": {"limit": 1180591620717411303424}}]}
app.isolators[1].name|"app": {"user": "0", "group": "0", "isolators": [{"name": "resource/cpu", "value": {}}, {"name": "resource/cpu", "value": {}}]}
app.eventHandlers[0].exec|"app": {"user": "0", "group": "0", "eventHandlers": [{"name": "pre-start", "exec": ["/../x"]}]}
pathWhitelist[0]|"pathWhitelist": ["etc/who"]
pathWhitelist[1]: the name leads upwards|"pathWhitelist": ["/etc", "/etc/../who"]
dependencies[0].imageID|"dependencies": [{"imageName": "a", "imageID": "sha512-../../x"}]
EOF
  refuse_aci "is not JSON" '{"manifest": "{"}'
}

test_what_pods_do_not_apply() {
  import_aci app '{"manifest": {"app": {"exec": ["/x"], "user": "0", "group": "0",
    "isolators": [{"name": "resource/memory", "value": {"limit": "1G"}}, {"name": "os/linux/unheard-of", "value": 1}],
    "eventHandlers": [{"name": "pre-start", "exec": ["/y"]}]}}}'
  expect_stderr "nacelle-image: note: pods do not apply os/linux/unheard-of yet"
}

# A -> [B, C], C -> [D]: highest first that is A, C, D, B.
test_dependencies() {
  import_aci d '{"manifest": {"name": "example.com/d", "app": null},
    "entries": [["dir", "rootfs"], ["file", "rootfs/abcd", "d"], ["file", "rootfs/cd", "d"], ["file", "rootfs/bd", "d"], ["file", "rootfs/d/x", "d"]]}'
  d=$id
  import_aci c "{\"manifest\": {\"name\": \"example.com/c\", \"dependencies\": [{\"imageName\": \"example.com/d\", \"imageID\": \"$d\"}]},
    \"entries\": [[\"dir\", \"rootfs\"], [\"file\", \"rootfs/abcd\", \"ccc\"], [\"file\", \"rootfs/cd\", \"ccc\"], [\"file\", \"rootfs/bc\", \"ccc\"], [\"dir\", \"rootfs/d\", \"\", 448]]}"
  import_aci b '{"manifest": {"name": "example.com/b", "labels": [{"name": "version", "value": "1.0"}]},
    "entries": [["dir", "rootfs"], ["file", "rootfs/abcd", "bb"], ["file", "rootfs/bd", "bb"], ["file", "rootfs/bc", "bb"]]}'
  b=$id
  a='{"manifest": {"dependencies": [
    {"imageName": "example.com/b", "labels": [{"name": "version", "value": "1.0"}], "size": '$(stat -c %s b.aci)'},
    {"imageName": "example.com/c"}]}, "entries": [["dir", "rootfs"], ["file", "rootfs/abcd", "aaaa"]]}'
  import_aci a "$a"
  expect_tree a "-rw-r--r-- 4 abcd
-rw-r--r-- 3 bc
-rw-r--r-- 1 bd
-rw-r--r-- 3 cd
drwx------ - d
-rw-r--r-- 1 d/x"
  # All that it is made of is kept with it.
  expect_same "$(find "$v1/blobs" -type f | wc -l)" 4 blobs

  # Another image of the same name and labels: no guess.
  import_aci b2 '{"manifest": {"name": "example.com/b", "labels": [{"name": "version", "value": "1.0"}]}, "entries": [["dir", "rootfs"]]}'
  image import aci:a.aci
  expect_refused "depends on example.com/b (version=1.0), of which the store has several"
}

test_missing_dependencies() {
  local text dependency
  import_aci base '{"manifest": {"name": "example.com/base"}}'
  while IFS='|' read -r text dependency; do
    refuse_aci "$text" "{\"manifest\": {\"dependencies\": [${dependency/BASE/$id}]}}"
    make_aci base '{"manifest": {"name": "example.com/base"}}'
  done <<'EOF'
it depends on example.com/b, which the store does not have; import that image first|{"imageName": "example.com/b"}
it depends on example.com/base (version=2), which|{"imageName": "example.com/base", "labels": [{"name": "version", "value": "2"}]}
but the image of that id has another name|{"imageName": "example.com/b", "imageID": "BASE"}
but the file of that image has another size|{"imageName": "example.com/base", "size": 7}
EOF
}

# The policy of now decides about dependencies too, whatever it said when they were imported.
test_dependency_that_is_forbidden_now() {
  import_aci base '{"manifest": {"name": "example.com/base"}}'
  must "$nacelle" trust set --prefix example.com/base reject
  refuse_aci "dependency example.com/base: " '{"manifest": {"dependencies": [{"imageName": "example.com/base"}]}}'
  must "$nacelle" trust rm --prefix example.com/base
  import_aci app '{"manifest": {"dependencies": [{"imageName": "example.com/base"}]}}'
}

# A dependency that is named and not pinned may be another one at the next import.
test_dependency_that_changes() {
  import_aci base '{"manifest": {"name": "example.com/base"}, "entries": [["dir", "rootfs"], ["file", "rootfs/v", "1"]]}'
  import_aci app '{"manifest": {"dependencies": [{"imageName": "example.com/base"}]}, "entries": [["dir", "rootfs"]]}'
  expect_tree app "-rw-r--r-- 1 v"
  must "$nacelle_image" rm --root "$store" aci:base.aci
  must "$nacelle_image" gc --root "$store"
  import_aci newer '{"manifest": {"name": "example.com/base"}, "entries": [["dir", "rootfs"], ["file", "rootfs/v", "22"]]}'
  image import aci:app.aci
  expect_status 0
  expect_tree app "-rw-r--r-- 2 v"
}

test_images_that_depend_on_each_other() {
  import_aci b '{"manifest": {"name": "example.com/b"}}'
  import_aci a '{"manifest": {"name": "example.com/a", "dependencies": [{"imageName": "example.com/b"}]}}'
  must "$nacelle_image" rm --root "$store" aci:b.aci
  must "$nacelle_image" gc --root "$store"
  refuse_aci "depends on" '{"manifest": {"name": "example.com/b", "dependencies": [{"imageName": "example.com/a"}]}}'
}

test_whitelists() {
  import_aci base '{"manifest": {"name": "example.com/base"}, "entries": [["dir", "rootfs"], ["dir", "rootfs/etc", "", 448],
    ["file", "rootfs/etc/a", "1"], ["file", "rootfs/etc/b", "1"], ["link", "rootfs/lib", "etc"], ["dir", "rootfs/kept", "", 448], ["dir", "rootfs/gone"]]}'
  import_aci app '{"manifest": {"dependencies": [{"imageName": "example.com/base"}],
    "pathWhitelist": ["/etc/a", "/own", "/kept/", "/nothing", "/lib/b"]},
    "entries": [["dir", "rootfs"], ["file", "rootfs/own", "1"], ["file", "rootfs/other", "1"], ["dir", "rootfs/mine"]]}'
  expect_tree app "drwxr-xr-x - etc
-rw-r--r-- 1 etc/a
drwx------ - kept
drwxr-xr-x - mine
-rw-r--r-- 1 own"
}

# Against a renderer of a few lines, on images that nobody thought of.
test_random_images() {
  run "${BASH_SOURCE%/*}/../aci-render" "$nacelle_image" "$PWD" 1 12
  expect_status 0
}

# What was imported can be had again, byte for byte, and be looked at.
test_export_and_inspect() {
  import_aci app '{"compression": "xz"}'
  must "$nacelle_image" export --root "$store" aci:app.aci aci:again.aci
  expect cmp app.aci again.aci
  image inspect --json aci:app.aci
  expect_status 0
  expect_stdout_has "${id#sha512-}"
}

test_reproducible() {
  import_aci app '{"compression": "gzip"}'
  store_list "$store" >first
  mkdir -m 700 other
  image_of "$PWD/other" import aci:app.aci
  expect_status 0
  store_list "$PWD/other" >second
  expect cmp first second
}

test_file_that_changes() {
  import_aci app '{"entries": [["dir", "rootfs"], ["file", "rootfs/v", "1"]]}'
  expect_tree app "-rw-r--r-- 1 v"
  import_aci app '{"entries": [["dir", "rootfs"], ["file", "rootfs/v", "22"]]}'
  expect_tree app "-rw-r--r-- 2 v"
}

test_as_an_ordinary_user() {
  make_aci app '{}'
  mkdir home
  mkdir -m 700 home/store
  chmod 644 app.aci
  chown -R 1000:1000 home
  run as_user "$nacelle_image" import --root "$PWD/home/store" aci:app.aci
  expect_status 0
  expect_stdout "sha512:${id#sha512-}"
}
