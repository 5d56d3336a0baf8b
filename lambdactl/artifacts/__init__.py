"""What is shipped, and what it becomes when it is unpacked: zips and layers."""

from lambdactl.artifacts.layers import merge
from lambdactl.artifacts.unpack import unpack

__all__ = ["merge", "unpack"]
