# shellcheck shell=bash
# What test.sh, demo.sh and the levels share: sentences, packages, the cache, builds, timed steps.
# To be sourced; $top is the top of the checkout.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=$(nproc)

say() { echo "$*" >&2; }
die() {
  say "${0##*/}: $*"
  exit 1
}

# The same place as guest-kernel/build and tests/host use.
cache_dir() {
  if [ -n "${NACELLE_CACHE_DIR-}" ]; then
    echo "$NACELLE_CACHE_DIR"
  elif [ -n "${XDG_CACHE_HOME-}" ]; then
    echo "$XDG_CACHE_HOME/nacelle"
  elif [ "$(id -u)" = 0 ]; then
    echo /var/cache/nacelle
  else
    echo "${HOME:?HOME is not set: set NACELLE_CACHE_DIR}/.cache/nacelle"
  fi
}

# The names in lists of packages: one on a line, the rest of a line after # is a remark.
read_package_lists() { sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$@" | sort -u; }

# Those of the named packages that are not installed.
missing_packages() {
  local name
  for name; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
  done
}

# apt_get ARG...: quietly and without a question; its last words when it fails.
apt_get() {
  local log status=0
  log=$(mktemp)
  DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1 </dev/null ||
    status=$?
  [ "$status" = 0 ] || tail -n 5 "$log" >&2
  rm -f "$log"
  return "$status"
}

# The pinned version for the kernel's source; another one would be refused by guest-kernel/build anyway.
pinned() {
  local package version
  package=$(sed -n 's/^package=//p' "$top/guest-kernel/source.pin")
  version=$(sed -n 's/^version=//p' "$top/guest-kernel/source.pin")
  if [ "$1" = "$package" ] && apt-cache madison "$package" 2>/dev/null | grep -qF " $version "; then
    echo "$1=$version"
  else
    echo "$1"
  fi
}

# install_packages LIST...: installs what the lists name and this machine lacks.
install_packages() {
  local -a missing unknown wanted
  local name
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
    die "this needs Debian 12 (dpkg and apt-get are not here)"
  # shellcheck disable=SC2046 # names of packages hold no blanks
  mapfile -t missing < <(missing_packages $(read_package_lists "$@"))
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] ||
    die "these packages are missing, and only root can install them: ${missing[*]}." \
      "Run this with sudo, or install them: apt-get install ${missing[*]}"
  say "== installing ${#missing[@]} packages (a few minutes on a fresh machine): ${missing[*]}"
  apt_get update || say "(the lists of packages could not be refreshed; going on with those that are here)"
  for name in "${missing[@]}"; do
    if LC_ALL=C apt-cache policy "$name" 2>/dev/null | grep -q '^  Candidate: [^(]'; then
      wanted+=("$(pinned "$name")")
    else
      unknown+=("$name")
    fi
  done
  [ ${#unknown[@]} -eq 0 ] ||
    die "no package ${unknown[*]} in this machine's package sources." \
      "Debian 12 (bookworm) has it: check /etc/apt/sources.list, run apt-get update, and start again"
  apt_get install --no-install-recommends "${wanted[@]}" ||
    die "the packages above could not be installed; see what apt-get says:" \
      "apt-get install ${wanted[*]}"
}

# Long commands run in a process group of their own, so that Ctrl-C and TERM can end all of it.
running=
start_group() {
  set -m
  "$@" </dev/null &
  running=$!
  set +m
}

# Sets status.
wait_group() {
  status=0
  wait "$running" || status=$?
  running=
}

# stop_everything SIGNAL: for traps; ends what runs, then this script.
stop_everything() {
  trap '' INT TERM HUP
  if [ -n "$running" ]; then
    say "stopping..."
    kill -TERM -- "-$running" 2>/dev/null
    for _ in $(seq 50); do
      kill -0 -- "-$running" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL -- "-$running" 2>/dev/null
    wait 2>/dev/null
  fi
  exit $((128 + $1))
}
trap 'stop_everything 2' INT
trap 'stop_everything 15' TERM
trap 'stop_everything 1' HUP

# step TEXT LOG COMMAND...: runs a long command into a log, with a sign of life every 15 seconds.
# When it fails, the end of the log is shown.
step() {
  local text=$1 log=$2 started=$SECONDS said=$SECONDS status
  shift 2
  say "== $text"
  start_group "$@" >"$log" 2>&1
  while kill -0 "$running" 2>/dev/null; do
    sleep 0.2
    [ $((SECONDS - said)) -ge 15 ] || continue
    said=$SECONDS
    say "   $((SECONDS - started)) s: $(tail -n 1 "$log" | tr -d '\r' | cut -c 1-90)"
  done
  wait_group
  if [ "$status" != 0 ]; then
    say "   failed (status $status) after $((SECONDS - started)) s; the end of $log:"
    tail -n 40 "$log" | sed 's/^/   | /' >&2
    return "$status"
  fi
  say "   done in $((SECONDS - started)) s"
}

# build_preset PRESET TEXT [TARGET...]: configures and builds one preset of CMakePresets.json.
build_preset() {
  local preset=$1 text=$2 directory=$top/build-$1
  shift 2
  [ "$preset" != release ] || directory=$top/build
  mkdir -p "$directory"
  step "building $text" "$directory/build.log" in_top configure_and_build "$preset" "$directory" "$@"
}
configure_and_build() {
  local preset=$1 directory=$2 options=()
  shift 2
  # What is installed brings the kernel, and needs no tests; those are built with sanitizers.
  [ "$preset" != release ] || options=(-DNACELLE_GUEST_KERNEL=ON -DBUILD_TESTING=OFF)
  cmake --preset "$preset" -DNACELLE_WERROR=ON "${options[@]}" &&
    cmake --build "$directory" -j "$jobs" ${1:+--target "$@"}
}
in_top() { (cd "$top" && "$@"); }

build_kernel() {
  say "== guest kernel (five to six minutes on two processors the first time, then from the cache)"
  local status
  start_group "$top/guest-kernel/build" >/dev/null
  wait_group
  return "$status"
}

# Where the build is staged, laid out as an installation; levels and demo.sh run this one.
stage=$top/build/stage
build_and_stage() {
  mkdir -p "$top/build"
  build_kernel || return
  build_preset release "the release (about a minute the first time)" || return
  rm -rf "$stage"
  step "staging an installation in ${stage#"$top"/}" "$top/build/install.log" \
    cmake --install "$top/build" --prefix "$stage"
}

# run_ctest BUILD_DIRECTORY ARG...: runs the selected tests, one line for each, the end of the log of a failed one.
run_ctest() {
  local directory=$top/$1 log
  shift
  log=$(mktemp)
  if [ "$(ctest --test-dir "$directory" -N "$@" | sed -n 's/^Total Tests: //p')" != 0 ]; then
    ctest --test-dir "$directory" --output-on-failure --output-log "$log" -j "$jobs" --timeout 300 "$@" >/dev/null 2>&1
    "$top/tests/ctest-lines" "$log"
  fi
  rm -f "$log"
}

# Those unit tests that link with threads, by their sources.
threaded_tests() {
  local file
  grep -rlE 'pthread_create|<pthread\.h>|virtio/p9\.h|vmm/machine/vcpu' "$top/tests/unit" --include='*.c' |
    while IFS= read -r file; do
      sed -n "s/^nacelle_unit_test(\([a-z0-9_]*\) $(basename "$file").*/\1/p" "$(dirname "$file")/CMakeLists.txt"
    done
}
