"""Training: the loop, its state, loss, batches and optimiser, the initialization, dictionary learning, and queues."""
