"""What each layer kept: the picture of the pruned models."""

from collections.abc import Sequence

from bench.result.model import MeasuredModel
from bench.workload import ROLES
from trellis.cli.bench.page.names import Compared
from trellis.html.blocks import Section, folded, gallery, grouped_table
from trellis.html.layers import HEADINGS, layers_figure, layers_rows
from trellis.html.markup import join


def layers_section(compared: Sequence[Compared]) -> Section | None:
    """One picture for each model that lacks something; None where all are whole."""
    models: dict[object, tuple[str, MeasuredModel]] = {}
    for each in compared:
        for role in reversed(ROLES):
            model = each.found.models[role]
            if model.shape != model.original_shape:
                models.setdefault((model.name, model.shape), (each.names[role], model))
    if not models:
        return None
    shapes = [
        (name, model.shape.to_dict(), model.original_shape.to_dict()) for name, model in models.values()
    ]
    pictures = gallery(layers_figure(*each) for each in shapes)
    groups = [(name, layers_rows(shape, whole)) for name, shape, whole in shapes]
    found = grouped_table("Heads and feed-forward activations by layer", HEADINGS, groups)
    return Section("layers", "What each layer kept", join([pictures, folded("The same in figures", found)]))
