# shellcheck shell=bash disable=SC2154 # store, layers and others come from the runner and lib.sh
# level: images
# What nacelle export --format oci-image asks for: an image with one layer more, as tools read it.

append() {
  status=0
  "$nacelle_image" append --root "$store" "$@" >"$out" 2>"$err" <layer.tar || status=$?
}

make_layer() {
  mkdir -p tree/new
  echo text >tree/new/file
  : >tree/new/.wh.nothing
  tar -C tree --owner 0 --group 0 -cf layer.tar .
}

# The documents of a layout: manifest and configuration, as digests say.
blob_of() { echo "$1/blobs/${2/://}"; }
read_layout() {
  manifest=$(blob_of "$1" "$(jq -r '.manifests[0].digest' "$1/index.json")")
  config=$(blob_of "$1" "$(jq -r .config.digest "$manifest")")
}

test_layout() {
  local base_manifest base_config before
  make_layer
  image import "oci:$layers:latest"
  expect_status 0
  digest=$(cat "$out")
  before=$(cd "$v1" && find . | sort)
  append "$digest" oci:made:v2
  expect_status 0
  expect_stdout ""
  expect_same "$(cd "$v1" && find . | sort)" "$before" "what is in the store"
  read_layout "$layers"
  base_manifest=$manifest base_config=$config
  read_layout made
  expect_same "$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' made/index.json)" v2 "the tag"
  expect_same "$(jq -c '[.layers[:-1][].digest]' "$manifest")" "$(jq -c '[.layers[].digest]' "$base_manifest")" "layers"
  expect cmp "$(blob_of made "$(jq -r '.layers[-1].digest' "$manifest")")" layer.tar
  expect_same "$(jq -c .config "$config")" "$(jq -c .config "$base_config")" "what runs"
  expect_same "$(jq -r '.rootfs.diff_ids[-1]' "$config")" "sha256:$(sha256sum <layer.tar | cut -d ' ' -f 1)" "diff_id"
  expect_same "$(jq '.rootfs.diff_ids | length' "$config")" "$(jq '.layers | length' "$manifest")" "diff_ids"

  # What others make of it.
  must skopeo copy oci:made:v2 docker-archive:archive.tar
  must umoci unpack --image made:v2 bundle
  expect_same "$(cat bundle/rootfs/new/file)" text "the file"
  image import oci:made:v2
  expect_status 0
  made=$(cat "$out")
  append "$made" oci-archive:again.tar
  expect_status 0
  image import oci-archive:again.tar:latest
  expect_status 0
  must skopeo inspect oci-archive:again.tar:latest

  append "$digest" oci:made:v3
  expect_refused "made exists already"
  append "$digest" docker://registry.test/name
  expect_refused "is exported to oci:DIR or oci-archive:FILE"
  append sha256:00000000000000 oci:other
  expect_status 125
  expect [ ! -e other ]
}

# An image of Docker's documents becomes one of OCI's.
test_docker() {
  make_layer
  must skopeo copy "oci:$layers:latest" dir:docker --format v2s2
  must skopeo copy dir:docker docker-archive:docker.tar:example.com/name:v1
  image import docker-archive:docker.tar
  expect_status 0
  append "$(cat "$out")" oci:made
  expect_status 0
  read_layout made
  expect_same "$(jq -r '[.layers[].mediaType] | unique[]' "$manifest" | grep -cv '^application/vnd.oci.image.layer.v1.tar')" 0 "foreign types"
  must skopeo inspect oci:made:latest
}
