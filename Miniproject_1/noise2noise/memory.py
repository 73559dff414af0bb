"""Memory that the process keeps between the steps of a training.

glibc returns large free blocks to the system, and every step then takes thousands of page faults
for fresh ones. What counts as large follows the largest block of up to 32 MiB that was ever freed.

This file lies in both miniprojects, byte for byte the same, because neither may import the other.
"""

from torch import empty


def keep_freed_memory() -> None:
    """Free a block of 31 MiB, so that smaller ones are reused; without glibc, nothing happens."""
    empty(31 * 2**18)  # float32
