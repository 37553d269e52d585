"""What turns gradients into learning: clipping, optimisers and a loop that yields records."""
