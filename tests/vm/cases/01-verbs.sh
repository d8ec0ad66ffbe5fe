#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# verbs and the RDMA connection manager work over rxe, without our programs
#
# timeout: 60
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

rdma_start

say "queue pairs set up by hand: 1000 round trips of 4096 bytes, contents checked"
ibv_rc_pingpong --ib-dev="$rdma_device" --gid-idx=1 --chk --size=4096 >/tmp/server.log &
server=$!
waits() { [[ -n $(ss -Hltn 'sport = :18515') ]]; }
wait_until 30 waits
ibv_rc_pingpong --ib-dev="$rdma_device" --gid-idx=1 --chk --size=4096 "$rdma_address"
wait $server

say "a connection through the connection manager: RDMA reads and writes, contents checked"
rping -s -a "$rdma_address" -V -C 20 -S 4096 &
server=$!
listens() { [[ $(rdma resource show cm_id) == *LISTEN* ]]; }
wait_until 30 listens
rping -c -a "$rdma_address" -V -C 20 -S 4096
wait $server
