"""In which numbers a graph computes: single precision, half precision where that is proved safe."""
