# shellcheck shell=bash
# Policies, signatures and verdicts: keys and signatures by openssl and gpg, layouts by skopeo, and what root can
# and cannot be talked into.

# Root's pods start from /var/lib/nacelle, so that is where the cases have their store; and there is no KVM, so that a
# run that is allowed ends with an error about it on any host.
prepare() {
  must mount -t tmpfs -o mode=755 nacelle-test /var/lib
  must mkdir -m 700 /var/lib/nacelle
  store=/var/lib/nacelle v1=$store/images/v1
  [ ! -e /dev/kvm ] || must mount --bind /dev/null /dev/kvm
  must skopeo copy "oci:$busybox:latest" oci:img:latest
  name=oci:$PWD/img
  digest=$(jq -r '.manifests[0].digest' img/index.json)
}
trust() { must "$nacelle" trust "$@"; }
# make_key NAME ARG...: NAME.pem and NAME.pub, of openssl genpkey ARG...; key_id NAME: its name in a policy.
make_key() {
  local key=$1
  shift
  must openssl genpkey "$@" -out "$key.pem"
  must openssl pkey -in "$key.pem" -pubout -out "$key.pub"
}
key_id() { openssl pkey -pubin -in "$1.pub" -outform DER | sha256sum | cut -c 1-64; }
ed25519() { make_key "$1" -algorithm ED25519; }
p256() { make_key "$1" -algorithm EC -pkeyopt ec_paramgen_curve:P-256; }
# sign NAME FILE: FILE.sig, a detached signature of the text in FILE.
sign() { must openssl pkeyutl -sign -rawin -inkey "$1.pem" -in "$2" -out "$2.sig"; }
nothing_kept() { [ -z "$(find "$v1" -type f ! -path '*/tmp/*' ! -name lock)" ]; }
# allowed REFERENCE ARG...: a run gets past the policy; refused TEXT REFERENCE ARG...: it does not.
allowed() {
  run "$nacelle" run "${@:2}" "$1" -- /bin/true
  expect_status 125
  expect_stderr_has kvm
}
refused() {
  run "$nacelle" run "${@:3}" "$2" -- /bin/true
  expect_refused "$1"
}

test_detached() {
  prepare
  make_key ed -algorithm ED25519
  make_key p256 -algorithm EC -pkeyopt ec_paramgen_curve:P-256
  make_key p384 -algorithm EC -pkeyopt ec_paramgen_curve:P-384
  make_key rsa -algorithm RSA -pkeyopt rsa_keygen_bits:2048
  printf '%s\n' "$digest" >text
  must openssl pkeyutl -sign -rawin -inkey ed.pem -in text -out ed.sig
  must openssl dgst -sha256 -sign p256.pem -out p256.sig text
  must openssl dgst -sha384 -sign p384.pem -out p384.sig text
  must openssl dgst -sha256 -sign rsa.pem -out rsa.sig text
  must openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sign rsa.pem -out pss.sig text
  for key in ed p256 p384 rsa pss; do
    trust set --prefix "$name" reject
    trust rm --prefix "$name"
    trust add --prefix "$name" --key "${key/pss/rsa}.pub"
    image import oci:img:latest
    expect_refused "rule signed-by for \"$name\" in /etc/nacelle/policy.json"
    expect nothing_kept
    image import --signature text oci:img:latest
    expect_refused "$(key_id "${key/pss/rsa}")"
    expect nothing_kept
    image import --signature $key.sig oci:img:latest
    expect_status 0
    base64 <$key.sig >$key.b64
    must rm -r "$v1"
    image import --signature $key.b64 oci:img:latest
    expect_status 0
    allowed oci:img:latest
    must rm -r "$v1"
  done
}

# A layout that umoci has changed, signed and run by digest, and under a second name.
test_digest_and_names() {
  prepare
  p256 key
  must umoci config --image img:latest --config.env A=b
  trust default reject
  trust add --prefix "$name" --key key.pub
  digest=$(jq -r '.manifests[0].digest' img/index.json)
  printf '%s\n' "$digest" >text
  must openssl dgst -sha256 -sign key.pem -out text.sig text
  image import --signature text.sig oci:img:latest
  expect_status 0
  expect_stdout "$digest"
  allowed "$digest"
  trust set --prefix "$name" reject
  refused "rule reject" "$digest"
  trust set --prefix "$name" accept
  allowed "$digest"
  # the same image from a place that has no rule
  cp -r img elsewhere
  refused "default reject" oci:elsewhere:latest
  allowed oci:img:latest
  image verify --name "oci:$PWD/elsewhere:latest" "$digest"
  expect_status 125
}

