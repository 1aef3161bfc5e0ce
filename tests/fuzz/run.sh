#!/bin/sh
# Runs fuzz targets, two at a time: run.sh BUILD_FOLDER SECONDS TARGET...
# FUZZ_SEED fixes the order of what is tried (tests); without it, each run looks elsewhere (hunts).
# A target passes when it ends by itself without a crash, leak, time-out or too much memory.
set -u
build=$1
seconds=$2
shift 2
here=$(dirname "$0")
mkdir -p "$build/crashes" "$build/logs"

run_one() {
    name=$(basename "$1" | sed 's/^fuzz_//')
    found="$build/corpus/$name"
    seeds="$here/corpus/$name"
    mkdir -p "$found"
    set -- "$1" "$found"
    [ -d "$seeds" ] && set -- "$@" "$seeds"
    [ -f "$here/$name.dict" ] && set -- "$@" "-dict=$here/$name.dict"
    [ -n "${FUZZ_SEED-}" ] && set -- "$@" "-seed=$FUZZ_SEED"
    if "$@" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$build/crashes/$name-" >"$build/logs/$name.log" 2>&1; then
        echo pass >"$build/logs/$name.result"
    fi
}

report() {
    name=$(basename "$1" | sed 's/^fuzz_//')
    log="$build/logs/$name.log"
    if [ -f "$build/logs/$name.result" ]; then
        passed=$((passed + 1))
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        echo "ok   fuzz_$name: $runs inputs"
    else
        failed=$((failed + 1))
        echo "FAIL fuzz_$name: $log"
        grep -nE 'ERROR|SUMMARY|runtime error|broken invariant|Test unit written' "$log" | head -20
        tail -n 40 "$log"
    fi
}

passed=0
failed=0
while [ $# -gt 0 ]; do
    first=$1
    second=${2-}
    rm -f "$build/logs/$(basename "$first" | sed 's/^fuzz_//').result"
    run_one "$first" &
    if [ -n "$second" ]; then
        rm -f "$build/logs/$(basename "$second" | sed 's/^fuzz_//').result"
        run_one "$second" &
        shift
    fi
    shift
    wait
    report "$first"
    [ -n "$second" ] && report "$second"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
