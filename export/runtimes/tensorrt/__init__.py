"""TensorRT engines: built from a portable ONNX file, described beside them, run on a GPU.

    library.py profile.py      which TensorRT is here; which batches and lengths an engine serves
    build.py                   ONNX file → engine file: network.py background.py timing_cache.py
    description.py             what an engine is: the JSON file beside it
    runner.py adapter.py       running one; for bench

Importing this package loads no TensorRT; the functions that need it do.
"""