# Rules that their writer may have meant otherwise.
test_prefixes_that_match_little() {
  run "$nacelle" trust set --prefix alpine reject
  expect_stderr_has "docker.io/library/alpine"
  run "$nacelle" trust set --prefix oci:./images reject
  expect_stderr_has "oci:/srv/images"
  for prefix in docker.io localhost/a example.com:5000/a "oci:$PWD" rootfs:/srv; do
    run "$nacelle" trust set --prefix "$prefix" reject
    expect_status 0
    expect_stderr ""
  done
}

test_threshold() {
  prepare
  ed25519 a
  p256 b
  ed25519 c
  printf '%s\n' "$digest" >text
  for key in a b c; do
    cp text "text.$key"
    sign $key "text.$key"
  done
  trust add --prefix "$name" --key a.pub --key b.pub --threshold 2
  image import --signature text.a.sig --signature text.c.sig oci:img:latest
  expect_refused "1 of 2"
  expect_stderr_has "$(key_id b)"
  expect nothing_kept
  image import --signature text.a.sig --signature text.b.sig oci:img:latest
  expect_status 0
  image verify oci:img:latest
  expect_status 0
  expect_stdout_has "good, by key $(key_id a) (Ed25519)"
  expect_stdout_has "good, by key $(key_id b) (ECDSA P-256)"
  trust add --prefix "$name" --key c.pub --threshold 3
  image verify --json oci:img:latest
  expect_status 125
  expect_same "$(jq -r '"\(.accepted) \(.signatures | length)"' stdout)" "false 2" "verify --json"
  image verify --signature text.c.sig oci:img:latest
  expect_status 0
  allowed oci:img:latest
}

# A reference without the signatures that its image needs would be refused at every start.
test_signatures_before_reference() {
  prepare
  p256 key
  printf '%s\n' "$digest" >text
  sign key text
  trust add --prefix "$name" --key key.pub
  image list
  must mkdir -p "$v1/signatures/${digest/:/-}/taken"
  image import --signature text.sig oci:img:latest
  expect_status 125
  expect_same "$(ls "$v1/references")" "" references
  must rm -r "$v1/signatures/${digest/:/-}"
  image import --signature text.sig oci:img:latest
  expect_status 0
  image verify oci:img:latest
  expect_status 0
}

test_archive_and_other_images() {
  prepare
  p256 key
  trust add --prefix "oci-archive:$PWD" --key key.pub
  must skopeo copy "oci:$busybox:latest" oci-archive:a.tar:latest
  must skopeo copy "oci:$layers:latest" oci-archive:b.tar:latest
  image import oci-archive:a.tar:latest
  expect_refused "no signature was found"
  for file in a b; do
    (unset store && store=$PWD/else && mkdir -m 700 else && "$nacelle_image" import --root else oci:"$([ $file = a ] &&
      echo "$busybox" || echo "$layers")":latest >digest.$file && rm -r else) || fail "no digest of $file"
    must openssl dgst -sha256 -sign key.pem -out $file.tar.sig digest.$file
  done
  image import oci-archive:a.tar:latest
  expect_status 0
  expect_same "$(cat stdout)" "$(cat digest.a)" digest
  cp a.tar.sig b.tar.sig
  image import oci-archive:b.tar:latest
  expect_refused "no key of the rule made it, or it is for another image"
}

# cosign_sign LAYOUT KEY REFERENCE [FORM]: what cosign would put beside the image, made by openssl and jq alone. FORM save
# is that of cosign save.
cosign_sign() {
  local layout=$1 key=$2 reference=$3 form=${4-tag} image signature payload
  image=$(jq -r '[.manifests[] | select((.annotations["org.opencontainers.image.ref.name"] // "") | endswith(".sig") | not)][0].digest' \
    "$layout/index.json")
  printf '{"critical":{"identity":{"docker-reference":"%s"},"image":{"docker-manifest-digest":"%s"},"type":"%s"},"optional":null}' \
    "$reference" "${signed-$image}" "${type-cosign container image signature}" >payload
  signature=$(openssl dgst -sha256 -sign "$key.pem" payload | base64 -w 0)
  printf '{}' >config
  for file in payload config; do cp $file "$layout/blobs/sha256/$(sha256sum $file | cut -c 1-64)"; done
  payload=$(sha256sum payload | cut -c 1-64)
  jq -n --arg payload "sha256:$payload" --arg config "sha256:$(sha256sum config | cut -c 1-64)" \
    --arg signature "$signature" --argjson size "$(stat -c %s payload)" \
    '{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $config, size: 2},
      layers: [{mediaType: "application/vnd.dev.cosign.simplesigning.v1+json", digest: $payload, size: $size,
                annotations: {"dev.cosignproject.cosign/signature": $signature}}]}' >manifest
  cp manifest "$layout/blobs/sha256/$(sha256sum manifest | cut -c 1-64)"
  jq --arg digest "sha256:$(sha256sum manifest | cut -c 1-64)" --argjson size "$(stat -c %s manifest)" \
    --arg tag "${image/:/-}.sig" --arg form "$form" \
    '.manifests += [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $digest, size: $size,
      annotations: (if $form == "save" then {kind: "dev.cosignproject.cosign/sigs"}
                    else {"org.opencontainers.image.ref.name": $tag} end)}]' "$layout/index.json" >index
  cp index "$layout/index.json"
}

