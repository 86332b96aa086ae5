"""From a configuration to the files that run: compile, render, write.

compile -> Plan           python, queues -> views of what is generated           render -> {path: text}
write -> the disk         generate -> all of it, for the command line
"""

from pgconductor.build.generate import Outcome, compare, generate

__all__ = ["Outcome", "compare", "generate"]
