"""What a result came from: fingerprints of data and models, and the manifest of a run."""
