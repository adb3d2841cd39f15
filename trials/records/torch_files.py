"""Reads files of `torch.save` that may come from somebody else.

Without `trust`, no code in a file is run, and reading needs at most a few times the file's size in memory: the sizes
that a file states are first compared with its real size, and tensors are views of the file until they are copied.
"""

from __future__ import annotations

import pickletools
import tempfile
import warnings
import zipfile
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from learning_to_draw.errors import first_line
from learning_to_draw.reading import MIB

MOST_PICKLE_BYTES = 32 * MIB  # the pickle holds everything but the numbers of tensors
MOST_VALUES = 2_000_000
STORAGES = ("BFloat16", "Bool", "Byte", "Char", "Double", "Float", "Half", "Int", "Long", "Short")
DTYPES = {torch.bfloat16, torch.float16, torch.float32, torch.float64}
DTYPES |= {torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
# The classes and functions that checkpoints of this program and of the official code contain.
TENSORS = {"torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter"}
TENSORS |= {"collections.OrderedDict", "collections.Counter", *(f"torch.{name}Storage" for name in STORAGES)}


class _Class:
    """Replaces a class of torchbearer in an official checkpoint. Does nothing.

    The unpickler calls classes with arguments from the file, and torchbearer's constructors have side effects: the
    constructor of Interval creates folders.
    """

    def __new__(cls, *_: Any) -> _Class:
        return super().__new__(cls)

    def __init__(self, *_: Any) -> None:
        pass


class _Key(_Class):
    """Replaces torchbearer's StateKey, which holds a name."""


KEY = "torchbearer.state.StateKey"
OFFICIAL = {
    KEY: _Key,
    "torchbearer.callbacks.checkpointers.Interval": _Class,
    "torchbearer.callbacks.csv_logger.CSVLogger": _Class,
    "torchbearer.callbacks.imaging.imaging.FromState": _Class,
    "torchbearer.callbacks.decorators.LambdaCallback": _Class,
}


class NotPlain(Exception):
    """The file contains a class or function that could run code. The message is the name of that class or function."""


class Damaged(Exception):
    """The file cannot be read. The message says why."""


def read_torch(path: Path, *, trust: bool = False, without: Collection[str] = ()) -> Any:
    """The content of a file of `torch.save`, with tensors on the CPU. Raises NotPlain or Damaged.

    trust: also read classes that can run any code. without: keys to leave out if the content is a dict. torchbearer's
    state keys become text.
    """
    if not path.is_file():
        raise Damaged("it is not a regular file")  # a named pipe would wait for a writer
    try:
        if not trust:
            _check_archive(path)
        stand_ins = [(cls, name) for name, cls in OFFICIAL.items()]
        with warnings.catch_warnings(), torch.serialization.safe_globals(stand_ins), _as_text(path) as name:
            warnings.simplefilter("ignore")  # torch warns about old or unusual files
            content = torch.load(name, map_location="cpu", weights_only=not trust, mmap=not trust)
        if isinstance(content, dict):
            content = {key: value for key, value in dict.items(content) if str(_named(key)) not in without}
        return _Copy(path.stat().st_size).of(content)
    except NotPlain:
        raise
    except Exception as error:  # a damaged file can raise anything in the unpickler
        raise Damaged(first_line(error)) from error


@contextmanager
def _as_text(path: Path) -> Iterator[Path]:
    """Context with a path of the file that has printable characters only: a temporary link if its own path has others.

    torch cannot memory-map a file if its path is not valid UTF-8.
    """
    if str(path).isprintable():
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder, "link.pt")
        link.symlink_to(path.absolute())
        yield link


def _check_archive(path: Path) -> None:
    """Raises NotPlain if the file needs a class that could run code, ValueError if the archive is not as expected."""
    if not zipfile.is_zipfile(path):
        raise ValueError("it is not a zip file; for files of torch before 1.6, the command test has --trust-weights")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("it is compressed")
        if sum(member.file_size for member in members) > path.stat().st_size:
            raise ValueError("its parts are larger than the file")
        pickles = [member for member in members if member.filename.endswith("data.pkl")]
        if len(pickles) != 1 or pickles[0].file_size > MOST_PICKLE_BYTES:
            raise ValueError("it does not have exactly one data.pkl of a usual size")
        content = archive.read(pickles[0])
    for operation, argument, _ in pickletools.genops(content):
        if operation.name == "GLOBAL" and (name := str(argument).replace(" ", ".")) not in TENSORS | OFFICIAL.keys():
            raise NotPlain(name[:100])


def _named(key: Any) -> Any:
    """The key of a dict; a StateKey as text."""
    if isinstance(key, _Key):
        return vars(key).get("key")
    return str(key) if f"{type(key).__module__}.{type(key).__qualname__}" == KEY else key


class _Copy:
    """Copies content to plain containers, and tensors to new memory. Raises ValueError for unusual content."""

    def __init__(self, file_size: int):
        self._values = MOST_VALUES
        self._bytes = 2 * file_size  # tensors that are shared are copied once; only overlapping views need more
        self._tensors: dict[tuple, Tensor] = {}

    def of(self, value: Any) -> Any:
        self._values -= 1
        if self._values < 0:  # nested lists that repeat the same list can grow without limit
            raise ValueError("it holds too many values")
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, dict):  # dict.items: attributes of an OrderedDict can hide its methods
            copied = {_named(key): self.of(item) for key, item in dict.items(value)}
            return Counter(copied) if isinstance(value, Counter) else copied
        if type(value) in (list, tuple):
            return type(value)(self.of(item) for item in value)
        return value

    def _tensor(self, tensor: Tensor) -> Tensor:
        tensor = tensor.detach()
        if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.dtype not in DTYPES:
            raise ValueError(f"it holds an unsupported tensor: {tensor.layout}, {tensor.dtype}, on {tensor.device}")
        size, storage = tensor.numel() * tensor.element_size(), tensor.untyped_storage()
        if size > storage.nbytes():
            raise ValueError("it holds a tensor whose shape is larger than its data")
        key = (storage.data_ptr(), tensor.storage_offset(), tensor.shape, tensor.stride(), tensor.dtype)
        if key not in self._tensors:
            self._bytes -= size
            if self._bytes < 0:
                raise ValueError("its tensors are larger than the file")
            self._tensors[key] = tensor.clone(memory_format=torch.contiguous_format)
        return self._tensors[key]
