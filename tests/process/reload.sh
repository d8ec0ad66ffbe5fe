#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# SIGHUP and reload read the configuration again: new sessions start, others stay as they are, and what differs is said.
source "$(dirname "$0")/lib/daemon.bash"
need nbdcopy

session() { printf '[[session]]\nname = "%s"\ntarget = "%s"\nlisten = "unix:%s/%s.sock"\n%s\n' "$1" "$2" "$scratch" "$1" "${3:-}"; }
{ session a ram://8M; session b ram://8M; printf '[[session]]\ntarget = "ram://16M"\nlisten = "unix:%s/{name}.sock"\n' "$scratch"; } \
  >"$scratch/config.toml"
start_daemon --config "$scratch/config.toml"
for name in a b s0; do wait_until 10 state_is $name live || fail "session $name"; done

expect 0 "a: unchanged" srp reload
expect 0 "s0: unchanged" srp reload

# A mistake changes nothing.
cp "$scratch/config.toml" "$scratch/good.toml"
echo 'nonsense' >>"$scratch/config.toml"
expect 2 "$scratch/config.toml:" srp reload
srp list --json >"$scratch/list"
json_is "$scratch/list" length 3

# b is missing, a has another queue depth, c is new.
{ session a ram://8M 'queue_depth = 7'; session c ram://8M; sed -n '/ram:\/\/16M/,$p' "$scratch/good.toml" | sed '1i [[session]]'; } \
  >"$scratch/config.toml"
kill -HUP "$daemon_pid"
wait_until 10 state_is c live || fail "SIGHUP does not connect the new session"
grep -q 'configured session a: queue_depth changed' "$scratch/daemon.log" || fail "the log does not name the changed option"
grep -q 'configured session b: not in the configuration any more, left alone' "$scratch/daemon.log" || fail "the log does not name b"
state_is b live || fail "b was not left alone"
srp reload --json >"$scratch/answer"
json_is "$scratch/answer" '[.[] | [.name, .what]] | sort' '[["a","changed"],["b","left_alone"],["c","unchanged"],["s0","unchanged"]]'
json_is "$scratch/answer" '.[] | select(.name == "a").keys' '["queue_depth"]'

# What may change in a running session takes effect at once.
sed -i 's/queue_depth = 7/queue_depth = 7\nkeepalive_ms = 700\ndev_loss_ms = 90000/' "$scratch/config.toml"
expect 0 "a: keepalive_ms, dev_loss_ms changed and in effect; queue_depth changed; that takes effect after" srp reload
session_is a '.options.keepalive_ms == 700 and .options.dev_loss_ms == 90000 and .options.queue_depth != 7' ||
    fail "the changed options in show"
expect 0 "a: queue_depth changed" srp reload

# Any other changed option takes effect after an erase.
srp erase a >/dev/null
expect 0 "a: connecting" srp reload
wait_until 10 state_is a live || fail "a does not come again"
session_is a '.options.queue_depth == 7' || fail "the new queue depth"

# --prune erases what is missing, but nothing that is in use.
mkfifo "$scratch/full"
exec 7<>"$scratch/full"
timeout 100 nbdcopy "nbd+unix:///lun0?socket=$scratch/b.sock" - >"$scratch/full" &
client=$!
background_pids+=("$client")
wait_until 10 session_is b '.counters.read_bytes > 0' || fail "the client reads nothing"
expect 1 "b: b is in use: process" srp reload --prune
kill "$client"
wait "$client" || true
expect 0 "b: erased" srp reload --prune
expect 4 "" srp show b
stop_daemon

# Without a configuration there is nothing to read again, and the daemon lives on.
start_daemon
expect 2 "runs without a configuration" srp reload
kill -HUP "$daemon_pid"
wait_until 10 grep -q 'not reloaded: the daemon runs without a configuration' "$scratch/daemon.log" || fail "SIGHUP without a configuration is not said"
expect 0 "no sessions" srp list
stop_daemon
