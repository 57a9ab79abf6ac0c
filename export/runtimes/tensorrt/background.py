"""A build in a thread of its own, so that the caller can be told how far it is, and can end it.

The library swallows what is raised while it calls back, an interruption too. So it calls back into a queue,
and all that a user has a hand in, the report and Ctrl-C, happens in the caller's thread.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Event
from typing import TYPE_CHECKING, Any

from export.runtimes.tensorrt.library import Library

if TYPE_CHECKING:
    from trellis.progress import Report

STAGE = "building the engine"


def build_plan(
    library: Library, builder: Any, network: Any, config: Any, report: "Report | None" = None
) -> Any:
    """The serialized engine, or None where the library could not build one.

    What `report` raises, and KeyboardInterrupt, ends the build at its next step and is raised again.
    """
    ended = Event()
    phases: SimpleQueue[tuple[str, int, int] | None] = SimpleQueue()
    monitor = _monitor(library.module, phases.put, ended)
    config.progress_monitor = monitor
    with ThreadPoolExecutor(max_workers=1) as pool:
        work = pool.submit(builder.build_serialized_network, network, config)
        work.add_done_callback(lambda _: phases.put(None))
        try:
            while (phase := phases.get()) is not None:
                if report is not None:
                    report(*phase)
            plan = work.result()
        finally:
            ended.set()
    config.progress_monitor = None  # the library holds no more than its address
    return plan


def _monitor(module: Any, tell: Callable[[tuple[str, int, int]], None], ended: Event) -> Any:
    class Monitor(module.IProgressMonitor):  # type: ignore[misc]  # the base is known only by now
        """Counts the steps of the outermost phase; the innermost one under way stands in brackets."""

        def __init__(self) -> None:
            module.IProgressMonitor.__init__(self)
            self.outermost, self.done, self.total = "", 0, 1

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            """Called by the library, from any of its threads."""
            if not parent:
                self.outermost, self.done, self.total = name, 0, steps
            tell((f"{STAGE} ({name.lower()})", self.done, self.total))

        def step_complete(self, name: str, step: int) -> bool:
            """Likewise; whether to go on."""
            if name == self.outermost:
                self.done = step + 1
            return not ended.is_set()

        def phase_finish(self, name: str) -> None:
            """Likewise."""

    return Monitor()
