"""What surrounds a model: the machine, other threads, torch's modes, and forks of the process.

This file lies in both miniprojects, byte for byte the same, because neither may import the other.
"""

import copy
import ctypes
import os
from _thread import allocate_lock, get_ident, start_new_thread
from functools import wraps
from multiprocessing import parent_process
from threading import RLock, main_thread
from typing import Any, Callable, Dict, List, Tuple, TypeVar, cast
from weakref import ref

from torch import empty

Result = TypeVar("Result")
Method = TypeVar("Method", bound=Callable[..., Any])
# The number of the process that has imported this file; a fork of it has another one. None in a
# process that multiprocessing has started: that may be a fork of one that had not imported it.
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


@in_turn
def state_in_turn(self: Any) -> Dict[str, Any]:
    """The method `__getstate__` of a model: what copies and files get while no thread changes it.

    A reference to the model itself stays one, and whoever copies the copy replaces it.
    """
    return copy.deepcopy(vars(self), {id(self): self})


def wholly(change: Callable[[], object]) -> None:
    """Make all of a change, which may be made twice, even if Ctrl-C comes in between."""
    try:
        change()
    except BaseException:
        change()
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


class _Call:
    """A call of `work` by a new thread, and what it and the thread that waits tell each other."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.results: List[Any] = []
        self.errors: List[BaseException] = []  # what `work` raised
        self.stops: List[BaseException] = []  # raised by the one that waits: Ctrl-C, for example
        self.threads: List[int] = []  # the number of the new thread while it may be interrupted
        self.ended = allocate_lock()  # released at the end
        self.ended.acquire()

    def run(self) -> None:
        """Call `work` in the new thread.

        A stop may come at any step while `threads` is not empty, so also just after the work.
        """
        try:
            try:
                self.threads.append(get_ident())
                if not self.stops:  # an earlier one did not find the number
                    self.results.append(self.work())
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
                self.errors.append(error)
            self.threads.clear()
        except BaseException:  # noqa: BLE001 - the thread that waits has this stop already
            self.threads.clear()
        self.ended.release()


def in_new_thread(work: Callable[[], Result]) -> Result:
    """The result of `work`, or what it raises; Ctrl-C interrupts it as if it ran in this thread.

    Python raises KeyboardInterrupt in the main thread alone, between any two of its steps. It is
    passed on from there, and raised again when the new thread has ended. Wherever it comes, nothing
    waits for ever: the only lock that both threads use is for waking this one up, and this one also
    sees by itself that the other one is gone.
    """
    call = _Call(work)
    starts = [call.run]
    alive = ref(starts[0])  # gives None when the thread has ended, or could not be started
    while alive() is not None:
        try:
            if starts:
                start_new_thread(starts.pop(), ())
            # In pieces, because it does not see a Ctrl-C that comes just before.
            if call.ended.acquire(True, 0.2):
                break
        except BaseException as stop:  # noqa: BLE001 - raised again when the thread has ended
            call.stops.append(stop)
            # In one step: between two, the thread could end and another one get its number.
            any(map(RAISE_IN, call.threads, [type(stop)]))
    if call.stops:
        raise call.stops.pop() from (call.errors.pop() if call.errors else None)
    if call.errors:
        raise call.errors.pop()
    return call.results.pop()
