"""int8 with ranges found anew for each input: ONNX Runtime's own quantization, for its fused operators."""

from collections.abc import Iterable

import onnx

from export.runtimes.onnxruntime.session import import_onnxruntime
from prune.tasks.head import ANSWER
from trellis.files.scratch import scratch


def quantize_dynamic(graph: onnx.ModelProto, *, kept: Iterable[str] = ()) -> onnx.ModelProto:
    """A graph in the dialect onnxruntime-int8 with its weights in int8, symmetric and per channel.

    What a product reads is rounded to uint8 as it comes, by the range of the whole tensor. The parts whose
    names are in `kept`, such as "layer.3/ffn", stay in float32, and the head always does.
    Raises InputError where onnxruntime is not installed.
    """
    import_onnxruntime()
    from onnxruntime import quantization

    parts = tuple(f"{part}/" for part in (*kept, ANSWER))
    excluded = [node.name for node in graph.graph.node if node.name.startswith(parts)]
    ready = onnx.ModelProto()
    ready.CopyFrom(graph)
    # without this mark it asks for a preparation that would fuse what is fused already
    ready.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")
    with scratch() as folder:
        file = folder / "int8.onnx"
        quantization.quantize_dynamic(
            ready,
            file,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            nodes_to_exclude=excluded,
            use_external_data_format=graph.ByteSize() > _LARGE,
            # the types of fused operators' outputs are not inferred
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )
        quantized = onnx.load(file)
    del quantized.metadata_props[:]
    return quantized


_LARGE = 2**31 - 2**20
"""Bytes above which protobuf holds no model in one piece."""