test_cosign_layout() {
  prepare
  p256 key
  p256 other
  p256 other2
  trust add --prefix "$name" --key key.pub
  cp -r img clean
  cosign_sign img other example.com/app
  image import oci:img:latest
  expect_refused "no key of the rule made it"
  cosign_sign img key example.com/app
  image import oci:img:latest
  expect_status 0
  expect_same "$(cat stdout)" "$digest" digest
  image verify oci:img:latest
  expect_status 0
  expect_stdout_has "cosign sha256:"
  allowed oci:img:latest
  allowed oci:img
  must rm -r img "$v1"
  cp -r clean img
  cosign_sign img key example.com/app save
  image import oci:img:latest
  expect_status 0
  must rm -r img "$v1"
  cp -r clean img
  signed=${digest%????}0000 cosign_sign img key example.com/app
  image import oci:img:latest
  expect_refused "none for this image"
  must rm -r img
  cp -r clean img
  for i in {10..26}; do signed=${digest%??}$i cosign_sign img other example.com/app save; done
  cosign_sign img key example.com/app save
  for i in {10..26}; do cosign_sign img other "example.com/app$i" save; done
  image import oci:img:latest
  expect_status 0
  trust rm --prefix "$name"
  trust add --prefix "$name" --key other2.pub
  image import oci:img:latest
  expect_refused "more than 16 signatures"
  trust rm --prefix "$name"
  trust add --prefix "$name" --key key.pub
  must rm -r img "$v1"
  cp -r clean img
  type="atomic container signature" cosign_sign img key example.com/app
  image import oci:img:latest
  expect_refused "payload is a"
  expect nothing_kept
}

# put_blob FILE, put_manifest FILE TAG: into the registry on port 5000, below a/app.
put_blob() {
  local place
  place=$(curl -sf -X POST -D - -o /dev/null "http://localhost:5000/v2/a/app/blobs/uploads/" | sed -n 's/^[Ll]ocation: //p' | tr -d '\r')
  must curl -sf -X PUT --data-binary "@$1" -H "Content-Type: application/octet-stream" \
    "$place&digest=sha256:$(sha256sum "$1" | cut -c 1-64)"
}
put_manifest() {
  must curl -sf -X PUT --data-binary "@$1" -H "Content-Type: application/vnd.oci.image.manifest.v1+json" \
    "http://localhost:5000/v2/a/app/manifests/$2"
}

test_cosign_registry() {
  prepare
  p256 key
  printf '%s\n' 'version: 0.1' 'log: {level: warn}' "storage: {filesystem: {rootdirectory: $PWD/data}}" \
    'http: {addr: "127.0.0.1:5000"}' >registry.yml
  docker-registry serve registry.yml >registry.log 2>&1 &
  wait_for 10 curl -sf http://localhost:5000/v2/
  must skopeo copy --dest-tls-verify=false oci:img:latest docker://localhost:5000/a/app:1
  trust default reject
  trust add --prefix localhost:5000/a/app --key key.pub
  image pull --tls-verify=false docker://localhost:5000/a/app:1
  expect_refused "rule signed-by for \"localhost:5000/a/app\""
  expect_stderr_has "no signature was found"
  expect nothing_kept
  cosign_sign img key localhost:5000/a/other
  for file in payload config; do put_blob $file; done
  put_manifest manifest "${digest/:/-}.sig"
  image pull --tls-verify=false docker://localhost:5000/a/app:1
  expect_refused 'it is for the name "localhost:5000/a/other"'
  cosign_sign clean key localhost:5000/a/app 2>/dev/null || cosign_sign img key localhost:5000/a/app
  for file in payload config; do put_blob $file; done
  put_manifest manifest "${digest/:/-}.sig"
  image pull --tls-verify=false docker://localhost:5000/a/app:1
  expect_status 0
  expect_stdout "$digest"
  allowed docker://localhost:5000/a/app:1
}

