"""Several files in one folder that belong together: all new or all old, whenever a process is killed.

They are made in a hidden directory beside their places. One rename says that they count, which is the moment;
then they are moved. Whoever opens the folder next finishes that, if it was cut off.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from trellis.files.disk import sync, writing
from trellis.files.replace import check_writable, prepare
from trellis.files.underway import claimed, finish, stage_of, whole_of


def claim(place: Path, name: str | None = None) -> AbstractContextManager[Path]:
    """Keep other processes from writing `place` and what goes with it, until it is left.

    Raises InputError at once where one is about to.
    """
    settle(place.parent)
    return claimed(_stage(place, name), place)


@contextmanager
def replace_together(place: Path, name: str | None = None) -> Iterator[Path]:
    """Yield a directory; on success all files in it take their places in that of `place`, on any failure none.

    `name` is what these files are called together, where that is not the name of `place`: two that are called
    alike are not written at once. Files of other names stay. Raises InputError where nothing can be written
    there, the disk is full, or another process is about to write them.
    """
    check_writable(place)
    with claim(place, name) as stage, writing(place):
        yield stage
        prepare(stage)
        stage.replace(whole_of(stage))
        sync(place.parent)
        try:
            _move(whole_of(stage), place.parent)
        except BaseException:  # what is decided is done
            _move(whole_of(stage), place.parent)
            raise


def settle(folder: Path) -> None:
    """Move what a killed `replace_together` had made whole into its places in `folder`, if there is such.

    For whoever is about to read it, or to look at the folder. Raises InputError where this process may not.
    """
    for whole in sorted(folder.glob(whole_of(_stage(folder / "*", None)).name)):
        finish(whole, folder, partial(_move, whole, folder))


def _stage(place: Path, name: str | None) -> Path:
    return stage_of(place.with_name(f"{name or place.name}.files"))


def _move(whole: Path, folder: Path) -> None:
    """From wherever that stopped; first what others refer to by longer names, as a graph does to its data file."""
    if whole.is_dir():
        for file in sorted(whole.iterdir(), reverse=True):
            file.replace(folder / file.name)
        sync(folder)
        whole.rmdir()
        sync(folder)
