#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The daemon connects the sessions of its configuration; a wrong configuration is refused with file, line and column.
source "$(dirname "$0")/lib/daemon.bash"

try() { printf '%b' "$1" > "$scratch/bad.toml"; expect 2 "$scratch/bad.toml:$2" srp daemon --foreground --config "$scratch/bad.toml"; }
try 'nonsense' '1:'
try 'colour = 1' '1:1: unknown key'
try 'log_level = "info"\nlog_level = "info"' '2:'
try '[[session]]\ntarget = "ram://1M"\nspeed = 9' '3:1: unknown key'
try '[[session]]\ntarget = "ram://1M"\nqueue_depth = 99999999999999999999' '3:'
try '[[session]]\ntarget = "ram://1M"\nname="a"\n[[session]]\ntarget = "ram://1M"\nname="a"' '4:1: the name "a" is already taken'
try '[[session]]\nname = "a"' '1:1: target is missing'
try '[[session]]\ntarget = "ram://1M"\nretry_count = 7' '3:1: retry_count: expected a number from 0 to 6'
try '[[session]]\ntarget = "ram://1M"\nfence = "no"' '3:1: fence: expected true or false'
try '[[session]]\ntarget = "ram://1M"\nfence = false\nfence_first_login = true' '1:1: invalid argument: fence_first_login is on, but fence is off'
head -c 500 /dev/urandom > "$scratch/random.toml"
expect 2 "$scratch/random.toml:" srp daemon --foreground --config "$scratch/random.toml"
expect 2 "cannot be read" srp daemon --foreground --config "$scratch/missing.toml"
[[ ! -e $SRP_NBD_CONTROL ]] || fail "a refused daemon made a control socket"

cat > "$scratch/good.toml" <<TOML
log_level = "debug"
[[session]]
name = "a"
target = "ram://8M"
listen = "unix:$scratch/a.sock"
fence_first_login = true
task_management_timeout_ms = 500
retry_count = 4
ack_timeout_exponent = 15
[[session]]
target = "ram://16M?luns=2"
listen = "unix:$scratch/b.sock"
TOML
start_daemon --config "$scratch/good.toml"
wait_until 10 state_is a live || fail "the first session"
wait_until 10 state_is s0 live || fail "the second session"
wait_until 10 test -S "$scratch/b.sock" || fail "its socket"
srp list --json > "$scratch/list.json"
json_is "$scratch/list.json" '.[0].options.fence_first_login' true
json_is "$scratch/list.json" '.[0].options.task_management_timeout_ms' 500
json_is "$scratch/list.json" '.[0].options.retry_count' 4
json_is "$scratch/list.json" '.[0].options.ack_timeout_exponent' 15
json_is "$scratch/list.json" '.[0].luns[0].size_bytes' 8388608
stop_daemon
[[ ! -e $scratch/a.sock && ! -e $scratch/b.sock ]] || fail "sockets stayed behind"

# {name} is replaced by the session's name.
printf '[[session]]\nname = "%s"\ntarget = "ram://1M"\nlisten = "unix:%s/{name}.sock"\n' c "$scratch" d "$scratch" >"$scratch/names.toml"
start_daemon --config "$scratch/names.toml"
wait_until 10 test -S "$scratch/c.sock" || fail "the socket of c"
wait_until 10 test -S "$scratch/d.sock" || fail "the socket of d"
stop_daemon

# A relative path is relative to the daemon's working folder at its start.
(cd "$scratch" && srp daemon --control near.sock > started)
[[ $(cat "$scratch/started") =~ pid\ ([0-9]+),\ control\ socket\ $scratch/near.sock ]] || fail "daemon printed: $(cat "$scratch/started")"
daemon_pid=${BASH_REMATCH[1]}
expect 0 "no sessions" srp list --control "$scratch/near.sock"
kill -TERM "$daemon_pid"
wait_until 10 is_gone "$daemon_pid" || fail "the daemon with a relative path does not end"
daemon_pid=

# In the background: the command returns once the daemon answers.
srp daemon > "$scratch/started"
[[ $(cat "$scratch/started") =~ pid\ ([0-9]+) ]] || fail "daemon printed: $(cat "$scratch/started")"
daemon_pid=${BASH_REMATCH[1]}
expect 0 "no sessions" srp list
kill -TERM "$daemon_pid"
wait_until 10 is_gone "$daemon_pid" || fail "the daemon in the background does not end"
[[ ! -e $SRP_NBD_CONTROL ]] || fail "it left its control socket"
daemon_pid=

# The daemon is started with closed standard descriptors, and must not use its own files as standard descriptors.
for closed in '<&- >&-' '<&- 2>&-' '2>&-' '<&- >&- 2>&-'; do
  eval "timeout 20 \"\$SRP_NBD\" daemon --control \"\$scratch/closed.sock\" $closed" >/dev/null || fail "daemon $closed: $?"
  daemon_pid=$(pgrep -f "daemon --control $scratch/closed.sock") || fail "no daemon after $closed"
  expect 0 "nbd+unix" srp connect ram://1M --name a --listen "unix:$scratch/a.sock" --control "$scratch/closed.sock"
  expect 0 "a erased" srp erase a --control "$scratch/closed.sock"
  kill -TERM "$daemon_pid"
  wait_until 10 is_gone "$daemon_pid" || fail "the daemon that was started with $closed does not end"
  [[ ! -e $scratch/closed.sock ]] || fail "the daemon that was started with $closed left its control socket"
  daemon_pid=
done
