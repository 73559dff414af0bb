"""What surrounds a model: the machine, other threads, torch's modes, and forks of the process.

This file lies in both miniprojects, byte for byte the same, because neither may import the other.
"""

import ctypes
import os
from _thread import allocate_lock, get_ident, start_new_thread
from functools import partial, wraps
from multiprocessing import parent_process
from threading import RLock, main_thread
from typing import Any, Callable, Dict, List, Tuple, TypeVar, cast
from weakref import ref

from torch import empty

Result = TypeVar("Result")
Method = TypeVar("Method", bound=Callable[..., Any])
# The process that has imported this file; a fork of it has another number. One that another Python
# process has begun may itself be a fork, of a parent that had not imported this file.
HOME = os.getpid() if parent_process() is None else None
RAISE_IN = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.py_object)(
    ("PyThreadState_SetAsyncExc", ctypes.pythonapi)
)  # makes the thread with a number raise an exception of a class


def gpu_or_cpu() -> Any:
    """The device of the GPU if there is one, else the CPU: a tensor is asked to move there."""
    here = empty(0, device="cpu")
    try:
        return here.cuda().device
    except (AssertionError, RuntimeError):  # torch was built without CUDA, or no GPU is free
        return here.device


class Locks(Dict[int, Any]):
    """The lock of one object in each process; copies and pickles of the object get new ones.

    A fork needs its own, because its parent's may be held by a thread that stayed there.
    """

    def __reduce__(self) -> Tuple[Any, ...]:
        return Locks, ()


def in_turn(method: Method) -> Method:
    """Make one thread at a time run the marked methods of an object, by `plainly`.

    The object has `locks`, its `Locks`, and `device`, where it computes.
    """

    @wraps(method)
    def guarded(self: Any, *arguments: Any, **options: Any) -> Any:
        with self.locks.setdefault(os.getpid(), RLock()):
            return plainly(lambda: method(self, *arguments, **options), self.device)

    return cast(Method, guarded)


def load_whole(network: Any, weights: Dict[str, Any]) -> None:
    """Load all of these weights into the network, even if Ctrl-C comes in between."""
    try:
        network.load_state_dict(weights)
    except BaseException:
        network.load_state_dict(weights)
        raise


def plainly(work: Callable[[], Result], device: Any) -> Result:
    """The result of `work`, computed without the modes that the caller has switched on.

    Autocast, inference mode and a default device belong to a thread, so a new thread is free of
    them. In a fork of the process, a new thread helps as well: a parallel loop of the one that was
    copied, which is the main thread of the fork, would wait for ever for the threads of OpenMP that
    stayed in the parent; any other thread starts its own. (What the caller computes in a fork by
    himself is not helped, nor is a fork by `os.fork` that is the first to import this file.)
    """
    probe = empty(1, 1, device=device).float()
    plain = (
        probe.matmul(probe).dtype == probe.dtype  # autocast gives 16 bits
        and not probe.is_inference()
        and empty(0).device.type == "cpu"  # no other default
        and (os.getpid() == HOME or get_ident() != main_thread().ident)
    )
    return work() if plain else in_new_thread(work)


def in_new_thread(work: Callable[[], Result]) -> Result:
    """The result of `work`, or what it raises; Ctrl-C interrupts it as if it ran in this thread.

    Python raises KeyboardInterrupt in the main thread alone, between any two of its steps. It is
    passed on from there, and raised again when the new thread has ended. Wherever it comes, nothing
    waits for ever: the only lock that both threads use is for waking this one up, and this one also
    sees by itself that the other one is gone.
    """
    results: List[Result] = []
    errors: List[BaseException] = []  # what `work` raised
    stops: List[BaseException] = []  # what was raised here: Ctrl-C, or that no thread can start
    untold: List[type] = []  # the kinds of stops that the new thread has not got yet
    threads: List[int] = []  # the number of the new thread while it may be interrupted
    wake = allocate_lock()
    wake.acquire()
    calls = [partial(_finish, work, results, errors, threads, wake)]
    alive = ref(calls[0])  # gives None when the thread has ended, or could not be started
    while not results and not errors and alive() is not None:
        try:
            if calls:
                start_new_thread(calls.pop(), ())
            if threads and untold:
                # In one step: between two, the thread could end and another one get its number.
                any(map(RAISE_IN, threads, untold))
                untold.clear()
            wake.acquire(True, 0.2)  # in pieces: it does not see the Ctrl-C that comes just before
        except BaseException as error:  # noqa: BLE001 - raised again when the thread has ended
            stops.append(error)
            untold.append(type(error))
    if stops:
        raise stops.pop() from (errors.pop() if errors else None)
    if errors:
        raise errors.pop()
    return results.pop()


def _finish(
    work: Callable[[], Result],
    results: List[Result],
    errors: List[BaseException],
    threads: List[int],
    wake: Any,
) -> None:
    """Run `work` in a new thread for `in_new_thread`, which waits for what it puts into the lists.

    A stop may come at any step while `threads` is not empty, so also just after the work.
    """
    try:
        try:
            threads.append(get_ident())
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            errors.append(error)
        threads.clear()
    except BaseException:  # noqa: BLE001 - the thread that waits has this stop already
        threads.clear()
    wake.release()
