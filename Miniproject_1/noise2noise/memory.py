"""Memory that the process keeps between the steps of a training.

The C library glibc returns large free blocks of memory to the system, and every training step then
pays for thousands of page faults on fresh ones. glibc calls a block large if it is larger than the
largest block of up to 32 MiB that was freed before.

This file lies in both miniprojects, byte for byte the same, because neither may import the other.
"""

from torch import empty


def keep_freed_memory() -> None:
    """Free a block of 31 MiB, so that smaller ones are reused; without glibc, nothing happens."""
    empty(0, device="cpu").float().new_empty(31 * 2**18)  # four bytes each, whatever the default
