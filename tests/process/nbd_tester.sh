#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A client that knows no block sizes keeps many requests in flight, of up to 50 MB, and reads what it wrote.
source "$(dirname "$0")/lib/daemon.bash"

start_daemon
srp connect ram://128M --name ram --listen "unix:$scratch/nbd.sock" > "$scratch/out"
timeout 120 "$NBD_TESTER" "$scratch/nbd.sock" lun0 || fail "the tester ended with $?"
expect 1 "has hung up" timeout 60 "$NBD_TESTER" "$scratch/nbd.sock" lun1
session_is ram '.counters.command_errors == 0' || fail "the session counts command errors"
stop_daemon
