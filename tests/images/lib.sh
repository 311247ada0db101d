# shellcheck shell=bash disable=SC2034
# What the image cases are written with. Each case is a function test_NAME that runs as root in a directory of its
# own and in namespaces of its own: an empty /etc/nacelle, no network but a loopback, and processes that end with it.
# The first expectation that does not hold ends it.
#
#   run COMMAND...            any command; its streams and its status are what the expectations look at
#   image VERB [ARG...]       nacelle-image VERB --root $store ARG...; image_of STORE the same with another store
#   must COMMAND...           a step that is not the test: it has to succeed, quietly
#   expect_status N, expect_stdout TEXT, expect_stderr TEXT, expect_stdout_has TEXT, expect_stderr_has TEXT
#   expect_refused TEXT       status 125, nothing on stdout, one line on stderr, which has TEXT
#   expect COMMAND..., expect_same A B WHAT, wait_for SECONDS COMMAND...
#   fail WHY, skip WHY
#   as_user COMMAND...        as an ordinary user (uid 1000), with HOME=$PWD/home
#
# $nacelle, $nacelle_image: the programs. $store: this case's own, also $store/images/v1 as $v1.
# $busybox, $layers: OCI layout directories with the tag latest (of tests/images/make).

out=stdout err=stderr status=

fail() {
  echo "why: $*"
  show_outputs
  exit 1
}
skip() {
  echo "skip: $*"
  exit 77
}
show_outputs() {
  local file
  for file in "$out" "$err" must.log; do
    [ -s "$file" ] || continue
    echo "--- $file (the last of $(wc -l <"$file") lines)"
    tail -n 15 "$file" | tr -d '\000' | cut -c 1-300
  done
}

run() {
  status=0
  "$@" >"$out" 2>"$err" </dev/null || status=$?
}
image_of() {
  local root=$1 verb=$2
  shift 2
  run "$nacelle_image" "$verb" --root "$root" "$@"
}
image() { image_of "$store" "$@"; }
must() { "$@" >must.log 2>&1 </dev/null || fail "this did not work: $*"; }
as_user() {
  mkdir -p home
  chown 1000:1000 home
  chmod 755 .
  HOME=$PWD/home setpriv --reuid 1000 --regid 1000 --clear-groups -- "$@"
}

expect_status() { [ "$status" = "$1" ] || fail "status $status, expected $1"; }
expect_stdout() { [ "$(cat "$out")" = "$1" ] || fail "stdout is not: $1"; }
expect_stderr() { [ "$(cat "$err")" = "$1" ] || fail "stderr is not: $1"; }
expect_stdout_has() { grep -qF -- "$1" "$out" || fail "stdout has no: $1"; }
expect_stderr_has() { grep -qF -- "$1" "$err" || fail "stderr has no: $1"; }
expect_refused() {
  expect_status 125
  [ ! -s "$out" ] || fail "something is on stdout"
  [ "$(wc -l <"$err")" = 1 ] || fail "stderr is not one line"
  expect_stderr_has "$1"
}
expect() { "$@" || fail "does not hold: $*"; }
expect_same() { [ "$1" = "$2" ] || fail "${3-}: '$1' is not '$2'"; }

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || fail "did not happen in time: $*"
    sleep 0.05
  done
}

# The names and the bytes of a store, without what is unfinished: two stores with the same list hold the same.
store_list() { (cd "$1/images/v1" && find erofs -type f -exec sha256sum {} + | sort -k 2); }
