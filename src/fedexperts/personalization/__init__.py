"""What every client has for itself: personal models, and the ways of predicting with them."""
