"""`python -m vlft` is the `vlft` command."""

from vlft.cli import main

if __name__ == "__main__":
    main()