test_lock() {
  prepare
  ed25519 a
  trust add --prefix "$name" --key a.pub
  trust lock
  expect_same "$(jq .locked /etc/nacelle/policy.json)" true locked
  run "$nacelle" trust list
  expect_stdout_has "/etc/nacelle/policy.json (locked)"
  run "$nacelle" trust default reject
  expect_refused "is locked"
  run "$nacelle" trust rm --prefix "$name"
  expect_refused "is locked"
  run "$nacelle" trust set --prefix "$name" accept
  expect_refused "is locked"
  if lsattr /etc/nacelle/policy.json 2>/dev/null | grep -q '^....i'; then
    run rm -f /etc/nacelle/policy.json
    expect_status 1
    must mount -o remount,size=64k /etc/nacelle
    cat /dev/zero >/etc/nacelle/full 2>/dev/null
    run "$nacelle" trust unlock
    expect_refused "cannot write /etc/nacelle/policy.json"
    must rm /etc/nacelle/full
    run rm -f /etc/nacelle/policy.json
    expect_status 1
  fi
  run as_user "$nacelle" trust unlock
  expect_refused "only root"
  trust unlock
  # an attribute that somebody else gave the file stays
  if chattr +i /etc/nacelle/policy.json 2>/dev/null; then
    run "$nacelle" trust default reject
    expect_refused "cannot write /etc/nacelle/policy.json"
    must chattr -i /etc/nacelle/policy.json
  fi
  trust rm --prefix "$name"
  expect_same "$(ls /etc/nacelle/keys)" "" "keys that no rule names"
}

test_verbs() {
  prepare
  ed25519 a
  p256 b
  make_key small -algorithm RSA -pkeyopt rsa_keygen_bits:1024
  make_key p521 -algorithm EC -pkeyopt ec_paramgen_curve:P-521
  run "$nacelle" trust list
  expect_stdout_has "every image is accepted"
  run "$nacelle" trust add --prefix x --key a.pem
  expect_refused "private key"
  run "$nacelle" trust add --prefix x --key small.pub
  expect_refused "2048"
  run "$nacelle" trust add --prefix x --key p521.pub
  expect_refused "P-256 or P-384"
  run "$nacelle" trust add --prefix docker://x --key a.pub
  expect_refused "names from registries begin with the host"
  run "$nacelle" trust set --prefix $'x\xff' reject
  expect_refused "unreadable"
  expect test ! -e /etc/nacelle/policy.json
  umask 077
  trust add --prefix x --key a.pub
  expect_same "$(stat -c %a /etc/nacelle/policy.json /etc/nacelle/keys /etc/nacelle/keys/* | tr '\n' ' ')" "644 755 644 " modes
  run "$nacelle" trust add --prefix x --key a.pub --threshold 2
  expect_refused "1 keys"
  trust add --prefix x --key b.pub --threshold 2
  run "$nacelle" trust rm --prefix x --key "$(key_id a | cut -c 1-8)"
  expect_refused "threshold"
  trust add --prefix x --key b.pub --threshold 1
  trust rm --prefix x --key "$(key_id a | cut -c 1-8)"
  expect_same "$(ls /etc/nacelle/keys)" "$(key_id b).pem" keys
  run "$nacelle" trust rm --prefix x --key "$(key_id b)"
  expect_refused "last key"
  trust set --prefix x reject
  run "$nacelle" trust add --prefix x --key a.pub
  expect_refused "rejects"
  run "$nacelle" trust list --json
  expect_same "$(jq -c '.[0].rules' stdout)" '[{"prefix":"x","rule":"reject"}]' "trust list --json"
  for i in {1..20}; do
    "$nacelle" trust set --prefix "y$i" accept &
  done
  for _ in {1..20}; do jq -e .version /etc/nacelle/policy.json >/dev/null || fail "half a policy"; done
  wait
  expect_same "$(jq '.rules | length' /etc/nacelle/policy.json)" 21 "rules added at once"
}

# What decided is compared at each start, without nacelle-image; whatever changes makes the verdict void.
test_verdict() {
  local key policy=/etc/nacelle/policy.json
  prepare
  ed25519 a
  printf '%s\n' "$digest" >text
  sign a text
  trust add --prefix "$name" --key a.pub
  key=/etc/nacelle/keys/$(key_id a).pem
  image import --signature text.sig oci:img:latest
  expect_status 0
  asked() {
    must strace -f -qq -o trace -e trace=execve,openat,open sh -c '"$0" run oci:img:latest; true' "$nacelle"
    grep -q 'execve(".*/nacelle-image", \["nacelle-image", "verify"' trace
  }
  kept() {
    asked && fail "nacelle-image was asked $1"
    expect test "$(grep -cE 'execve\(' trace)" -le 3
    if grep -E 'libcrypto|libssl|libcurl|libz\.|libcjson' trace; then fail "a library was loaded $1"; fi
    allowed oci:img:latest
  }
  again() {
    expect asked
    kept "again after $1"
  }
  kept "for an image that was just imported"
  touch "$key"
  again "a new time of a key"
  cp "$key" copy && mv copy "$key"
  again "a new file with the same key"
  chmod 600 "$key" && chmod 644 "$key"
  again "a mode that was changed and put back"
  touch "$policy"
  again "a new time of the policy"
  chown 1:1 "$policy" && chown 0:0 "$policy"
  again "an owner that was changed and put back"
  trust set --prefix other reject
  again "a new rule"
  chmod 666 "$policy"
  refused "writable by others" oci:img:latest
  chmod 644 "$policy"
  again "a policy that was writable"
  rm "$key"
  refused "is missing" oci:img:latest
  must cp a.pub "$key"
  trust set --prefix "$name" reject
  refused "refused by rule reject for \"$name\"" oci:img:latest
  trust set --prefix "$name" accept
  again "another rule"
  rm "$policy"
  kept "without a policy"
}

