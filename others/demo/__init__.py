"""A page in the browser for the oral exam: every claim of the reports, to be touched."""
