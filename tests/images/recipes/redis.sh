# shellcheck shell=bash
about="redis as Debian has it, with a volume for its data (half a minute, 40 MB to fetch)"
packages="redis-server redis-tools"

fill_image() {
  bootstrap layer.tar \
    --setup-hook='mkdir -p "$1/usr/sbin"; printf "#!/bin/sh\nexit 101\n" >"$1/usr/sbin/policy-rc.d"; chmod 755 "$1/usr/sbin/policy-rc.d"'
  oci_from_tar oci layer.tar
  umoci --log=error config --image oci:latest --config.entrypoint redis-server --config.user redis \
    --config.workingdir /var/lib/redis --config.volume /var/lib/redis
}
