"""``python -m lambdactl``: the same as the console script."""

from lambdactl.cli import main

main()
