"""`python -m groupsc`: the command line, also where the `groupsc` script is not on the path."""

from groupsc.cli import main

main()
