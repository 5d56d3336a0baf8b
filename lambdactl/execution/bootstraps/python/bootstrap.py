"""Where the process of a Python function starts: `python /path/to/bootstrap.py`.

Python compiles the file it is started with anew each time, so this one is as short as it can be;
everything else is in the package beside it, which is compiled once.
"""

import os
import sys

if __name__ == "__main__":
    # Only the one import needs this folder on the path: a function that imports `bootstrap` must
    # find its own. Python has put it there already, unless it was told not to (-P, -I).
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        del sys.path[0]
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from lambdactl_runtime import main

    del sys.path[0]
    main()
