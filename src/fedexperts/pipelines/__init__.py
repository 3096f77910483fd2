"""The pipelines: thin nodes, and how they are wired."""
