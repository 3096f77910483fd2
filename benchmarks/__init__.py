"""How fast the project is, and what came out of the paper's experiments.

Four commands measure speed, each with a table and a JSON file: ``python -m benchmarks.cohort``,
``benchmarks.scaling``, ``benchmarks.peers``, ``benchmarks.gpu``; ``benchmarks.tables`` puts them into
docs/performance.md. ``benchmarks.reproduction`` puts reports of experiments into docs/results.md.
"""
