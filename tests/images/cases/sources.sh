# shellcheck shell=bash
# Where images come from: layouts and archives as the usual tools write them.

# expect_same_tree [LAYOUT]: what was imported has the tree of the layout (of three layers if none is named).
expect_same_tree() {
  expect_status 0
  must "$nacelle_image" import --root "$PWD/reference" "oci:${1-$layers}:latest"
  expect_same "$(tree_of "$store")" "$(tree_of "$PWD/reference")" "trees"
}
# The bytes of an EROFS image hold the identity of its layers in their first block: its UUID, its checksum.
tree_of() {
  local file
  for file in "$1"/images/v1/erofs/*; do
    tail -c +1025 "$file" | tail -c +129 | sha256sum
  done
}

test_oci_layout() {
  image import "oci:$busybox:latest"
  expect_status 0
  expect_stderr ""
  digest=$(jq -r '.manifests[0].digest' "$busybox/index.json")
  expect_stdout "$digest"
  expect_same "$(find "$v1/erofs" -type f | wc -l)" 1 "EROFS images"
  for blob in $(jq -r '.. | .digest? // empty' "$busybox/blobs/${digest/:/\/}"); do
    expect cmp "$v1/blobs/${blob/:/-}" "$busybox/blobs/${blob/:/\/}"
  done
  image import "oci:$busybox:nothing"
  expect_refused "holds no image with the tag nothing"
}

test_oci_archive() {
  must skopeo copy "oci:$layers:latest" "oci-archive:$PWD/a.tar:v1"
  image import "oci-archive:a.tar:v1"
  expect_same_tree
  image import oci-archive:a.tar
  expect_status 0
  image import oci-archive:a.tar:v2
  expect_refused "no image with the tag v2"
}

test_oci_archive_of_umoci() {
  (cd "$layers" && tar -cf - .) >a.tar
  image import oci-archive:a.tar:latest
  expect_same_tree
}

# Its layers end with the last byte of a file: no padding, no end blocks.
test_layers_of_umoci_insert() {
  must umoci init --layout l
  must umoci new --image l:v1
  echo hello >f
  must umoci insert --image l:v1 f /greeting
  image import oci:l:v1
  expect_status 0
  image extract oci:l:v1 tree
  expect_same "$(cat tree/greeting)" hello "the file"
}

test_docker_archive_of_skopeo() {
  must skopeo copy "oci:$layers:latest" "docker-archive:$PWD/a.tar:localhost/bb:1"
  image import docker-archive:a.tar
  expect_same_tree
  mv stdout first
  image import docker-archive:a.tar:localhost/bb:1
  expect_stdout "$(cat first)"
  image import docker-archive:a.tar:localhost/bb
  expect_refused "it has: localhost/bb:1"
}

containers_storage() {
  printf '[storage]\ndriver = "vfs"\nrunroot = "%s/run"\ngraphroot = "%s/graph"\n' "$PWD" "$PWD" >storage.conf
  export CONTAINERS_STORAGE_CONF=$PWD/storage.conf
}

# With a layer that has a sparse file podman 4.3 itself fails.
test_podman_save() {
  containers_storage
  must skopeo copy "oci:$busybox:latest" containers-storage:localhost/bb:1
  must podman save --format docker-archive -o docker.tar localhost/bb:1
  must podman save --format oci-archive -o oci.tar localhost/bb:1
  image import docker-archive:docker.tar:localhost/bb:1
  expect_same_tree "$busybox"
  image_of "$PWD/other" import oci-archive:oci.tar
  expect_status 0
  expect_same "$(tree_of "$store")" "$(tree_of "$PWD/other")" "trees"
}

test_podman_save_of_several() {
  containers_storage
  printf 'FROM localhost/two:2\nENV A=b\n' >Containerfile
  must skopeo copy "oci:$busybox:latest" containers-storage:docker.io/library/two:2
  must podman tag docker.io/library/two:2 localhost/two:2
  must buildah build --isolation chroot --network host -t localhost/one:1 .
  must podman save --multi-image-archive -o both.tar localhost/one:1 docker.io/library/two:2
  image import docker-archive:both.tar
  expect_refused "holds several images"
  expect_stderr_has "localhost/one:1"
  expect_stderr_has "docker.io/library/two:2"
  image import docker-archive:both.tar:two:2
  expect_status 0
  image import docker-archive:both.tar:localhost/one:1
  expect_status 0
}

test_buildah() {
  containers_storage
  mkdir context
  printf 'FROM scratch\nCOPY file /file\nCMD ["/file"]\n' >context/Containerfile
  echo hello >context/file
  must buildah build --isolation chroot --network host -t localhost/built:1 context
  must buildah push localhost/built:1 "oci:$PWD/layout:v1"
  must buildah push localhost/built:1 "docker-archive:$PWD/docker.tar:localhost/built:1"
  must buildah push localhost/built:1 "oci-archive:$PWD/oci.tar:v1"
  image import oci:layout:v1
  expect_status 0
  image import docker-archive:docker.tar
  expect_status 0
  image import oci-archive:oci.tar
  expect_status 0
}

# docker_save FILE: what docker save wrote until version 24, layers in directories, one a link to another's.
docker_save() {
  local id previous='' links='' config
  mkdir -p save unpacked
  must skopeo copy "oci:$layers:latest" "dir:$PWD/unpacked"
  config=$(jq -r .config.digest unpacked/manifest.json)
  cp "unpacked/${config#sha256:}" "save/${config#sha256:}.json"
  for blob in $(jq -r '.layers[].digest' unpacked/manifest.json); do
    id=$(echo "$blob $previous" | sha256sum | cut -c 1-64)
    mkdir "save/$id"
    echo 1.0 >"save/$id/VERSION"
    echo "{\"id\":\"$id\"}" >"save/$id/json"
    gzip -dc "unpacked/${blob#sha256:}" >"save/$id/layer.tar"
    links="$links,\"link-$id/layer.tar\""
    mkdir "save/link-$id"
    ln -s "../$id/layer.tar" "save/link-$id/layer.tar"
    previous=$id
  done
  echo "{\"bb\":{\"1\":\"$id\"}}" >save/repositories
  echo "[{\"Config\":\"${config#sha256:}.json\",\"RepoTags\":[\"bb:1\"],\"Layers\":[${links#,}]}]" >save/manifest.json
  (cd save && tar --sort=name -cf - [!m]* manifest.json) >"$1"
}

test_docker_save() {
  docker_save old.tar
  image import docker-archive:old.tar:bb:1
  expect_same_tree
  # Also compressed, and from a pipe.
  gzip -k old.tar
  xz -kT1 -0 old.tar
  image_of "$PWD/second" import docker-archive:old.tar.gz
  expect_status 0
  image_of "$PWD/second" import docker-archive:old.tar.xz:bb:1
  expect_status 0
  status=0
  cat old.tar | "$nacelle_image" import --root third docker-archive:/dev/stdin >stdout 2>stderr || status=$?
  expect_status 0
  for root in second third; do
    expect_same "$(tree_of "$PWD/$root")" "$(tree_of "$store")" "trees"
    expect_same "$(ls "$root/images/v1/tmp")" lock "what is left in tmp"
  done
}

# Since version 25: an OCI layout with manifest.json, and layers as they were pulled.
test_docker_save_of_25() {
  local manifest config
  cp -r "$layers" save
  manifest=$(jq -r '.manifests[0].digest' save/index.json)
  config=$(jq -r .config.digest "save/blobs/${manifest/:/\/}")
  jq -n --arg config "blobs/${config/:/\/}" --slurpfile m "save/blobs/${manifest/:/\/}" \
    '[{Config: $config, RepoTags: ["bb:1"], Layers: [$m[0].layers[].digest | "blobs/" + sub(":"; "/")]}]' >save/manifest.json
  (cd save && tar -cf - *) >new.tar
  image import docker-archive:new.tar
  expect_same_tree
  image import oci-archive:new.tar
  expect_status 0
}

test_broken_docker_archives() {
  local config
  docker_save good.tar
  config=$(cd save && echo ????????????????????????????????????????????????????????????????.json)
  echo ' ' >>"save/$config"
  (cd save && tar -cf - *) >bad.tar
  image import docker-archive:bad.tar
  expect_refused "does not have the digest"
  mv "save/$config" save/config.json
  sed -i "s/$config/config.json/" save/manifest.json
  (cd save && tar -cf - *) >bad.tar
  image import docker-archive:bad.tar
  expect_refused "not by its digest"
  rm save/manifest.json
  (cd save && tar -cf - *) >bad.tar
  image import docker-archive:bad.tar
  expect_refused "manifest.json is missing"
  head -c 20000 good.tar >bad.tar
  image import docker-archive:bad.tar
  expect_refused "bad.tar"
  echo nonsense >bad.tar
  image import oci-archive:bad.tar
  expect_refused "bad.tar"
  expect_same "$(find "$v1" -type f ! -name lock)" "" "what is left"
}

# All layers together have a limit, also where they are copied before anybody asks for them. The files are holes.
test_archives_beyond_the_limit() {
  mkdir save
  echo '{}' >save/config
  config=$(sha256sum <save/config | cut -d ' ' -f 1)
  mv save/config "save/$config.json"
  truncate -s 260M save/layer.tar
  jq -n --arg config "$config.json" '[{Config: $config, RepoTags: ["bb:1"], Layers: [range(128) | "layer.tar"]}]' >save/manifest.json
  (cd save && tar -cf - *) | dd of=large.tar bs=64k conv=sparse status=none
  image import docker-archive:large.tar
  expect_refused "layers have more than 34359738368 bytes"
  truncate -s 33G large.aci
  image import aci:large.aci
  expect_refused "has more than 34359738368 bytes"
  expect_same "$(find "$v1" -type f ! -name lock)" "" "what is left"
}

# What an archive was is remembered by the identity of its file, unless it is too new to tell.
test_changed_archive() {
  must skopeo copy "oci:$layers:latest" "oci-archive:$PWD/a.tar:v1"
  touch -d '1 hour ago' a.tar
  image import oci-archive:a.tar
  expect_status 0
  expect grep -qF "oci-archive:$PWD/a.tar" "$v1"/references/*
  rm -r save 2>/dev/null
  must skopeo copy "oci:$busybox:latest" "oci-archive:$PWD/b.tar:v1"
  mv b.tar a.tar
  image import oci-archive:a.tar
  expect_stdout "$(tar -xOf a.tar index.json | jq -r '.manifests[0].digest')"
}
