"""Reading shell scripts without a shell: text → the commands that it would start.

The reader is vlft's own. bashlex, the parser that people reach for, is GPL. tree-sitter-bash is
MIT and small, but its tree is where the work begins: what a word expands to is vlft's to say in
any case, and for the broken scripts that matter most here (a space after a backslash, a comment
in the middle of a command) a tree of errors says less than the characters do. What is
understood is the part of bash that training scripts use; what is not becomes an unknown with a
reason, never a guess. Nothing is ever run: no subprocess, no eval, no look at the environment.

words (text → words with quoting) → statements (words → commands and the control flow around
them) → expand (variables, arithmetic, the output of small programs) → interpreter (statement by
statement, on the state that the script has set so far) with control and loops (branches and
passes, where verdicts can tell them) → script (the commands that remain).
"""
