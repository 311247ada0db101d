# shellcheck shell=bash
about="a static busybox, one layer; also as a directory (two seconds)"
packages=busybox-static

fill_image() {
  mkdir -p rootfs/{bin,sbin,usr/bin,usr/sbin,etc,proc,sys,dev,run,var,root,home/user}
  install -d -m 1777 rootfs/tmp
  cp /bin/busybox rootfs/bin/busybox
  chmod 755 rootfs/bin/busybox
  chroot rootfs /bin/busybox --install -s
  printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:a user:/home/user:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >rootfs/etc/passwd
  printf 'root:x:0:\nuser:x:1000:\nextra:x:2000:user\nnobody:x:65534:\n' >rootfs/etc/group
  chown -R 1000:1000 rootfs/home/user
  chmod 700 rootfs/root
  tar --numeric-owner --sort=name -C rootfs -cf layer.tar .
  oci_from_tar oci layer.tar
  umoci --log=error config --image oci:latest --config.cmd /bin/sh
}
