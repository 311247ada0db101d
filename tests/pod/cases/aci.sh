# shellcheck shell=bash
# level: pod
# An App Container Image becomes the root, and its manifest says what is started in it.

# make_aci NAME MANIFEST [OPTION...]: an archive of the manifest and the busybox root; the options are tar's.
make_aci() {
  local name=$1
  mkdir -p work
  printf '%s' "$2" >work/manifest
  shift 2
  tar --create --file "$name.aci" --gzip "$@" --directory "$PWD/work" manifest --transform 's|^\./|rootfs/|' \
    --directory "$busybox_dir" ./ || fail "cannot make $name.aci"
}

test_app() {
  make_aci app '{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "example.com/app",
    "labels": [{"name": "os", "value": "linux"}, {"name": "arch", "value": "amd64"}],
    "app": {"exec": ["sh", "-c", "id -u; id -g; pwd; echo \"$GREETING\" \"$@\"", "sh", "one"],
      "user": "1234", "group": "5678", "workingDirectory": "/etc",
      "environment": [{"name": "GREETING", "value": "hello there"}],
      "mountPoints": [{"name": "data", "path": "/data"}]}}'
  run_pod aci:app.aci
  expect_status 0
  expect_stdout "$(printf '1234\n5678\n/etc\nhello there one')"
  run_pod aci:app.aci -- two three
  expect_stdout "$(printf '1234\n5678\n/etc\nhello there one two three')"
}

test_root_and_status() {
  make_aci app '{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "example.com/app",
    "app": {"exec": ["/bin/sh", "-c", "id -u; exit 7"], "user": "root", "group": "root"}}'
  run_pod aci:app.aci
  expect_status 7
  expect_stdout 0
}

# A user and a group may be the path of a file, whose owner is meant.
test_owner_of_a_file() {
  make_aci app '{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "example.com/app",
    "app": {"exec": ["id"], "user": "/etc/passwd", "group": "/etc/passwd"}}' --owner 77 --group 88
  run_pod aci:app.aci
  expect_status 0
  expect_stdout "uid=77 gid=88 groups=88"
}
