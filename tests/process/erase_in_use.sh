#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# erase refuses a session whose units a client uses, and names the client's process; with --force it removes it.
source "$(dirname "$0")/lib/daemon.bash"
need nbdcopy

start_daemon
uri=$(srp connect ram://64M --name ram --listen "unix:$scratch/nbd.sock")
# A client that stops reading stays connected.
mkfifo "$scratch/full"
exec 7<>"$scratch/full"
timeout 100 nbdcopy "$uri" - >"$scratch/full" &
background_pids+=("$!")
wait_until 10 session_is ram '.counters.read_bytes > 0' || fail "the client reads nothing"

expect 1 "(nbdcopy) is an NBD client of $scratch/nbd.sock" srp erase ram
expect 1 "srp-nbd erase ram --force" srp erase ram
talk <<<'{"command":"erase","name":"ram"}' >"$scratch/answer"
json_is "$scratch/answer" .error.code '"busy"'
state_is ram live || fail "a refused erase ended the session"

expect 0 "ram erased" srp erase ram --force
expect 0 "no sessions" srp list

# A client that has gone keeps nothing.
uri=$(srp connect ram://8M --name ram --listen "unix:$scratch/nbd.sock")
timeout 20 nbdcopy "$uri" "$scratch/out"
expect 0 "ram erased" srp erase ram
exec 7<&-
stop_daemon
