"""The two reports and the README files: what they show is computed here, from others/results.

`python -m others.report` writes the numbers, tables and figures of both reports to report/, where
LaTeX finds them, and `python -m others.report.readme` the tables of all README files. No number is
typed into the text of a report: it is a macro of numbers.tex, which macros/ computes.
"""
