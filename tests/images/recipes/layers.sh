# shellcheck shell=bash
about="three layers with whiteouts, an opaque directory, links, owners, modes, xattrs, device nodes (three seconds)"
packages=busybox-static

# Each layer is made by tar from a directory, as an image builder does it.
fill_image() {
  mkdir -p one/{bin,etc,tmp,gone/deep,opaque,kept,dev} two/opaque three/kept
  cp /bin/busybox one/bin/busybox
  for name in sh cat ls stat test readlink wc sha256sum find getfattr; do
    ln -s busybox "one/bin/$name"
  done
  echo one >one/gone/deep/file
  echo one >one/opaque/old
  echo one >one/kept/replaced
  echo one >one/kept/removed
  ln one/kept/replaced one/kept/hardlink
  ln -s /kept/replaced one/kept/symlink
  echo owned >one/etc/owned
  chown 1234:5678 one/etc/owned
  chmod 4751 one/etc/owned
  touch -d '2001-02-03 04:05:06.789 UTC' one/etc/dated
  mknod -m 666 one/dev/zero-node c 1 5
  mkfifo one/kept/fifo
  setfattr -n user.colour -v blue one/etc/owned
  head -c 3000000 /dev/zero | tr '\0' x >one/etc/large
  truncate -s 5M one/etc/sparse
  echo tail >>one/etc/sparse
  mkdir "one/etc/$(printf 'n%.0s' $(seq 250))"
  printf 'odd\n' >"one/etc/$(printf 'name \001 with \303\244')"

  touch two/.wh.gone two/opaque/.wh..wh..opq
  echo two >two/opaque/new

  touch three/kept/.wh.removed
  echo three >three/kept/replaced
  mkdir three/gone
  echo three >three/gone/again

  for layer in one two three; do
    tar --numeric-owner --xattrs --sparse --sort=name -C "$layer" -cf "$layer.tar" .
  done
  oci_from_tar oci one.tar two.tar three.tar
  rm -rf one two three
}
