# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# Steps of a long run: each says that it goes on, keeps its output in a log, shows the end
# of it when it fails, and is a line of the final table.
#
# Needs from the includer: log_dir (a folder).

step_table=()       # "NAME|VERDICT|SECONDS|COUNTS"
steps_failed=0
failed_steps=()     # "NAME|LOG"

# step NAME COMMAND...: quiet, with a sign of life; the counts of its line are what the
# function `step_counts` finds in the log. True even if it failed: see steps_failed.
step() {
    local name=$1 log begin=$SECONDS status=0 pid
    log=$(step_log "$1")
    shift
    printf '=== %s\n' "$name"
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    step_progress "$pid" "$log" "$begin"
    wait "$pid" || status=$?
    step_end "$name" "$status" "$((SECONDS - begin))" "$log"
    if ((status)); then
        tail -n 40 "$log" | sed 's/^/    | /'
        echo "    whole log: $log"
    fi
}

# step_live NAME COMMAND...: the same for what reports its progress itself.
step_live() {
    local name=$1 log begin=$SECONDS status=0
    log=$(step_log "$1")
    shift
    printf '=== %s\n' "$name"
    "$@" </dev/null 2>&1 | tee "$log" || status=$?
    step_end "$name" "$status" "$((SECONDS - begin))" "$log"
}

# While a process runs, the last line of its log: in place on a terminal, now and then
# otherwise.
step_progress() {
    local pid=$1 log=$2 begin=$3 shown=$SECONDS line
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.3
        if [[ -t 1 ]]; then
            line=$(tail -n 1 "$log" | tr -cd '[:print:]')
            printf '\r\033[K%4s s  %.*s' $((SECONDS - begin)) 90 "$line"
        elif ((SECONDS - shown >= 10)); then
            shown=$SECONDS
            line=$(tail -n 1 "$log" | tr -cd '[:print:]')
            printf '%4s s  %.100s\n' $((SECONDS - begin)) "$line"
        fi
    done
    [[ ! -t 1 ]] || printf '\r\033[K'
}

step_end() {
    local name=$1 status=$2 seconds=$3 log=$4 verdict=ok counts
    if ((status)); then
        verdict=FAIL
        steps_failed=$((steps_failed + 1))
        failed_steps+=("$name|$log")
    fi
    counts=$(step_counts "$log")
    step_table+=("$name|$verdict|$seconds|$counts")
    printf '%-4s %s (%s s) %s\n' "$verdict" "$name" "$seconds" "$counts"
}

# A line of the table for a part of the step before it, which has its verdict already.
step_part() {
    local name=$1 verdict=$2 seconds=$3 counts=$4
    step_table+=("$name|$verdict|$seconds|$counts")
    printf '%-4s %s (%s s) %s\n' "$verdict" "$name" "$seconds" "$counts"
}

step_log() { echo "$log_dir/${1//[^a-zA-Z0-9.-]/-}.log"; }

# How many of what, from the words of ctest, Catch2 and run-cases.
step_counts() {
    local log=$1 cases
    cases=$(grep -aoE 'in [0-9]+ test case|^test cases: +[0-9]+' "$log" | grep -oE '[0-9]+' |
        awk '{ sum += $1 } END { if (sum) printf ", %d test cases", sum }')
    sed -n -E "
        s/^[0-9]+% tests passed, ([0-9]+) tests failed out of ([0-9]+)/\2 \1/
        t ctest
        s/^(vm|fuzz|process): (([0-9]+ [a-z]+,? ?)+)\$/\2/p
        b
        :ctest
        s/^([0-9]+) ([0-9]+)\$/\1 tests, \2 failed$cases/p" "$log" | tail -n 1
}

# Which tests of ctest or run-cases failed, each with the end of what it said.
step_failures() {
    awk '
        function give() { for (i = first; i < count; i++) print text[i]; count = first = 0 }
        / Test +#[0-9]+: .*\*\*\*(Failed|Timeout|Exception)/ || /^FAIL / { give(); print; failed = 1; next }
        / Test +#[0-9]+: / || /^ +Start +[0-9]+: / || /^ok / || /% tests passed/ { give(); failed = 0 }
        failed { text[count++] = $0; if (count - first > 30) first++ }
        END { give() }' "$1"
}

print_step_table() {
    local line name verdict seconds counts log failures
    for line in "${failed_steps[@]}"; do
        IFS='|' read -r name log <<<"$line"
        printf '\n=== what failed of: %s\n' "$name"
        # What is no test shows the end of its log.
        failures=$(step_failures "$log")
        echo "${failures:-$(tail -n 20 "$log")}"
    done
    echo
    for line in "${step_table[@]}"; do
        IFS='|' read -r name verdict seconds counts <<<"$line"
        printf '%-4s  %-34s %5s s   %s\n' "$verdict" "$name" "$seconds" "$counts"
    done
}
