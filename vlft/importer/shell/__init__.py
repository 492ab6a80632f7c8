"""Reading shell scripts without a shell: text → the commands that it would start.

What is understood is the part of bash that training scripts use; what is not becomes an unknown
with a reason, never a guess. Nothing is ever run: no subprocess of the script, no eval, no look at
the environment.

source (quotes, here-documents and redirections hidden) → syntax (the tree of what is left, from
tree-sitter in a process that may die) → expansion, with words and substitution
(what a word stands for) → interpreter, with builtins and control (statement by
statement; branches and passes, where their words decide them), until the commands remain.
"""
