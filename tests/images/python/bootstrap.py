"""Lays out sys.path as the base image's own bootstrap.py does, and runs AWS's runtime client.

The order (https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html#python-search-path):
the function's folder, the layers' two folders, the image's own site-packages. A PYTHONPATH of the
function's replaces all but the first.
"""

import os
import site
import sys

task = os.environ["LAMBDA_TASK_ROOT"]
library = "lib/python{}.{}/site-packages".format(*sys.version_info)
layers = ["/opt/python/" + library, "/opt/python"]

if "PYTHONPATH" in os.environ:
    layers = []
else:
    sys.path[:0] = [*layers, "/var/lang/" + library]
    # Children find boto3 too.
    os.environ["PYTHONPATH"] = os.environ["LAMBDA_RUNTIME_DIR"]
sys.path.insert(0, task)
for folder in [task, *layers]:
    # Its .pth files count.
    site.addsitedir(folder)

from awslambdaric.__main__ import main  # noqa: E402

main([task, os.environ["_HANDLER"]])
