# shellcheck shell=bash
# level: pod
# --vsock: programs of the host and of the pod talk by sockets.

# A server of the pod's on port 5000, and a client of a server of the host's on port 52.
guest='
use Socket;
sub vm { pack("S S L L x4", 40, 0, $_[1], $_[0]) }
socket(my $server, 40, SOCK_STREAM, 0) or die "socket: $!";
bind($server, vm(0xffffffff, 5000)) and listen($server, 4) or die "listen: $!";
$| = 1; print "ready\n";
for (1 .. 2) {
  accept(my $client, $server) or die "accept: $!";
  my $all = join "", <$client>;
  syswrite($client, length($all) . " bytes: " . substr($all, 0, 5));
  close $client;
}
socket(my $none, 40, SOCK_STREAM, 0) or die "socket: $!";
print connect($none, vm(2, 53)) ? "connected to nobody\n" : "refused\n";
socket(my $host, 40, SOCK_STREAM, 0) or die "socket: $!";
connect($host, vm(2, 52)) or die "connect: $!";
syswrite($host, "from the pod\n");
print <$host>;
'
host='
import socket, sys, time
def say(data):
    s = socket.socket(socket.AF_UNIX)
    s.connect("v.sock")
    s.sendall(b"CONNECT 5000\n")
    hello = b""
    while not hello.endswith(b"\n"):
        byte = s.recv(1)
        if not byte:
            return "closed"
        hello += byte
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    answer = b""
    while part := s.recv(100):
        answer += part
    return hello.split()[0].decode() + " " + answer.decode()
server = socket.socket(socket.AF_UNIX)
server.bind("v.sock_52")
server.listen()
unheard = socket.socket(socket.AF_UNIX)
unheard.connect("v.sock")
unheard.sendall(b"CONNECT 4999\n")
print("nobody:", unheard.recv(10))
print(say(b"short"))
print(say(b"large" * 200000))
client = server.accept()[0]
print(client.recv(100).decode(), end="")
client.sendall(b"from the host\n")
'

test_both_ways() {
  start_pod --vsock "$PWD/v.sock" --seccomp none "$debian" -- perl -e "$guest"
  until grep -q ready "$out"; do
    kill -0 "$pod" || break
    sleep 0.1
  done
  [ "$(stat -c %a:%F v.sock)" = "600:socket" ] || fail "v.sock: $(stat -c %a:%F v.sock)"
  python3 -c "$host" >host || fail "the host's side: $(cat host)"
  wait_pod
  expect_status 0
  expect_stdout_has "refused"
  expect_stdout_has "from the host"
  printf '%s\n' "nobody: b''" "OK 5 bytes: short" "OK 1000000 bytes: large" "from the pod" | cmp - host ||
    fail "the host's side: $(cat host)"
  [ ! -e v.sock ] || fail "the socket is left behind"
}

# What a killed pod has left is replaced; what somebody uses, or is no socket, is not.
test_socket_in_the_way() {
  python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("stale")'
  run_pod --vsock stale "$busybox" -- true
  expect_status 0
  touch file
  run_pod --vsock file "$busybox" -- true
  expect_status 125
  expect_stderr_has "--vsock: there is a file already, and not a socket that is left over"
  [ -f file ] || fail "the file is gone"
}

# Tries for ever to be the first at the ports of the pod's own streams, which it knows.
thief='
use Socket;
sub vm { pack("S S L L x4", 40, 0, $_[1], $_[0]) }
$| = 1; print "ready\n";
for (;;) {
  for my $port (0x70000001, 0x70000010 .. 0x70000018, 0x70010000 .. 0x70010007) {
    socket(my $s, 40, SOCK_STREAM, 0) or die "socket: $!";
    print "took port $port\n" if connect($s, vm(2, $port));
    close $s;
  }
}
'

# An app that may use vsock takes neither the streams of an app that starts later nor those of a command.
test_streams_of_others() {
  local i
  start_pod --name thief "$debian" --seccomp none -- perl -e "$thief" \
    --- "$busybox" --name later -- sh -c 'echo the later app; echo its errors >&2; while :; do sleep 1; done'
  wait_for_stdout ready
  wait_for_stdout "the later app"
  for i in 1 2 3 4 5 6 7 8 9 10; do
    expect_same "$(echo "secret $i" | "$nacelle" exec --root "$store" -i --app later thief sh -c 'cat; echo end >&2' 2>&1)" \
      "secret $i"$'\n'"end" "what a command reads and writes"
  done
  "$nacelle" stop --root "$store" --force thief
  wait_pod
  ! grep took "$out" || fail "a stream was taken"
  expect_stderr_has "its errors"
}
