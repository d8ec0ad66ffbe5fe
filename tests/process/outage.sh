#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The target goes away under running fio: errors, and the client's connection survives them. It comes back by itself.
source "$(dirname "$0")/lib/daemon.bash"
need fio nbdcopy
fio --enghelp 2>/dev/null | grep -w nbd >/dev/null || { echo "skipped: fio without its nbd engine" >&2; exit 77; }

start_daemon
srp connect ram://32M --name ram --listen "unix:$scratch/nbd.sock" --reconnect-delay 300 --keepalive 200 >/dev/null
uri="nbd+unix:///lun0?socket=$scratch/nbd.sock"

timeout 150 fio --name=outage --ioengine=nbd --uri="$uri" --rw=randrw --bs=4k --iodepth=16 --size=32M --time_based --runtime=120 \
  --continue_on_error=io --rate_iops=2000 --output="$scratch/fio.log" &
fio_pid=$!
background_pids+=("$fio_pid")
has_commands() { [[ $(srp show ram --json) =~ \"commands\":([0-9]+) ]] && ((BASH_REMATCH[1] > 1000)); }
wait_until 10 has_commands || fail "fio does no I/O"

expect 0 "target offline" srp target offline ram
is_lost() { state_is ram disconnected || state_is ram recovering || state_is ram connecting; }
wait_until 10 is_lost || fail "the outage was not noticed"
srp show ram --json | grep '"losses":1' >/dev/null || fail "the loss was not counted"
expect 1 "" timeout 20 nbdcopy "$uri" "$scratch/out"
expect 0 "target online" srp target online ram
wait_until 10 state_is ram live || fail "the session did not come back by itself"
timeout 30 nbdcopy "$uri" "$scratch/out" || fail "reads fail after the outage"

# Told to end by itself, which the timeout passes on: it reports what it has seen.
kill -TERM "$fio_pid"
wait "$fio_pid" && fio_status=0 || fio_status=$?
grep -q 'errors *: *total=[1-9]' "$scratch/fio.log" || fail "fio saw no error (status $fio_status): $(cat "$scratch/fio.log")"
expect 0 "" srp erase ram
stop_daemon
