"""What other systems keep of a model's calls, as batches for the service."""
