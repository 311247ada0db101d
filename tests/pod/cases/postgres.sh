# shellcheck shell=bash disable=SC2154 # postgres_layout comes from the runner
# level: software
# A database on a volume whose pod is killed at work: what it has said to be committed is there, and every page whole.

# The cluster made with the image, with a log that soon is full and used again, and a cache that soon is.
make_database() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  mkdir db
  cp -r "${postgres_layout%/oci}/cluster" db/data
  cat >>db/data/postgresql.conf <<'END'
listen_addresses = ''
unix_socket_directories = '/tmp'
max_connections = 10
shared_buffers = 1MB
wal_level = minimal
max_wal_senders = 0
max_wal_size = 2MB
min_wal_size = 2MB
max_logical_replication_workers = 0
autovacuum = off
jit = off
END
  # Begins, looks at what has been said so far, and either writes for ever, by two clients beside one that makes
  # checkpoints all the time, or ends in order.
  cat >db/work <<'END'
sql() { psql -qAt -v ON_ERROR_STOP=1 -d postgres "$@"; }
pg_ctl -D /db/data -l /tmp/log -t 900 -w start >/dev/null || { cat /tmp/log >&2; exit 1; }
if [ -e /db/said ]; then
  grep -q "not properly shut down; automatic recovery in progress" /tmp/log && echo recovered
  sql <<SQL
    create temporary table said (i bigint, digest text);
    \\copy said from /db/said delimiter '|'
    select 'lost', said.i from said left join t on t.i = said.i and md5(filler) = digest where t.i is null limit 5;
    select 'damaged', t from verify_heapam('t') t;
    select bt_index_check('t_pkey', true) \\g /dev/null
SQL
  echo checked
else
  sql -c "create extension amcheck" \
    -c "create table t (i bigint generated always as identity primary key, filler text)"
fi
if [ "$1" = write ]; then
  insert="insert into t (filler) values (repeat(md5(random()::text), 30)) returning 'committed', i, md5(filler);"
  for statement in "$insert" "$insert" "checkpoint;"; do
    yes "$statement" | sql &
  done
  wait
  exit 1
fi
pg_ctl -D /db/data -t 900 -m fast -w stop >/dev/null
pg_checksums --check -D /db/data | grep '^Bad checksums'
END
  chmod -R go= db/data
  chown -R 999:999 db/data
}

# So many rows more are said to be committed, or the pod has ended by itself.
said() { [ "$(grep -c '^committed' "$out")" -ge "$1" ] || gone "$pod"; }

work() { "$1" --boot-timeout 200 --memory 512M --volume "$PWD/db:/db" "$postgres" -- sh -e /db/work "$2"; }

# kill_at_work ROLE: the machine, or the supervisor with all that it has begun. What was said last may be cut off.
kill_at_work() {
  local vm files
  work start_pod write
  wait_for 900 said 60
  vm=$(role nacelle-vm) && files=$(role nacelle-files) || fail "the pod has ended by itself"
  case $1 in
  machine) kill -KILL "$vm" ;;
  supervisor) kill -KILL "$pod" ;;
  esac
  wait_pod
  wait_for 60 eval 'gone $vm && gone $files'
  sed -nE 's/^committed\|([0-9]+\|[0-9a-f]{32})$/\1/p' "$out" >>db/said
  echo "$1 killed: $(wc -l <db/said) rows after $SECONDS s"
}

test_killed_at_work() {
  make_database
  kill_at_work machine
  expect_status 125
  kill_at_work supervisor
  expect_status 137
  expect_same "$(head -n 2 "$out")" $'recovered\nchecked' "after the first time"
  work run_pod end
  expect_status 0
  expect_stdout $'recovered\nchecked\nBad checksums:  0'
  expect [ "$(wc -l <db/said)" -ge 100 ]
}
