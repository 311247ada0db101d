# shellcheck shell=bash disable=SC2154 # store, nginx and others come from the runner and lib.sh
# level: software
# A pod as people have them: a web site of three images that share a volume.

# The volume of the site: what nginx serves and how, the program, places for redis' socket and data.
make_site() {
  mkdir -p site/html
  install -d -m 777 site/run site/data site/made
  head -c 300000 /dev/urandom >site/html/blob
  echo "a static page" >site/html/index.html
  cat >site/nginx.conf <<'END'
error_log stderr;
pid /run/nginx.pid;
worker_processes 2;
events { worker_connections 64; }
http {
  access_log /dev/stdout;
  server {
    listen 80;
    root /site/html;
    location /made/ { root /site; }
    location /app/ { proxy_pass http://127.0.0.1:8000; }
  }
}
END
  # It counts visits in redis, and leaves a page for each where nginx finds it.
  cat >site/app.py <<'END'
import http.server, signal, socket, sys, time

def redis(*words):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("/site/run/redis.sock")
        s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in map(str.encode, words)))
        return s.makefile().readline().strip()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        visit = redis("INCR", "visits").lstrip(":")
        with open(f"/site/made/visit-{visit}.html", "w") as page:
            page.write(f"page of visit {visit}\n")
        body = f"visit {visit}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

def ready():
    try:
        return redis("PING") == "+PONG"
    except OSError:
        return False

signal.signal(signal.SIGTERM, lambda *_: (print("app ends", flush=True), sys.exit(0)))
while not ready():
    time.sleep(0.1)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Handler)
print("app begins", flush=True)
server.serve_forever()
END
  # The visitor: from count visits on, so many more by eight at once, and each visit's page.
  cat >visit.py <<'END'
import concurrent.futures, sys, time, urllib.request
base, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
def get(path):
    with urllib.request.urlopen(base + path, timeout=60) as answer:
        return answer.read()
for _ in range(3000):
    try:
        assert get("/app/first") == b"visit %d\n" % first
        break
    except OSError:
        time.sleep(0.1)
assert get("/") == b"a static page\n"
assert get("/blob") == open("site/html/blob", "rb").read()
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    visits = sorted(int(text.split()[1]) for text in pool.map(get, ["/app/more"] * count))
    assert visits == list(range(first + 1, first + count + 1)), visits
    pages = list(pool.map(get, [f"/made/visit-{visit}.html" for visit in visits]))
    assert pages == [b"page of visit %d\n" % visit for visit in visits], pages
try:
    get("/not-there")
    raise AssertionError("a page that is not there")
except urllib.error.HTTPError as e:
    assert e.code == 404, e
END
}

on_pod() { "$nacelle" "$1" --root "$store" "${@:2}"; }
logs() { on_pod logs --app "$1" site 2>&1; }
site_is() { [ "$(on_pod status site | sed -n 's/^state=//p')" = "$1" ]; }

# It is asked to end, and every app does, with its data safe; each app's log has its words.
stop_site() {
  on_pod stop --timeout 60 site || fail "stop"
  expect site_is exited
  for app in redis app nginx; do
    expect_same "$(on_pod status site | sed -n "s/^app-$app=//p")" 0 "status of $app"
  done
  logs redis >log
  expect grep -q "ready to exit" log
  expect_same "$(logs app | grep '^app')" $'app begins\napp ends' "log of the app"
  expect_same "$(logs nginx | grep -c '"GET /app/more HTTP/1.1" 200 ')" "$1" "visits in nginx' log"
}

test_web_site() {
  need_uplink
  make_site
  nacelle_run -d --boot-timeout 200 --name site --dns 192.0.2.53 -p 127.0.0.1:7180:80 --volume "$PWD/site:/site" \
    "$redis" --name redis -- --unixsocket /site/run/redis.sock --unixsocketperm 777 --port 0 \
    --dir /site/data --appendonly yes --save 3600 1 \
    --- "$debian" --name app -- python3 /site/app.py \
    --- "$nginx" --name nginx -- -c /site/nginx.conf -g 'daemon off;' >uuid 2>"$err" || fail "run: status $?"
  expect_stderr ""
  python3 visit.py http://127.0.0.1:7180 1 100 || fail "the visitor"
  expect_same "$(on_pod exec --app redis site redis-cli -s /site/run/redis.sock get visits)" 101 "by exec"
  expect_same "$(on_pod exec --app nginx site cat /site/made/visit-50.html)" "page of visit 50" "by exec"
  on_pod cat-manifest site >pod.json || fail "cat-manifest"
  stop_site 100
  expect grep -q REDIS site/data/dump.rdb
  on_pod rm site || fail "rm"

  # The same pod again, from its manifest, which has the port too, on the same volume.
  nacelle_run -d --boot-timeout 200 --name site --net passt --pod pod.json >uuid 2>"$err" || fail "run --pod: status $?"
  python3 visit.py http://127.0.0.1:7180 102 20 || fail "the visitor of the second pod"
  stop_site 20
  on_pod rm site || fail "rm"
  wait_for 60 eval '! pgrep passt'
}
