"""Experiments and tools around both miniprojects: `python -m others.NAME` runs a command of them.

A command imports for seconds before it runs. Meanwhile Ctrl-C ends it at once and in silence, as it
ends other programs; by itself, Python would show where in an import it stood. From the beginning of
its work on, `others.engine.command` handles Ctrl-C.
"""

import signal
import sys

# The name of a program is "-m" while Python looks for the module that it shall run, and only then:
# a program of another kind that imports something from here keeps its handlers.
if sys.argv[:1] == ["-m"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
