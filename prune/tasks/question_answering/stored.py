"""Windows on disk, read where they lie: memory stays flat however many there are."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from prune.tasks.batch import Batch, Ints
from prune.tasks.question_answering.windows import Window, collate
from trellis.errors import InputError
from trellis.files.replace import replace_directory

FILE = "windows.arrow"
"""In the directory that windows are stored in."""

_CHUNK = 1024  # windows held in memory while writing
_FIELDS = {
    "input_ids": pa.list_(pa.int32()),
    "question": pa.int64(),
    "start_position": pa.int32(),
    "end_position": pa.int32(),
    "group": pa.int64(),
}
_TOKEN_TYPES = {"token_type_ids": pa.list_(pa.int8())}

Grouped = Iterable[tuple[int, Window]]
"""Windows, each with the number of its group: windows of one context or document have the same."""


@dataclass(frozen=True, eq=False)
class StoredWindows:
    """A selection of the windows in one Arrow file. In memory are only a few numbers of each."""

    lengths: NDArray[np.int32]
    """[windows]: tokens in each."""
    groups: NDArray[np.int64]
    """[windows]: equal where the context, or the document, is the same."""
    _chunks: "tuple[_Chunk, ...]"
    _rows: Ints
    """[windows]: where in the file each one stands."""

    @classmethod
    def open(cls, directory: Path) -> "StoredWindows":
        """The windows that `store_windows` wrote. Raises InputError where `directory` holds none."""
        try:
            return cls._read(pa.memory_map(str(directory / FILE)))
        except (OSError, pa.ArrowException) as error:
            raise InputError(
                f"{directory} holds no stored windows ({error}); name the directory they were written to."
            ) from None

    @classmethod
    def of(cls, windows: Grouped) -> "StoredWindows":
        """The same in memory, for small sets."""
        sink = pa.BufferOutputStream()
        _write(windows, sink)
        return cls._read(pa.BufferReader(sink.getvalue()))

    @classmethod
    def _read(cls, source: Any) -> "StoredWindows":
        reader = pa.ipc.open_file(source)
        fields = {field.name: field.type for field in reader.schema}
        if fields not in (_FIELDS, _FIELDS | _TOKEN_TYPES):
            raise pa.ArrowInvalid(f"its columns are {', '.join(fields)}")
        chunks = tuple(_Chunk.of(reader.get_batch(index)) for index in range(reader.num_record_batches))
        lengths = [np.diff(chunk.offsets) for chunk in chunks]
        if any(len(sizes) != _CHUNK for sizes in lengths[:-1]):
            raise pa.ArrowInvalid("it was written in pieces of another size")
        groups = [chunk.columns["group"] for chunk in chunks]
        return cls(
            np.concatenate(lengths or [np.empty(0)]).astype(np.int32),
            np.concatenate(groups or [np.empty(0)]).astype(np.int64),
            chunks,
            np.arange(sum(map(len, lengths))),
        )

    def __len__(self) -> int:
        return len(self._rows)

    def select(self, indices: Sequence[int] | Ints | NDArray[np.bool_]) -> "StoredWindows":
        """The windows at `indices`, in that order, or those where a mask is true; nothing is copied."""
        chosen = np.asarray(indices)
        chosen = chosen if chosen.dtype == np.bool_ else chosen.astype(np.int64)
        return StoredWindows(self.lengths[chosen], self.groups[chosen], self._chunks, self._rows[chosen])

    def split(self, held_out_share: float, seed: int) -> "tuple[StoredWindows, StoredWindows]":
        """(the rest, about `held_out_share` of the groups): no group stands in both.

        Which groups are held out depends on their numbers and the seed, not on how the windows are ordered.
        With a share above 0 it is one group at least, unless there is no second one to leave.
        """
        names = np.unique(self.groups)
        wanted = min(max(round(held_out_share * len(names)), 1), len(names) - 1) if held_out_share else 0
        drawn = sorted(names.tolist(), key=lambda group: blake2b(f"{seed} {group}".encode()).digest())
        held_out = np.isin(self.groups, np.array(drawn[: max(wanted, 0)], np.int64))
        return self.select(~held_out), self.select(held_out)

    def batch(self, indices: Sequence[int] | Ints, pad_token_id: int) -> Batch:
        """The windows at `indices`, padded to the longest of them."""
        return collate([self._window(int(index)) for index in indices], pad_token_id)

    def _window(self, index: int) -> Window:
        chunk, row = divmod(int(self._rows[index]), _CHUNK)
        return self._chunks[chunk].window(row)


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Up to _CHUNK windows, as views into the file."""

    offsets: NDArray[np.int32]
    """[windows + 1]: where in input_ids and token_type_ids each one begins, and the last one ends."""
    input_ids: NDArray[np.int32]
    token_type_ids: NDArray[np.int8] | None
    columns: dict[str, NDArray[Any]]

    @classmethod
    def of(cls, records: Any) -> "_Chunk":
        ids = records.column("input_ids")
        has_token_types = "token_type_ids" in records.schema.names
        flat = [name for name in _FIELDS if name != "input_ids"]
        return cls(
            ids.offsets.to_numpy(),
            ids.values.to_numpy(),
            records.column("token_type_ids").values.to_numpy() if has_token_types else None,
            {name: records.column(name).to_numpy() for name in flat},
        )

    def window(self, row: int) -> Window:
        """Without its offsets, which training has no use for."""
        tokens = slice(self.offsets[row], self.offsets[row + 1])
        types = None if self.token_type_ids is None else self.token_type_ids[tokens].astype(np.int32)
        question, start, end = (
            int(self.columns[name][row]) for name in ("question", "start_position", "end_position")
        )
        return Window(question, self.input_ids[tokens], types, np.empty((0, 2), np.int32), start, end)


def store_windows(windows: Grouped, directory: Path) -> StoredWindows:
    """Write `windows` to `directory` as they come, whole or not at all, and open them.

    Raises InputError where nothing can be written there. What lay there before is replaced.
    """
    with replace_directory(directory) as staging, pa.OSFile(str(staging / FILE), "wb") as sink:
        _write(windows, sink)
    return StoredWindows.open(directory)


def _write(windows: Grouped, sink: Any) -> None:
    remaining = iter(windows)
    first = next(remaining, None)
    has_token_types = first is not None and first[1].token_type_ids is not None
    schema = pa.schema(_FIELDS | _TOKEN_TYPES if has_token_types else _FIELDS)
    with pa.ipc.new_file(sink, schema) as writer:
        for chunk in _chunks(chain([first] if first is not None else [], remaining)):
            columns: dict[str, list[Any]] = {
                "input_ids": [window.input_ids for _, window in chunk],
                "question": [window.question for _, window in chunk],
                "start_position": [window.start_position for _, window in chunk],
                "end_position": [window.end_position for _, window in chunk],
                "group": [group for group, _ in chunk],
            }
            if has_token_types:
                types = (window.token_type_ids for _, window in chunk)
                columns["token_type_ids"] = [row.astype(np.int8) for row in types if row is not None]
            arrays = [pa.array(columns[field.name], field.type) for field in schema]
            writer.write_batch(pa.record_batch(arrays, schema))


def _chunks(windows: Grouped) -> Iterator[list[tuple[int, Window]]]:
    """Lists of _CHUNK windows, the last one shorter."""
    remaining = iter(windows)
    while chunk := list(islice(remaining, _CHUNK)):
        yield chunk
