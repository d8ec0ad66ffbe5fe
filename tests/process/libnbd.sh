#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# libnbd's C API opens an export by the printed URI, and has what it asks for, several requests in flight.
source "$(dirname "$0")/lib/daemon.bash"
[[ -x ${LIBNBD_CLIENT:-} ]] || skip "libnbd-dev was missing when this was built"

start_daemon
srp connect ram://80M --name ram --listen "unix:$scratch/nbd.sock" --json > "$scratch/session"
timeout 120 "$LIBNBD_CLIENT" "$(jq -r '.luns[0].export' "$scratch/session")" || fail "the client ended with $?"
session_is ram '.counters.command_errors == 0' || fail "the session counts command errors"
stop_daemon
