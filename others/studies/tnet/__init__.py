"""The report on TNet, reproduced: its two tables, what it tried, its figures and its claims."""
