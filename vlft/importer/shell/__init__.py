"""Reading shell scripts without a shell: text → the commands that it would start.

tree-sitter and its grammar of bash (both MIT) give the tree; what its words stand for is vlft's
to say. What is understood is the part of bash that training scripts use; what is not becomes an
unknown with a reason, never a guess. Nothing is ever run: no subprocess, no eval, no look at
the environment.

source (text → tree, with what the grammar misreads repaired) → words (quoting, braces) →
commands (what joins them, their words) → expand, with parameters, arithmetic and outputs
(variables, `$((…))`, the output of small programs) → interpreter, with conditions, builtins and
control (statement by statement; branches and passes, where their words decide them) → script
(the commands that remain).
"""