test_rootfs() {
  prepare
  mkdir good goodx
  allowed "rootfs:$PWD/good"
  trust default reject
  refused "default reject" rootfs:good
  trust set --prefix "rootfs:$PWD/good" accept
  allowed rootfs:good
  refused "default reject" rootfs:goodx
  # what is asked about is what was opened, and its name is not resolved again
  run strace -f -qq -v -s 4096 -o trace -e trace=execve "$nacelle" run rootfs:good -- /bin/true
  expect grep -qF "\"--name\", \"rootfs:$PWD/good\"" trace
  ln -s good swapped
  image verify --name "rootfs:$PWD/swapped" "rootfs:$PWD/swapped"
  expect_status 125
  ln -s goodx link
  refused "default reject" rootfs:link
  mkdir good:x good@x
  refused "default reject" rootfs:good:x
  refused "default reject" rootfs:good@x
  ed25519 a
  trust rm --prefix "rootfs:$PWD/good"
  trust add --prefix "rootfs:$PWD/good" --key a.pub
  refused "a directory cannot be signed" rootfs:good
}

# Nothing that is no file of root's in /etc/nacelle widens what root may run.
test_root_cannot_widen() {
  local policy='{"version":1,"default":"accept"}'
  prepare
  trust default reject
  image import oci:img:latest
  expect_refused "default reject"
  # a store that somebody else has prepared, with an image and a verdict of another policy
  mv /etc/nacelle/policy.json saved
  mkdir -m 700 other
  image_of "$PWD/other" import oci:img:latest
  expect_status 0
  cp saved /etc/nacelle/policy.json
  refused "default reject" oci:img:latest --root "$PWD/other"
  trust set --prefix "$name" accept
  refused "pods of root start from /var/lib/nacelle alone" oci:img:latest --root "$PWD/other"
  image_of "$PWD/other" verify oci:img:latest
  expect_status 125
  expect_stderr_has "pods of root start from /var/lib/nacelle alone"
  expect_stdout_has "refused: $name"
  mkdir via && mount --bind other via
  refused "pods of root start from" oci:img:latest --root "$PWD/via"
  jq --arg store "$PWD/other" '.stores = [$store]' /etc/nacelle/policy.json >new && cp new /etc/nacelle/policy.json
  allowed oci:img:latest --root "$PWD/other"
  cp saved /etc/nacelle/policy.json
  # environment, home, working directory
  mkdir -p config/nacelle home/.config/nacelle etc/nacelle
  for place in config/nacelle home/.config/nacelle etc/nacelle .; do printf %s "$policy" >$place/policy.json; done
  for variable in "XDG_CONFIG_HOME=$PWD/config" "HOME=$PWD/home" NACELLE_POLICY="$PWD/policy.json" \
    "NACELLE_CONFIG_DIR=$PWD/config/nacelle" LD_LIBRARY_PATH=/nonexistent; do
    run env "$variable" "$nacelle" run oci:img:latest
    expect_refused "default reject"
    run env "$variable" "$nacelle_image" import oci:img:latest
    expect_refused "default reject"
  done
  run "$nacelle" run --policy policy.json oci:img:latest
  expect_status 125
  # what a dynamic linker or OpenSSL would load
  printf '#include <stdio.h>\n__attribute__((constructor)) static void f(void) { FILE *o = fopen("%s", "w"); if (o) fclose(o); }\n' \
    "$PWD/loaded" >evil.c
  must gcc -shared -fPIC -o evil.so evil.c
  printf 'openssl_conf = a\n[a]\nproviders = b\nengines = d\n[b]\nevil = c\n[c]\nmodule = %s\nactivate = 1\n[d]\ne = e\n[e]\ndynamic_path = %s\n' \
    "$PWD/evil.so" "$PWD/evil.so" >evil.cnf
  run env "LD_PRELOAD=$PWD/evil.so" "OPENSSL_CONF=$PWD/evil.cnf" /usr/bin/true
  expect test -e loaded
  rm loaded
  run env "OPENSSL_CONF=$PWD/evil.cnf" "OPENSSL_MODULES=$PWD" "$nacelle" run oci:img:latest
  expect_refused "default reject"
  run env "OPENSSL_CONF=$PWD/evil.cnf" "OPENSSL_MODULES=$PWD" "$nacelle" image verify rootfs:/tmp
  expect_status 125
  run env "OPENSSL_CONF=$PWD/evil.cnf" "$nacelle_image" import oci:img:latest
  expect_refused "default reject"
  expect test ! -e loaded
  bash -c 'export LD_PRELOAD=$1; exec "$0" run oci:img:latest' "$nacelle" "$PWD/evil.so" >stdout 2>stderr
  rm -f loaded # the shell's exec happened without the library, but nothing of ours may load it:
  run strace -f -qq -o trace -e trace=openat -E "LD_PRELOAD=$PWD/evil.so" "$nacelle" run oci:img:latest
  expect_refused "default reject"
  expect test ! -e loaded
}

