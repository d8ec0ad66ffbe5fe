#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The target goes away during fio: I/O fails, but the client's connection survives, and I/O works again by itself.
source "$(dirname "$0")/lib/daemon.bash"
need nbdcopy
need_fio_nbd

start_daemon
srp connect ram://32M --name ram --listen "unix:$scratch/nbd.sock" --reconnect-delay 300 --keepalive 200 >/dev/null
uri="nbd+unix:///lun0?socket=$scratch/nbd.sock"

timeout 150 fio --name=outage --ioengine=nbd --uri="$uri" --rw=randrw --bs=4k --iodepth=16 --size=32M --time_based --runtime=120 \
  --continue_on_error=io --rate_iops=2000 --output-format=json --output="$scratch/fio.json" &
fio_pid=$!
background_pids+=("$fio_pid")
wait_until 10 session_is ram '.counters.commands > 1000' || fail "fio does no I/O"

expect 0 "target offline" srp target offline ram
wait_until 10 session_is ram '.state | IN("disconnected", "recovering", "connecting")' || fail "the outage was not noticed"
session_is ram '.counters.losses == 1' || fail "the loss was not counted"
expect 1 "" timeout 20 nbdcopy "$uri" "$scratch/out"
expect 0 "target online" srp target online ram
wait_until 10 state_is ram live || fail "the session did not come back by itself"
timeout 30 nbdcopy "$uri" "$scratch/out" || fail "reads fail after the outage"

# `timeout` passes the signal on, so fio ends normally and prints its report.
kill -TERM "$fio_pid"
fio_status=0
wait "$fio_pid" || fio_status=$?
fio_says "$scratch/fio.json" '.jobs[0].total_err > 0' || fail "fio saw no error (status $fio_status): $(cat "$scratch/fio.json")"
expect 0 "" srp erase ram
stop_daemon
