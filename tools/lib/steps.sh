# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# Steps of a long run. A step shows that it goes on, keeps its output in a log, shows the end of it when it fails,
# and has a line in the final table.
#
# A verdict is ok, FAIL, skip (a test did not run although it should have: the run fails) or none (this system cannot
# run it, which is known and no failure).
#
# Needs from the includer: log_dir (a folder).

step_table=()       # "NAME|VERDICT|SECONDS|COUNTS"
steps_failed=0
steps_skipped=0
failed_steps=()     # "NAME|LOG"
tests_passed=0
tests_failed=0

# step NAME COMMAND...: runs quietly, with a sign of life. Returns true even if the command failed: see steps_failed.
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

# step_live NAME COMMAND...: the same for a command that shows its progress itself.
step_live() {
    local name=$1 log begin=$SECONDS status=0
    log=$(step_log "$1")
    shift
    printf '=== %s\n' "$name"
    "$@" </dev/null 2>&1 | tee "$log" || status=$?
    step_end "$name" "$status" "$((SECONDS - begin))" "$log"
}

# step_left_out NAME WHY: this system cannot run it.
step_left_out() {
    step_line "$1" none 0 "$2"
}

# While a process runs, the last line of its log: in place on a terminal, now and then otherwise.
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
    counts=$(step_counts "$log")
    if ((status)); then
        verdict=FAIL
        steps_failed=$((steps_failed + 1))
        failed_steps+=("$name|$log")
    elif [[ $counts =~ (^|\ )[1-9][0-9]*\ skipped ]]; then
        verdict=skip
        steps_skipped=$((steps_skipped + 1))
    fi
    step_count "$status" "$counts"
    step_line "$name" "$verdict" "$seconds" "$counts"
}

# A line of the table.
step_line() {
    step_table+=("$1|$2|$3|$4")
    printf '%-4s %s (%s s) %s\n' "$2" "$1" "$3" "$4"
}

# Adds a step's tests to the sums. A step without tests of its own, and one that failed beyond them, counts as one.
step_count() {
    local status=$1 counts=$2 passed=0 failed=0
    [[ ! $counts =~ ([0-9]+)\ passed ]] || passed=${BASH_REMATCH[1]}
    [[ ! $counts =~ ([0-9]+)\ failed ]] || failed=${BASH_REMATCH[1]}
    if ((status && failed == 0)); then
        failed=1
    elif ((!status && passed == 0)); then
        passed=1
    fi
    tests_passed=$((tests_passed + passed))
    tests_failed=$((tests_failed + failed))
}

step_log() { echo "$log_dir/${1//[^a-zA-Z0-9.-]/-}.log"; }

# "N passed, N failed[, N skipped][, N test cases]": what ctest and Catch2 say of their tests, or the last line in which
# a test runner says it itself.
step_counts() {
    awk '
        match($0, /^[0-9]+% tests passed, [0-9]+ tests failed out of [0-9]+/) {
            split($0, words, / +/)
            failed = words[4]; total = words[9]
        }
        /\*\*\*Skipped/ && /^ *[0-9]+\/[0-9]+ Test/ { ++skipped }
        match($0, /in [0-9]+ test case|^test cases: +[0-9]+/) {
            split(substr($0, RSTART, RLENGTH), words, / +/)
            cases += words[1] == "in" ? words[2] : words[3]
        }
        /^[a-z]+: [0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$/ { own = $0; sub(/^[a-z]+: /, "", own) }
        END {
            if (total)
                printf "%d passed, %d failed%s%s\n", total - failed - skipped, failed,
                    skipped ? ", " skipped " skipped" : "", cases ? ", " cases " test cases" : ""
            else if (own) print own
        }' "$1"
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

# step_names VERDICT: of the steps that ended so, not of their parts.
step_names() {
    printf '%s\n' "${step_table[@]}" | awk -F'|' -v verdict="$1" '
        $2 == verdict && $1 !~ /^ / { printf "%s%s", separator, $1; separator = ", " }'
}

# The failures, the table, the verdict in words, and the sums on a line of their own. False unless everything passed
# that this system can run.
print_verdict() {
    local line name verdict seconds counts log failures left_out=''
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
    left_out=$(step_names none)
    left_out=${left_out:+"; not run, because this system cannot: $left_out"}
    if ((steps_failed)); then
        echo "failed: $(step_names FAIL); logs: $log_dir$left_out"
    elif ((steps_skipped)); then
        echo "tests were skipped, which is no success: $(step_names skip); logs: $log_dir$left_out"
    else
        echo "everything passed in $SECONDS s$left_out"
    fi
    echo "$tests_passed passed, $tests_failed failed"
    ((steps_failed == 0 && steps_skipped == 0))
}