# An ordinary user has the system's policy and may narrow it.
test_users() {
  prepare
  chmod 755 . && must chmod -R go+rX img
  run as_user "$nacelle_image" import "oci:$PWD/img:latest"
  expect_status 0
  run as_user "$nacelle" trust default reject
  expect_status 0
  expect_same "$(stat -c '%U %a' home/.config/nacelle/policy.json)" "$(stat -c %U home) 600" "the user's policy"
  run as_user "$nacelle_image" import "oci:$PWD/img:latest"
  expect_refused "default reject in $PWD/home/.config/nacelle/policy.json"
  image import oci:img:latest
  expect_status 0
  run as_user "$nacelle" trust default accept
  trust set --prefix "$name" reject
  run as_user "$nacelle_image" import "oci:$PWD/img:latest"
  expect_refused "rule reject for \"$name\" in /etc/nacelle/policy.json"
  run as_user "$nacelle" run "oci:$PWD/img:latest"
  expect_refused "rule reject for \"$name\" in /etc/nacelle/policy.json"
  trust set --prefix "$name" accept
  run as_user "$nacelle_image" import "oci:$PWD/img:latest"
  expect_status 0
  chmod 600 /etc/nacelle/policy.json
  run as_user "$nacelle_image" import "oci:$PWD/img:latest"
  expect_refused "Permission denied"
}

# A policy that is not as it should be refuses every image.
test_untrusted_policy() {
  local policy=/etc/nacelle/policy.json
  prepare
  image import oci:img:latest
  expect_status 0
  for text in '' '{' '{"version":1,"default":"accept","more":1}' '{"version":1,"default":"accept","default":"accept"}' \
    '{"version":1,"default":"accept"' '{"version":2,"default":"accept"}' \
    '{"version":1,"default":"accept","rules":{"other":{"signed-by":{"keys":["'"$(printf 0%.0s {1..64})"'"]}}}}'; do
    printf %s "$text" >$policy
    image import oci:img:latest
    expect_refused "every image is refused"
    refused "every image is refused" oci:img:latest
    refused "every image is refused" rootfs:img
  done
  printf '{"version":1,"default":"accept"}' >$policy
  allowed oci:img:latest
  chown 1 $policy
  refused "belongs to user 1" oci:img:latest
  chown 0 $policy
  chmod 777 /etc/nacelle
  refused "writable by others" oci:img:latest
  chmod 755 /etc/nacelle
  mv $policy real && ln -s "$PWD/real" $policy
  refused "cannot open" oci:img:latest
  rm $policy && mkdir $policy
  refused "not a regular file" oci:img:latest
}

# gpg_key NAME SPECIFICATION...: a key in gpg's own directory and NAME.asc; fingerprint NAME.
gpg_home() {
  GNUPGHOME=$(mktemp -d /tmp/nacelle-gpg-XXXXXX)
  export GNUPGHOME
  trap 'gpgconf --kill all; rm -rf "$GNUPGHOME"' EXIT
}
gpg_key() {
  must gpg --batch --passphrase '' "${@:3}" --quick-gen-key "$1 <$1@example.com>" "$2" sign 0
  gpg --armor --export "$1@example.com" >"$1.asc"
}
fingerprint() { gpg --with-colons --list-keys "$1@example.com" | sed -n 's/^fpr:*\([0-9A-F]*\):$/\1/p' | head -n 1 | tr A-F a-f; }
# gpg_sign NAME ARG...: app.aci.asc by that key.
gpg_sign() { must gpg --batch --yes "${@:2}" --local-user "$1@example.com" --armor --detach-sign -o app.aci.asc app.aci; }
aci_refused() {
  image import aci:app.aci
  expect_refused "$1"
  expect nothing_kept
}

