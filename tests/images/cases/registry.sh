# shellcheck shell=bash
# Registries: docker-registry of Debian with TLS, with passwords and with tokens; and registry-server, which
# misbehaves in one way for each name. Everything listens on loopback, in the case's own network namespace.

here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")/..

# make_ca NAME: a certificate authority in NAME/; make_cert CA NAME SUBJECT-ALT-NAME [DAYS] [KIND]: from it.
make_ca() {
  mkdir "$1"
  must openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1/ca.crt" \
    -days 2 -subj "/CN=$1"
}
make_cert() {
  local days=${4-2} kind=${5-ec -pkeyopt ec_paramgen_curve:P-256}
  # shellcheck disable=SC2086 # words
  must openssl req -newkey $kind -nodes -keyout "$2.key" -out "$2.csr" -subj "/CN=$2"
  printf 'subjectAltName=%s\n' "$3" >"$2.ext"
  must openssl x509 -req -in "$2.csr" -CA "$1/ca.crt" -CAkey "$1.key" -CAcreateserial -days "$days" -extfile "$2.ext" \
    -out "$2.crt"
}
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# start_registry PORT [LINES OF CONFIGURATION]: docker-registry, with TLS by server.crt.
start_registry() {
  local port=$1
  shift
  cat >"registry-$port.yml" <<YML
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: $PWD/data-$port}}
http: {addr: "127.0.0.1:$port"${tls-, tls: {certificate: $PWD/server.crt, key: $PWD/server.key}}}
YML
  printf '%s\n' "$@" >>"registry-$port.yml"
  docker-registry serve "registry-$port.yml" >"registry-$port.log" 2>&1 &
  wait_for 10 answers "$port"
}
# start_server PORT [CERT]: registry-server, which writes requests into log.
start_server() {
  local port=$1 cert=${2-server}
  touch log
  "$here/registry-server" "$port" "$layers" log ${cert:+"$cert.crt" "$cert.key"} &
  wait_for 10 answers "$port"
}
trusted() {
  make_ca certs
  make_cert certs server DNS:localhost,IP:127.0.0.1
}
push() { must skopeo copy --dest-cert-dir certs "$@"; }
pull() { image pull --cert-dir certs "$@"; }
digest_of() { jq -r '.manifests[0].digest' "$1/index.json"; }
manifest_of() { cat "$1/blobs/sha256/$(digest_of "$1" | cut -d : -f 2)"; }
nothing_kept() { [ -z "$(find "$v1" -path '*/blobs/*' -o -path '*/erofs/*' -o -path '*/references/*')" ]; }
empty_store() {
  rm -rf "$store"
  mkdir -m 700 "$store"
}
# start_pull ARG...: in the background, where SIGINT is not ignored; $pid is its process.
start_pull() {
  set -m
  "$nacelle_image" pull --root "$store" --cert-dir certs "$@" >stdout 2>stderr &
  pid=$!
  set +m
}
auth_file() { printf '{"auths":{"%s":{"auth":"%s"}}}' "$1" "$(printf %s "$2" | base64 -w 0)" >"${3-auth.json}"; }

test_pull() {
  trusted
  start_registry 5000
  push "oci:$layers:latest" docker://localhost:5000/a/layers:v1
  pull docker://localhost:5000/a/layers:v1
  expect_status 0
  expect_stderr ""
  expect_stdout "$(digest_of "$layers")"
  pull "docker://localhost:5000/a/layers@$(digest_of "$layers")"
  expect_status 0
  image_of "$PWD/other" import "oci:$layers:latest"
  expect_same "$(store_list "$store")" "$(store_list "$PWD/other")" "what came from the registry and from the layout"
  pull docker://localhost:5000/a/layers
  expect_refused "https://localhost:5000 has no such image (manifest unknown)"
  pull docker://localhost:5000/b
  expect_refused "docker://localhost:5000/b: https://localhost:5000 has no such image"
  # The tag moves, and another pull follows it.
  push "oci:$busybox:latest" docker://localhost:5000/a/layers:v1
  pull docker://localhost:5000/a/layers:v1
  expect_stdout "$(digest_of "$busybox")"
}

