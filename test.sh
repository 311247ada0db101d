#!/bin/bash
# Builds Nacelle and runs its tests; tests/README.md explains the levels.
# shellcheck source=tests/lib.sh
. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/tests/lib.sh" || exit 1

# In this order; each is a script in tests/levels whose head says what it does and how long it takes.
levels=(lint unit fuzz-replay golden install images bare 9p hosts pod oci stage1 hostile fuzz coverage software suspend vtx patches soak bench stock)

usage() {
  cat <<END
usage: ./test.sh [--full] [--level NAME]... [--list]

Installs missing packages (as root), builds everything, and runs the tests level by level.
  --full        also the long levels: at most 70 minutes with nothing cached
  --level NAME  only this level (repeatable); those that --list marks with "asked" run in no other way
  --list        print the levels, and end
The last line is "N passed, N failed, N skipped"; the exit status is 0 when nothing failed.
END
}

# head_of LEVEL FIELD: a line "# FIELD: ..." of the level's script.
head_of() { sed -n "s/^# $2: //p" "$top/tests/levels/$1"; }

list_levels() {
  local level
  for level in "${levels[@]}"; do
    printf '%-12s %-6s %-8s %s\n' "$level" "$(head_of "$level" when)" "$(head_of "$level" takes)" "$(head_of "$level" about)"
  done
}

full=
selected=()
while [ $# -gt 0 ]; do
  case $1 in
  --full) full=1 ;;
  --level)
    [ $# -ge 2 ] && [[ " ${levels[*]} " == *" $2 "* ]] ||
      die "--level needs one of: ${levels[*]}"
    selected+=("$2")
    shift
    ;;
  --list)
    list_levels
    exit 0
    ;;
  --help | -h)
    usage
    exit 0
    ;;
  *)
    usage >&2
    die "unknown argument: $1"
    ;;
  esac
  shift
done
export NACELLE_TEST_FULL=$full

if [ ${#selected[@]} -eq 0 ]; then
  for level in "${levels[@]}"; do
    case $(head_of "$level" when) in
    asked) ;;
    full) [ -z "$full" ] || selected+=("$level") ;;
    *) selected+=("$level") ;;
    esac
  done
fi

logs=$(mktemp -d "${TMPDIR:-/tmp}/nacelle-test-XXXXXX")
trap 'rm -rf "$logs"' EXIT
passed=0 failed=0 skipped=0

count() { grep -c "^$1 " "$2"; }

# A level says "ok NAME", "not ok NAME - WHY" or "skip NAME - WHY" for each case; lines between those that
# begin with blanks explain. A level that ends badly without a "not ok" has failed as a whole.
run_level() {
  local level=$1 log=$logs/$1 started=$SECONDS status
  echo "== level $level ($(head_of "$level" takes)): $(head_of "$level" about)"
  # A level that is told to stop still has its reader: it must not die of that before it has cleaned up.
  start_group bash -o pipefail -c '"$1" 2>&1 | (trap "" INT TERM HUP && exec tee "$2")' bash "$top/tests/levels/$level" "$log"
  wait_group
  if [ "$status" != 0 ] && ! grep -q '^not ok ' "$log"; then
    echo "not ok $level - ended with status $status" | tee -a "$log"
  elif ! grep -qE '^(ok|not ok|skip) ' "$log"; then
    echo "not ok $level - ran no test" | tee -a "$log"
  fi
  passed=$((passed + $(count ok "$log")))
  failed=$((failed + $(count 'not ok' "$log")))
  skipped=$((skipped + $(count skip "$log")))
  echo "== level $level: $(count ok "$log") passed, $(count 'not ok' "$log") failed," \
    "$(count skip "$log") skipped, $((SECONDS - started)) s"
}

summarize() {
  local level
  echo
  for level in "${selected[@]}"; do
    [ ! -e "$logs/$level" ] || sed -n -E "s/^(not ok|skip) /\\1 $level: /p" "$logs/$level"
  done
  echo "$passed passed, $failed failed, $skipped skipped"
}

install_packages "$top/tests/packages.txt" "$top/tests/host/packages.txt"
if build_and_stage; then
  for level in "${selected[@]}"; do
    run_level "$level"
  done
else
  echo "not ok build - see above; no level has run" | tee "$logs/${selected[0]}"
  failed=1
fi
summarize
[ "$failed" -eq 0 ]
