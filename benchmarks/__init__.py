"""How fast the project is, against a plain loop, other frameworks, and what the machine could do.

Four commands, each with a table and a JSON file: ``python -m benchmarks.cohort``, ``benchmarks.scaling``,
``benchmarks.peers``, ``benchmarks.gpu``. What they measure, and what came out, is in docs/performance.md.
"""
