"""Whatever calls a function from outside: so far :mod:`lambdactl.triggers.http`."""
