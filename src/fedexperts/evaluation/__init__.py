"""Measure predictors, sum the results up over clients, and show them."""
