"""Float networks on torch: shapes, likelihoods, and export to integer models."""
