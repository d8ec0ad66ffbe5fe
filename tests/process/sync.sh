#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `sync` connects new targets, reconnects lost sessions, leaves live sessions and those that an administrator
# disconnected alone, and changes nothing the second time.
source "$(dirname "$0")/lib/daemon.bash"

list=$scratch/targets
cat > "$list" <<'EOT'
# two disks

ram://8M
  ram://16M?luns=2    # the big one
EOT
sync() { srp sync "$@" --listen "unix:$scratch/{name}.sock" --reconnect-delay off --keepalive 100; }

expect 3 "no daemon answers" sync "$list"
start_daemon
expect 0 "2 targets: would be 2 connected" sync "$list" --dry-run
expect 0 "no sessions" srp list
expect 2 "--keepalive: expected" srp sync "$list" --keepalive soon
expect 1 "cannot be read" sync "$scratch/missing"

expect 0 "2 targets: 2 connected, 0 reconnected, 0 unchanged, 0 left alone, 0 failed; 0 bad lines" sync "$list"
[[ -S $scratch/s0.sock && -S $scratch/s1.sock ]] || fail "no socket for each session"
expect 0 "2 targets: 0 connected, 0 reconnected, 2 unchanged, 0 left alone, 0 failed; 0 bad lines; nothing changed" sync "$list"
srp list --json > "$scratch/json"
json_is "$scratch/json" 'map(.name)' '["s0", "s1"]'

# A lost session is reconnected, a disconnected one is not, and an unlisted one is not touched.
expect 0 "" srp connect ram://4M --name extra --listen "unix:$scratch/extra.sock"
expect 0 "" srp target offline s0
is_lost() { session_is s0 '.state == "disconnected" and .by == "fault"'; }
wait_until 10 is_lost || fail "the loss was not noticed"
expect 1 "$list:3:1: not reconnected: " sync "$list"
expect 0 "" srp target online s0
expect 0 "" srp disconnect s1
expect 0 "s0  would reconnect  ram://8M" sync - --dry-run < "$list"
is_lost || fail "a dry run reconnected"
sync - --json < "$list" > "$scratch/json"
json_is "$scratch/json" '.targets[0].action' '"reconnect"'
json_is "$scratch/json" '.targets[0].session' '"s0"'
json_is "$scratch/json" '.targets[0].error' null
json_is "$scratch/json" '.targets[1].action' '"leave_alone"'
json_is "$scratch/json" .counts.reconnected 1
state_is s0 live || fail "s0 was not reconnected"
state_is s1 disconnected || fail "what an administrator disconnected was connected"
expect 0 "s1  left alone, an administrator disconnected it: \`srp-nbd reconnect s1\` connects it" sync "$list"
expect 0 "1 unchanged, 1 left alone, 0 failed; 0 bad lines; nothing changed" sync "$list"
state_is extra live || fail "a session that is not listed was touched"

# Bad lines are reported, and all others are executed.
printf 'ram://8M\nid_ext=1,ioc_guid=xyz,dest=a:1\nram://32M\nram://8388608\n' > "$list"
expect 1 "$list:2:10: " sync "$list"
expect 1 "$list:4:1: the same target as in line 1" sync "$list"
expect 1 "2 targets: 0 connected, 0 reconnected, 2 unchanged, 0 left alone, 0 failed; 1 bad line;" sync "$list"
[[ $(srp list | grep -c 'ram://32M') == 1 ]] || fail "the good line behind the bad one was not done"
head -c 2000 /dev/urandom > "$scratch/random"
expect 1 "$scratch/random:" sync "$scratch/random"
stop_daemon
