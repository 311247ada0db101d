# shellcheck shell=bash
# Where images come from: layouts and archives as the usual tools write them.

test_oci_layout() {
  image import "oci:$busybox:latest"
  expect_status 0
  expect_stderr ""
  digest=$(jq -r '.manifests[0].digest' "$busybox/index.json")
  expect_stdout "$digest"
  expect_same "$(find "$v1/erofs" -type f | wc -l)" 1 "EROFS images"
  image import "oci:$busybox:nothing"
  expect_refused "holds no image with the tag nothing"
}