test_docker_format() {
  trusted
  start_registry 5000
  push --format v2s2 "oci:$layers:latest" docker://localhost:5000/docker
  pull docker://localhost:5000/docker
  expect_status 0
  expect_same "$(find "$v1/erofs" -type f | wc -l)" 1 "EROFS images"
}

test_index() {
  trusted
  mkdir -p multi/blobs/sha256
  cp "$layers"/blobs/sha256/* multi/blobs/sha256/
  manifest_of "$layers" >manifest
  size=$(stat -c %s manifest) digest=$(digest_of "$layers")
  jq -n --arg digest "$digest" --argjson size "$size" '{schemaVersion: 2, mediaType:
    "application/vnd.oci.image.index.v1+json", manifests: [["arm64"], ["amd64"], ["s390x"]] | map({mediaType:
    "application/vnd.oci.image.manifest.v1+json", $digest, $size, platform: {os: "linux", architecture: .[0]}})}' \
    >index
  id=$(sha256sum index | cut -d ' ' -f 1)
  cp index "multi/blobs/sha256/$id"
  jq -n --arg digest "sha256:$id" --argjson size "$(stat -c %s index)" '{schemaVersion: 2, manifests: [{mediaType:
    "application/vnd.oci.image.index.v1+json", $digest, $size}]}' >multi/index.json
  layers=$PWD/multi start_server 5001
  pull docker://localhost:5001/multi
  expect_status 0
  expect_stdout "$digest"
  pull "docker://localhost:5001/multi@sha256:$id"
  expect_stdout "$digest"
  sed -i s/amd64/riscv/ index
  id=$(sha256sum index | cut -d ' ' -f 1)
  cp index "multi/blobs/sha256/$id"
  pull "docker://localhost:5001/multi@sha256:$id"
  expect_refused "linux"
}

test_tls() {
  trusted
  start_server 5001
  make_ca foreign
  make_cert foreign stranger DNS:localhost
  make_cert certs elsewhere DNS:elsewhere.example
  make_cert certs expired DNS:localhost 0
  start_server 5004 stranger
  start_server 5005 elsewhere
  start_server 5006 expired
  start_server 5003 ""
  image pull docker://localhost:5001/x
  expect_refused "no trusted connection (TLS) to https://localhost:5001: SSL certificate problem"
  pull docker://localhost:5004/x
  expect_refused "no trusted connection (TLS) to https://localhost:5004"
  pull docker://localhost:5005/x
  expect_refused "no trusted connection (TLS) to https://localhost:5005: SSL: no alternative certificate subject name"
  sleep 1 # until it has expired
  pull docker://localhost:5006/x
  expect_refused "certificate has expired"
  pull docker://localhost:5003/x
  expect_refused "no trusted connection (TLS) to https://localhost:5003"
  expect nothing_kept
  expect_same "$(cat log)" "" "requests"
  image pull --tls-verify=perhaps docker://localhost:5001/x
  expect_refused "--tls-verify is true or false"
  image pull --tls-verify=false docker://localhost:5004/x
  expect_status 0
  image pull --tls-verify=false docker://localhost:5003/y
  expect_status 0
  # Where skopeo looks for certificates; as in all of /etc, what a case puts there is its own.
  must mount -t tmpfs none /etc/containers
  mkdir -p /etc/containers/certs.d/localhost:5001
  cp certs/ca.crt /etc/containers/certs.d/localhost:5001/
  image pull docker://localhost:5001/z
  expect_status 0
}

test_client_certificate() {
  trusted
  make_cert certs client DNS:client
  start_registry 5000
  pid=$!
  push "oci:$layers:latest" docker://localhost:5000/x
  kill "$pid"
  sed -i "s|server.key}|server.key, clientcas: [$PWD/certs/ca.crt]}|" registry-5000.yml
  docker-registry serve registry-5000.yml >registry-again.log 2>&1 &
  wait_for 10 answers 5000
  pull docker://localhost:5000/x
  expect_refused "https://localhost:5000"
  cp client.crt certs/client.cert
  cp client.key certs/client.key
  pull docker://localhost:5000/x
  expect_status 0
  rm certs/client.key
  pull docker://localhost:5000/x
  expect_refused "client.key"
}

test_basic() {
  trusted
  must htpasswd -Bbc users user 'pass word'
  start_registry 5000 "auth: {htpasswd: {realm: here, path: $PWD/users}}"
  auth_file localhost:5000 'user:pass word'
  push --authfile auth.json "oci:$layers:latest" docker://localhost:5000/team/x
  pull docker://localhost:5000/team/x
  expect_refused "localhost:5000 wants a login for this image"
  pull --authfile auth.json docker://localhost:5000/team/x
  expect_status 0
  pull --authfile auth.json docker://localhost:5000/team/y
  expect_refused "no such image"
  REGISTRY_AUTH_FILE=auth.json pull docker://localhost:5000/team/x
  expect_status 0
  auth_file localhost:5000 user:wrong wrong.json
  pull --authfile wrong.json docker://localhost:5000/team/x
  expect_refused "refuses the user or password that wrong.json has for it"
  ! grep -rq wrong stdout || fail "the password is on stdout"
  pull --authfile none.json docker://localhost:5000/team/x
  expect_refused "none.json does not exist"
  echo '{"auths":' >broken.json
  pull --authfile broken.json docker://localhost:5000/team/x
  expect_refused "cannot use the credentials in broken.json"
  # The longest key wins.
  jq -s '{auths: {"localhost:5000": .[0].auths[], "localhost:5000/team": .[1].auths[]}}' wrong.json auth.json >both.json
  pull --authfile both.json docker://localhost:5000/team/x
  expect_status 0
  echo '{"credHelpers":{"localhost:5000":"vault"}}' >helped.json
  pull --authfile helped.json docker://localhost:5000/team/x
  expect_refused "credential helper docker-credential-vault, which is not executed"
  # The usual places, as an ordinary user too.
  mkdir -p home/.docker
  cp auth.json home/.docker/config.json
  chmod 755 . certs
  chown -R 1000:1000 home
  run as_user "$nacelle_image" pull --cert-dir "$PWD/certs" docker://localhost:5000/team/x
  expect_status 0
}

test_token() {
  trusted
  make_cert certs signer DNS:localhost 2 rsa:2048
  start_server 5001 signer
  start_registry 5000 "auth: {token: {realm: 'https://localhost:5001/token?signed', service: service, issuer: issuer," \
    "rootcertbundle: $PWD/certs/ca.crt}}"
  auth_file localhost:5000 'user:pass word'
  push --authfile auth.json "oci:$layers:latest" docker://localhost:5000/x
  pull docker://localhost:5000/x
  expect_refused "localhost:5000 wants a login for this image"
  pull --authfile auth.json docker://localhost:5000/x
  expect_status 0
  auth_file localhost:5000 user:wrong wrong.json
  pull --authfile wrong.json docker://localhost:5000/x
  expect_refused "refuses the user or password that wrong.json has"
  expect grep -q 'scope=repository%3Ax%3Apull' log
  # Tokens that are good for two requests each: they are renewed on the way.
  empty_store
  auth_file localhost:5001 'user:pass word'
  pull --authfile auth.json docker://localhost:5001/token/x
  expect_status 0
  empty_store
  expect [ "$(grep -c 'GET /token?service=a%20service&scope=repository%3Atoken%2Fx%3Apull&account=user ' log)" -ge 2 ]
  pull docker://localhost:5001/token-anonymous
  expect_status 0
  echo '{"auths":{"localhost:5001":{"identitytoken":"identity/token"}}}' >identity.json
  pull --authfile identity.json docker://localhost:5001/token/y
  expect_status 0
  expect grep -q '^5001 POST /token range' log
}

# What the registry was asked for is less than the blobs have: they went on where they broke off.
test_resume() {
  trusted
  start_server 5001
  for name in cut-once cut-thrice; do
    pull docker://localhost:5001/$name
    expect_status 0
    expect_stdout "$(digest_of "$layers")"
    expect grep -q "/v2/$name/blobs/.*range=bytes=3000- " log
    empty_store
  done
  expect grep -q "/v2/cut-thrice/blobs/.*range=bytes=9000- " log
  pull docker://localhost:5001/no-range
  expect_status 0
  empty_store
  pull docker://localhost:5001/wrong-range
  expect_refused "sends another part of the blob"
}

# A pull that fails leaves what came, and the next one, even from another registry, asks for the rest alone.
test_interrupted() {
  trusted
  start_server 5001
  largest=$(manifest_of "$layers" | jq -r '.layers | max_by(.size) | .digest')
  size=$(manifest_of "$layers" | jq -r '.layers | max_by(.size) | .size')
  start_pull docker://localhost:5001/throttled
  wait_for 10 expect_partial "$largest" $((size / 2))
  kill -INT "$pid"
  wait "$pid"
  expect [ -z "$(find "$v1/references" "$v1/erofs" "$v1/records" -type f)" ]
  expect [ ! -e "$v1/blobs/${largest/:/-}" ]
  pull docker://localhost:5001/plain
  expect_status 0
  line=$(grep "/v2/plain/blobs/$largest " log)
  expect_same "$(sed 's/.*range=\([^ ]*\) .*/\1/' <<<"$line")" "bytes=$((size / 2))-" "the range that was asked for"
  expect [ "$(sed 's/.*sent=//' <<<"$line")" -lt $((size / 2 + 1000)) ]
  expect [ -z "$(find "$v1/tmp" -name 'partial-*')" ]
  # A partial blob with other bytes costs one more request, not the pull.
  empty_store
  image list
  (umask 077 && mkdir -p "$v1/tmp")
  head -c 100 /dev/zero >"$v1/tmp/partial-${largest/:/-}"
  pull docker://localhost:5001/plain
  expect_status 0
}
expect_partial() { [ "$(stat -c %s "$v1/tmp/partial-${1/:/-}" 2>/dev/null)" = "$2" ]; }

