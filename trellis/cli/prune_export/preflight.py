"""What can be refused as soon as the model and the machine are known: before anything long begins."""

from dataclasses import replace
from importlib.util import find_spec

import torch

from export.graph.precision.static import NEEDS_NNCF
from export.runtimes.tensorrt.library import find_library
from export.runtimes.tensorrt.profile import Profile, check_profiles, default_profiles, parse_profiles
from export.target import scheme_of
from prune.families.encoder import Encoder
from prune.loaded_model import LoadedModel, open_teacher
from prune.source import Source
from prune.tasks.question_answering.settings import DecodingSettings
from prune.train.precision import precision_of
from trellis.cli.prune_export.request import Request
from trellis.errors import InputError
from trellis.ranks import ranks


def check_machine(request: Request) -> None:
    """Raise InputError where this machine, or so many processes, cannot do as the request says."""
    if (
        request.output.precision == "int8"
        and scheme_of(request.output.target) != "dynamic"
        and not find_spec("nncf")
    ):
        raise InputError(NEEDS_NNCF)
    if request.is_demo and ranks().count > 1:
        raise InputError(
            f"The demo is trained by one process, and {ranks().count} are here; give a model directory, or start "
            "prune-export demo by itself."
        )
    if request.training.is_wanted:
        request.settings.accumulation(ranks().count)
    if request.training.is_wanted or request.method.trains:
        precision_of(request.settings.mixed_precision, torch.float32)


def profiles_of(request: Request, encoder: Encoder) -> tuple[Profile, ...]:
    """The sizes that the engine is to serve, if one is to be built.

    Raises InputError where they do not fit the model, or no library is here to build it.
    """
    if not request.output.engine:
        return ()
    find_library()
    if request.output.profiles is None:
        return default_profiles(encoder)
    profiles = parse_profiles(request.output.profiles)
    check_profiles(profiles, encoder)
    return profiles


def stays_as_it_is(request: Request, source: Source) -> bool:
    """Whether nothing is to be cut: --no-prune, or no amount for a model that is already cut."""
    return request.amount.no_prune or (not request.amount_given and source.shape != source.original_shape)


def teacher_of(request: Request, subject: LoadedModel) -> LoadedModel | None:
    """Whom the cut model is to learn from, if anybody: by default what it was before the cut.

    Raises InputError where that would be itself, and for a teacher that cannot be one.
    """
    if request.training.distill is None:
        return None
    if request.training.teacher:
        return open_teacher(request.training.teacher, subject)
    if stays_as_it_is(request, subject.source):
        raise InputError(
            f"{subject.source.name} is already cut and no amount is given, so that it would learn from itself; "
            "name another --teacher, or use --retrain."
        )
    return subject


def training_settings(request: Request, subject: LoadedModel) -> DecodingSettings:
    """How training data are cut into windows: as for answering, or of another length.

    Raises InputError where the model does not read as much.
    """
    settings, length = subject.settings, request.data.train_length or subject.settings.max_length
    longest = subject.source.encoder.max_length
    if length > longest:
        raise InputError(f"--train-length is {length}; the model reads at most {longest} tokens.")
    return settings.clipped(length) if length < settings.max_length else replace(settings, max_length=length)
