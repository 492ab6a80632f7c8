"""The shell reader against bash itself, on scripts made up here: what argv would a command get?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from vlft.importer.shell.control import read_script

BASH = shutil.which("bash")
_SHOW = f"""#!{sys.executable}
import json, os, sys
print(json.dumps([sys.argv[1:], {{k: v for k, v in os.environ.items() if k.startswith("E_")}}]))
"""

SCRIPTS = [
    "show a 'b c' \"d e\" f\\ g $'h\\ti' ''",
    "A=1; B='2 3'\nshow $A $B \"$B\" ${A}x \"${B}\" '$A' \\$A",
    "show a \\\n  b \\\n\nshow c",
    "show a # b\n# show c\nshow d#e '#f'",
    'args=(--a 1 \'b c\')\nargs+=("${A-}" d)\nshow "${args[@]}" ${args[1]} ${#args[@]}',
    "E_A=1 E_B='x y' show a\nshow b",
    "export E_A=1\nE_B=2\nexport E_B E_C=3\nshow a",
    "export E_A=1; unset E_A; show a",
    "n=4\nshow $(expr 8 / $n) $((8*n+1)) `expr 3 + 4` $(( 1 << 3 )) $((n % 3)) $((-7 / 2))",
    'show ${X:-d} ${X-e} ${X:+f} ${X:=g} $X "${Y:-a b}" ${Y:-a b}',
    "F=/a/b/c.tar.gz\nshow ${F##*/} ${F%/*} ${F%%.*} ${F#/} ${F/b/x} ${F//a/y} ${F:1:3} ${#F}",
    'show $(basename /a/b.txt .txt) $(dirname /a/b/c) $(echo x y) "$(echo x y)"',
    "A=x; show $A && show b || show c",
    "cat <<EOF\nshow no\nEOF\nshow yes <<'Z'\nshow no\nZ\nshow end",
    "show a > /dev/null 2>&1\nshow b 2>/dev/null\nshow c >/dev/null; show d &> /dev/null",
    "f() { show in; }\nshow out",
    "{ show a; }\n( show b )\nshow c",
    "eval 'show a b'; bash -c \"show c\"",
    "C='show a b'\n$C c\neval \"$C\" d",
    "A=1\nA=$A,2\nA+=,3\nshow $A",
    'show a{b} x=y --f=g \'{"a": 1}\' "{\\"b\\": \'c\'}"',
    'x="${E:-"q r"}"; show "$x" "${args[@]+"${args[@]}"}" z',
    "case x in y) show no;; *) : ;; esac; show after",
    "for i in 1 2; do :; done; while false; do show no; done; show after",
    'if [ -z "$Q" ]; then :; fi; [[ a == a* ]] && show after',
    "show - -- --x - \"a\"'b'c",
    'f() { local a=$1; shift; show "$a" $# "$@" $2; }\nf x "y z" w\nf',
    "g() { E_B=$2 show $1; }\nfunction h {\n  g $1 in\n  show $@\n}\nE_A=1 h p q",
    'V=0\nf() { V=$1; show $V; }\nf 1\nshow $V\nf 2; show "$V"',
    'f() { if [ -n "$1" ]; then show yes; fi; }\nf a && show after',
    "A=0,1,2\nshow $(echo $A | tr ',' '\\n' | wc -l) $(seq -s, 0 3)",
    "A=0,1,2\nshow $(echo $A | awk -F',' '{print NF}') $(echo \"${A//,/ }\")",
    'show $(seq 3) "$(seq 2 3)" `echo a-b`',
    "A=q; show {1..3} x{a,b}y {a,{b,c}} {05..7} {c..a} {1..9..4} '{a,b}' {a} {} a{1,2}{3,4} {x,$A}",
    "A=1; show {$A..3} \"{a,b}\" --f={a,b} {a,'b c'} {1..x} {,z}",
    'A=(a "b c" d); show "${A[@]:1}" "${A[@]:0:2}" "${A[*]}" x"${A[*]:1:1}"y "${!A[@]}"',
    "A=(a b); A[2]=c; i=1; show ${A[0]} ${A[i]} ${A[$i + 1]}",
    "IFS=, read -ra A <<< 'a,b c,d'; show \"${A[@]}\" ${#A[@]}; read -r x y <<< 'p q'; show $y $x",
    "G=1,2; IFS=','; A=($G); unset IFS; show ${A[@]} ${#A[@]}; A=(a b); IFS=-; show \"${A[*]}\"",
    "show $(printf '%s-%02d' a 7)",
    "show $((3 > 2 ? 5 : 6)) $((1 == 2 || 3)) $((2 ** 3 ** 1))",
    "show $((1 + 2 << 1)) $((!0)) $((7 & 3 | 8)) $((5 >= 5 && 4 < 3)) $((0 ? 1 : 2 > 1 ? 3 : 4))",
    'set -- a "b c"; show "$@" $# "${@:2}"; shift; show "$1" "${2:-none}"',
    "E_A=1 eval 'show x'; show y",
    "f() { [ a = b ] || { show a; show b; }; show $1; }\nshow c; f d",
    "f() ( show $1 )\nfunction g\n{\n  { show a; }; ( show b ); f c\n}\ng; show d",
    "N=1; never() { N=2; cd /tmp; export E_X=1; set -- q; exit 0; }; show $N",
    "printf -v N '%s-%03d' a 7; show $N; let i=2*3 'j = i + 1'; show $i $j",
    "cd /; show $PWD `pwd`; cd usr; show $(pwd)/x $(cd lib && pwd) $(cd ..; pwd)",
    "for i in 1 2; do for j in a b; do show $i $j; done; done; show $i$j",
    (
        "for ((i = 0; i < 6; i += 2)); do show $i; done; "
        "n=3; while [ $n -gt 1 ]; do show $n; ((n--)); done"
    ),
    "for i in 1 2 3 4; do [ $i -eq 2 ] && continue; [ $i -eq 4 ] && break; show $i; done; show end",
    "n=0; until [[ $n -ge 2 ]]; do n=$((n + 1)); show $n; done; while false; do show no; done",
    "A=b; if [ $A = a ]; then show 1; elif [[ $A == [bc] && -n $A ]]; then show 2; else show 3; fi",
    (
        "case x.json in *.jsonl) show 1;; *.json|y) show 2;; "
        "*) show 3;; esac; case a in b) show no;; esac"
    ),
    "N=4; if (( N > 2 )); then show big; else show small; fi; (( N == 4 )) && show four",
    (
        "[ 1 = 1 -a 2 = 3 ] || show a; "
        '[[ ! ( 1 == 2 || 3 -lt 2 ) ]] && show b; [[ abc == "a*" ]] || show c'
    ),
    "[ 1 = 2 ] && { show no; show no; }; [ 1 = 2 ] || { show a; show b; }; false || show c",
    'f() { [ "$1" = a ] && return; show "$1"; }; f a; f b; for x in c d; do f $x; done',
    "show a; if true; then show b; exit 0; fi; show never",
    'A=(--x); for i in 1 2; do A+=(--n $i); done; show "${A[@]}"; B=""; B="$B --y"; show $B',
    (
        'V=${V:-x}; : "${W:=y}"; if [[ -z "$Q" ]]; then Q=z; '
        "fi; show $V $W $Q ${Q:+set} ${U:+no} ${U+no}"
    ),
]


@pytest.mark.skipif(BASH is None, reason="needs bash")
@pytest.mark.parametrize("script", SCRIPTS)
def test_commands_are_those_that_bash_starts(script: str, tmp_path: Path) -> None:
    silent = [" > /dev/null", ">/dev/null", "&> /dev/null", "f() {", "case x", "while false"]
    ours = [
        ([one.value.text for one in found.fields[1:]],
         {name: v.value.text for name, v in found.env.items() if name.startswith("E_")})
        for found in read_script(script).invocations
        if found.fields[0].value.text == "show"
    ]  # fmt: skip
    theirs = bash(script, tmp_path)
    if any(mark in script for mark in silent):  # some is not shown
        assert all(one in ours for one in theirs)
    elif script.startswith("A=x; show $A && show"):  # no one knows whether it succeeds
        assert theirs == ours[:2]
    else:
        assert theirs == ours


@pytest.mark.parametrize(
    "script",
    [
        "show $(echo a,b | cut -d, -f1)", "show $(seq 5 9 | head -n 1)", "show `echo a | tr a b`",
        "show $(echo a b | sed 's/a/x/g')", "show $(echo a b | wc -w)", "show $(sort a)",
        "declare -A M=([k]=v); show ${M[k]}", "declare -A M; M[k]=v; show ${M[k]} ${M[@]}",
        "A=([1]=b [0]=a); show ${A[0]}", "P=i; i=2; show ${!P}",
    ],
)  # fmt: skip
def test_what_is_not_followed_is_unknown(script: str) -> None:
    (found,) = (
        one for one in read_script(script).invocations if one.fields[0].value.text == "show"
    )
    assert all(one.value.why is not None for one in found.fields[1:])


_QUOTED = st.one_of(
    st.text("ab c$`\\\"#{}é;|&*", max_size=8).map(lambda text: f"'{text}'"),
    st.text("ab c'#{};|&*~", max_size=8).map(lambda text: f'"{text}"'),
    st.text("abc-_./=:,@%+", min_size=1, max_size=8),
    st.sampled_from(["$A", '"$A"', "${B}", '"${B}"', "${C:-x y}", '"${C:-x y}"', "\\$", "\\ ",
                     "\\;", "$((2*3))", "$(expr 9 / 2)", "${#A}", "$'a\\nb'", '"a\\"b"', '"\\\\"']),
)  # fmt: skip
_WORD = st.lists(_QUOTED, min_size=1, max_size=4).map("".join)
_LINE = st.lists(_WORD, min_size=1, max_size=6).map(" ".join)


@pytest.mark.skipif(BASH is None, reason="needs bash")
@settings(max_examples=15, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(lines=st.lists(_LINE, min_size=20, max_size=20))
def test_words_are_those_of_bash(
    lines: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    script = "A=1; B='p  q'\n" + "\n".join(f"show {line} end" for line in lines)
    ours = [
        [one.value.text for one in found.fields[1:]] for found in read_script(script).invocations
    ]
    theirs = [words for words, _ in bash(script, tmp_path_factory.mktemp("bash"))]
    known = [
        all(one.value.why is None for one in found.fields)
        for found in read_script(script).invocations
    ]
    assert len(theirs) == len(ours)
    assert [a for a, sure in zip(theirs, known, strict=True) if sure] == [
        b for b, sure in zip(ours, known, strict=True) if sure
    ]


def bash(script: str, folder: Path) -> list[tuple[list[str], dict[str, str]]]:
    """What bash starts: a program named `show` prints its words and variables."""
    show = folder / "show"
    show.write_text(_SHOW)
    show.chmod(0o755)
    path = f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin"
    done = subprocess.run(
        [str(BASH), "--norc", "-c", script], cwd=folder, env={"PATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[[")]
    return [(words, env) for words, env in lines]
