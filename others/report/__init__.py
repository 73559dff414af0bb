"""The two reports: every number, table and figure in them from the JSON files of others/results.

`python -m others.report` writes them to report/, where LaTeX finds them. What has not been measured
is left out. No number is typed into the text of a report: it is a macro of `numbers.tex`.
"""
