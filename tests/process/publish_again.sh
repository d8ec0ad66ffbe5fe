#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A configured session whose units cannot be published says why in list and show, and publishes them when it can.
source "$(dirname "$0")/lib/daemon.bash"

mkdir "$scratch/folder"
touch "$scratch/folder/taken.sock"
printf '[[session]]\nname = "a"\ntarget = "ram://8M"\nlisten = "unix:%s/folder/taken.sock"\n' "$scratch" >"$scratch/config.toml"
start_daemon --config "$scratch/config.toml"
wait_until 10 session_is a '.publish_error.code == "already_exists"' || fail "the failure is not in show --json"
session_is a '.state == "live" and .luns[0].export == null and .luns[0].size_bytes == 8388608' || fail "the unit is not listed"
expect 0 "(not published)  lun 0" srp list
expect 0 "not published, tried again: $scratch/folder/taken.sock exists and is not a socket" srp list
expect 0 "not published       $scratch/folder/taken.sock exists" srp show a

rm "$scratch/folder/taken.sock"
wait_until 20 session_is a '.publish_error == null and (.luns[0].export | contains("taken.sock"))' || fail "it is not published again"
[[ -S $scratch/folder/taken.sock ]] || fail "no socket"

# An erase while it waits leaves nothing behind.
touch "$scratch/plain"
srp connect ram://8M --name b --no-wait --listen "unix:$scratch/plain" >/dev/null
wait_until 10 session_is b '.publish_error != null' || fail "the second failure"
expect 0 "b erased" srp erase b
stop_daemon
