"""What bias-free denoisers are for: pictures of their answers, and a prior for inverse problems."""
