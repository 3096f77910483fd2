"""One workload of federated averaging, computed by several frameworks, each as its documentation does it."""
