# shellcheck shell=bash
about="a small Debian with bash, coreutils, python3 and the network tools (a minute)"
packages="bash coreutils procps iproute2 nftables iptables python3 strace file"

fill_image() {
  bootstrap layer.tar
  oci_from_tar oci layer.tar
  umoci --log=error config --image oci:latest --config.cmd /bin/bash
}
