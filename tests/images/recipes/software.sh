# shellcheck shell=bash
about="Debian with python3's own tests, node, nginx, redis, postgresql and a JDK (three minutes, 300 MB to fetch)"
packages="bash coreutils procps python3 libpython3.11-testsuite nodejs nginx-light redis-server redis-tools postgresql postgresql-contrib curl default-jdk-headless"

fill_image() {
  bootstrap layer.tar \
    --setup-hook='mkdir -p "$1/usr/sbin"; printf "#!/bin/sh\nexit 101\n" >"$1/usr/sbin/policy-rc.d"; chmod 755 "$1/usr/sbin/policy-rc.d"'
  oci_from_tar oci layer.tar
  umoci --log=error config --image oci:latest --config.cmd /bin/bash
}
