"""`python -m groupsc`: the command line, also where the `groupsc` script is not on the path."""

from groupsc.cli import main

if __name__ == "__main__":  # Processes that restore several images at a time import this module under another name.
    main()
