"""What is shipped, and what it becomes when it is unpacked: zips and layers."""

from lambdactl.artifacts.layers import lay_out, merge
from lambdactl.artifacts.unpack import unpack

__all__ = ["lay_out", "merge", "unpack"]
