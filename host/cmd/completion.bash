# Completion of clmoe for bash. Options are read from each command's --help and names from `clmoe
# list`, so that what is new is completed without a word here.

_clmoe_options() { clmoe "$1" --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]*' | sort -u; }
_clmoe_names() { clmoe list "$1" 2>/dev/null | sed -nE 's/^  ([A-Za-z][A-Za-z0-9_-]*).*/\1/p'; }

_clmoe() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]:-}
    local words=
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="$(clmoe --help 2>/dev/null | sed -nE '/^Commands:/,/^$/s/^  ([a-z]+) .*/\1/p') --help --version"
    else
        case $previous in
        --model | -m) words=$(_clmoe_names models) ;;
        --data | -D) words=$(_clmoe_names data) ;;
        --figure | -f) words=$(_clmoe_names figures) ;;
        --op) words=$(_clmoe_names operators) ;;
        --device | -d) words="cpu gpu accelerator all" ;;
        --lane | -l) words="portable tuned vendor" ;;
        --out | -o | --resume | --data-dir | -R | --golden | -g | --from | --checkpoint | -c | --binaries)
            if [ "$command $previous" = "verify -o" ]; then
                words=$(_clmoe_names operators)
            else
                COMPREPLY=($(compgen -f -- "$word")); return
            fi ;;
        esac
        case $word in
        -*) words=$(_clmoe_options "$command") ;;
        *) [ -n "$words" ] || case $command in
            run) words=$(_clmoe_names suites) ;;
            list) words="suites models data figures operators" ;;
            data) words="list info fetch generate $(_clmoe_names data)" ;;
            plot) COMPREPLY=($(compgen -d -- "${word:-results/}")); return ;;
            esac ;;
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}

complete -F _clmoe clmoe
