"""What is submitted: trained, measured against the course's limits, ablated, and shown."""
