"""Federated training of the generalist. What is here can see opt-in examples only."""
