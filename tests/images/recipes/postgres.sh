# shellcheck shell=bash
about="postgresql, and beside it a small new cluster, for a volume (a minute, 50 MB to fetch)"
packages="postgresql-15"

# initdb, which takes ten minutes where everything is emulated, runs here, as the user who will own the cluster. The
# server gets by without the templates, a thousand files less to look at; and without LLVM, 110 MB of the image.
fill_image() {
  bootstrap layer.tar \
    --dpkgopt='path-exclude=/usr/lib/*/libLLVM*' --dpkgopt='path-exclude=/usr/lib/postgresql/15/lib/bitcode/*' \
    --setup-hook='mkdir -p "$1/usr/sbin"; printf "#!/bin/sh\nexit 101\n" >"$1/usr/sbin/policy-rc.d"; chmod 755 "$1/usr/sbin/policy-rc.d"' \
    --essential-hook='echo postgres:x:999:999::/var/lib/postgresql:/bin/sh >>"$1/etc/passwd"; echo postgres:x:999: >>"$1/etc/group"' \
    --customize-hook='rm -r "$1/var/lib/postgresql/15/main"; install -d -o 999 -g 999 "$1/tmp/cluster"' \
    --customize-hook='chroot "$1" setpriv --reuid 999 --regid 999 --clear-groups /usr/lib/postgresql/15/bin/initdb \
      -D /tmp/cluster --username postgres --auth trust --no-locale --encoding UTF8 --data-checksums --wal-segsize 1 --no-sync' \
    --customize-hook='rm -r "$1/tmp/cluster/base/1" "$1/tmp/cluster/base/4"' \
    --customize-hook='copy-out /tmp/cluster .' --customize-hook='rm -r "$1/tmp/cluster"'
  oci_from_tar oci layer.tar
  chmod -R a+rX cluster
  umoci --log=error config --image oci:latest --config.user postgres --config.env PGHOST=/tmp \
    --config.env PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
}