# What is there already is not asked for again.
test_again() {
  trusted
  start_server 5001
  pull docker://localhost:5001/plain
  expect_status 0
  expect grep -q /blobs/ log
  : >log
  pull docker://localhost:5001/plain
  expect_status 0
  pull docker://localhost:5001/other:tag
  expect_status 0
  ! grep -q /blobs/ log || fail "blobs were fetched again"
}

# NAME and what the error says; nothing may be kept, and the next sound image must be pulled.
test_hostile() {
  trusted
  start_server 5001
  start_server 5002
  start_server 5003 ""
  while read -r name text; do
    pull "docker://localhost:5001/$name"
    expect_refused "$text"
    expect nothing_kept
  done <<'CASES'
wrong-digest does not have the digest
too-short only
too-long more than the
no-blobs lacks a part of the image
endless-blob more than the
endless-manifest sends more than the 4194304 bytes
endless-headers more than 65536 bytes of headers
huge-manifest sends more than the 4194304 bytes
type-html sent a manifest as text/html
type-none without a Content-Type
type-old v2s1
type-other a document is index and manifest at once
header-digest own Docker-Content-Digest
header-nonsense bad Docker-Content-Digest
other-manifest/x@sha256:0000000000000000000000000000000000000000000000000000000000000000 has no such image
not-json JSON
redirect-http redirects to http://localhost:5003, which is not https
redirect-file redirects to
redirect-user redirects to
redirect-loop redirects more than 5 times
redirect-nowhere redirects to nowhere
redirect-idn redirects to
realm-http which is not https; nothing was sent there
realm-file hands out tokens at a place that is not usable
realm-none kind of login that is not known
realm-broken WWW-Authenticate is malformed
realm-endless denies access
realm-manifest was to hand out a token, and did not
negotiate kind of login that is not known
busy-long try?[2J later
forbidden denies access to the image (try?[2J later)
teapot status 418
CASES
  pull "docker://localhost:5001/other-manifest@$(digest_of "$layers")"
  expect_refused "instead"
  pull docker://localhost:5001/redirect-unknown
  expect_refused "nowhere.example cannot be resolved"
  ! grep -q "^5003" log || fail "something was asked without TLS"
  pull docker://localhost:5001/many
  expect_status 0
  expect_stdout "$(digest_of "$layers")"
}

# What passes is waited for, and what does not is given up. Those that stall take as long as that is borne with, so
# they run beside the others.
test_patience() {
  trusted
  start_server 5001
  for name in slow-blob slow-headers; do
    "$nacelle_image" pull --root "$PWD/$name" --cert-dir certs docker://localhost:5001/$name >$name.out 2>$name.err &
    pids+=" $!"
  done
  pull docker://localhost:5001/busy-twice
  expect_status 0
  pull docker://localhost:5001/broken
  expect_refused "answered with status 500"
  expect_same "$(grep -c /v2/broken/ log)" 5 "attempts"
  pull docker://localhost:5001/hang-up
  expect_refused "the connection to https://localhost:5001 was lost"
  empty_store
  pull docker://localhost:5001/cut-always
  expect_refused "the connection to https://localhost:5001 was lost"
  expect [ -n "$(find "$v1/tmp" -name 'partial-*' -size +0)" ]
  for pid in $pids; do
    wait "$pid" && fail "a registry that stalls was waited for"
  done
  expect grep -q "https://localhost:5001 stalls" slow-blob.err
  expect grep -q "https://localhost:5001 stalls" slow-headers.err
}

test_unreachable() {
  image pull docker://nowhere.example/x
  expect_refused "cannot pull docker://nowhere.example/x: the host name nowhere.example cannot be resolved"
  image pull docker://localhost:5001/x
  expect_refused "cannot connect to https://localhost:5001"
  image pull docker://alpine
  expect_refused "the host name registry-1.docker.io cannot be resolved"
  image pull oci:x
  expect_refused "is in no registry"
}

# Passwords and tokens go to the registry and to its realm, and nowhere else.
test_credentials() {
  trusted
  start_server 5001
  start_server 5002
  auth_file localhost:5001 'user:pass word'
  secret=$(printf 'user:pass word' | base64)
  start_pull --authfile auth.json docker://localhost:5001/throttled
  wait_for 10 grep -q /v2/throttled/manifests log
  for process in $pid $(pgrep -P "$pid"); do
    ! tr '\0' '\n' <"/proc/$process/cmdline" | grep -qE "pass word|$secret" || fail "a password is in an argument"
    ! tr '\0' '\n' <"/proc/$process/environ" | grep -qE "pass word|$secret" || fail "a password is in the environment"
  done
  kill "$pid"
  pull --authfile auth.json docker://localhost:5001/redirect-token
  expect_status 0
  expect grep -q '^5001 .*authorization=Bearer token-' log
  expect grep -q '^5002 .*/v2/plain/blobs/.*authorization=- ' log
  ! grep '^5002' log | grep -q 'authorization=[^-]' || fail "another host was sent a login"
  ! grep 'GET /v2/' log | grep -qF "$secret" || fail "the password was sent to the registry, not to its realm"
  ! grep -rqE "pass word|$secret|token-[0-9]" stdout stderr "$store" || fail "a secret was printed or kept"
}

# The process that has the network has nothing else.
test_confined() {
  trusted
  start_server 5001
  start_pull docker://localhost:5001/throttled
  wait_for 10 grep -q /v2/throttled/manifests log
  wait_for 10 fetcher "$pid"
  fetcher=$(fetcher "$pid")
  field() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$fetcher/status"; }
  expect_same "$(field NoNewPrivs) $(field Seccomp)" "1 2" "locks"
  expect_same "$(field CapEff) $(field CapPrm) $(field CapBnd)" "0000000000000000 0000000000000000 0000000000000000" caps
  expect_same "$(field Groups)" "" "groups"
  expect [ "$(field Uid | cut -f 1)" -gt 1000000000 ]
  expect_same "$(find "/proc/$fetcher/fd" -type l -printf '%l\n' | grep -v '^socket:' | grep -cv '^/dev/null$')" 0 files
  kill "$pid"
  wait_for 5 [ ! -e "/proc/$fetcher" ]
}
fetcher() {
  local process
  for process in $(pgrep -P "$1"); do
    grep -q 'Seccomp:.*2' "/proc/$process/status" && find "/proc/$process/fd" -lname 'socket:*' | grep -q . &&
      echo "$process" && return
  done
  return 1
}

# A terminal sees how far it is; nothing else does.
test_progress() {
  trusted
  start_server 5001
  must script -qec "$nacelle_image pull --root $store --cert-dir certs docker://localhost:5001/plain" typescript
  expect grep -q 'B/s  localhost:5001/plain:latest' typescript
  rm -rf "$store"
  must script -qec "$nacelle_image pull --quiet --root $store --cert-dir certs docker://localhost:5001/plain" typescript
  ! grep -q 'B/s' typescript || fail "--quiet shows progress"
}

# A pod's image is pulled when it is missing, with the same sights and the same words.
test_run() {
  trusted
  start_server 5001
  must mount -t tmpfs none /etc/containers
  mkdir -p /etc/containers/certs.d
  cp -r certs /etc/containers/certs.d/localhost:5001
  run "$nacelle" run --root "$store" docker://localhost:5001/forbidden
  expect_refused "cannot import docker://localhost:5001/forbidden: https://localhost:5001 denies access"
  # There may be no machine for pods here; the image is there before that is found out.
  script -qec "$nacelle run --root $store docker://localhost:5001/plain -- true" typescript >/dev/null || :
  expect grep -q 'B/s  localhost:5001/plain:latest' typescript
  : >log
  run "$nacelle" run --root "$store" docker://localhost:5001/plain -- true
  expect_same "$(cat log)" "" "requests of a second run"
}

# Names come from a name server, asked from within the sandbox.
test_names() {
  make_ca certs
  make_cert certs server DNS:registry.test
  start_server 5001
  "$here/name-server" &
  echo "nameserver 127.0.0.1" >resolv.conf
  must mount --bind resolv.conf /etc/resolv.conf
  wait_for 10 getent ahosts registry.test
  pull docker://registry.test:5001/x
  expect_status 0
}

# A host that nobody here can resolve, through a proxy that can; the connection is verified to its end all the same.
test_proxy() {
  make_ca certs
  make_cert certs server DNS:registry.test,DNS:localhost
  start_server 5001
  start_server 5003 ""
  https_proxy=http://localhost:5003 pull docker://registry.test:5001/x
  expect_status 0
  expect grep -q '^5003 CONNECT registry.test:5001' log
  : >log
  https_proxy=localhost:5003 no_proxy=other,localhost pull docker://localhost:5001/x
  expect_status 0
  ! grep -q CONNECT log || fail "no_proxy did not count"
  https_proxy=localhost:5003 pull docker://localhost:5001/y
  expect_status 0
  expect grep -q '^5003 CONNECT localhost:5001' log
  https_proxy=socks5://localhost:5003 pull docker://localhost:5001/x
  expect_refused "the proxy that the environment names cannot be used"
  HTTPS_PROXY=http://nowhere.example pull docker://localhost:5001/x
  expect_refused "nowhere.example cannot be resolved"
}
