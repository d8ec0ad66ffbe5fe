#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Two sessions of one daemon never log in with the same port ids at the same target: the target would end the first one.
source "$(dirname "$0")/lib/daemon.bash"

ids='id_ext=0000000000000001&ioc_guid=0000000000000002'
start_daemon
expect 0 "lun0" srp connect "ram://1M?$ids" --name first --initiator-ext 5 --listen "unix:$scratch/first.sock"
second=(srp connect "ram://2M?$ids" --name second --listen "unix:$scratch/second.sock")
expect 1 'the session "first" has the same initiator port id' "${second[@]}" --initiator-ext 5
state_is first live || fail "a refused connect ended the other session"
# Also while the other one is disconnected, for it may come back.
expect 0 "" srp disconnect first
expect 1 'srp-nbd erase first' "${second[@]}" --initiator-ext 5
expect 0 "" srp reconnect first

# Another id of ours, another target, and a session that has gone are no obstacles.
expect 0 "lun0" "${second[@]}" --initiator-ext 6
expect 0 "lun0" srp connect "ram://1M?id_ext=0000000000000009&ioc_guid=0000000000000002" --initiator-ext 5 \
    --name third --listen "unix:$scratch/third.sock"
expect 0 "erased" srp erase second
expect 0 "erased" srp erase first
expect 0 "lun0" "${second[@]}" --initiator-ext 5
stop_daemon
