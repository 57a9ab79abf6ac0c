"""ONNX Runtime, on its CPU, CUDA and TensorRT providers.

    adapter.py        what the gate, bench and answer call
    session.py        from a file to a session that is to be served, or timed
    exact.py          sessions that judge a graph: as it says, not as fast as can be
    device_call.py    passes over the GPU's memory, by its clock
    installation.py   what can be wrong with it as installed

Importing this package loads no onnxruntime; the functions that need it do.
"""
