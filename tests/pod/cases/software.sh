# shellcheck shell=bash
# level: software
# Programs from Debian's packages that people put into containers, each doing some of its real work.

# No more virtual CPUs than the host has: where KVM is emulated with one, about one pod of 20 with two that runs for
# half a minute stands still, with a sequence count of the guest kernel's clock odd for ever.
cpus=$(($(nproc) < 2 ? 1 : 2))

in_pod() {
  run_pod --memory 1G --cpus "$cpus" "$software" -- bash -ec "$1"
  expect_status 0
}

test_bash_and_coreutils() {
  in_pod '
    seq 1000 | sort -rn | head -n 500 | shuf | sort -n | tail -n 1
    echo text | tr a-z A-Z | rev | base64 | base64 -d
    find /usr/bin -type l | wc -l >/tmp/count; test "$(cat /tmp/count)" -gt 10
    dd if=/dev/urandom of=/tmp/random bs=64k count=16 status=none
    split -b 100k /tmp/random /tmp/part. && cat /tmp/part.* | cmp - /tmp/random
    (trap "echo trapped" USR1; kill -USR1 $BASHPID; :)
    exec 3<>/dev/tcp/127.0.0.1/9 || echo refused' 2>"$err"
  expect_stdout_has 1000
  expect_stdout_has TXET
  expect_stdout_has trapped
}

# The core of python's regression tests: the language, the system interface, processes, threads, sockets. Two single
# tests expect what an overlay over two file systems cannot give, here as elsewhere: that a directory's entry and its
# stat name the same inode, and that a fresh upper layer is not empty.
test_python() {
  run_pod --memory 1G --cpus "$cpus" "$software" -- python3 -m test -j 2 --timeout 400 \
    -i 'test.test_os.TestScandir.test_attributes' -i test_disk_usage \
    test_builtin test_grammar test_int test_float test_unicode test_list test_dict test_set test_generators \
    test_os test_posix test_pwd test_grp test_time test_select test_poll test_epoll test_fcntl test_mmap test_pty \
    test_pipes test_thread test_queue test_tempfile test_shutil test_glob test_fileio test_json test_zlib test_hashlib
  expect_status 0
  expect_stdout_has "Tests result: SUCCESS"
}

test_node() {
  in_pod 'node -e "
    const http = require(\"http\"), zlib = require(\"zlib\"), crypto = require(\"crypto\");
    const body = crypto.randomBytes(100000);
    const server = http.createServer((request, response) => response.end(zlib.gzipSync(body))).listen(8080, () => {
      let left = 20;
      for (let i = 0; i < 20; i++)
        http.get(\"http://127.0.0.1:8080/\", response => {
          const parts = [];
          response.on(\"data\", part => parts.push(part));
          response.on(\"end\", () => {
            if (!zlib.gunzipSync(Buffer.concat(parts)).equals(body)) process.exit(1);
            if (--left === 0) { console.log(\"all answered\"); process.exit(0); }
          });
        });
    });"'
  expect_stdout_has "all answered"
}

test_nginx() {
  in_pod '
    mkdir -p /var/www/html && head -c 5000 /dev/urandom | base64 >/var/www/html/index.html
    nginx
    for i in $(seq 10); do curl -fsS "http://127.0.0.1/index.html?[1-100]" -o /dev/null -w "%{http_code}\n"; done | sort | uniq -c
    nginx -s stop'
  expect_stdout_has "1000 200"
}

test_redis() {
  in_pod '
    redis-server --daemonize yes --save "" >/dev/null
    until redis-cli ping >/dev/null 2>&1; do sleep 0.1; done
    redis-benchmark -n 10000 -t set,get,incr,lpush -q
    redis-cli get key:__rand_int__ | wc -c
    redis-cli shutdown nosave'
  expect_stdout_has "requests per second"
}

test_postgresql() {
  in_pod '
    export PATH=$PATH:$(echo /usr/lib/postgresql/*/bin)
    install -d -o postgres /tmp/db /var/run/postgresql
    run() { setpriv --reuid postgres --regid postgres --init-groups "$@"; }
    run initdb -D /tmp/db >/dev/null
    run pg_ctl -D /tmp/db -l /tmp/log -w start >/dev/null
    run createdb bench
    run pgbench -i -q bench 2>/dev/null
    run pgbench -t 1000 bench
    run pg_ctl -D /tmp/db -m fast stop >/dev/null'
  expect_stdout_has "number of transactions actually processed: 1000/1000"
}

test_java() {
  in_pod '
    cd /tmp
    cat >Main.java <<END
import java.util.stream.*;
public class Main {
  public static void main(String[] args) throws Exception {
    Thread[] threads = new Thread[4];
    long[] sums = new long[4];
    for (int i = 0; i < 4; i++) {
      final int n = i;
      threads[i] = new Thread(() -> sums[n] = LongStream.range(0, 1000 * (n + 1)).sum());
      threads[i].start();
    }
    for (Thread thread : threads) thread.join();
    System.out.println("sum " + LongStream.of(sums).sum() + " on " + Runtime.getRuntime().availableProcessors());
  }
}
END
    javac Main.java
    java -Xmx256m Main'
  expect_stdout_has "sum 14995000 on $cpus"
}
