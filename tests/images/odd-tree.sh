# shellcheck shell=bash
# A tree for the cases that compare an image with what it was made from.

# odd_tree DIRECTORY: everything that a file system can hold and people do.
odd_tree() {
  local d=$1 name
  mkdir -p "$d"/{etc,usr/lib,dev,sticky,setgid,hidden/below,replaced,'a b'} "$d/opaque/one"
  chmod 1777 "$d/sticky" && chmod 2755 "$d/setgid"
  echo x >"$d/setuid" && chmod 6755 "$d/setuid"
  echo data >"$d/etc/file" && ln "$d/etc/file" "$d/usr/lib/hard" && ln "$d/etc/file" "$d/hard too"
  ln -s usr/lib "$d/lib" && ln -s ../../../../etc "$d/usr/upwards" && ln -s /nowhere "$d/dangling"
  ln -s "$(printf 't%.0s' {1..3000})" "$d/long target"
  mknod "$d/dev/null" c 1 3 && mknod "$d/dev/loop" b 7 0 && mknod "$d/dev/large" c 300 70000
  mkfifo -m 620 "$d/fifo"
  for name in $'new\nline' 'back\slash' '-dash' $'\377\376bytes' 'ünïcödé' "$(printf 'n%.0s' {1..255})" '.hidden' '...' \
    'quote"s' 'wh.not' '.wh'; do
    echo "$name" >"$d/a b/$name"
  done
  setfattr -n user.text -v value "$d/etc/file"
  setfattr -n user.bytes -v 0x00ff0a3d00 "$d/etc"
  setfattr -n user.large -v "0x$(printf '%02x' {0..255} {0..255} {0..255})" "$d/setuid"
  setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 "$d/usr/lib/able" 2>/dev/null ||
    { cp "$d/setuid" "$d/usr/lib/able" && setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 "$d/usr/lib/able"; }
  # user::rw-, user:1:r--, group::r--, mask::r--, other::---
  setfattr -n system.posix_acl_access -v \
    0x0200000001000600ffffffff020004000100000004000400ffffffff10000400ffffffff20000000ffffffff "$d/hard too"
  setfattr -n system.posix_acl_default -v \
    0x0200000001000700ffffffff020005000100000004000500ffffffff10000500ffffffff20000500ffffffff "$d/setgid"
  : >"$d/empty"
  head -c 4096 /dev/urandom >"$d/block" && head -c 4097 /dev/urandom >"$d/block and one"
  head -c 3000000 /dev/urandom >"$d/usr/lib/large"
  truncate -s 1M "$d/holes" && echo end >>"$d/holes" && echo x | dd of="$d/holes" bs=1 seek=300000 conv=notrunc status=none
  for name in one/a one/b two; do echo "$name" >"$d/opaque/$name"; done
  echo x >"$d/hidden/below/f" && echo x >"$d/hidden/g" && echo x >"$d/replaced/f" && echo x >"$d/becomes a directory"
  chown 1000:1001 "$d/etc/file" && chown -h 2000000000:1999999999 "$d/lib" && chown 65534:5 "$d/fifo"
  touch -d '1969-12-31 23:59:57.123456789 UTC' "$d/empty" && touch -d '2040-01-02 03:04:05.000000001 UTC' "$d/block"
  touch -h -d '2001-02-03 04:05:06.999999999 UTC' "$d/lib" && touch -d '1999-01-01 00:00:00.5 UTC' "$d/etc" "$d"
}
