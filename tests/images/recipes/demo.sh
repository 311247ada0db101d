# shellcheck shell=bash
about="a small Debian with bash and figlet, from Debian's packages (half a minute, 40 MB to fetch)"
packages="bash coreutils figlet"

fill_image() {
  bootstrap layer.tar
  oci_from_tar oci layer.tar
  umoci --log=error config --image oci:latest --config.cmd /bin/bash --config.env GREETING=hello
}
