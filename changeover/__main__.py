"""`python -m changeover` is the command `changeover`."""

from changeover.cli import main

main()