test_openpgp() {
  local aci="${BASH_SOURCE%/*}/../aci.py"
  prepare
  gpg_home
  must "$aci" app.aci '{"compression": "gzip"}'
  gpg_key good rsa2048
  gpg_key curve ed25519
  gpg_key other rsa2048
  gpg_key short rsa1024
  run "$nacelle" trust add --prefix example.com --key short.asc
  expect_refused "2048"
  gpg --batch --passphrase '' --pinentry-mode loopback --armor --export-secret-keys good@example.com >secret.asc
  run "$nacelle" trust add --prefix example.com --key secret.asc
  expect_refused "private key"
  trust add --prefix example.com --key good.asc --key curve.asc
  expect_same "$(ls /etc/nacelle/keys | sort)" "$(printf '%s.gpg\n' "$(fingerprint good)" "$(fingerprint curve)" | sort)" keys
  aci_refused "no signature was found"
  for key in good curve; do
    gpg_sign $key
    image import aci:app.aci
    expect_status 0
    image verify aci:app.aci
    expect_status 0
    expect_stdout_has "good, by key $(fingerprint $key) (OpenPGP)"
    allowed aci:app.aci
    must rm -r "$v1"
  done
  gpg_sign good
  must chmod 644 app.aci app.aci.asc
  chmod 755 .
  run as_user "$nacelle_image" import "aci:$PWD/app.aci"
  expect_status 0
  gpg_sign other
  aci_refused "no key of the rule made it"
  # of another file, changed by a byte, or not by the armor's own checksum
  gpg_sign good
  cp app.aci.asc sound.asc
  "$aci" app.aci '{"compression": "gzip", "entries": [["dir", "rootfs"], ["file", "rootfs/etc/who", "evil\n"]]}' >/dev/null
  aci_refused "it does not fit the file"
  must "$aci" app.aci '{"compression": "gzip"}'
  sed 's/^=..../=AAAA/' sound.asc >app.aci.asc
  aci_refused "its armor is broken"
  head -n 5 sound.asc >app.aci.asc
  aci_refused "its armor is broken"
  cat sound.asc sound.asc >app.aci.asc
  aci_refused "something follows its armor"
  # binary is refused by rule: it is taken for a signature by a PEM key
  gpg --dearmor <sound.asc >app.aci.asc
  aci_refused "no key of the rule made it"
  # two packets in one armor, and other packets
  { gpg --dearmor <sound.asc && gpg --dearmor <sound.asc; } | gpg --enarmor | sed 's/ARMORED FILE/SIGNATURE/' >app.aci.asc
  aci_refused "it is not one signature alone"
  { gpg --dearmor <good.asc && gpg --dearmor <sound.asc; } | gpg --enarmor | sed 's/ARMORED FILE/SIGNATURE/' >app.aci.asc
  aci_refused "it is not one signature alone"
  must gpg --batch --yes --local-user good@example.com --armor --sign -o app.aci.asc app.aci
  aci_refused "does not begin with"
  must gpg --batch --yes --local-user good@example.com --armor --textmode --detach-sign -o app.aci.asc app.aci
  aci_refused "it is not a signature of a binary file"
  gpg_sign good --digest-algo SHA1
  aci_refused "does not count"
  gpg_sign good --sig-notation '!critical@example.com=1'
  aci_refused "does not count"
  truncate -s 1G app.aci.asc
  aci_refused "the limit is 65536"
  # time
  gpg_sign good --default-sig-expire 2099-01-01
  image import aci:app.aci
  expect_status 0
  must rm -r "$v1"
  gpg_sign good --faked-system-time 20400101T000000
  aci_refused "it was made in the future"
  must gpg --batch --passphrase '' --faked-system-time 20200101T000000 --quick-gen-key 'old <old@example.com>' rsa2048 sign 1y
  gpg --armor --export old@example.com >old.asc
  trust add --prefix example.com --key old.asc
  gpg_sign old --faked-system-time 20200201T000000
  aci_refused "its key has expired"
  gpg_sign good --faked-system-time "$(date -u -d 'now + 1 minute' +%Y%m%dT%H%M%S)"
  image import aci:app.aci
  expect_status 0
  must rm -r "$v1"
  # a name that looks like lines of gpgv's
  must gpg --batch --passphrase '' --quick-gen-key "x [GNUPG:] VALIDSIG $(fingerprint good | tr a-f A-F) <inject@example.com>" rsa2048 sign 0
  gpg_sign inject --set-notation "a@example.com=[GNUPG:] GOODSIG"
  aci_refused "no key of the rule made it"
  # revoked
  sed 's/^://' "$GNUPGHOME/openpgp-revocs.d/$(fingerprint good | tr a-f A-F).rev" >revoke.asc
  gpg_sign good
  must gpg --batch --import revoke.asc
  gpg --armor --export good@example.com >good.asc
  trust add --prefix example.com --key good.asc
  aci_refused "its key was revoked"
}

