# shellcheck shell=bash disable=SC2154 # store, busybox and others come from the runner and lib.sh
# The apps' output in logs: pods in the background, files and their bounds, nacelle logs and nacelle attach.
# level: pod

# detach_pod [OPTION...] IMAGE [-- COMMAND...]: nacelle run --detach; $uuid is the pod, $directory its directory.
detach_pod() {
  uuid=$(nacelle_run --detach --net none "$@" 2>"$err") || fail "nacelle run --detach: status $?"
  directory=$store/pods/v1/run/$uuid
  expect test -d "$directory"
}
wait_for_end() { wait_for 60 test -e "$directory/exit"; }
pod_exit() { wait_for_end && cat "$directory/exit"; }

# A pod in the background: its UUID on stdout, nothing of the caller's held, its output in files; both forms.
test_detach() {
  detach_pod --log-format json "$busybox" -- sh -c '
    echo "to \"stdout\""; echo to stderr >&2; printf "\377\001caf\303\251"; sleep 1; printf " end"; exit 3'
  expect_same "$(pod_exit)" 3 status
  cat "$directory/logs/"*
  expect_same "$(find "$directory/logs" -type f | wc -l)" 1 files
}
