"""What surrounds a model: the machine, other threads, torch's modes, and forks of the process.

This file lies in both miniprojects, byte for byte the same, because neither may import the other.
"""

import ctypes
import os
from _thread import get_ident, start_new_thread
from concurrent.futures import Future, wait
from functools import wraps
from threading import RLock
from typing import Any, Callable, Dict, List, Tuple, TypeVar, cast

from torch import empty

Result = TypeVar("Result")
Method = TypeVar("Method", bound=Callable[..., Any])
HOME = os.getpid()  # the process that has imported this file; a fork of it has another number


def gpu_or_cpu() -> Any:
    """The device of the GPU if there is one, else the CPU: a tensor is asked to move there."""
    here = empty(0, device="cpu")
    try:
        return here.cuda().device
    except (AssertionError, RuntimeError):  # torch was built without CUDA, or no GPU is free
        return here.device


class Turns(Dict[int, Any]):
    """The lock of one object in each process; copies and pickles of the object get new ones.

    A fork needs its own, because its parent's may be held by a thread that stayed there.
    """

    def __reduce__(self) -> Tuple[Any, ...]:
        return Turns, ()


def in_turn(method: Method) -> Method:
    """Make one thread at a time run the marked methods of an object, by `plainly`.

    The object has `turns`, its `Turns`, and `device`, where it computes.
    """

    @wraps(method)
    def guarded(self: Any, *arguments: Any, **options: Any) -> Any:
        with self.turns.setdefault(os.getpid(), RLock()):
            return plainly(lambda: method(self, *arguments, **options), self.device)

    return cast(Method, guarded)


def plainly(work: Callable[[], Result], device: Any) -> Result:
    """The result of `work`, computed without the modes that the caller has switched on.

    Autocast, inference mode and a default device belong to a thread, so a new thread is free of
    them. In a fork of the process, a new thread helps as well: a parallel loop of the old one would
    wait for ever for the threads of OpenMP that stayed in the parent, and a new one starts its own.
    (What the caller computes in a fork by himself is not helped.)
    """
    probe = empty(1, 1, device=device).float()
    plain = (
        probe.matmul(probe).dtype == probe.dtype  # autocast gives 16 bits
        and not probe.is_inference()
        and empty(0).device.type == "cpu"  # no other default
        and os.getpid() == HOME
    )
    return work() if plain else in_new_thread(work)


def in_new_thread(work: Callable[[], Result]) -> Result:
    """The result of `work`, or what it raises; Ctrl-C interrupts it as if it ran in this thread."""
    outcome: Future[Result] = Future()
    threads: List[int] = []  # the number of the new thread, once it runs
    stops: List[BaseException] = []  # what came before it ran

    def run() -> None:
        threads.append(get_ident())
        try:
            if stops:
                raise stops[0]
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - `result` raises it again, in this thread
            outcome.set_exception(error)

    begun = False
    while not outcome.done():
        try:
            if not begun:
                begun = True  # before the call, after which Ctrl-C may come at once
                start_new_thread(run, ())
            while not outcome.done():
                wait([outcome], 0.2)  # in pieces: Ctrl-C just before a wait does not end the wait
        except BaseException as error:  # Ctrl-C comes to the main thread alone
            if threads:
                stop = ctypes.py_object(type(error))
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(threads[0]), stop)
            elif isinstance(error, RuntimeError):  # no thread could be started
                raise
            else:
                stops.append(error)
    return outcome.result()