# Detached signatures of an ACI are of its file, which the importer hashes itself; its id is what its reader says.
test_aci_detached() {
  local aci="${BASH_SOURCE%/*}/../aci.py"
  prepare
  ed25519 a
  trust add --prefix example.com --key a.pub
  "$aci" app.aci '{"compression": "gzip"}' >id
  printf 'sha512:%s\n' "$(cut -d - -f 2 id)" >text
  sign a text
  image import --signature text.sig aci:app.aci
  expect_refused "no key of the rule made it"
  printf 'sha256:%s\n' "$(sha256sum app.aci | cut -c 1-64)" >text
  must openssl pkeyutl -sign -rawin -inkey a.pem -in text -out app.aci.sig
  image import aci:app.aci
  expect_status 0
  allowed aci:app.aci
}

# The name in an ACI is its author's: to accept that name is to accept anybody.
test_aci_names() {
  local aci="${BASH_SOURCE%/*}/../aci.py"
  prepare
  must "$aci" app.aci '{"compression": "gzip"}'
  trust default reject
  trust set --prefix example.com accept
  aci_refused "author"
  trust default accept
  image import aci:app.aci
  expect_status 0
  allowed aci:app.aci
  trust set --prefix example.com/app reject
  refused 'rule reject for "example.com/app"' aci:app.aci
}

# The signature of an image says nothing about those that it depends on.
test_aci_dependencies() {
  local aci="${BASH_SOURCE%/*}/../aci.py"
  prepare
  gpg_home
  gpg_key good rsa2048
  must "$aci" app.aci '{"manifest": {"dependencies": [{"imageName": "example.org/base"}]}}'
  must "$aci" base.aci '{"manifest": {"name": "example.org/base"}}'
  gpg_sign good
  image import aci:base.aci
  expect_status 0
  trust add --prefix example.com --key good.asc
  image import aci:app.aci
  expect_status 0
  allowed aci:app.aci
  trust set --prefix example.org reject
  refused 'its dependency example.org/base: refused by rule reject for "example.org"' aci:app.aci
  image import aci:app.aci
  expect_refused "its dependency example.org/base"
  trust rm --prefix example.org
  trust add --prefix example.org --key good.asc
  refused "its dependency example.org/base" aci:app.aci
  must gpg --batch --yes --armor --detach-sign -o base.aci.asc base.aci
  image import aci:base.aci
  expect_status 0
  allowed aci:app.aci
}

# What it depends on is replaced between the opening of the image and the question about it.
test_aci_replaced() {
  local aci="${BASH_SOURCE%/*}/../aci.py" record
  prepare
  must "$aci" app.aci '{"manifest": {"dependencies": [{"imageName": "example.org/base"}]}}'
  must "$aci" base.aci '{"manifest": {"name": "example.org/base"}}'
  trust default accept
  image import aci:base.aci
  image import aci:app.aci
  expect_status 0
  digest=$(cat stdout)
  record=$v1/records/${digest/:/-}
  cp "$record" before
  cp -r "$v1/erofs" kept
  image rm aci:base.aci
  expect_status 0
  must "$aci" base.aci '{"manifest": {"name": "example.org/base"}, "entries": [["dir", "rootfs"], ["file", "rootfs/new", "new\n"]]}'
  image import aci:base.aci
  image import aci:app.aci
  expect_status 0
  cp "$record" after
  expect test "$(cmp -s before after; echo $?)" = 1
  allowed aci:app.aci
  mkdir -p stage/bin stage/lib
  cp "$nacelle" stage/bin/nacelle
  cp -r "${nacelle_image%/*}" stage/lib/nacelle
  mv stage/lib/nacelle/nacelle-image stage/real
  printf '#!/bin/sh\ncp %s %s\nexec %s "$@"\n' "$PWD/after" "$record" "$PWD/stage/real" >stage/lib/nacelle/nacelle-image
  chmod 755 stage/lib/nacelle/nacelle-image
  cp before "$record"
  cp -n kept/* "$v1/erofs"
  rm "$v1"/verdicts/*
  run stage/bin/nacelle run "$digest" -- /bin/true
  expect_refused "was replaced while a policy was asked"
  run stage/bin/nacelle run "$digest" -- /bin/true
  expect_stderr_has kvm
}

test_no_gpgv() {
  local aci="${BASH_SOURCE%/*}/../aci.py"
  prepare
  gpg_home
  must "$aci" app.aci '{"compression": "gzip"}'
  gpg_key good rsa2048
  trust add --prefix example.com --key good.asc
  gpg_sign good
  touch gone && must mount --bind gone /usr/bin/gpgv
  aci_refused "cannot start /usr/bin/gpgv"
}
