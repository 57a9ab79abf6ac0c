"""Whether `bench` is to be trusted: what is known beforehand is measured, again and again.

    python -m bench.trust run --store docs/study/trust
    python -m bench.trust table --store docs/study/trust

A model against itself; against itself slowed down by a known share; and with a process beside it that burns a core.
"""
