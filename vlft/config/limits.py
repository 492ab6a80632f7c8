"""How large a config may be before reading it is refused."""

from typing import Final

MAX_BYTES: Final = 1 << 20
"""Bytes of one file: 1 MiB."""

MAX_DEPTH: Final = 64
"""Maps and lists inside each other, after aliases are followed."""

MAX_NODES: Final = 20_000
"""Keys and values of one file, after aliases are followed."""

MAX_KEY: Final = 256
"""Characters of a key."""

MAX_FINDINGS: Final = 200
"""Mistakes of one file that are listed."""

MAX_TAG_DIRECTIVES: Final = 32
"""%TAG lines of one file; libyaml compares each with every other."""

MAX_CHAIN: Final = 16
"""Files of one chain of extends, the root among them."""

MAX_FILES: Final = 64
"""Files that one config reads, and entries of one extends list."""
