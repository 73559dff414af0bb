"""A student report on the network TNet, repeated: its tables, its figures and its claims."""
