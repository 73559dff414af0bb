"""The five pages. Each has a TITLE, and a class Page, which draws the body for a State."""
