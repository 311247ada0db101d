# shellcheck shell=bash
about="busybox with an entrypoint, command, environment, user, working directory and volume (two seconds)"
packages=busybox-static

fill_image() {
  mkdir -p root/{bin,etc,proc,sys,dev,tmp,home/app,var/data/sub}
  cp /bin/busybox root/bin/busybox
  for name in sh echo id pwd env cat ls stat touch; do
    ln -s busybox "root/bin/$name"
  done
  printf 'root:x:0:0::/:/bin/sh\napp:x:123:456::/home/app:/bin/sh\n' >root/etc/passwd
  printf 'root:x:0:\napp:x:456:\nmore:x:789:app\n' >root/etc/group
  cat >root/bin/entry <<'END'
#!/bin/sh
echo "entry: $*"
echo "user: $(id -u):$(id -g) groups: $(id -G)"
echo "dir: $(pwd)"
echo "COLOUR=$COLOUR HOME=$HOME"
END
  chmod 755 root/bin/entry
  echo "from the image" >root/var/data/sub/file
  chown 123:456 root/var/data/sub
  chmod 1770 root/var/data/sub
  tar --numeric-owner --sort=name -C root -cf layer.tar .
  oci_from_tar oci layer.tar
  umoci --log=error config --image oci:latest --config.entrypoint /bin/entry --config.cmd one --config.cmd 'two words' \
    --config.env COLOUR=blue --config.user app --config.workingdir /home/app --config.volume /var/data
  rm -rf root
}
