#!/bin/sh
# Each check prints what is wrong; the last line counts them.
set -u
passed=0
failed=0
tell() { # name, what is wrong (empty: nothing)
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAIL %s:\n%s\n' "$1" "$2"
    fi
}

LAYERS=base,json,xml,cron,shape,crypto,fiber,func_log,net,http,oidc,store,outbox,blob,iam,vault,table,func,event,lambda,script,auth,object,gql,data,hosting,project,console,app,cli
ONE_WAY=cron,shape,crypto,func_log,oidc,outbox,blob,lambda,auth # folders whose files do not call each other in a circle
tell "layers and sizes" "$(python3 scripts/style-metrics.py src --layers $LAYERS --one-way $ONE_WAY \
    --gate file_max=1000 --gate func_max=100 --gate func_p95=50 --gate dir_cycles=0 --gate hdr_cycles=0 \
    --gate layer_violations=0 --gate file_cycles=0 --gate globals_per_kloc=0.8 --gate use_strcpy=0 --gate use_sprintf=0 \
    --gate use_atoi=0 --gate use_alloca=0 --gate use_longjmp=0 --gate use_goto=0 --gate todo=0 2>&1 | grep GATE)"

missing=""
for folder in src/*/ js/define/ tests/ bench/; do
    [ -f "$folder/README.md" ] || missing="$missing $folder"
done
tell "a README in each folder" "$missing"

wrong=""
for header in src/*/*.h; do
    case $header in
    *_int.h) ;;
    *) grep -q '^//' "$header" || wrong="$wrong $header(no opening comment)" ;;
    esac
    # shellcheck disable=SC2086 # flags are words
    echo "#include \"${header#src/}\"" | ${CC:-cc} $CFLAGS -fsyntax-only -x c - 2>/dev/null || wrong="$wrong $header"
done
tell "headers compile alone" "$wrong"

private=""
for header in src/*/*_int.h; do
    folder=$(basename "$(dirname "$header")")
    others=$(grep -l "\"$folder/$(basename "$header")\"" src/*/*.c src/*/*.h | grep -v "^src/$folder/")
    [ -z "$others" ] || private="$private $header in $others"
done
tell "private headers stay private" "$private"

metrics=$(python3 scripts/style-metrics.py src)
documented=$(echo "$metrics" | awk '/header_protos_documented_pct/ {print $2}')
tell "documented prototypes" "$([ "$documented" -ge "${DOCUMENTED_MIN:-90}" ] || echo "$documented %")"

# Invariants (check, check_magic, unreachable) for a hundred functions; they must not become fewer.
invariants=$(echo "$metrics" | awk '/assert_per_function/ {print int($2 * 100 + 0.5)}')
tell "invariants" "$([ "$invariants" -ge "${INVARIANTS_MIN:-19}" ] || echo "$invariants for a hundred functions")"

tell "no registry host in a lock file" "$(git grep -lE '"resolved": "https?:' -- '*package-lock.json' 2>/dev/null)"
tell "no abspath, which takes a path apart at its spaces" "$(git grep -nF "\$(abspath" -- Makefile '*.mk')"
tell "javascript parses" "$(for file in $(git ls-files '*.mjs'); do node --check "$file" 2>&1; done)"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
