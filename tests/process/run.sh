#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `run` is one session with its control socket; it ends by a signal, by erase, or when it cannot connect.
source "$(dirname "$0")/lib/daemon.bash"

begin() {
  rm -f "$scratch/out"
  "$SRP_NBD" run "$@" --listen "unix:$scratch/nbd.sock" > "$scratch/out" 2>>"$scratch/daemon.log" &
  daemon_pid=$!
  wait_until 10 grep -q "nbd+unix:///lun0?socket=$scratch/nbd.sock" "$scratch/out" || fail "no URI within 10 s"
}

begin ram://4M --name solo
expect 0 "solo  live" srp list
stop_daemon
[[ ! -e $scratch/nbd.sock ]] || fail "the NBD socket stayed"

begin ram://4M
expect 0 "s0 erased" srp erase s0
wait "$daemon_pid" || fail "run ended with $?"
daemon_pid=
[[ ! -e $SRP_NBD_CONTROL ]] || fail "the control socket stayed"

expect 1 "srp-nbd: " srp run ram://4M --lun 9 --listen "unix:$scratch/nbd.sock"
[[ ! -e $SRP_NBD_CONTROL && ! -e $scratch/nbd.sock ]] || fail "a failed run left sockets"
