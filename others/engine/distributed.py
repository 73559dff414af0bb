"""One training in several processes. In a single process, everything here does nothing.

    torchrun --nproc-per-node=2 -m others.train ...

Every process draws the same batches and computes on its own part of each; the gradients are
averaged by DistributedDataParallel. Batch normalisation normalises each process's part by itself,
so that networks with it give other numbers than in one process. torch's SyncBatchNorm would give
the same ones, but runs on GPUs only.
"""

import os
from contextlib import contextmanager
from typing import Iterator

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from Miniproject_1.noise2noise.surroundings import gpu_or_cpu


def world() -> int:
    """The number of processes."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0 on."""
    return dist.get_rank() if world() > 1 else 0


@contextmanager
def processes() -> Iterator[torch.device]:
    """Join the other processes if torchrun started this one, and leave them at the end.

    Gives the device to compute on.
    """
    device = gpu_or_cpu()
    if "WORLD_SIZE" not in os.environ:
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def parallel(net: nn.Module) -> nn.Module:
    """`net` with its weights taken from process 0 and its gradients averaged over all."""
    return DistributedDataParallel(net) if world() > 1 else net


def part(batch: Tensor) -> Tensor:
    """This process's images of a batch (N, ...); of 5 images, 2 processes get 3 and 2."""
    return batch.tensor_split(world())[rank()]


def total(table: Tensor) -> Tensor:
    """The sum of every process's `table`, in place; the same in all of them."""
    if world() > 1:
        dist.all_reduce(table)
    return table


def wait() -> None:
    """Wait until all processes have come to this point."""
    if world() > 1:
        dist.barrier()
